//! Questions to the node that have no answer yet.

use std::collections::BTreeMap;

use meshchat_client::proto::control::Request;
use meshchat_client::proto::id::{MessageId, NodeId};
use meshchat_client::proto::name::PersonName;

use super::place::Place;
use super::refresh::Topic;
use crate::chat::seam::{AskId, Effect};

/// Commands that wait for their answer; more are refused.
pub(crate) const COMMANDS: usize = 32;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Asks {
    last: u64,
    open: BTreeMap<AskId, Purpose>,
}

/// What an answer is for.
#[derive(Debug)]
pub(crate) enum Purpose {
    /// Words of the outbox.
    Send(u64),
    Refresh(Topic),
    Members,
    /// How far one's own direct messages are.
    Letters,
    RoundTrip(NodeId),
    Delivery(MessageId),
    /// The name of the first start.
    Name(PersonName),
    /// What was typed there.
    Command(Place, Wish),
}

/// What a command is to bring.
#[derive(Debug)]
pub(crate) enum Wish {
    /// The room is open when it is entered.
    Join(Place),
    Left(Place),
    Nick(PersonName),
    Away(Option<String>),
    /// These words when it is done.
    Done(String),
    /// What the reply says.
    Show,
}

impl Asks {
    pub(crate) fn next(&mut self) -> AskId {
        self.last += 1;
        AskId(self.last)
    }

    pub(crate) fn ask(&mut self, purpose: Purpose, request: Request) -> Effect {
        let id = self.next();
        self.open.insert(id, purpose);
        Effect::Ask(id, request)
    }

    /// The same under a name that [`Self::next`] gave.
    pub(crate) fn asked(&mut self, id: AskId, purpose: Purpose, request: Request) -> Effect {
        self.open.insert(id, purpose);
        Effect::Ask(id, request)
    }

    pub(crate) fn take(&mut self, id: AskId) -> Option<Purpose> {
        self.open.remove(&id)
    }

    /// Whether a room is being entered.
    pub(crate) fn is_joining(&self, place: &Place) -> bool {
        let joins =
            |one: &Purpose| matches!(one, Purpose::Command(_, Wish::Join(to)) if to == place);
        self.open.values().any(joins)
    }

    pub(crate) fn is_full(&self) -> bool {
        let commands = self.open.values().filter(|one| matches!(one, Purpose::Command(..)));
        commands.count() >= COMMANDS
    }
}
