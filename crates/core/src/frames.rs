//! Frames as they come in and go out.

use alloc::vec::Vec;

use bytes::Bytes;
use meshchat_proto::codec;
use meshchat_proto::frame::{self, Frame, FrameError, Kind};
use meshchat_proto::peer::GoodbyeReason;
use serde::Deserialize;

use crate::door::Door;
use crate::env::Env;
use crate::io::{LinkId, Output};
use crate::node::Node;
use crate::status::Drop;
use crate::time::Now;

impl<E: Env> Node<E> {
    pub(crate) fn on_frame(&mut self, now: Now, link: LinkId, frame: Bytes) {
        let Some(live) = self.links.get(link).map(|link| link.hello.is_some()) else { return };
        let frame = match Frame::parse(frame) {
            Ok(frame) => frame,
            Err(FrameError::Version(_)) => return self.end_link(now, link, GoodbyeReason::Version),
            Err(FrameError::Short | FrameError::Long) => {
                return self.bad_peer(now, link, "a frame out of bounds");
            }
        };
        if self.links.get(link).is_some_and(|link| link.door != Door::Open) {
            return self.on_frame_at_door(now, link, &frame);
        }
        match (frame.kind, live) {
            (Kind::Hello, _) => self.read(now, link, &frame, Self::on_hello),
            (Kind::Goodbye, _) => self.read(now, link, &frame, Self::on_goodbye),
            (Kind::Roster, _) if self.roster.is_closed() => {
                self.read(now, link, &frame, Self::on_roster);
            }
            // Of a member of a closed network, or of the bearer of a ticket to the one that this
            // node has left.
            (Kind::Knock | Kind::Roster | Kind::Welcome, false) => {
                self.counters.drop(Drop::OtherNetwork, 1);
                self.end_link(now, link, GoodbyeReason::OtherNetwork);
            }
            (Kind::Knock | Kind::Roster | Kind::Welcome, true) => {
                self.counters.drop(Drop::OtherNetwork, 1);
            }
            (Kind::Unknown(_), _) => self.counters.drop(Drop::UnknownKind, 1),
            // The hello has a lane of its own and may be overtaken by what goes on the other; what
            // is lost by that comes again through the catch-up that follows it.
            (Kind::Chat | Kind::SyncEnd | Kind::Record | Kind::Holdings, false) => {
                self.counters.drop(Drop::BeforeHello, 1);
            }
            (_, false) => self.bad_peer(now, link, "a frame before its hello"),
            (Kind::Heartbeat, true) => {
                self.read(now, link, &frame, |node, now, link, beat| {
                    node.on_heartbeat(now, link, &beat);
                });
            }
            (Kind::Record, true) => self.on_record(now, link, &frame),
            (Kind::Chat, true) => self.on_chat(now, link, &frame),
            (Kind::Summary, true) => {
                self.read(now, link, &frame, |node, now, link, summary| {
                    node.on_summary(now, link, &summary);
                });
            }
            (Kind::SyncEnd, true) => {
                self.read(now, link, &frame, |node, now, link, end| {
                    node.on_sync_end(now, link, &end);
                });
            }
            (Kind::Echo, true) => self.on_echo(now, link, &frame),
            (Kind::Probe, true) => self.read(now, link, &frame, Self::on_probe),
            (Kind::Probed, true) => {
                self.read(now, link, &frame, |node, _, link, probed| node.on_probed(link, probed));
            }
            (Kind::Holdings, true) => self.on_holdings(now, link, &frame),
            (Kind::Trail, true) => self.on_trail(now, link, &frame),
            (Kind::Meet, true) => self.on_meet(now, link, &frame),
            (Kind::Observed, true) => {
                self.read(now, link, &frame, Self::on_observed);
            }
        }
    }

    pub(crate) fn read<'a, T: Deserialize<'a>>(
        &mut self,
        now: Now,
        link: LinkId,
        frame: &'a Frame,
        then: impl FnOnce(&mut Self, Now, LinkId, T),
    ) {
        match codec::decode(&frame.body) {
            Ok(value) => then(self, now, link, value),
            Err(_) => self.bad_peer(now, link, "an unreadable frame"),
        }
    }

    /// Sends a frame of the link itself.
    pub(crate) fn send(&mut self, link: LinkId, kind: Kind, hops: u8, body: &[u8]) {
        let frame = frame::encode(kind, hops, body);
        self.out.push_back(Output::Send { links: [link].into(), frame, urgent: kind.is_urgent() });
    }

    pub(crate) fn send_all(&mut self, links: Vec<LinkId>, frame: Bytes, urgent: bool) {
        if !links.is_empty() {
            self.out.push_back(Output::Send { links, frame, urgent });
        }
    }

    /// Sends chat to the links that keep up. Returns how many.
    pub(crate) fn send_chat(&mut self, mut links: Vec<LinkId>, frame: Bytes) -> u32 {
        let before = links.len();
        links.retain(|link| self.links.get(*link).is_some_and(|link| !link.behind));
        self.counters.drop(Drop::LinkBehind, (before - links.len()) as u64);
        let sent = u32::try_from(links.len()).unwrap_or(u32::MAX);
        for link in &links {
            if let Some(link) = self.links.get_mut(*link) {
                link.heart.chat_sent(self.clock.mono);
            }
        }
        self.send_all(links, frame, false);
        sent
    }

    /// Sends a flooded frame on, one hop less, its body untouched.
    pub(crate) fn pass_on(&mut self, links: Vec<LinkId>, frame: &Frame, urgent: bool) {
        if links.is_empty() {
            return;
        }
        let Some(hops) = frame.hops.checked_sub(1).filter(|hops| *hops > 0) else {
            return self.counters.drop(Drop::HopsUsedUp, 1);
        };
        self.counters.forwarded += links.len() as u64;
        let wire = Frame { hops, ..frame.clone() }.to_wire();
        if urgent {
            self.send_all(links, wire, true);
        } else {
            self.send_chat(links, wire);
        }
    }
}
