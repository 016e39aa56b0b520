//! One room, or what is said with one person.

use std::time::Duration;

use super::log::{KEPT, KEPT_WHILE_READ, Log};
use super::place::Place;
use crate::chat::seam::Notify;

/// See the module.
#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) place: Place,
    pub(crate) log: Log,
    /// What was read, up to this cursor; none when nothing is known of it.
    pub(crate) read: Option<u64>,
    /// `read` was not kept yet.
    pub(crate) read_changed: bool,
    pub(crate) unread: u32,
    pub(crate) mentions: u32,
    /// The first entry that was not read when the person came here.
    pub(crate) marker: Option<u64>,
    pub(crate) view: View,
    /// Entries that came while the person reads further up.
    pub(crate) below: u32,
    /// The person is in this room, as far as the node said.
    pub(crate) joined: bool,
    pub(crate) muted: bool,
    /// When to draw attention, if another way than elsewhere.
    pub(crate) notify: Option<Notify>,
    pub(crate) past: Past,
    /// Something was being written here when the person went elsewhere.
    pub(crate) draft: bool,
    /// When something happened here last.
    pub(crate) touched: Duration,
}

/// How it is with what was said in a room before the stream began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Past {
    /// It is to be asked for, not before this time.
    Wanted(Duration),
    Asked,
    Had,
}

/// What of a log is on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum View {
    #[default]
    End,
    /// The last line on the screen is of this entry; so many of its lines are hidden below.
    At { id: u64, hidden: usize },
}

impl Conversation {
    pub(crate) fn new(place: Place, read: Option<u64>, muted: bool) -> Self {
        Self {
            place,
            log: Log::default(),
            read,
            read_changed: false,
            unread: 0,
            mentions: 0,
            marker: None,
            view: View::End,
            below: 0,
            joined: false,
            muted,
            notify: None,
            past: Past::Wanted(Duration::ZERO),
            draft: false,
            touched: Duration::ZERO,
        }
    }

    /// An entry was added; the person looks at this conversation or not.
    pub(crate) fn added(&mut self) {
        if self.view == View::End {
            self.log.trim(KEPT);
        } else {
            self.below = self.below.saturating_add(1);
            self.log.trim(KEPT_WHILE_READ);
        }
    }

    /// A message that somebody else wrote came here.
    pub(crate) fn heard(&mut self, id: u64, cursor: u64, mention: bool, looked_at: bool) {
        let news = self.read.is_none_or(|read| cursor > read);
        if looked_at && self.view == View::End {
            self.saw(cursor);
            return;
        }
        if news {
            self.marker.get_or_insert(id);
            self.unread = self.unread.saturating_add(1);
            self.mentions = self.mentions.saturating_add(u32::from(mention));
        }
    }

    /// All is read up to here.
    pub(crate) fn saw(&mut self, cursor: u64) {
        if self.read.is_none_or(|read| cursor > read) {
            self.read = Some(cursor);
            self.read_changed = true;
        }
    }

    /// The person looks at its end.
    pub(crate) fn at_end(&mut self) {
        (self.view, self.below, self.unread, self.mentions) = (View::End, 0, 0, 0);
        if let Some(cursor) = self.log.newest_cursor() {
            self.saw(cursor);
        }
    }

    /// The person looks elsewhere.
    pub(crate) fn left(&mut self) {
        if self.unread == 0 {
            self.marker = None;
        }
    }

    pub(crate) fn has_news(&self) -> bool {
        self.unread > 0 && !self.muted
    }
}
