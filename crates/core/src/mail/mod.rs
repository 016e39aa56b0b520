//! Direct messages: sealed to one node, flooded and kept like all others, shown to one person.
//!
//! What a relay carries says who sent it from which node to which node, and no more. The node of
//! the recipient opens it, tells the sender by a sealed receipt, and gives it to the streams of
//! that person. The sender's outbox sends it again, as a new message with the same content, for
//! as long as no receipt has come.

mod letters;
mod outbox;
mod receipts;
mod send;
mod show;
mod take;

use alloc::vec::Vec;

use meshchat_proto::control::DirectState;
use meshchat_proto::id::LetterId;

pub use letters::SavedLetter;
pub(crate) use letters::{Index, Letters, Of, Opened};
pub(crate) use outbox::Outbox;
pub use outbox::SavedParcel;
pub(crate) use receipts::Receipts;
pub(crate) use show::Shown;
pub(crate) use take::unlock;

use crate::env::Env;
use crate::io::Output;
use crate::limits;
use crate::node::Node;
use crate::time::{Mono, Now};

/// What outlives a restart of direct messages.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SavedMail {
    /// What is on its way, and what became of what was.
    #[serde(default)]
    pub outbox: Vec<SavedParcel>,
    /// What was seen, and who may read it.
    #[serde(default)]
    pub letters: Vec<SavedLetter>,
}

/// All that a node knows of direct messages, and of whatever else it has opened.
#[derive(Debug, Default)]
pub(crate) struct Mail {
    pub(crate) outbox: Outbox,
    pub(crate) letters: Letters,
    pub(crate) index: Index,
    pub(crate) receipts: Receipts,
    /// Something is to be written.
    changed: bool,
    written: Option<Mono>,
}

impl Mail {
    /// Forgets all of it, as the network is another.
    pub(crate) fn forget(&mut self) {
        *self = Self { changed: true, written: self.written, ..Self::default() };
    }

    /// The soonest moment at which something is to be done.
    pub(crate) fn due(&self) -> Option<Mono> {
        let soonest = [self.outbox.due(), self.receipts.due(), self.write_due()];
        soonest.into_iter().flatten().min()
    }

    /// When the state is to be written, to spare SD cards not at once; while something is on its
    /// way, its age is written from time to time.
    fn write_due(&self) -> Option<Mono> {
        let after = |pause| self.written.map_or(Mono::ZERO, |written| written + pause);
        if self.changed {
            return Some(after(limits::MAIL_PAUSE));
        }
        self.outbox.is_busy().then(|| after(limits::MAIL_AGES))
    }
}

impl<E: Env> Node<E> {
    /// Takes over what was saved. Call it once, before anything is handled.
    pub fn load_mail(&mut self, now: Now, saved: SavedMail) {
        self.mail.outbox = Outbox::load(now.mono, saved.outbox);
        self.mail.letters = Letters::load(saved.letters);
        self.mail_forgets_strangers();
        self.mail.written = Some(now.mono);
    }

    /// Does what is due about direct messages. Called before the node rests.
    pub(crate) fn tick_mail(&mut self, now: Now) {
        for id in self.mail.outbox.ready(now.mono) {
            self.tick_parcel(now, id);
        }
        self.send_receipts(now);
        if self.mail.write_due().is_some_and(|due| due <= now.mono) {
            self.save_mail(now);
        }
    }

    /// Gives up what is for nodes that do not belong to the network any more.
    pub(crate) fn mail_forgets_strangers(&mut self) {
        let Self { mail, roster, .. } = self;
        mail.receipts.retain(|node| roster.admits(node));
        let parcels = mail.outbox.in_order().into_iter();
        let gone = parcels.filter(|(_, parcel)| !roster.admits(&parcel.to_node));
        for id in gone.map(|(id, _)| id).collect::<Vec<_>>() {
            self.letter_came_to(id, DirectState::Expired);
        }
    }

    /// Writes what is not written yet, at the end.
    pub(crate) fn close_mail(&mut self, now: Now) {
        if self.mail.changed || self.mail.outbox.is_busy() {
            self.save_mail(now);
        }
    }

    fn save_mail(&mut self, now: Now) {
        (self.mail.changed, self.mail.written) = (false, Some(now.mono));
        let outbox = self.mail.outbox.save(now.mono);
        let letters = self.mail.letters.save();
        self.out.push_back(Output::SaveMail(SavedMail { outbox, letters }));
    }

    /// Sixteen random bytes that name a letter or a room.
    pub(crate) fn random_id(&mut self) -> [u8; 16] {
        let mut bytes = [0; 16];
        let (high, low) = bytes.split_at_mut(8);
        high.copy_from_slice(&self.env.random().to_be_bytes());
        low.copy_from_slice(&self.env.random().to_be_bytes());
        bytes
    }

    fn letter_id(&mut self) -> LetterId {
        LetterId(self.random_id())
    }
}
