//! The way into a link of a closed network: nobody hears a word before they have shown that they
//! know the network's secret, and nobody is greeted before both know the same of who belongs.
//!
//! Whoever dials knocks; whoever is dialled is silent until then, and knocks back. Both then even
//! out their rosters, and only then comes the hello, which counts only from a member.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use meshchat_proto::codec;
use meshchat_proto::frame::{self, Frame, Kind};
use meshchat_proto::id::{NodeId, StatementRef};
use meshchat_proto::network::{Roster, SignedStatement, knock};
use meshchat_proto::peer::{GoodbyeReason, Heartbeat};

use crate::env::Env;
use crate::heartbeat::Pulse;
use crate::invites::fits;
use crate::io::{LinkId, Note, Output};
use crate::limits;
use crate::links::Link;
use crate::node::Node;
use crate::roster::Inserted;
use crate::status::Drop;
use crate::time::Now;

/// How far a link has got before the hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// The other side is a stranger: it is told nothing, not even why.
    Shut,
    /// This side has knocked with a ticket and waits for its answer.
    Asking,
    /// The other side knows the secret. Rosters are being evened out.
    Ajar {
        /// It has all that this side had.
        ours: bool,
        /// This side has all that it had.
        theirs: bool,
    },
    /// The hello may come; in the open network from the start.
    Open,
}

impl Link {
    /// Whether the other side may be told anything at all.
    pub(crate) fn may_speak(&self) -> bool {
        self.door != Door::Shut
    }

    /// Whether what is new in the roster concerns it.
    fn shares_roster(&self) -> bool {
        matches!(self.door, Door::Ajar { .. } | Door::Open)
    }
}

impl<E: Env> Node<E> {
    /// A frame came over a link whose door is not open.
    pub(crate) fn on_frame_at_door(&mut self, now: Now, link: LinkId, frame: &Frame) {
        let Some(state) = self.links.get(link) else { return };
        match (state.door, frame.kind) {
            (_, Kind::Goodbye) => self.read(now, link, frame, Self::on_goodbye),
            (Door::Shut, Kind::Knock) => self.on_knock(now, link, &frame.body),
            (Door::Asking, Kind::Welcome) => self.read(now, link, frame, Self::on_welcome),
            (Door::Asking, _) => self.end_link(now, link, GoodbyeReason::OtherNetwork),
            (Door::Ajar { .. }, Kind::Roster) => self.read(now, link, frame, Self::on_roster),
            (Door::Ajar { .. }, Kind::Hello) => {
                // It has found both rosters alike before ours changed, and was sent the change.
                if let Some(state) = self.links.get_mut(link) {
                    state.door = Door::Ajar { ours: true, theirs: true };
                }
                self.open_door(now, link);
                if self.links.get(link).is_some() {
                    self.read(now, link, frame, Self::on_hello);
                }
            }
            (Door::Ajar { .. }, Kind::Chat | Kind::SyncEnd | Kind::Record) => {
                self.counters.drop(Drop::BeforeHello, 1);
            }
            (Door::Ajar { .. }, Kind::Unknown(_)) => self.counters.drop(Drop::UnknownKind, 1),
            (Door::Ajar { .. }, _) => self.bad_peer(now, link, "a frame before its hello"),
            (Door::Shut, _) => {
                self.counters.drop(Drop::NotMember, 1);
                self.end_link(now, link, GoodbyeReason::OtherNetwork);
            }
            (Door::Open, _) => {}
        }
    }

    /// Shows the other side that this node knows the network's secret.
    pub(crate) fn send_knock(&mut self, link: LinkId) {
        let Some(peer) = self.links.get(link).map(|state| state.peer) else { return };
        let Some((charter, _)) = self.roster.charter() else { return };
        let shown = knock(&charter.secret, &self.me.id, &peer);
        self.send(link, Kind::Knock, 0, &shown);
    }

    fn on_knock(&mut self, now: Now, link: LinkId, shown: &[u8]) {
        let Some(state) = self.links.get(link) else { return };
        let (peer, dialled) = (state.peer, state.dialled);
        let Some((charter, _)) = self.roster.charter() else { return };
        if !fits(&charter.secret, shown, &peer, &self.me.id) {
            if dialled {
                self.counters.drop(Drop::NotMember, 1);
                return self.end_link(now, link, GoodbyeReason::OtherNetwork);
            }
            return self.on_ticket(now, link, shown);
        }
        if self.roster.is_removed(&peer) {
            return self.show_out(now, link);
        }
        if !dialled {
            self.send_knock(link);
        }
        self.set_ajar(link);
    }

    /// Begins to even out rosters with a peer that knows the secret.
    pub(crate) fn set_ajar(&mut self, link: LinkId) {
        if let Some(state) = self.links.get_mut(link) {
            state.door = Door::Ajar { ours: false, theirs: false };
        }
        let print = Some(self.roster.fingerprint());
        self.send_roster(link, &Roster { print, ..Roster::default() });
    }

    pub(crate) fn on_roster(&mut self, now: Now, link: LinkId, mut roster: Roster) {
        let mut odd = 0;
        for statement in core::mem::take(&mut roster.statements) {
            self.counters.verified += 1;
            let Self { roster, env, .. } = self;
            match roster.insert(env, statement) {
                Inserted::Forged => {
                    self.roster_changed(now, Some(link));
                    return self.bad_peer(now, link, "a statement with a wrong signature");
                }
                Inserted::Full => self.counters.drop(Drop::RosterFull, 1),
                Inserted::Void | Inserted::Foreign => self.counters.drop(Drop::VoidStatement, 1),
                Inserted::Waits => odd += 1,
                Inserted::New | Inserted::Known | Inserted::Unreadable => {}
            }
        }
        self.roster_changed(now, Some(link));
        let Some(state) = self.links.get_mut(link) else { return };
        state.compared.roster_odd += odd;
        if state.compared.roster_odd > limits::STATEMENTS_ODD {
            return self.bad_peer(now, link, "too many statements of unknown signers");
        }
        let answered = state.compared.may_list(now.mono);
        if let Some(listed) = roster.listed().filter(|_| answered) {
            let theirs: BTreeSet<StatementRef> = listed.collect();
            self.send_lacking(link, &theirs, roster.ask);
        }
        let even = roster.print.map(|print| print == self.roster.fingerprint());
        let Some(Link { door: Door::Ajar { ours, theirs }, .. }) = self.links.get_mut(link) else {
            return;
        };
        *theirs |= roster.done || even == Some(true);
        *ours |= roster.refs.is_some() || even == Some(true);
        if even == Some(false) {
            self.ask_roster(link);
        }
        self.open_door(now, link);
    }

    /// Lists what this node has, and asks for what the other side has.
    pub(crate) fn ask_roster(&mut self, link: LinkId) {
        let refs = Some(Roster::list(self.statement_refs()));
        self.send_roster(link, &Roster { refs, ask: true, ..Roster::default() });
    }

    /// Notices when a neighbour knows other statements than we do: two heartbeats in a row, and
    /// not too soon after an exchange that has failed to even them out.
    pub(crate) fn compare_rosters(
        &mut self,
        now: Now,
        link: LinkId,
        ours: Pulse,
        beat: &Heartbeat,
    ) {
        let Some(state) = self.links.get_mut(link) else { return };
        let compared = &mut state.compared;
        let pair = (beat.roster, ours.roster);
        if pair.0 == pair.1 || compared.roster_futile.covers(now.mono, pair) {
            compared.roster_differs = 0;
            return;
        }
        compared.roster_differs += 1;
        if compared.roster_differs >= 2 {
            compared.roster_differs = 0;
            compared.roster_futile.tried(now.mono, pair);
            self.ask_roster(link);
        }
    }

    /// Statements are new: neighbours are to have them, and they take effect.
    pub(crate) fn roster_changed(&mut self, now: Now, from: Option<LinkId>) {
        let fresh = self.roster.take_fresh();
        if fresh.is_empty() {
            return;
        }
        let links =
            self.links.iter().filter(|(id, link)| Some(*id) != from && link.shares_roster());
        let links: Vec<LinkId> = links.map(|(id, _)| id).collect();
        for frame in frames_of(&fresh) {
            let frame = frame::encode(Kind::Roster, 0, &codec::encode(&frame));
            self.send_all(links.clone(), frame, true);
        }
        self.save_network(now, None);
        if self.roster.settle() {
            self.rate_changed(now);
            self.enforce(now);
        }
    }

    /// Proves to a peer that it was removed, and ends the link.
    pub(crate) fn show_out(&mut self, now: Now, link: LinkId) {
        let Some(state) = self.links.get_mut(link) else { return };
        let (peer, knows_us) = (state.peer, state.may_speak() || state.dialled);
        state.door = Door::Open;
        let Some((charter, _)) = self.roster.charter() else { return };
        let shown = knock(&charter.secret, &self.me.id, &peer);
        // All on the lane of the goodbye, so that it is the last.
        if !knows_us {
            self.send_all([link].into(), frame::encode(Kind::Knock, 0, &shown), false);
        }
        for frame in frames_of(&self.roster.proof_of(&peer)) {
            let frame = frame::encode(Kind::Roster, 0, &codec::encode(&frame));
            self.send_all([link].into(), frame, false);
        }
        self.counters.drop(Drop::NotMember, 1);
        self.end_link(now, link, GoodbyeReason::NotAdmitted);
    }

    /// Greets when both rosters are even, if the other side is a member.
    fn open_door(&mut self, now: Now, link: LinkId) {
        let Some(state) = self.links.get_mut(link) else { return };
        let peer = state.peer;
        if state.door != (Door::Ajar { ours: true, theirs: true }) {
            return;
        }
        if self.roster.is_removed(&peer) {
            self.show_out(now, link);
        } else if self.roster.admits(&peer) {
            state.door = Door::Open;
            self.send_hello(now, link);
        } else {
            self.counters.drop(Drop::NotMember, 1);
            self.end_link(now, link, GoodbyeReason::NotAdmitted);
        }
    }

    /// Sends the statements that the other side does not list.
    fn send_lacking(&mut self, link: LinkId, theirs: &BTreeSet<StatementRef>, ask: bool) {
        let Some(set) = self.roster.set() else { return };
        let lacking = set.iter().filter(|entry| !theirs.contains(&entry.id.to_ref()));
        let lacking: Vec<SignedStatement> = lacking.map(|entry| entry.signed.clone()).collect();
        for frame in frames_of(&lacking) {
            self.send_roster(link, &frame);
        }
        let refs = ask.then(|| Roster::list(self.statement_refs()));
        self.send_roster(link, &Roster { refs, done: true, ..Roster::default() });
    }

    fn statement_refs(&self) -> impl Iterator<Item = StatementRef> {
        let set = self.roster.set().into_iter();
        set.flat_map(|set| set.iter()).map(|entry| entry.id.to_ref())
    }

    fn send_roster(&mut self, link: LinkId, roster: &Roster) {
        self.send(link, Kind::Roster, 0, &codec::encode(roster));
    }

    /// Ends what the roster does not allow any more.
    fn enforce(&mut self, now: Now) {
        if !self.roster.admits(&self.me.id) {
            return self.shut_out(now);
        }
        let out = self.links.iter().filter(|(_, link)| {
            self.roster.is_removed(&link.peer)
                || (link.hello.is_some() && !self.roster.admits(&link.peer))
        });
        for link in out.map(|(id, _)| id).collect::<Vec<_>>() {
            self.show_out(now, link);
        }
        self.forget_strangers(now);
    }

    /// This node itself was removed.
    fn shut_out(&mut self, now: Now) {
        for link in self.links.iter().map(|(id, _)| id).collect::<Vec<_>>() {
            self.end_link(now, link, GoodbyeReason::NotAdmitted);
        }
        self.out.push_back(Output::Note(Note::Removed));
    }

    /// Whether this node was removed from its closed network.
    pub fn is_removed(&self) -> bool {
        !self.roster.admits(&self.me.id)
    }

    /// What people call its closed network; none in the open one.
    pub fn network_name(&self) -> Option<&str> {
        self.roster.charter().map(|(charter, _)| charter.name.as_str())
    }

    /// Whether a node may take part in this node's network.
    pub fn admits(&self, node: &NodeId) -> bool {
        self.roster.admits(node)
    }
}

/// Frames of a bounded size for these statements.
fn frames_of(statements: &[SignedStatement]) -> Vec<Roster> {
    let mut frames: Vec<Roster> = Vec::new();
    let mut bytes = 0;
    for statement in statements {
        bytes += statement.size();
        match frames.last_mut() {
            Some(last) if last.statements.len() < Roster::STATEMENTS && bytes <= Roster::BYTES => {
                last.statements.push(statement.clone());
            }
            _ => {
                bytes = statement.size();
                let statements = [statement.clone()].into();
                frames.push(Roster { statements, ..Roster::default() });
            }
        }
    }
    frames
}
