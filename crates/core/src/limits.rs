//! The bounds of everything that the node remembers. What crosses a wire is bounded in
//! [`meshchat_proto::limits`].

use core::time::Duration;

/// Most links, those that still greet included.
pub const LINKS: usize = 64;
/// Most node records; the node that has been out of reach longest makes room.
pub const NODES: usize = 2048;
/// Most (node, boot) pairs whose messages are told apart from repetitions.
pub const ORIGINS: usize = 4096;
/// Most boots of one node among them; earlier ones are then refused.
pub const BOOTS_PER_NODE: usize = 16;
/// Messages in history.
pub const HISTORY_MESSAGES: usize = 10_000;
/// Bytes in history, bookkeeping included.
pub const HISTORY_BYTES: usize = 8 * 1024 * 1024;
/// Running time after which history forgets.
pub const HISTORY_AGE: Duration = Duration::from_secs(7 * 24 * 3600);
/// One sender has at most this part of history.
pub const SENDER_SHARE: usize = 8;
/// Messages that wait for an earlier one of their sender, at most this many in all.
pub const HELD_MESSAGES: usize = 1024;
/// How long a message waits for an earlier one of its sender.
pub const HOLD: Duration = Duration::from_millis(1500);
/// A sequence number further ahead than this is refused: nobody sends so much.
pub const SEQ_JUMP: u64 = 1 << 32;
/// Rooms remembered; the one without local people that was quiet longest makes room.
pub const ROOMS: usize = 1024;
/// Local people; the one who has been offline longest makes room.
pub const PEOPLE: usize = meshchat_proto::limits::PEOPLE;
/// Local clients.
pub const SESSIONS: usize = 256;
/// Running streams of one client.
pub const STREAMS: usize = 64;
/// Estimated bytes on their way to all clients together. One client may have half of what the
/// others leave free, so that a single slow one gets much and many slow ones get little.
pub const CLIENT_BYTES: usize = 32 * 1024 * 1024;
/// What every client may have, however many there are.
pub const CLIENT_BYTES_LEAST: usize = 128 * 1024;
/// Pings that wait for an answer.
pub const PINGS: usize = 64;
/// Echoes passed on in one second.
pub const ECHOES_PER_SECOND: u32 = 100;
/// Links in one answer about the shape of the mesh; the rest is counted.
pub const GRAPH_LINKS: usize = 16_384;
/// Bytes of all ways in one answer about nodes, estimated; further nodes get none.
pub const WAYS_BYTES: usize = 256 * 1024;
/// Losses of several nodes told apart; further ones count as one with the last.
pub const SPLITS: usize = 16;
/// Names of missing nodes in one status or event.
pub const MISSING_NAMES: usize = 16;
/// Signed batches whose proof need not be checked again.
pub const PROVEN_ROOTS: usize = 64;

/// Direct messages in the outbox of the node's people, those that are over included.
pub const OUTBOX: usize = 256;
/// Sealed bytes in it. With the rest it must fit into one state file.
pub const OUTBOX_BYTES: usize = 768 * 1024;
/// Direct messages, from or to here, that are known when they come again.
pub const LETTERS: usize = 1024;
/// Messages in history that this node has opened.
pub const OPENED: usize = 4096;
/// Nodes to which receipts are owed.
pub const RECEIPT_NODES: usize = 128;
/// Letters of one node for which they are.
pub const RECEIPTS_OWED: usize = 128;
/// Least time between two receipts to one node.
pub const RECEIPT_PAUSE: Duration = Duration::from_secs(2);
/// Running time after which a direct message that did not arrive expires.
pub const LETTER_AGE: Duration = Duration::from_secs(7 * 24 * 3600);
/// How soon a direct message that nobody may hold any more is sent again once its node is in
/// reach: catch-up may bring its receipt first.
pub const RESEND_SOON: Duration = Duration::from_secs(5);
/// How long to wait for a receipt while the node is in reach, the first time; each time in vain
/// doubles it.
pub const RESEND: Duration = Duration::from_secs(60);
/// The longest that it gets.
pub const RESEND_MOST: Duration = Duration::from_secs(6 * 3600);
/// Least time between two writings of direct messages to disk.
pub const MAIL_PAUSE: Duration = Duration::from_secs(2);
/// How often their age is written while some are on their way.
pub const MAIL_AGES: Duration = Duration::from_secs(3600);

/// Private rooms of the people of a node.
pub const PRIVATE_ROOMS: usize = 24;
/// Keys of one room that are kept, for messages that come late.
pub const ROOM_KEYS: usize = 32;
/// Invitations that may be unknown when a message comes that follows them.
pub const ROOM_KEYS_AHEAD: u64 = 64;
/// Rooms that were left and to which an old key does not lead back.
pub const ROOMS_LEFT: usize = 256;

/// Nodes whose addresses are remembered over restarts; the one heard of longest ago makes room.
pub const CONTACTS: usize = 256;
/// Beacons remembered; one of those heard only once makes room.
pub const BEACONS: usize = 64;
/// Addresses of one beacon: IPv4 and IPv6 on a few interfaces.
pub const BEACON_ADDRESSES: usize = 4;
/// Nodes that were dialled in vain and are not dialled again before some time.
pub const TRIES: usize = 512;
/// Dials under way that nobody but the node itself has asked for.
pub const DIALS: usize = 8;
/// Such dials in a minute, those that beacons cause; and as many again for all other reasons.
pub const DIALS_PER_MINUTE: u32 = 32;
/// Such dials to one IP address in a minute, whatever nodes are said to be there.
pub const DIALS_PER_ADDRESS: u32 = 6;
/// Addresses that one dial tries.
pub const DIAL_ADDRESSES: usize = 8;
/// Agreements to meet that are under way.
pub const MEETINGS: usize = 16;
/// Addresses that others see this node at and that are told on.
pub const OBSERVED: usize = 3;

/// Neighbours that are asked to try to reach this node.
pub const PROBES: usize = 3;
/// How long two nodes have to agree on a meeting.
pub const MEETING: Duration = Duration::from_secs(2);
/// How long a node must have been in reach before it is asked: it is to know of us, too.
pub const ACQUAINTANCE: Duration = Duration::from_millis(700);
/// How long the node with the larger key leaves the first word to the other.
pub const YIELD: Duration = Duration::from_secs(2);
/// How long a beacon's dial waits when the other side should dial, having the smaller number.
pub const BEACON_YIELD: Duration = Duration::from_millis(300);
/// The same for a node that has links enough, and will read in a record whose beacon it is.
pub const BEACON_CALM: Duration = Duration::from_secs(5);
/// First pause after a dial in vain; each further one doubles it.
pub const RETRY: Duration = Duration::from_secs(2);
/// The longest that it gets.
pub const RETRY_MOST: Duration = Duration::from_secs(600);
/// The longest for a node that has no link at all.
pub const RETRY_LONELY: Duration = Duration::from_secs(20);
/// A dial that nothing is heard of counts as failed.
pub const DIAL: Duration = Duration::from_secs(20);
/// How often a node with too many links looks for one to give up.
pub const PRUNE: Duration = Duration::from_secs(10);
/// A link that is suspect for this long is dialled anew, again and again at this pace.
pub const REDIAL: Duration = Duration::from_secs(2);
/// For so long the word of a dialler counts that earlier links serve it no more.
pub const ANEW: Duration = Duration::from_secs(5);
/// First pause before a link over TCP is tried over QUIC; each further one doubles it.
pub const UPGRADE: Duration = Duration::from_secs(60);
/// How soon new addresses are written to disk, the first times in a run.
pub const CONTACTS_SOON: Duration = Duration::from_secs(3);
/// How often that is.
pub const CONTACTS_BURST: u32 = 4;
/// Least time between two writings afterwards, to spare SD cards.
pub const CONTACTS_PAUSE: Duration = Duration::from_secs(300);

/// How often the pace-setting side of a link gives a sign of life.
pub const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long the other side waits before it asks by itself.
pub const HEARTBEAT_BACKUP: Duration = Duration::from_millis(7500);
/// A link without an echo for this long is dead.
pub const DEAD: Duration = Duration::from_secs(15);
/// A heartbeat unanswered for this long makes the link suspect.
pub const SUSPECT: Duration = Duration::from_secs(1);
/// Least time between two questions on a link that carries chat.
pub const ASK_PAUSE: Duration = Duration::from_secs(2);
/// How often a suspect link is nudged; a fresh packet gets through as soon as the way is free,
/// while the transport's own retries back off.
pub const NUDGE: Duration = Duration::from_millis(150);
/// How long a peer that ends one link for another counts as a neighbour before the other is in use.
pub const BETWEEN: Duration = Duration::from_secs(1);
/// How long a new link may take to greet.
pub const GREETING: Duration = Duration::from_secs(5);
/// A loop later than this blames itself, not its peers.
pub const OVERSLEPT: Duration = Duration::from_secs(3);
/// How long such a node then takes to find its peers again before it calls any unreachable.
pub const REGAIN: Duration = Duration::from_secs(5);

/// How long nodes are lost before it is called a split: one flood of records is one line, and
/// a daemon that is restarted is none.
pub const SPLIT_SETTLE: Duration = Duration::from_secs(5);
/// A merge is over when the other side has brought nothing for so long.
pub const MERGE_QUIET: Duration = Duration::from_secs(2);
/// Or at last after this time, however much is being said.
pub const MERGE_MOST: Duration = Duration::from_secs(30);
/// Running time after which a node that is lost is not missed any more.
pub const MISSED: Duration = Duration::from_secs(7 * 24 * 3600);

/// Least time between two records of this node.
pub const RECORD_PAUSE: Duration = Duration::from_millis(250);
/// How soon the record of a node that has spoken tells how far it has got, so that those who
/// missed it know what to miss.
pub const RECORD_AFTER_SPEAKING: Duration = Duration::from_secs(30);
/// How often an unchanged record is sent in a small mesh; larger ones wait longer.
pub const RECORD_REFRESH: Duration = Duration::from_secs(300);
/// Nodes for which [`RECORD_REFRESH`] is meant; each as many more add another interval.
pub const RECORD_REFRESH_NODES: u32 = 64;

/// Bytes sent in answer to one summary before the asker must ask again.
pub const SYNC_ROUND_BYTES: usize = 256 * 1024;
/// Without any progress for this long, a catch-up is given up and begun anew.
pub const SYNC_PATIENCE: Duration = Duration::from_secs(10);
/// Least time between two catch-ups over one link that nobody asked for.
pub const SYNC_PAUSE: Duration = Duration::from_secs(2);
/// How long two neighbours whose tables stay apart wait before they exchange them again; each
/// time in vain doubles it.
pub const FUTILE_PAUSE: Duration = Duration::from_secs(10);
/// The longest that it gets.
pub const FUTILE_PAUSE_MOST: Duration = Duration::from_secs(600);
/// The greatest number of a run that is over for which a neighbour's word is taken when it says
/// that a message is gone.
pub const BELIEVED: u64 = HISTORY_MESSAGES as u64;
/// How long somebody else may still have what one neighbour no longer holds, before it counts
/// as gone: time enough for two heartbeats and a catch-up with everyone.
pub const GONE_GRACE: Duration = Duration::from_secs(20);

/// Changes of one person or node that are shown at once.
pub const FLAP_BURST: u32 = 4;
/// Afterwards one change in this time is shown.
pub const FLAP_PAUSE: Duration = Duration::from_secs(30);
