//! The bounds of everything that the node remembers. What crosses a wire is bounded in
//! [`meshchat_proto::limits`].

use core::time::Duration;

/// Most links, those that still greet included.
pub const LINKS: usize = 64;
/// Links of others that still greet; the oldest makes room, so that strangers who say nothing
/// keep nobody out.
pub const GREETINGS: usize = LINKS / 2;
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
/// A node may speak as fast as so many authors, however many names it has.
pub const RATE_AUTHORS_PER_NODE: u32 = 8;
/// So much may come at once beyond an author's burst, because a link was slow.
pub const RATE_SLACK: Duration = Duration::from_secs(5);
/// Nodes that spoke lately, each with its buckets; further ones share one.
pub const RATE_NODES: usize = 1024;
/// Authors that spoke lately; further ones are bounded by their node.
pub const RATE_AUTHORS: usize = 4096;
/// Names of local people whose pace is known; further ones are bounded by the node.
pub const PACED: usize = 256;
/// Messages of one local person that wait for their turn; further ones are refused.
pub const WAITING_PER_PERSON: usize = 256;
/// Messages of all local people that wait for their turn; further ones are refused.
pub const WAITING: usize = 1024;
/// Nodes whose refused messages are yet to be told of; those of further ones are only counted.
pub const REFUSALS: usize = 256;
/// How long refused messages are counted before that is told.
pub const REFUSALS_SETTLE: Duration = Duration::from_secs(1);
/// Least time until it is told again.
pub const REFUSALS_PAUSE: Duration = Duration::from_secs(10);
/// A sequence number further ahead than this is refused: nobody sends so much.
pub const SEQ_JUMP: u64 = 1 << 32;
/// Rooms remembered; the one without local people that was quiet longest makes room.
pub const ROOMS: usize = 1024;
/// Local people; the one who has been offline longest makes room.
pub const PEOPLE: usize = meshchat_proto::limits::PEOPLE;
/// Guests of gateways among them: the other places are for users of this machine.
pub const GUESTS: usize = PEOPLE / 4 * 3;
/// Local clients.
pub const SESSIONS: usize = 512;
/// Gateways that tell of their doors.
pub const GATEWAYS: usize = 16;
/// Reasons of drops that one door tells of.
pub const DOOR_DROPS: usize = 32;
/// Streams of gateways that carry messages on.
pub const RELAYS: usize = 16;
/// Frames of one gateway in a second that are not to be believed; further ones wait for the next.
/// To find that out takes as long as to take one in.
pub const RELAY_FORGED: u32 = 128;
/// Codes for doors that were not used yet.
pub const DOOR_CODES: usize = 16;
/// How long a code for doors works.
pub const DOOR_CODE_AGE: Duration = Duration::from_secs(600);
/// Wrong codes that may be tried in a minute.
pub const DOOR_GUESSES: usize = 600;
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

/// Batches of messages of which it is remembered how they came.
pub const ARRIVALS: usize = 1024;
/// Further copies of each that are remembered.
pub const ARRIVAL_COPIES: usize = 8;
/// Links of which it is remembered who was there.
pub const ARRIVAL_LINKS: usize = 256;
/// Origins of which is remembered what one other node holds.
pub const HOLDING_ORIGINS: usize = 64;
/// The same for all nodes together; the one told of longest ago makes room.
pub const HOLDING_ROWS: usize = 16_384;
/// How often a node got further with an origin, as far as it is remembered when.
pub const HOLDING_STEPS: usize = 8;
/// Own fingerprints that are remembered, to know the messages of who has the same.
pub const PAST_FINGERPRINTS: usize = 64;
/// Clients that wait for a message to be delivered.
pub const AWAITS: usize = 128;
/// Ways of messages that are being asked for.
pub const TRAILS: usize = 16;
/// Messages of this node that are known by their id although history is off.
pub const SENT_IDS: usize = 1024;
/// Statements that let nodes into the network; the root key's are refused beyond it, and admins
/// may fill three quarters.
pub const STATEMENTS_ADD: usize = 1024;
/// Statements that remove nodes, likewise.
pub const STATEMENTS_REMOVE: usize = 1024;
/// Statements of either kind of one admin; those with the lowest ids stay.
pub const STATEMENTS_ISSUER: usize = 192;
/// Statements that wait for their signer to turn out an admin; the oldest makes room.
pub const STATEMENTS_WAITING: usize = 128;
/// Times in [`ROSTER_LISTS_TIME`] that one neighbour is answered what it lacks.
pub const ROSTER_LISTS: u32 = 16;
/// See [`ROSTER_LISTS`].
pub const ROSTER_LISTS_TIME: Duration = Duration::from_secs(10);
/// Statements of unknown signers that one neighbour may bring; honest ones bring the root key's
/// before those that rest on them.
pub const STATEMENTS_ODD: u32 = 256;
/// Tickets of this node, those that work no more included; the oldest of these makes room.
pub const INVITES: usize = 64;
/// How long the inviter of a ticket may take to answer.
pub const JOIN: Duration = Duration::from_secs(15);
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
/// Sealed messages that wait for their turn, beyond which no receipt joins them: strangers who
/// write much must not silence the people here. Who misses one sends the letter again.
pub const RECEIPTS_BEHIND: usize = 64;
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
/// Durable cursors of all people together; the person removes one.
pub const CURSORS: usize = 64;
/// Durable cursors of one person.
pub const CURSORS_PER_USER: usize = 16;
/// Origins that all cursors together have confirmed messages of; the largest cursor forgets the one
/// that it confirmed longest ago, whose messages may be shown again after a restart.
pub const CURSOR_ORIGINS: usize = 4096;
/// Ranges of numbers of one origin that one cursor has confirmed; the lowest is forgotten.
pub const CURSOR_RANGES: usize = 8;
/// Numbers of messages that are reserved at once.
pub const CURSOR_BLOCK: u64 = 4096;
/// Stretches of numbers remembered that no message has; the lowest is forgotten.
pub const CURSOR_JUMPS: usize = 64;
/// Least time between two savings of cursors.
pub const CURSOR_PAUSE: Duration = Duration::from_secs(2);

/// Private rooms of the people of a node.
pub const PRIVATE_ROOMS: usize = 24;
/// Those that one other node looks after; its further invitations are passed over.
pub const PRIVATE_ROOMS_OWNER: usize = PRIVATE_ROOMS / 3;
/// An epoch or a version of a list that is further ahead than this is refused: no room changes so
/// often.
pub const ROOM_JUMP: u64 = 1 << 32;
/// Keys kept ready for messages that come late, when a fresh key is some invitations ahead.
pub const ROOM_KEYS_BETWEEN: u64 = 8;
/// Keys of one room that are kept, for messages that come late.
pub const ROOM_KEYS: usize = 32;
/// Invitations that may be unknown when a message comes that follows them.
pub const ROOM_KEYS_AHEAD: u64 = 64;
/// Rooms that were left and to which an old key does not lead back.
pub const ROOMS_LEFT: usize = 256;

/// Nodes whose addresses are remembered over restarts; the one heard of longest ago makes room.
pub const CONTACTS: usize = 256;
/// Names of nodes whose first holder is remembered; one met longest ago, whose holder nobody has
/// verified, makes room.
pub const CLAIMS: usize = 1024;
/// Names that one node can be the first holder of; its first one makes room.
pub const CLAIMS_PER_NODE: usize = 4;
/// Further nodes remembered that share one name, and as many that came with it later.
pub const NAMESAKES: usize = 4;
/// How long a name must be known before another key under it is an alarm. What was known in an
/// earlier run is known for long.
pub const ESTABLISHED: Duration = Duration::from_secs(3600);
/// Nodes with a pet name.
pub const ALIASES: usize = 256;
/// Nodes whose safety number was compared.
pub const VERIFIED: usize = 1024;
/// Nodes and people that are not heard, by all users together.
pub const MUTES: usize = 2048;
/// And by one of them.
pub const MUTES_PER_USER: usize = 128;
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
/// How long a peer that starts again counts as a neighbour before it is back, and its people as
/// there: no longer than a link that is silent.
pub const RESTART: Duration = DEAD;
/// Bytes of records that one run hands to the next; those that do not fit come from neighbours.
pub const HANDOVER_RECORDS: usize = 1024 * 1024;
/// How long a node of a closed network that has just started looks for others before it counts as
/// cut off.
pub const ALONE: Duration = Duration::from_secs(15);
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
/// How soon after a message came a node tells what it has taken in.
pub const HOLDINGS_SOON: Duration = Duration::from_millis(50);
/// Least time between two times that it does.
pub const HOLDINGS_PAUSE: Duration = Duration::from_secs(1);
/// In a mesh of this many nodes both take twice as long, of twice as many three times.
pub const HOLDINGS_NODES: u32 = 16;
/// What came longer ago is told in numbers no more, only as part of the fingerprint.
pub const HOLDING_AGE: Duration = Duration::from_secs(600);
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
/// The same for messages of a node that has no record here, in all.
pub const BELIEVED_FOREIGN: u64 = 1 << 20;
/// How long somebody else may still have what one neighbour no longer holds, before it counts
/// as gone: time enough for two heartbeats and a catch-up with everyone.
pub const GONE_GRACE: Duration = Duration::from_secs(20);

/// How often a run numbers itself behind another one of its key at once.
pub const REBORN_BURST: u32 = 3;
/// Least time until it does so again.
pub const REBORN_PAUSE: Duration = Duration::from_secs(6 * 3600);
/// Least time until it does so behind one that is over, and answers no more.
pub const RETURN_PAUSE: Duration = Duration::from_secs(60);
/// After so many intervals without a newer record of it another run is over.
pub const SILENT_REFRESHES: u32 = 3;
/// How soon another live holder of this node's key answers when this run is numbered anew.
pub const ANSWERED: Duration = Duration::from_secs(30);
/// How often it may have renewed its record until that is read here.
pub const ANSWER_VERSIONS: u64 = 4;
/// How long two holders of one key are remembered when nothing more is heard.
pub const DOUBLED: Duration = Duration::from_secs(24 * 3600);

/// Changes of one person or node that are shown at once.
pub const FLAP_BURST: u32 = 4;
/// Afterwards one change in this time is shown.
pub const FLAP_PAUSE: Duration = Duration::from_secs(30);
