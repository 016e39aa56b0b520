//! The bounds of everything that comes from outside, checked before memory is spent on it.

/// Longest peer frame in bytes, header included and length prefix not.
pub const FRAME_BYTES: usize = 64 * 1024;
/// Longest control frame in bytes, length prefix not included.
///
/// Replies that could grow past it (people, nodes) are bounded by the caps of the tables that
/// they list, or sent in pages.
pub const CONTROL_FRAME_BYTES: usize = 1024 * 1024;
/// Longest control frame that a client may send, in bytes.
pub const CONTROL_REQUEST_BYTES: usize = 64 * 1024;
/// How often a frame may be passed on. The widest mesh that a flood alone crosses; catch-up
/// carries messages further.
pub const HOPS: u8 = 64;
/// Longest name of a person or node, in characters.
pub const NAME_CHARS: usize = 32;
/// Longest room name in characters, the `#` included.
pub const ROOM_CHARS: usize = 64;
/// Longest text of one message in bytes.
pub const TEXT_BYTES: usize = 4096;
/// Longest signed message body in bytes: a full text, the longest names, and room to grow.
pub const BODY_BYTES: usize = 6 * 1024;
/// Longest sealed content of a message in bytes: a full text, names and padding.
pub const LOCK_BYTES: usize = TEXT_BYTES + 512;
/// Longest word for the door that somebody came in by, in bytes.
pub const VIA_BYTES: usize = 16;
/// Most doors that one gateway announces.
pub const DOORS: usize = 16;
/// Most addresses of one door.
pub const DOOR_ADDRESSES: usize = 8;
/// Longest address of a door, and longest reason of a drop, in bytes.
pub const DOOR_TEXT: usize = 128;
/// Most messages that a gateway injects at once.
pub const RELAY_FRAMES: usize = 64;
/// Most messages of history that a gateway gets when it begins to carry messages on.
pub const RELAY_RECENT: usize = 512;
/// Longest key of a person who comes through a gateway, in bytes.
pub const GUEST_KEY: usize = 64;
/// Most sealed keys in a message: one for the recipient, one for the author.
pub const SEALED_KEYS: usize = 2;
/// Longest sealed key in bytes.
pub const SEALED_KEY_BYTES: usize = 96;
/// Most direct messages that one receipt names, for each thing that it says.
pub const RECEIPTS: usize = 64;
/// Most members of a private room.
pub const ROOM_MEMBERS: usize = 200;
/// Most of them on one node.
pub const ROOM_MEMBERS_ON_NODE: usize = 24;
/// Members named in one message; longer lists take several.
pub const ROOM_MEMBERS_PART: usize = 20;
/// Longest name of a private room in characters, its `#~` not included.
pub const PRIVATE_ROOM_CHARS: usize = 48;
/// Most messages proven by one signature.
pub const BATCH_MESSAGES: usize = 64;
/// Most body bytes in one batch, so that its frame stays below [`FRAME_BYTES`].
pub const BATCH_BYTES: usize = 48 * 1024;
/// Most earlier messages that a message names as seen.
pub const SEEN_REFS: usize = 4;
/// Most neighbours in a node record, and most links of a node.
pub const NEIGHBOURS: usize = 64;
/// Most addresses at which a node says that it can be dialled.
pub const ADDRESSES: usize = 8;
/// Most people in a node record.
pub const PEOPLE: usize = 64;
/// Most rooms that one person is in.
pub const ROOMS_PER_PERSON: usize = 16;
/// Deepest nesting of MessagePack values that a decoder follows.
pub const DEPTH: usize = 16;
/// Most ranges of one origin in a summary, after which the oldest gaps are given up.
pub const RANGES: usize = 64;
/// Most node names listed by one echo on its way.
pub const ECHO_PATH: usize = HOPS as usize;
/// Most origins that a node tells numbers of when it says what it has taken in.
pub const HOLDINGS: usize = 32;
/// Most ranges of one of them.
pub const HOLDING_RANGES: usize = 4;
/// Longest name of a durable cursor, in bytes.
pub const CURSOR_NAME: usize = 64;
/// Most characters of free text in a reason, a hint or an away message.
pub const NOTE_CHARS: usize = 200;
