//! What nodes are called here, and requests about it.

use alloc::borrow::ToOwned as _;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use meshchat_proto::control::{
    Error, ErrorCode, Event, KeyChange, MuteInfo, NamesRequest, Reply, VerifyInfo,
};
use meshchat_proto::id::NodeId;
use meshchat_proto::limits::NAME_CHARS;
use meshchat_proto::message::Body;
use meshchat_proto::name::{NodeName, PersonName};
use meshchat_proto::safety::safety_number;
use meshchat_proto::skeleton;

use crate::acquaintances::{Acquaintances, Full, SavedMute};
use crate::env::Env;
use crate::history::Entry;
use crate::io::{Note, Output};
use crate::limits;
use crate::node::Node;
use crate::records::is_up;
use crate::time::Now;

impl<E: Env> Node<E> {
    /// Why no direct message may go to this node; none when it may.
    pub fn dm_blocked(&self, node: &NodeId) -> Option<Error> {
        let known = self.nodes.get(node)?;
        let was = self.acquaintances.usurped(node, &known.record.name)?;
        let (called, was) = (&known.called, was.short());
        let words = format!("{called} has another key than the node of that name before ({was})");
        Some(Error::new(ErrorCode::Denied, words).hint(format!(
            "compare: meshchatctl verify {called}   trust it: meshchatctl verify {called} --accept"
        )))
    }

    /// Whether this Unix user takes no direct messages from a person.
    pub fn is_blocked(&self, user: &str, node: &NodeId, person: &PersonName) -> bool {
        self.acquaintances.mutes_on(user, node, person.as_str()).any(|mute| mute.block)
    }

    /// Takes notice of what a node calls itself.
    pub(crate) fn name_node(&mut self, now: Now, node: NodeId) {
        let Some(known) = self.nodes.get(&node) else { return };
        let name = known.record.name.clone();
        let own = skeleton(self.me.name.as_str());
        let plain = skeleton(name.as_str());
        let mut was = None;
        // Whoever is called like this node is told apart from it anyway.
        if node != self.me.id && plain != own {
            let up = |node: &NodeId| self.nodes.get(node).is_some_and(|known| is_up(known.state));
            was = self.acquaintances.meet(now.mono, (node, plain.clone()), up);
            self.acquaintances.spelled(&node, &plain, &name);
        }
        let called = match node == self.me.id {
            true => name,
            false => self.acquaintances.called(&node, &name, &own),
        };
        self.nodes.call(&node, called.clone());
        if let Some(was) = was {
            let verified = self.acquaintances.is_verified(&was);
            let change = KeyChange { node, name: called, was, verified };
            self.out.push_back(Output::Note(Note::KeyChanged(change.clone())));
            self.announce(Box::new(Event::Key(change)));
        }
    }

    /// What a peer is called here that may have told no more than its name yet.
    pub(crate) fn name_of_greeter(&self, peer: &NodeId, name: &NodeName) -> NodeName {
        let own = || skeleton(self.me.name.as_str());
        let known = self.nodes.get(peer).map(|known| known.called.clone());
        known.unwrap_or_else(|| self.acquaintances.called(peer, name, &own()))
    }

    /// Works out again what every node is called.
    pub(crate) fn name_all(&mut self) {
        let own = skeleton(self.me.name.as_str());
        for known in self.nodes.values_mut() {
            let (node, name) = (known.record.node, &known.record.name);
            known.called = match node == self.me.id {
                true => name.clone(),
                false => self.acquaintances.called(&node, name, &own),
            };
        }
    }

    /// What an operator should know of names.
    pub(crate) fn name_notes(&self) -> Vec<String> {
        let usurpers = self.nodes.iter().filter_map(|(node, known)| {
            let was = self.acquaintances.usurped(node, &known.record.name)?;
            let (name, was) = (&known.called, was.short());
            Some(format!("{name} has a name that {was} had: meshchatctl verify {name}"))
        });
        usurpers.take(limits::NAMESAKES).collect()
    }

    pub(crate) fn on_names_request(
        &mut self,
        now: Now,
        user: &str,
        request: NamesRequest,
    ) -> Result<Reply, Error> {
        match request {
            NamesRequest::Alias { node, name } => self.alias(&node, name.as_deref())?,
            NamesRequest::Verify { node, yes, accept } => {
                return self.verify(now, &node, yes, accept).map(Reply::Verify);
            }
            NamesRequest::Mute { who, block } => {
                let (node, person) = self.find_who(&who)?;
                if node == self.me.id && person.is_none() {
                    let error = Error::new(ErrorCode::BadArgument, "that is this node itself");
                    return Err(error.hint("name a person of it, as in ann@pi-3"));
                }
                if node == self.me.id && person.as_ref() == Some(&self.person_name(user)) {
                    let error = Error::new(ErrorCode::BadArgument, "that is you");
                    return Err(error.hint("name somebody else"));
                }
                let mute = SavedMute { user: user.into(), node, person, block };
                self.acquaintances.mute(mute).map_err(full("people are muted"))?;
            }
            NamesRequest::Unmute { who } => self.unmute(user, &who)?,
            NamesRequest::Mutes {} => return Ok(Reply::Mutes(self.mute_infos(user))),
        }
        self.save_acquaintances(now);
        Ok(Reply::Done {})
    }

    pub(crate) fn save_acquaintances(&mut self, now: Now) {
        let saved = self.acquaintances.save(now.mono);
        self.out.push_back(Output::SaveAcquaintances(saved));
    }

    fn alias(&mut self, text: &str, name: Option<&str>) -> Result<(), Error> {
        let node = self.find_node(text)?;
        if node == self.me.id {
            return Err(Error::new(ErrorCode::BadArgument, "that is this node itself")
                .hint("its name is `name` in meshchat.toml"));
        }
        let Some(name) = name else {
            if !self.acquaintances.remove_alias(&node) {
                let words = format!("{text:?} has no name of yours");
                return Err(Error::new(ErrorCode::NotFound, words));
            }
            self.name_all();
            return Ok(());
        };
        let name: NodeName = name.parse().map_err(|error| {
            Error::new(ErrorCode::BadArgument, format!("bad name: {error}"))
                .hint(format!("choose 1 to {NAME_CHARS} visible characters without spaces"))
        })?;
        let own = skeleton(self.me.name.as_str()) == skeleton(name.as_str());
        if own || self.acquaintances.alias_holder(&name).is_some_and(|other| other != node) {
            let words = format!("{name} is, or looks like, a name that is in use");
            return Err(Error::new(ErrorCode::NameTaken, words).hint("choose another name"));
        }
        self.acquaintances.set_alias(node, name).map_err(full("nodes have a name of yours"))?;
        self.name_all();
        Ok(())
    }

    fn verify(
        &mut self,
        now: Now,
        text: &str,
        yes: bool,
        accept: bool,
    ) -> Result<VerifyInfo, Error> {
        let node = self.find_node(text)?;
        if node == self.me.id {
            return Err(Error::new(ErrorCode::BadArgument, "that is this node itself")
                .hint("name the other node"));
        }
        let Some(name) = self.nodes.get(&node).map(|known| known.record.name.clone()) else {
            return Err(Error::new(ErrorCode::NotFound, format!("no node named {text:?}")));
        };
        if yes {
            self.acquaintances.verify(node).map_err(full("nodes are verified"))?;
        }
        // Who was verified is the right one, whoever had the name before.
        if accept || (yes && self.acquaintances.usurped(&node, &name).is_some()) {
            self.acquaintances.accept(&node, &name);
        }
        if yes || accept {
            self.name_all();
            self.save_acquaintances(now);
        }
        Ok(VerifyInfo {
            node,
            name: self.nodes.name(&node),
            digits: safety_number(&self.me.id, &node),
            verified: self.acquaintances.is_verified(&node),
            was: self.acquaintances.usurped(&node, &name),
        })
    }

    fn unmute(&mut self, user: &str, text: &str) -> Result<(), Error> {
        let found = self.find_who(text).ok();
        let nodes = &self.nodes;
        let named = |mute: &SavedMute| {
            let node = nodes.name(&mute.node);
            let full = match &mute.person {
                Some(person) => format!("{person}@{node}"),
                None => node.as_str().to_owned(),
            };
            full == text
        };
        // A node that is long gone can still be named as the list names it.
        let meant = |mute: &SavedMute| {
            found.as_ref() == Some(&(mute.node, mute.person.clone())) || named(mute)
        };
        match self.acquaintances.unmute(user, meant) {
            true => Ok(()),
            false => Err(Error::new(ErrorCode::NotFound, format!("{text:?} is not muted"))
                .hint("see who is: meshchatctl mutes")),
        }
    }

    /// A person, as `ann@pi-3` or as `ann` when there is one only, or a whole node.
    fn find_who(&self, text: &str) -> Result<(NodeId, Option<PersonName>), Error> {
        let bad = |error| {
            Error::new(ErrorCode::BadArgument, format!("bad name: {error}"))
                .hint("name a node, or a person as in ann@pi-3")
        };
        if let Some((person, node)) = text.rsplit_once('@') {
            return Ok((self.find_node(node)?, Some(person.parse().map_err(bad)?)));
        }
        let error = match self.find_node(text) {
            Ok(node) => return Ok((node, None)),
            Err(error) => error,
        };
        let views = self.nodes.iter().flat_map(|(node, known)| {
            known.people.iter().map(move |view| (*node, view.name.clone()))
        });
        let found: Vec<_> = views.filter(|(_, name)| name.as_str() == text).collect();
        match found.as_slice() {
            [] => Err(error),
            [(node, person)] => Ok((*node, Some(person.clone()))),
            several => {
                let all: Vec<String> = several
                    .iter()
                    .take(limits::MISSING_NAMES)
                    .map(|(node, person)| format!("{person}@{}", self.nodes.name(node)))
                    .collect();
                let words = format!("several people are called {text:?}");
                Err(Error::new(ErrorCode::Ambiguous, words)
                    .hint(format!("say which: {}", all.join(", "))))
            }
        }
    }

    fn mute_infos(&self, user: &str) -> Vec<MuteInfo> {
        let info = |mute: &SavedMute| MuteInfo {
            node: mute.node,
            node_name: self.nodes.name(&mute.node),
            person: mute.person.clone(),
            block: mute.block,
        };
        self.acquaintances.mutes_of(user).iter().map(info).collect()
    }
}

/// Whether a user wants to see a message.
pub(crate) fn hears(all: &Acquaintances, user: &str, entry: &Entry) -> bool {
    if !all.mutes_of(user).iter().any(|mute| mute.node == entry.node) {
        return true;
    }
    let Ok(body) = Body::parse(&entry.body) else { return false };
    all.mutes_on(user, &entry.node, body.author_name().as_str()).next().is_none()
}

fn full(what: &'static str) -> impl Fn(Full) -> Error {
    move |Full| {
        Error::new(ErrorCode::TooMany, format!("as many {what} as may be"))
            .hint("take another one away first")
    }
}
