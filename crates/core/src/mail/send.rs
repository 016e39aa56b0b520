//! Direct messages on their way out.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use meshchat_proto::control::{
    DirectChange, DirectInfo, DirectState, DmRequest, Error, ErrorCode, Event, NodeState, Reply,
};
use meshchat_proto::id::{LetterId, MessageId, NodeId};
use meshchat_proto::message::{Draft, MessageKind};
use meshchat_proto::name::PersonName;
use meshchat_proto::sealed::{Content, Direct, NONCE, Sealed, direct_context, direct_room};

use super::outbox::Parcel;
use crate::chat::{Outgoing, Post};
use crate::env::Env;
use crate::io::SessionId;
use crate::limits;
use crate::node::Node;
use crate::replies::parse_text;
use crate::time::{Now, millis};

impl<E: Env> Node<E> {
    pub(crate) fn on_dm_request(
        &mut self,
        now: Now,
        at: (SessionId, u64),
        user: &str,
        request: DmRequest,
    ) -> Result<(), Error> {
        match request {
            DmRequest::Send { to, text, kind } => {
                self.send_direct(now, at, user, (&to, &text, kind))
            }
            DmRequest::List {} => {
                let all = self.mail.outbox.in_order();
                let own = all.into_iter().filter(|(_, parcel)| parcel.user == user);
                let infos = own.map(|(id, parcel)| self.direct_info(now, id, parcel)).collect();
                self.reply(at.0, at.1, Ok(Reply::Directs(infos)));
                Ok(())
            }
        }
    }

    fn send_direct(
        &mut self,
        now: Now,
        (session, id): (SessionId, u64),
        user: &str,
        (to, text, kind): (&str, &str, MessageKind),
    ) -> Result<(), Error> {
        let text = parse_text(text)?;
        let (to_node, to) = self.find_person(user, to)?;
        if let Some(error) = self.dm_blocked(&to_node) {
            return Err(error);
        }
        let from = self.speaker(now, user)?;
        let letter = self.letter_id();
        let wall = now.wall_ms;
        let direct = Direct { from, to: to.clone(), id: letter, kind, text, wall };
        let sealed = self.seal_for(to_node, &Content::Direct(direct), true).ok_or_else(|| {
            let words = format!("nothing can be sealed to {to}@{}", self.nodes.name(&to_node));
            Error::new(ErrorCode::Internal, words).hint(
                "the key of that node is not a usable one, or this system gives no random numbers",
            )
        })?;
        let mut parcel = Parcel::new(now.mono, user.into(), (to, to_node), sealed.clone());
        parcel.near = self.is_near(&to_node);
        if !self.mail.outbox.put(letter, parcel) {
            let words = "too many direct messages are on their way";
            return Err(Error::new(ErrorCode::TooMany, words)
                .hint("see them: meshchatctl dm --list; they leave when they are delivered"));
        }
        self.mail.letters.entry(self.me.id, letter).from_user = Some(user.into());
        self.mail.changed = true;
        let (draft, post) = (Draft::of_sealed(direct_room(), sealed), Post::Letter(letter));
        self.pace(now, Outgoing { session, id, draft, post }).inspect_err(|_error| {
            self.mail.outbox.remove(&letter);
        })
    }

    /// A sending of a letter was numbered. The first one is answered.
    pub(crate) fn letter_sent(
        &mut self,
        now: Now,
        (session, id): (SessionId, u64),
        letter: LetterId,
        (message, cursor, links): (MessageId, u64, u32),
    ) {
        let Some(parcel) = self.mail.outbox.get_mut(&letter) else { return };
        parcel.cursor = (cursor > 0).then_some(cursor);
        if parcel.first.is_some() {
            return;
        }
        (parcel.first, parcel.links) = (Some(message), links);
        self.mail.changed = true;
        if let Some(parcel) = self.mail.outbox.get(&letter) {
            let info = self.direct_info(now, letter, parcel);
            self.reply(session, id, Ok(Reply::Direct(info)));
        }
    }

    /// Ends or repeats a letter whose time has come.
    pub(crate) fn tick_parcel(&mut self, now: Now, id: LetterId) {
        let Some(parcel) = self.mail.outbox.get_mut(&id) else { return };
        if parcel.ends <= now.mono {
            // That it is over is listed for as long again.
            parcel.ends = now.mono + limits::LETTER_AGE;
            if parcel.state == DirectState::Queued {
                self.letter_came_to(id, DirectState::Expired);
            } else {
                self.mail.outbox.remove(&id);
            }
            self.mail.changed = true;
            return;
        }
        parcel.again = now.mono + parcel.pause;
        parcel.pause = (parcel.pause * 2).min(limits::RESEND_MOST);
        if let Some(sealed) = parcel.sealed.clone() {
            let (draft, post) = (Draft::of_sealed(direct_room(), sealed), Post::Letter(id));
            // With too much on its way already, it is tried again.
            let _ = self.pace(now, Outgoing { session: 0, id: 0, draft, post });
        }
    }

    /// Notes that a letter of this node has come further, and tells its author.
    pub(crate) fn letter_came_to(&mut self, letter: LetterId, state: DirectState) {
        if !self.mail.outbox.advance(&letter, state) {
            return;
        }
        self.mail.changed = true;
        let Some(parcel) = self.mail.outbox.get(&letter) else { return };
        let change = DirectChange {
            id: parcel.first,
            letter,
            to: parcel.to.clone(),
            to_node: parcel.to_node,
            to_node_name: self.nodes.name(&parcel.to_node),
            state: parcel.state,
        };
        let user = parcel.user.clone();
        self.tell_user(&user, Event::DirectState(change));
    }

    /// A node has come into reach or gone out of it: what history no longer holds for it is sent
    /// again soon.
    pub(crate) fn mail_turned(&mut self, now: Now, node: &NodeId, near: bool) {
        for parcel in self.mail.outbox.values_mut().filter(|parcel| parcel.to_node == *node) {
            if near && !parcel.near {
                let held = parcel.cursor.is_some_and(|cursor| self.history.holds(cursor));
                let wait = if held { limits::RESEND } else { limits::RESEND_SOON };
                (parcel.again, parcel.pause) = (now.mono + wait, limits::RESEND);
            }
            parcel.near = near;
        }
    }

    /// Locks a content for one node; `own`, so that this node can read it later, too.
    pub(crate) fn seal_for(&mut self, to: NodeId, content: &Content, own: bool) -> Option<Sealed> {
        let context = direct_context(&self.me.network, &self.me.id, &to);
        let key = self.env.secret()?;
        let mut keys = Vec::from([self.env.seal(&to, &context, &key)?.into()]);
        if own && to != self.me.id {
            let me = self.me.id;
            keys.push(self.env.seal(&me, &context, &key)?.into());
        }
        // The key is used this once.
        let nonce = [0; NONCE];
        let locked = self.env.lock(&key, &nonce, &context, &content.pad())?;
        let lock = [&nonce[..], &locked].concat().into();
        Some(Sealed { to: Some(to), keys, key: None, lock })
    }

    /// The name of a user who says something.
    pub(crate) fn speaker(&mut self, now: Now, user: &str) -> Result<PersonName, Error> {
        self.make_person(now, user)?;
        Ok(self.people.name_of(user))
    }

    /// The one person that `text` means: `PERSON` or `PERSON@NODE`.
    pub(crate) fn find_person(
        &self,
        user: &str,
        text: &str,
    ) -> Result<(NodeId, PersonName), Error> {
        let (person, node) = match text.rsplit_once('@') {
            Some((person, node)) => (person.trim(), Some(self.find_node(node.trim())?)),
            None => (text.trim(), None),
        };
        let own = self.people.get(user).map(|person| person.name.clone());
        let mut found = Vec::new();
        for (id, known) in self.nodes.iter().filter(|(id, _)| node.is_none_or(|node| node == **id))
        {
            let people = known.record.people.iter().map(|person| &person.name);
            let named = people.filter(|name| name.as_str() == person);
            found.extend(named.map(|name| (*id, name.clone())));
        }
        if found.len() > 1 {
            found.retain(|(node, name)| *node != self.me.id || Some(name) != own.as_ref());
        }
        match found.as_slice() {
            [one] => Ok(one.clone()),
            [] => Err(Error::new(ErrorCode::NotFound, format!("nobody called {text:?} is known"))
                .hint("see who is: meshchatctl who")),
            several => {
                let full = |(node, name): &(NodeId, PersonName)| self.full_name(node, name);
                let names: Vec<String> = several.iter().map(full).collect();
                Err(Error::new(ErrorCode::Ambiguous, format!("several are called {person:?}"))
                    .hint(format!("say which: {}", names.join(", "))))
            }
        }
    }

    /// `ann@pi-3`, or with the node's id when several nodes are called so.
    pub(crate) fn full_name(&self, node: &NodeId, person: &PersonName) -> String {
        let name = self.nodes.name(node);
        match self.find_node(name.as_str()) {
            Ok(_) => format!("{person}@{name}"),
            Err(_) => format!("{person}@{}", node.short()),
        }
    }

    fn is_near(&self, node: &NodeId) -> bool {
        let state = self.nodes.get(node).map(|known| known.state);
        matches!(state, Some(NodeState::Here | NodeState::Reachable))
    }

    fn direct_info(&self, now: Now, letter: LetterId, parcel: &Parcel) -> DirectInfo {
        DirectInfo {
            id: parcel.first,
            letter,
            to: parcel.to.clone(),
            to_node: parcel.to_node,
            to_node_name: self.nodes.name(&parcel.to_node),
            state: parcel.state,
            age_ms: millis(parcel.age(now.mono)),
            links: parcel.links,
        }
    }
}
