//! Joining a closed network with a ticket: both sides of it.
//!
//! The bearer dials the inviter and knocks with the ticket's secret. The inviter counts the use,
//! signs the bearer in, keeps both on disk, and answers with the charter and the proof; the bearer
//! believes only what hashes to the ticket's network. Nobody else is asked, then or later.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use meshchat_proto::address::Address;
use meshchat_proto::codec;
use meshchat_proto::control::{Error, ErrorCode, Reply};
use meshchat_proto::frame::{self, Kind};
use meshchat_proto::id::NodeId;
use meshchat_proto::network::{
    Charter, Refusal, Role, SignedStatement, Statement, Ticket, Welcome, What, knock,
    signed_statement, ticket_key,
};
use meshchat_proto::peer::GoodbyeReason;
use serde_bytes::ByteBuf;

use crate::dial::{Dial, DialId, Way};
use crate::door::Door;
use crate::env::Env;
use crate::io::{LinkId, Output, SessionId};
use crate::limits;
use crate::node::Node;
use crate::roster::{Inserted, Roster};
use crate::status::Drop;
use crate::switch::Membership;
use crate::time::{Mono, Now};

/// A network that is being joined.
#[derive(Debug)]
pub(crate) struct Joining {
    ticket: Ticket,
    at: (SessionId, u64),
    pub(crate) dial: DialId,
    pub(crate) link: Option<LinkId>,
    pub(crate) until: Mono,
}

impl<E: Env> Node<E> {
    /// Dials the inviter of a ticket.
    pub(crate) fn join_network(
        &mut self,
        now: Now,
        at: (SessionId, u64),
        ticket: &str,
    ) -> Result<(), Error> {
        let ticket: Ticket = ticket.parse().map_err(|error| {
            Error::new(ErrorCode::BadArgument, format!("bad ticket: {error}"))
                .hint("copy the whole line that `meshchatctl invite` printed")
        })?;
        if ticket.network == self.me.network {
            if self.roster.is_removed(&self.me.id) {
                let words = "this node was removed from that network, and its key cannot return";
                return Err(Error::new(ErrorCode::Denied, words).hint(LEAVE_AND_FORK));
            }
            if self.is_removed() {
                let words = "this node keeps that network, but its key does not belong to it";
                return Err(Error::new(ErrorCode::Denied, words)
                    .hint("leave it, then join again: meshchatctl network leave"));
            }
            let words = "this node belongs to that network already";
            return Err(
                Error::new(ErrorCode::BadArgument, words).hint("see it: meshchatctl network show")
            );
        }
        if self.roster.is_closed() {
            let words = "this node belongs to another closed network";
            return Err(Error::new(ErrorCode::BadArgument, words)
                .hint("leave that first: meshchatctl network leave"));
        }
        if self.membership.joining.is_some() {
            return Err(Error::new(ErrorCode::TooMany, "a network is being joined already"));
        }
        if ticket.inviter == self.me.id {
            return Err(Error::new(ErrorCode::BadArgument, "this node itself made that ticket"));
        }
        if ticket.addresses.is_empty() {
            let words = "the ticket names no address of its inviter";
            return Err(Error::new(ErrorCode::BadArgument, words)
                .hint("have a new one made once that node is connected to a network"));
        }
        let (id, addresses) = (self.peering.number(), ticket.addresses.clone());
        let (node, way, after) = (Some(ticket.inviter), Way::Plain, Duration::ZERO);
        self.out.push_back(Output::Dial(Dial { id, node, addresses, way, after }));
        let until = now.mono + limits::JOIN;
        self.membership.joining = Some(Joining { ticket, at, dial: id, link: None, until });
        Ok(())
    }

    pub(crate) fn join_due(&self) -> Option<Mono> {
        self.membership.joining.as_ref().map(|joining| joining.until)
    }

    pub(crate) fn tick_joining(&mut self, now: Now) {
        if self.join_due().is_some_and(|due| due <= now.mono) {
            self.join_failed(now, unreachable());
        }
    }

    /// Whether a new link is the one to the inviter; then it is knocked at with the ticket.
    pub(crate) fn knock_with_ticket(&mut self, link: LinkId, dial: Option<DialId>) -> bool {
        let Some(joining) = &mut self.membership.joining else { return false };
        if Some(joining.dial) != dial {
            return false;
        }
        joining.link = Some(link);
        let (secret, inviter) = (ticket_key(&joining.ticket.secret), joining.ticket.inviter);
        if let Some(state) = self.links.get_mut(link) {
            state.door = Door::Asking;
        }
        let shown = knock(&secret, &self.me.id, &inviter);
        self.send(link, Kind::Knock, 0, &shown);
        true
    }

    /// The dial to the inviter has failed.
    pub(crate) fn join_dial_failed(&mut self, now: Now, dial: DialId) -> bool {
        let ours = self.membership.joining.as_ref().is_some_and(|joining| joining.dial == dial);
        if ours {
            self.join_failed(now, unreachable());
        }
        ours
    }

    /// A link is gone; perhaps it was the one to the inviter.
    pub(crate) fn join_link_lost(&mut self, now: Now, link: LinkId) {
        let ours = self.membership.joining.as_ref().is_some_and(|join| join.link == Some(link));
        if ours {
            let words = "the inviter does not know this ticket";
            let hint = "it may have left that network, or forgotten the ticket; ask for a new one";
            self.join_failed(now, Error::new(ErrorCode::Denied, words).hint(hint));
        }
    }

    fn join_failed(&mut self, now: Now, error: Error) {
        let Some(joining) = self.membership.joining.take() else { return };
        if let Some(link) = joining.link.filter(|link| self.links.get(*link).is_some()) {
            self.end_link(now, link, GoodbyeReason::Leaving);
        }
        self.reply(joining.at.0, joining.at.1, Err(error));
    }

    /// The inviter's answer.
    pub(crate) fn on_welcome(&mut self, now: Now, link: LinkId, welcome: Welcome) {
        let Some(joining) = &self.membership.joining else { return };
        let (ticket, at) = (joining.ticket.clone(), joining.at);
        if let Some(refusal) = welcome.refusal {
            return self.join_failed(now, refused(refusal));
        }
        let Some(roster) = self.proven_roster(&ticket, welcome) else {
            let words = "the inviter's answer does not prove that this node may join";
            let hint = "ask for a new ticket, or update both nodes";
            return self.join_failed(now, Error::new(ErrorCode::Denied, words).hint(hint));
        };
        self.membership.joining = None;
        self.switch_network(now, (roster, Membership::default()), Some(link));
        let addresses = ticket.addresses.iter().filter_map(|one| Address::new(*one));
        self.contacts.note(ticket.inviter, &addresses.collect::<Vec<_>>());
        let reply = Reply::Network(self.network_info());
        self.save_network(now, Some((at, reply)));
        self.set_ajar(link);
    }

    /// The roster in an answer, if it is of the ticket's network and this node is in it.
    fn proven_roster(&mut self, ticket: &Ticket, welcome: Welcome) -> Option<Roster> {
        if Charter::id_of(&welcome.charter) != ticket.network {
            return None;
        }
        let mut roster = Roster::closed(welcome.charter.into_vec())?;
        for statement in welcome.statements {
            if roster.insert(&mut self.env, statement) == Inserted::Forged {
                return None;
            }
        }
        roster.take_fresh();
        roster.settle();
        roster.admits(&self.me.id).then_some(roster)
    }

    /// Somebody knocks who does not know the network's secret: perhaps the bearer of a ticket.
    pub(crate) fn on_ticket(&mut self, now: Now, link: LinkId, shown: &[u8]) {
        let Some(state) = self.links.get_mut(link) else { return };
        let (peer, me) = (state.peer, self.me.id);
        let Some(invite) = self.membership.invites.find(shown, &peer, &me) else {
            self.counters.drop(Drop::NotMember, 1);
            return self.end_link(now, link, GoodbyeReason::NotAdmitted);
        };
        let (role, ended) = (invite.role, invite.refusal(now.mono));
        // Whoever lost the answer asks again, and is not counted twice.
        let again = self.roster.admits(&peer);
        state.door = Door::Ajar { ours: false, theirs: false };
        let refusal = if self.roster.is_removed(&peer) {
            Some(Refusal::Removed)
        } else if again {
            None
        } else if let Some(ended) = ended {
            Some(ended)
        } else {
            self.let_in(peer, role).err()
        };
        if let Some(refusal) = refusal {
            return self.refuse_ticket(now, link, refusal);
        }
        if !again && let Some(invite) = self.membership.invites.find(shown, &peer, &me) {
            invite.spend();
        }
        // On disk before the answer goes out; whoever asks again costs no writing.
        if !again {
            self.save_network(now, None);
        }
        self.roster_changed(now, Some(link));
        let Some((_, charter)) = self.roster.charter() else { return };
        let charter = ByteBuf::from(charter);
        let statements = self.roster.proof_of(&peer);
        let welcome = Welcome { refusal: None, charter, statements };
        self.send(link, Kind::Welcome, 0, &codec::encode(&welcome));
        self.set_ajar(link);
    }

    fn let_in(&mut self, node: NodeId, role: Role) -> Result<(), Refusal> {
        if !self.may_admit() {
            return Err(Refusal::NoAdmin);
        }
        let what = What::Add { node, role, name: None };
        match self.declare(what, role == Role::Admin) {
            Inserted::New | Inserted::Known => Ok(()),
            Inserted::Full => Err(Refusal::Full),
            Inserted::Waits
            | Inserted::Void
            | Inserted::Foreign
            | Inserted::Unreadable
            | Inserted::Forged => Err(Refusal::NoAdmin),
        }
    }

    fn refuse_ticket(&mut self, now: Now, link: LinkId, refusal: Refusal) {
        let (charter, statements) = (ByteBuf::new(), Vec::new());
        let welcome = Welcome { refusal: Some(refusal), charter, statements };
        let frame = frame::encode(Kind::Welcome, 0, &codec::encode(&welcome));
        // On the lane of the goodbye, so that it comes first.
        self.send_all([link].into(), frame, false);
        self.end_link(now, link, GoodbyeReason::NotAdmitted);
    }

    /// Whether this node may let others in.
    pub(crate) fn may_admit(&self) -> bool {
        let admin = self.roster.role_of(&self.me.id) == Some(Role::Admin);
        admin || (self.membership.root.is_some() && self.roster.admits(&self.me.id))
    }

    /// Signs a statement and takes it in; with the root key if that is asked for and at hand, or
    /// if this node is no admin.
    pub(crate) fn declare(&mut self, what: What, as_root: bool) -> Inserted {
        let admin = self.roster.role_of(&self.me.id) == Some(Role::Admin);
        let seed = self.membership.root.filter(|_| as_root || !admin);
        let by = match (&seed, self.roster.charter()) {
            (Some(_), Some((charter, _))) => charter.root,
            _ => self.me.id,
        };
        // An admin's share is no reason to drive out somebody whom it has let in.
        if self.roster.set().is_some_and(|set| !set.has_room(&by, &what)) {
            return Inserted::Full;
        }
        let body = codec::encode(&Statement { network: self.me.network, by, what });
        let signed = signed_statement(&body);
        let sig = match seed {
            Some(seed) => self.env.sign_with(&seed.0, &signed),
            None => self.env.sign(&signed),
        };
        let statement = SignedStatement { sig, body: body.into() };
        self.roster.insert(&mut self.env, statement)
    }
}

/// How a node whose key was removed comes back.
pub(crate) const LEAVE_AND_FORK: &str = "leave it, take a new key and join anew: \
    meshchatctl network leave, then stop meshchatd, meshchatd identity fork";

fn unreachable() -> Error {
    Error::new(ErrorCode::Unreachable, "the inviter cannot be reached")
        .hint("its node must run and be reachable from here; if it has moved, ask for a new ticket")
}

fn refused(refusal: Refusal) -> Error {
    let new = "ask for a new one: meshchatctl invite";
    let (words, hint): (&str, &str) = match refusal {
        Refusal::UsedUp => ("the ticket was used as often as it may be", new),
        Refusal::Expired => ("the ticket has expired", new),
        Refusal::Revoked => ("the ticket was revoked", new),
        Refusal::Removed => (
            "this node was removed from that network, and its key cannot return",
            "take a new key, then join again: stop meshchatd, meshchatd identity fork",
        ),
        Refusal::Full => (
            "that network has as many members as it can have",
            "have its root key's holder let you in",
        ),
        Refusal::NoAdmin => ("the inviter is no admin of that network any more", new),
        Refusal::Unknown(_) => ("the inviter refuses, for a reason newer than this version", new),
    };
    Error::new(ErrorCode::Denied, String::from(words)).hint(hint)
}
