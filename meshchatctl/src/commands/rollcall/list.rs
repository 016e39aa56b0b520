//! Who is called, and what is known of each.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use meshchat_client::proto::control::{
    DeliveryInfo, DeliveryState, Message, PersonInfo, PersonStatus,
};
use meshchat_client::proto::id::{MessageId, NodeId};
use meshchat_client::proto::name::{NodeName, PersonName};
use serde::Serialize;

/// Everybody of the room but the one who asks. As bounded as what the daemon tells of a room;
/// whoever answers and is not of it is added, up to [`MOST`].
#[derive(Debug)]
pub(super) struct List {
    rows: Vec<Row>,
    /// Who asks.
    me: (PersonName, NodeId),
    /// Do not count on who has nothing open.
    present: bool,
    question: Option<MessageId>,
}

/// One person.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    pub(super) name: PersonName,
    pub(super) node: NodeId,
    pub(super) node_name: NodeName,
    pub(super) state: State,
    /// They come through a gateway of their node.
    pub(super) gateway: bool,
    /// The roll call waits for them.
    pub(super) expected: bool,
    /// Milliseconds from the question to their first word.
    pub(super) after_ms: Option<u64>,
    /// That word; any character may be in it.
    pub(super) text: Option<String>,
    /// What they said about being away.
    pub(super) note: String,
    /// Their node went out of reach before it held the question: what comes of it by catch-up may
    /// be older than the question.
    #[serde(skip)]
    cut: bool,
    /// Their node held the question once. A daemon that was restarted knows less.
    #[serde(skip)]
    held: bool,
    /// They came after the question, maybe under another name than before.
    #[serde(skip)]
    came: bool,
    /// They are not waited for: they have answered under another name.
    #[serde(skip)]
    excused: bool,
}

/// How it stands with somebody, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// Their node cannot be reached.
    Unreachable,
    /// Their node can be reached and does not hold the question yet.
    Undelivered,
    /// Their node holds the question, and they said nothing.
    Silent,
    /// The same, and they said that they are away.
    Away,
    /// They have nothing open, or their node was shut down.
    Offline,
    /// They said something after the question.
    Answered,
}

impl List {
    pub(super) fn new(me: (PersonName, NodeId), people: &[PersonInfo], present: bool) -> Self {
        let mut this = Self { rows: Vec::new(), me, present, question: None };
        this.meet(people, &BTreeMap::new());
        this.rows.iter_mut().for_each(|row| row.came = false);
        this
    }

    /// The question is out; what is said from now on is an answer.
    pub(super) fn asked(&mut self, question: &MessageId) {
        self.question = Some(*question);
    }

    /// Notes who is there, and whose node holds the question.
    pub(super) fn look(&mut self, people: &[PersonInfo], held: &DeliveryInfo) {
        let holders = held.nodes.iter().map(|node| (node.node, node.holds)).collect();
        self.meet(people, &holders);
        let near = held.nodes.iter().filter(|node| may_be_reached(node.state));
        self.miss(people, &near.map(|node| node.node).collect());
    }

    /// Who is not there any more, though their node is, has left or has another name now.
    fn miss(&mut self, people: &[PersonInfo], near: &BTreeSet<NodeId>) {
        let there: HashSet<(&PersonName, NodeId)> =
            people.iter().map(|person| (&person.name, person.node)).collect();
        for at in 0..self.rows.len() {
            let Some(row) = self.rows.get_mut(at) else { return };
            let gone = near.contains(&row.node) && !there.contains(&(&row.name, row.node));
            if !gone || !row.expected {
                continue;
            }
            let (node, answered) = (row.node, row.state == State::Answered);
            if !answered {
                row.state = State::Offline;
            }
            let newcomer = self
                .rows
                .iter_mut()
                .find(|row| row.came && row.node == node && there.contains(&(&row.name, row.node)));
            // Each newcomer stands for one who left: they are counted on once, not twice.
            let Some(newcomer) = newcomer else { continue };
            newcomer.came = false;
            match (answered, newcomer.state) {
                (true, State::Answered) => {}
                (true, _) => (newcomer.expected, newcomer.excused) = (false, true),
                (false, _) => {
                    self.rows.get_mut(at).into_iter().for_each(|row| row.expected = false)
                }
            }
        }
    }

    fn meet(&mut self, people: &[PersonInfo], holders: &BTreeMap<NodeId, bool>) {
        for person in people.iter().filter(|person| !person.me) {
            let holds = holders.get(&person.node).copied().unwrap_or(false);
            let state = state_of(person, holds);
            let expected = !(self.present && state == State::Offline);
            if let Some(row) = self.find(&person.name, person.node) {
                row.held |= holds;
                row.cut = (row.cut || state == State::Unreachable) && !row.held;
                if row.state != State::Answered {
                    row.state = state_of(person, row.held);
                    // Whoever comes is counted on, whoever leaves is still missed.
                    row.expected |= expected && !row.excused;
                    row.note.clone_from(&person.note);
                }
            } else if self.rows.len() < MOST {
                self.rows.push(Row {
                    name: person.name.clone(),
                    node: person.node,
                    node_name: person.node_name.clone(),
                    state,
                    gateway: person.gateway,
                    expected,
                    after_ms: None,
                    text: None,
                    note: person.note.clone(),
                    cut: state == State::Unreachable && !holds,
                    held: holds,
                    came: true,
                    excused: false,
                });
            }
        }
    }

    /// Notes what somebody said; their row when it is their first word. Any word will do, whoever
    /// says it and through which door, when it was said after the question.
    pub(super) fn answer(&mut self, message: &Message, after_ms: u64) -> Option<&Row> {
        let own = (&self.me.0, &self.me.1) == (&message.author, &message.node);
        // A node of which nobody was known is one that was out of reach.
        let cut = self.rows.iter().filter(|row| row.node == message.node).all(|row| row.cut);
        let old = message.age_ms > after_ms || (message.caught_up && cut);
        if old || self.question == Some(message.id) || own {
            return None;
        }
        if self.find(&message.author, message.node).is_none() {
            if self.rows.len() >= MOST {
                return None;
            }
            self.rows.push(Row {
                name: message.author.clone(),
                node: message.node,
                node_name: message.node_name.clone(),
                state: State::Silent,
                gateway: message.via.is_some(),
                expected: true,
                after_ms: None,
                text: None,
                note: String::new(),
                cut: false,
                held: false,
                came: true,
                excused: false,
            });
        }
        let row = self.find(&message.author, message.node)?;
        if row.state == State::Answered {
            return None;
        }
        (row.state, row.expected) = (State::Answered, true);
        (row.after_ms, row.text) = (Some(after_ms), Some(message.text.as_str().to_owned()));
        Some(row)
    }

    fn find(&mut self, name: &PersonName, node: NodeId) -> Option<&mut Row> {
        self.rows.iter_mut().find(|row| row.name == *name && row.node == node)
    }

    /// Those of whom something is still to be wished first.
    pub(super) fn sort(&mut self) {
        self.rows.sort_by(|a, b| {
            let rank = |row: &Row| (row.state, row.after_ms, row.name.to_string());
            rank(a).cmp(&rank(b))
        });
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(super) fn answered(&self) -> usize {
        self.rows.iter().filter(|row| row.state == State::Answered).count()
    }

    pub(super) fn expected(&self) -> usize {
        self.rows.iter().filter(|row| row.expected).count()
    }

    /// Whether nobody is waited for any more. Where nobody is known to be, somebody may answer.
    pub(super) fn is_complete(&self) -> bool {
        self.expected() > 0
            && self.rows.iter().all(|row| !row.expected || row.state == State::Answered)
    }
}

const fn state_of(person: &PersonInfo, holds: bool) -> State {
    match (person.state, holds) {
        (PersonStatus::Unreachable, _) => State::Unreachable,
        (PersonStatus::Offline, _) => State::Offline,
        (_, false) => State::Undelivered,
        (PersonStatus::Away, true) => State::Away,
        (PersonStatus::Online | PersonStatus::Unknown, true) => State::Silent,
    }
}

/// Whether what the daemon knows of a node's people is of now.
const fn may_be_reached(state: DeliveryState) -> bool {
    match state {
        DeliveryState::Here
        | DeliveryState::Wrote
        | DeliveryState::Told
        | DeliveryState::Equal
        | DeliveryState::Waiting
        | DeliveryState::Behind
        | DeliveryState::Silent => true,
        DeliveryState::Unreachable
        | DeliveryState::Left
        | DeliveryState::Lost
        | DeliveryState::NotMember
        | DeliveryState::Unknown => false,
    }
}

/// People in the list: as many as a node knows.
const MOST: usize = 4096;

#[cfg(test)]
pub(super) mod tests;
