//! The state of the node, for people and programs that look after it.

use alloc::string::ToString;
use alloc::vec::Vec;

use meshchat_proto::control::{DropCount, HistoryStatus, LimitRow, Status};

use crate::env::Env;
use crate::limits;
use crate::node::Node;
use crate::records::is_up;
use crate::replies::{is_present, narrow};
use crate::status::Drop;
use crate::time::{Now, millis};

impl<E: Env> Node<E> {
    /// The state of the node; what the transport knows is left for the caller to fill in.
    pub fn status(&self, now: Now) -> Status {
        let up = self.nodes.iter().filter(|(_, known)| is_up(known.state)).count();
        let present = self.nodes.iter().flat_map(|(_, known)| &known.people);
        let present = present.filter(|view| is_present(view.status)).count();
        let drops = Drop::ALL.iter().map(|why| (why, self.counters.dropped(*why)));
        let drops = drops.filter(|(_, count)| *count > 0);
        Status {
            node: self.me.id,
            name: self.me.name.clone(),
            software: self.me.software.clone(),
            network: self.me.network,
            network_name: self.roster.charter().map(|(charter, _)| charter.name.to_string()),
            role: self.roster.role_of(&self.me.id),
            admit: self.me.admit.as_str().into(),
            listen: Vec::new(),
            uptime_ms: millis(now.mono.since(self.me.started)),
            boot: self.me.boot.count(),
            links: narrow(self.links.live().count()),
            nodes_reachable: narrow(up),
            nodes_known: narrow(self.nodes.len()),
            people_present: narrow(present),
            clients: narrow(self.sessions.len()),
            history: HistoryStatus {
                mode: self.me.history.as_str().into(),
                messages: self.history.len() as u64,
                bytes: self.history.bytes() as u64,
                cursor: self.history.newest(),
                disk: None,
            },
            sent: self.counters.sent,
            received: self.counters.received,
            forwarded: self.counters.forwarded,
            duplicates: self.counters.duplicates,
            gone: self.counters.gone,
            drops: drops.map(|(why, count)| DropCount { reason: why.to_string(), count }).collect(),
            notes: [self.network_notes(), self.name_notes(), self.clone_notes(now.mono)].concat(),
            process: None,
            clock_offset_ms: None,
            // Whom a removed node misses, it will not find by looking at its cables.
            missing: if self.is_removed() { None } else { self.missing(now.mono) },
        }
    }

    /// Every bounded table of the node.
    pub fn limits(&self) -> Vec<LimitRow> {
        let streams = self.sessions.streams();
        let set = self.roster.set();
        let (adds, removes) = set.map_or((0, 0), crate::roster::Set::counts);
        let waiting = set.map_or(0, crate::roster::Set::waiting);
        let rows = [
            ("links", self.links.len(), limits::LINKS + 1, "new links are refused"),
            ("nodes", self.nodes.len(), limits::NODES, "the node lost longest is forgotten"),
            ("origins", self.seen.len(), limits::ORIGINS, "the least used is forgotten"),
            ("history_messages", self.history.len(), self.history.most(), "the oldest is dropped"),
            (
                "history_bytes",
                self.history.bytes(),
                limits::HISTORY_BYTES,
                "the oldest message is dropped",
            ),
            (
                "held_messages",
                self.order.held(),
                limits::HELD_MESSAGES,
                "they are shown without waiting",
            ),
            ("doubts", self.doubts.len(), limits::ORIGINS, "the rest is not doubted"),
            ("rate_nodes", self.rates.nodes(), limits::RATE_NODES, "further ones share a rate"),
            (
                "rate_authors",
                self.rates.authors(),
                limits::RATE_AUTHORS,
                "their node's rate holds for further ones",
            ),
            (
                "rate_names",
                self.pacing.names(),
                limits::PACED,
                "this node's rate holds for further ones",
            ),
            ("waiting_messages", self.pacing.waiting(), limits::WAITING, "the request is refused"),
            ("refusals", self.refusals.len(), limits::REFUSALS, "further ones are only counted"),
            ("rooms", self.rooms.len(), limits::ROOMS, "the quietest is forgotten"),
            ("people", self.people.len(), limits::PEOPLE, "whoever is offline longest makes room"),
            ("guests", self.people.guests(), limits::GUESTS, "new guests are refused"),
            ("clients", self.sessions.len(), limits::SESSIONS, "new clients are refused"),
            (
                "doors",
                self.doors.len(),
                limits::GATEWAYS * meshchat_proto::limits::DOORS,
                "the request is refused",
            ),
            ("relays", self.relays.len(), limits::RELAYS, "the request is refused"),
            ("door_codes", self.doors.codes(), limits::DOOR_CODES, "the oldest is worthless"),
            ("streams", streams, limits::SESSIONS * limits::STREAMS, "the request is refused"),
            ("cursors", self.cursors.len(), limits::CURSORS, "the request is refused"),
            (
                "cursor_origins",
                self.cursors.origins(),
                limits::CURSOR_ORIGINS,
                "the one confirmed longest ago is forgotten",
            ),
            (
                "names",
                self.acquaintances.claims(),
                limits::CLAIMS,
                "one met longest ago, and not verified, is forgotten",
            ),
            ("pet_names", self.acquaintances.aliases(), limits::ALIASES, "the request is refused"),
            ("verified", self.acquaintances.verified(), limits::VERIFIED, "the request is refused"),
            ("mutes", self.acquaintances.mutes(), limits::MUTES, "the request is refused"),
            ("splits", self.partition.len(), limits::SPLITS, "they count as one with the last"),
            ("shared_keys", self.clones.len(), limits::LINKS, "further ones are not noticed"),
            ("pings", self.echoes.len(), limits::PINGS, "the request is refused"),
            ("arrivals", self.arrivals.len(), limits::ARRIVALS, "the oldest is forgotten"),
            (
                "arrival_links",
                self.arrivals.ways(),
                limits::ARRIVAL_LINKS,
                "the oldest is forgotten",
            ),
            (
                "holdings",
                self.claims.len(),
                limits::HOLDING_ROWS,
                "the one told of longest ago is forgotten",
            ),
            ("holders", self.claims.nodes(), limits::NODES, "unknown nodes make room"),
            (
                "past_fingerprints",
                self.claims.past(),
                limits::PAST_FINGERPRINTS,
                "the oldest is forgotten",
            ),
            ("awaited", self.deliveries.waits(), limits::AWAITS, "the request is refused"),
            ("sent_ids", self.deliveries.sent(), limits::SENT_IDS, "the oldest is forgotten"),
            ("trails", self.trails.len(), limits::TRAILS, "the request is refused"),
            (
                "contacts",
                self.contacts.len(),
                limits::CONTACTS,
                "the longest unheard of is forgotten",
            ),
            ("beacons", self.beacons.len(), limits::BEACONS, "one heard only once is forgotten"),
            ("dials", self.peering.dials(), limits::DIALS, "further ones wait"),
            ("sought_nodes", self.peering.tries.len(), limits::TRIES, "the soonest is forgotten"),
            ("meetings", self.meetings.len(), limits::MEETINGS, "they are not answered"),
            ("statements_add", adds, limits::STATEMENTS_ADD, "further ones are refused"),
            ("statements_remove", removes, limits::STATEMENTS_REMOVE, "further ones are refused"),
            (
                "statements_waiting",
                waiting,
                limits::STATEMENTS_WAITING,
                "the oldest waits no more, and is asked for again",
            ),
            (
                "invites",
                self.membership.invites.len(),
                limits::INVITES,
                "one that works no more is forgotten, or the request refused",
            ),
            (
                "outbox",
                self.mail.outbox.len(),
                limits::OUTBOX,
                "what is over makes room, or the request is refused",
            ),
            (
                "outbox_bytes",
                self.mail.outbox.bytes(),
                limits::OUTBOX_BYTES,
                "the request is refused",
            ),
            ("letters", self.mail.letters.len(), limits::LETTERS, "the oldest is forgotten"),
            ("opened", self.mail.index.len(), limits::OPENED, "the oldest is shown no more"),
            (
                "private_rooms",
                self.private.len(),
                limits::PRIVATE_ROOMS,
                "invitations are passed over",
            ),
            (
                "receipts",
                self.mail.receipts.len(),
                limits::RECEIPT_NODES,
                "they are sent when the letter comes again",
            ),
            ("proven_batches", self.proven.len(), limits::PROVEN_ROOTS, "the oldest is forgotten"),
        ];
        rows.into_iter()
            .map(|(name, used, most, when_full)| LimitRow {
                name: name.into(),
                used: used as u64,
                most: most as u64,
                when_full: when_full.into(),
            })
            .collect()
    }
}
