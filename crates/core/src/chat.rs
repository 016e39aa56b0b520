//! Chat messages: taken in, numbered and signed, shown, passed on.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use meshchat_proto::codec;
use meshchat_proto::control::{Gone, Reply, Sent};
use meshchat_proto::frame::{self, Frame, Kind};
use meshchat_proto::id::{LetterId, MessageId};
use meshchat_proto::limits::{BATCH_BYTES, BATCH_MESSAGES, HOPS};
use meshchat_proto::merkle;
use meshchat_proto::message::{
    Batch, Body, Draft, MessageKind, Signature, lone_message, signed_root, whole_batch,
};
use meshchat_proto::sealed;
use serde_bytes::Bytes as ByteSlice;

use crate::arrivals::Run;
use crate::env::Env;
use crate::history::{Entry, Proof, Proven};
use crate::io::{HistoryMode, LinkId, Note, Output, SessionId};
use crate::limits;
use crate::node::Node;
use crate::ranges::Ranges;
use crate::rates::Verdict;
use crate::refusals::Intake;
use crate::relay::Came;
use crate::router::{self, Passage};
use crate::seen::Origin;
use crate::status::Drop;
use crate::time::Now;

/// A message that waits for its number and signature.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) session: SessionId,
    pub(crate) id: u64,
    pub(crate) draft: Draft,
    pub(crate) post: Post,
}

/// Who waits for a message to be numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Post {
    /// The client that said it.
    Said,
    /// A direct message: its client at the first sending, and the outbox.
    Letter(LetterId),
    /// Nobody.
    Silent,
}

impl<E: Env> Node<E> {
    pub(crate) fn on_chat(&mut self, now: Now, link: LinkId, frame: &Frame) {
        if let Err(what) = self.on_batch(now, Came::Over(link), frame) {
            self.bad_peer(now, link, what);
        }
    }

    /// Takes in what is new and may come in of a chat frame, and passes it on.
    ///
    /// # Errors
    ///
    /// What no honest node would send, in words.
    pub(crate) fn on_batch(
        &mut self,
        now: Now,
        came: Came,
        frame: &Frame,
    ) -> Result<Intake, &'static str> {
        let nothing = Intake::default();
        let (batch, bodies) = read_batch(&frame.body)?;
        let first = bodies.first().ok_or("an empty batch")?;
        let origin = (first.node, first.boot);
        if first.network != self.me.network {
            self.counters.drop(Drop::OtherNetwork, 1);
            return Ok(Intake { refused: true, ..nothing });
        }
        if !self.roster.admits(&first.node) {
            self.counters.drop(Drop::NotMember, bodies.len() as u64);
            return Ok(Intake { refused: true, ..nothing });
        }
        let fresh = self.fresh(origin, &bodies);
        let new = fresh.iter().filter(|fresh| **fresh).count();
        self.counters.duplicates += (bodies.len() - new) as u64;
        if new < bodies.len() {
            self.copies_came(now, came.link(), (origin, &bodies), &fresh);
        }
        if new == 0 {
            self.heard_of(now, came.link(), &origin, &bodies);
            return Ok(nothing);
        }
        let ids: Vec<_> = batch.msgs.iter().map(|bytes| MessageId::of(bytes)).collect();
        let root = batch.root(&ids).ok_or("an impossible batch")?;
        if !self.proves(origin, root, &batch.sig) {
            self.counters.drop(Drop::BadSignature, 1);
            return Err("a message with a wrong signature");
        }
        let before = self.arrivals.count();
        let taken = Taken { origin, batch: &batch, bodies: &bodies, ids: &ids, fresh: &fresh };
        let intake = self.take_in(now, (came, frame), &taken);
        let links = router::targets(&self.links, Passage { origin: origin.0, from: came.link() });
        self.note_passed(before, &links);
        if intake.refused || intake.put_off {
            for body in taken.alone(&intake.admitted) {
                let lone = Frame { body: body.into(), ..frame.clone() };
                self.pass_on(links.clone(), &lone, false);
            }
        } else {
            self.pass_on(links, frame, false);
        }
        if self.relays.len() > 0 {
            let places = intake.admitted.iter();
            let ids = places.filter_map(|place| ids.get(*place).copied());
            let frames = ids.zip(taken.alone(&intake.admitted)).collect();
            self.relay(came, frames);
        }
        self.heard_of(now, came.link(), &origin, &bodies);
        self.after_intake(now, came.link(), origin, &intake);
        Ok(intake)
    }

    /// Gives all waiting messages their numbers, signs them together and sends them off.
    pub(crate) fn seal(&mut self, now: Now) {
        while !self.outgoing.is_empty() {
            let mut bodies: Vec<Vec<u8>> = Vec::new();
            let mut batch = Vec::new();
            let mut bytes = 0;
            let first = self.me.seq + 1;
            while let Some(next) = self.outgoing.pop_front() {
                let (me, seq) = (&self.me, self.me.seq + 1);
                let body = next.draft.to_body(me.network, me.id, me.boot, seq);
                if !bodies.is_empty() && bytes + body.len() > BATCH_BYTES {
                    self.outgoing.push_front(next);
                    break;
                }
                self.me.seq = seq;
                bytes += body.len();
                bodies.push(body);
                batch.push(next);
                if bodies.len() == BATCH_MESSAGES {
                    break;
                }
            }
            self.send_off(now, first, batch, bodies);
        }
    }

    /// Shows a message to whoever reads along and keeps it. Returns its cursor.
    pub(crate) fn show(&mut self, now: Now, entry: Entry, body: &Body<'_>) -> u64 {
        let own = entry.node == self.me.id && entry.boot == self.me.boot;
        if !own {
            self.rooms.heard(&entry.room, entry.id);
        }
        self.counters.late += u64::from(entry.late);
        let cursor = self.history.newest() + 1;
        if entry.room.is_sealed() {
            self.take_sealed(now, cursor, &entry, body);
        }
        self.cursors.shown(cursor);
        self.deliver(now, cursor, &entry, body);
        self.history.push(now.mono, entry)
    }

    /// Gives up messages that nobody reachable holds, and says so.
    pub(crate) fn give_up(&mut self, origin: Origin, lost: &Ranges, before_start: bool) {
        if lost.is_empty() {
            return;
        }
        let mut count = lost.count();
        if let Some(window) = self.seen.get_mut(&origin) {
            window.gone.insert_all(lost);
            count = count.saturating_add(window.smooth_gone());
        }
        let node = origin.0;
        if !before_start {
            self.counters.gone = self.counters.gone.saturating_add(count);
            self.out.push_back(Output::Note(Note::Gone { node, count }));
        }
        let node_name = self.nodes.name(&node);
        let gone = Gone { node, node_name, count, before_start, refused: false };
        self.announce_message_gap(gone);
    }

    /// Which of these messages are new here.
    fn fresh(&mut self, origin: Origin, bodies: &[Body<'_>]) -> Vec<bool> {
        if origin == (self.me.id, self.me.boot) {
            // Nobody but us writes these, and we have them.
            return alloc::vec![false; bodies.len()];
        }
        if !self.seen.admits(&origin) {
            self.counters.drop(Drop::OldBoot, bodies.len() as u64);
            return alloc::vec![false; bodies.len()];
        }
        let window = self.seen.get(&origin);
        let proven = window.map_or(0, |window| window.proven);
        let mut jumps = 0;
        let fresh = bodies.iter().map(|body| {
            let jump = body.seq > proven.saturating_add(limits::SEQ_JUMP);
            jumps += u64::from(jump);
            !jump && !window.is_some_and(|window| window.is_known(body.seq))
        });
        let fresh = fresh.collect();
        self.counters.drop(Drop::SequenceJump, jumps);
        fresh
    }

    /// Whether the origin has signed this root; a batch that arrives in parts is checked once.
    fn proves(&mut self, origin: Origin, root: MessageId, sig: &Signature) -> bool {
        let proven = (origin.0, root);
        if self.proven.contains(&proven) {
            return true;
        }
        self.counters.verified += 1;
        if !self.env.verify(&origin.0, &signed_root(&root), sig) {
            return false;
        }
        if self.proven.len() == limits::PROVEN_ROOTS {
            self.proven.pop_front();
        }
        self.proven.push_back(proven);
        true
    }

    fn take_in(&mut self, now: Now, (came, frame): (Came, &Frame), taken: &Taken<'_>) -> Intake {
        let proof = Arc::new(taken.proof());
        let link = came.link().and_then(|link| self.links.get(link));
        let asked = link.is_some_and(|link| link.asking.is_asking());
        // Authors themselves do not say so but when asked for what was missed.
        let author = link.is_some_and(|link| link.peer == taken.origin.0);
        let caught_up = frame.old && (asked || !author);
        let mut intake = Intake::default();
        let hops = (HOPS + 1).saturating_sub(frame.hops);
        let mut run = Run::new(taken.origin, now.mono, came.link(), (hops, asked));
        let parts = taken.batch.msgs.iter().zip(taken.bodies).zip(taken.ids).zip(taken.fresh);
        for (index, (((bytes, body), id), _)) in
            (0u8..).zip(parts).filter(|(_, (_, fresh))| **fresh)
        {
            let Some(window) = self.seen.window(taken.origin) else {
                self.counters.drop(Drop::OriginsFull, 1);
                continue;
            };
            if window.is_known(body.seq) {
                continue;
            }
            match self.admit(now, &taken.origin, (body.author(), body.seq), asked) {
                Verdict::Admitted => intake.admitted.push(index.into()),
                Verdict::PutOff => intake.put_off = true,
                Verdict::Refused => intake.refused = true,
            }
            if intake.admitted.last() != Some(&index.into()) {
                continue;
            }
            let Some(window) = self.seen.get_mut(&taken.origin) else { continue };
            if matches!(came, Came::Relayed(_)) {
                window.begin_at(body.seq);
            }
            let torn = window.mark(body.seq);
            window.came = Some(now.mono);
            run.add(&mut self.arrivals, body.seq);
            self.counters.received += 1;
            self.partition.heard(now.mono, &body.node);
            if let Some(lost) = torn {
                self.give_up(taken.origin, &lost, false);
            }
            let index = taken.batch.place.as_ref().map_or(index, |place| place.index);
            if let Some(entry) = self.entry(now, *id, body, bytes, (&proof, index)) {
                self.put_in_order(now, Entry { caught_up, ..entry }, body);
            }
        }
        run.end(&mut self.arrivals);
        self.claims.news(now.mono);
        match came {
            Came::Over(link) => {
                if let Some(link) = self.links.get_mut(link) {
                    link.asking.progress(now.mono);
                }
            }
            Came::Relayed(_) => self.doubt_relayed(now, taken.origin),
            Came::Here => {}
        }
        intake
    }

    fn send_off(&mut self, now: Now, first: u64, batch: Vec<Outgoing>, bodies: Vec<Vec<u8>>) {
        let ids: Vec<_> = bodies.iter().map(|body| MessageId::of(body)).collect();
        let Some(root) = merkle::root(&ids) else { return };
        let sig = self.env.sign(&signed_root(&root));
        let frame = frame::encode(Kind::Chat, HOPS, &whole_batch(&sig, &bodies));
        let targets = router::targets(&self.links, Passage { origin: self.me.id, from: None });
        let mut run = Run::new((self.me.id, self.me.boot), now.mono, None, (0, false));
        for seq in (first..).take(bodies.len()) {
            run.add(&mut self.arrivals, seq);
        }
        run.end(&mut self.arrivals);
        self.note_passed(self.arrivals.count() - 1, &targets);
        let links = self.send_chat(targets, frame);
        let proof = Arc::new(Proof { sig, of: Proven::Batch(ids.clone()) });
        if self.relays.len() > 0 {
            let lone = (0u8..)
                .zip(ids.iter().zip(&bodies))
                .map(|(index, (id, body))| (*id, lone_message(&sig, body, proof.place(index))));
            let frames = lone.collect();
            self.relay(Came::Here, frames);
        }
        let kept = match self.me.history {
            HistoryMode::Memory => "memory",
            HistoryMode::Disk => "disk",
            HistoryMode::Off => "nowhere",
        };
        for (index, ((outgoing, bytes), id)) in (0u8..).zip(batch.into_iter().zip(&bodies).zip(ids))
        {
            let me = &self.me;
            let body = outgoing.draft.body(me.network, me.id, me.boot, first + u64::from(index));
            if let Some(window) = self.seen.window((self.me.id, self.me.boot)) {
                window.mark(body.seq);
            }
            self.counters.sent += 1;
            self.partition.heard(now.mono, &self.me.id);
            let Some(entry) = self.entry(now, id, &body, bytes, (&proof, index)) else { continue };
            if self.me.history == HistoryMode::Off {
                self.deliveries.remember(&entry, &body);
            }
            let private = self.private.of_outer(&entry.room).map(|(_, room)| room.name.clone());
            let room = private.unwrap_or_else(|| entry.room.clone());
            let cursor = self.put_in_order(now, entry, &body).unwrap_or_default();
            match outgoing.post {
                Post::Said => {
                    let sent = Sent { id, room, seq: body.seq, cursor, kept: kept.into(), links };
                    self.reply(outgoing.session, outgoing.id, Ok(Reply::Sent(sent)));
                }
                Post::Letter(letter) => {
                    let asked = (outgoing.session, outgoing.id);
                    self.letter_sent(now, asked, letter, (id, cursor, links));
                }
                Post::Silent => {}
            }
        }
    }

    fn entry(
        &mut self,
        now: Now,
        id: MessageId,
        body: &Body<'_>,
        bytes: &[u8],
        (proof, index): (&Arc<Proof>, u8),
    ) -> Option<Entry> {
        // Sealed messages are in no room that anybody can be in.
        let outer = sealed::direct_room();
        let is_odd = body.kind == MessageKind::Sealed && !body.room().starts_with("#~");
        let room = self.rooms.intern(if is_odd { outer.as_str() } else { body.room() })?;
        Some(Entry {
            id,
            node: body.node,
            boot: body.boot,
            seq: body.seq,
            room,
            body: Box::from(bytes),
            proof: Arc::clone(proof),
            index,
            at: now.mono,
            late: false,
            caught_up: false,
        })
    }
}

/// A proven batch and what is new of it.
struct Taken<'a> {
    origin: Origin,
    batch: &'a Batch<'a>,
    bodies: &'a [Body<'a>],
    ids: &'a [MessageId],
    fresh: &'a [bool],
}

impl Taken<'_> {
    fn proof(&self) -> Proof {
        let of = match &self.batch.place {
            None => Proven::Batch(self.ids.to_vec()),
            Some(place) => Proven::Alone(place.clone()),
        };
        Proof { sig: self.batch.sig, of }
    }

    /// Chat frame bodies with one message each, for the messages at these places.
    fn alone(&self, places: &[usize]) -> Vec<Vec<u8>> {
        let proof = self.proof();
        let lone = |place: &usize| {
            let index = u8::try_from(*place).ok()?;
            Some(lone_message(&self.batch.sig, self.batch.msgs.get(*place)?, proof.place(index)))
        };
        places.iter().filter_map(lone).collect()
    }
}

/// Reads a chat frame: messages of one origin.
fn read_batch(frame: &[u8]) -> Result<(Batch<'_>, Vec<Body<'_>>), &'static str> {
    let batch: Batch<'_> =
        codec::decode(frame).map_err(|_unreadable| "an unreadable chat frame")?;
    let bodies: Result<Vec<_>, _> = batch.msgs.iter().map(|bytes| Body::parse(bytes)).collect();
    let bodies = bodies.map_err(|_unreadable| "an unreadable message")?;
    let of = |body: &Body<'_>| (body.node, body.boot, body.network);
    if bodies.iter().any(|body| Some(of(body)) != bodies.first().map(of)) {
        return Err("a batch of several origins");
    }
    Ok((batch, bodies))
}

/// Bytes of a message as a batch carries them.
pub(crate) fn as_slice(bytes: &[u8]) -> &ByteSlice {
    ByteSlice::new(bytes)
}
