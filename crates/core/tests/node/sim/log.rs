//! What was said and what was shown, judged as it happens.

use std::collections::{BTreeMap, BTreeSet};

use meshchat_proto::control::Message;
use meshchat_proto::id::{MessageId, NodeId};

use super::stub::hash;

/// A text that some client asked its node to send.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) host: usize,
    pub(crate) run: u32,
    pub(crate) node: NodeId,
    pub(crate) author: String,
    pub(crate) room: &'static str,
    pub(crate) text: String,
    pub(crate) accepted: Option<MessageId>,
    /// Its number, once accepted.
    pub(crate) seq: u64,
    /// The run of the sender's node, as that node counts.
    pub(crate) boot: u64,
    /// Hosts that had it when they went down.
    pub(crate) had: BTreeSet<usize>,
}

/// What one client was shown in one run of its node.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub(crate) shown: BTreeMap<MessageId, usize>,
    /// Newest text shown of each run of a sender, as numbered by the world.
    newest: BTreeMap<(usize, u32, u64), usize>,
    pub(crate) gone: BTreeMap<NodeId, u64>,
    pub(crate) missed: u64,
    cursor: u64,
}

/// Who was shown something: host, run, client.
pub(crate) type Viewer = (usize, u32, usize);

#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) said: Vec<Said>,
    pub(crate) views: BTreeMap<Viewer, View>,
    /// One number for all that was shown, and in which order.
    pub(crate) digest: u64,
    pub(crate) nodes: BTreeSet<NodeId>,
    /// A host that all others have removed, and the number of the first text that it said since.
    pub(crate) barred: Option<(usize, usize)>,
    pub(crate) trace: bool,
    /// People of one node wait for their turn, each by themselves: the node's numbers tell in
    /// which order they spoke.
    pub(crate) paced: bool,
    /// A message may be late behind a sealed one, which shows to few.
    pub(crate) sealing: bool,
    /// Messages shown, and how many of them late.
    pub(crate) count: [u64; 2],
}

impl Log {
    pub(crate) fn view(&mut self, viewer: Viewer) -> &mut View {
        self.views.entry(viewer).or_default()
    }

    /// The next text, which nobody has said before.
    pub(crate) fn text(&self, bytes: usize) -> String {
        let mut text = format!("m{} ", self.said.len());
        text.extend(std::iter::repeat_n('x', bytes));
        text
    }

    pub(crate) fn accepted(&mut self, text: usize, (id, boot, seq): (MessageId, u64, u64)) {
        let said = &mut self.said[text];
        assert!(said.accepted.is_none(), "{:?} was accepted twice", head(&said.text));
        (said.accepted, said.boot, said.seq) = (Some(id), boot, seq);
    }

    pub(crate) fn show(&mut self, viewer: Viewer, message: &Message) {
        let text = message.text.as_str();
        let index = text.strip_prefix('m').and_then(|rest| rest.split(' ').next()?.parse().ok());
        let index: usize = index.unwrap_or(usize::MAX);
        let Some(said) = self.said.get(index) else {
            panic!("{viewer:?} was shown {:?}, which nobody said", head(text));
        };
        assert_eq!(said.text, text, "{viewer:?}: a text was altered");
        if let Some((host, first)) = self.barred {
            let heard = said.host == host && index >= first && viewer.0 != host;
            assert!(!heard, "{viewer:?} was shown {:?} of a removed node", head(text));
        }
        let (author, room) = (message.author.as_str(), message.room.as_str());
        let told = (message.node, author, room);
        assert_eq!(told, (said.node, &*said.author, said.room), "{viewer:?}: author altered");
        // None when the sender died before it could tell.
        let id = said.accepted.unwrap_or(message.id);
        assert_eq!(id, message.id, "{viewer:?}: {:?} has two ids", head(text));
        let sender = (said.host, said.run, message.boot);
        let fact = (viewer, index, message.boot, message.seq, message.late);
        if self.trace {
            println!("    shown {fact:?}");
        }
        self.count[0] += 1;
        self.count[1] += u64::from(message.late);
        self.digest = hash(format!("{}{fact:?}", self.digest).as_bytes());
        let place = if self.paced { message.seq as usize } else { index };
        let lenient = self.sealing || viewer.2 > 0;
        self.view(viewer).take((viewer, lenient), (index, place), sender, message);
    }
}

impl View {
    fn take(
        &mut self,
        (viewer, lenient): (Viewer, bool),
        (index, place): (usize, usize),
        sender: (usize, u32, u64),
        message: &Message,
    ) {
        let text = head(message.text.as_str());
        let before = self.shown.insert(message.id, index);
        assert!(before.is_none(), "{viewer:?} was shown {text:?} twice");
        assert!(message.cursor > self.cursor, "{viewer:?}: the cursor of {text:?} is not new");
        self.cursor = message.cursor;
        let newest = self.newest.entry(sender).or_insert(place);
        if message.late {
            // Whoever reads one room only may not have seen what it is late behind.
            assert!(place < *newest || lenient, "{viewer:?}: {text:?} is marked late and is not");
        } else {
            assert!(place >= *newest, "{viewer:?}: {text:?} is late and not marked so");
            *newest = place;
        }
    }

    pub(crate) fn cursor(&self) -> u64 {
        self.cursor
    }
}

fn head(text: &str) -> &str {
    text.get(..12).unwrap_or(text)
}
