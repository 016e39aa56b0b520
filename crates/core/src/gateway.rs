//! People who come through a gateway: a program of this machine that speaks for many.

use alloc::format;
use alloc::string::String;

use meshchat_proto::control::{Error, ErrorCode, Reply};
use meshchat_proto::name::PersonName;
use meshchat_proto::skeleton;

use crate::env::Env;
use crate::io::{Note, Output, SessionId};
use crate::node::Node;
use crate::time::Now;

impl<E: Env> Node<E> {
    /// Makes a session that of a gateway's person, until it ends. The caller has checked that
    /// its Unix user may do that.
    pub(crate) fn become_person(
        &mut self,
        now: Now,
        session: SessionId,
        name: &str,
        via: &str,
    ) -> Result<Reply, Error> {
        let name: PersonName = name.parse().map_err(|error| {
            Error::new(ErrorCode::BadArgument, format!("bad name: {error}"))
                .hint("choose 1 to 32 visible characters")
        })?;
        let fresh = self
            .sessions
            .get(session)
            .is_some_and(|state| state.streams.is_empty() && !self.people.is_gateway(&state.user));
        if !fresh {
            let error = Error::new(ErrorCode::BadArgument, "this session is somebody already");
            return Err(error.hint("open a new session for each person"));
        }
        if self.is_member_name(&name) || self.people.is_taken(crate::people::GATEWAY, &name) {
            let words = format!("{name} is, or looks like, the name of somebody here");
            return Err(Error::new(ErrorCode::NameTaken, words).hint("choose another name"));
        }
        let user = self.people.welcome(&name).ok_or_else(|| {
            Error::new(ErrorCode::TooMany, "too many people are on this node")
                .hint("wait until somebody else closes their chat")
        })?;
        self.sessions.rename(session, user);
        self.record_changed(now);
        let via: String = via.chars().take(VIA_CHARS).collect();
        self.out.push_back(Output::Note(Note::Became { name, via }));
        Ok(Reply::Done {})
    }

    /// Whether somebody anywhere who is no guest of a gateway is called so.
    fn is_member_name(&self, name: &PersonName) -> bool {
        let plain = skeleton(name.as_str());
        let people = self.nodes.iter().flat_map(|(_, known)| &known.record.people);
        let mut members = people.filter(|person| !person.gateway);
        members.any(|person| skeleton(person.name.as_str()) == plain)
    }
}

/// Enough for `irc` or `websocket`.
const VIA_CHARS: usize = 16;
