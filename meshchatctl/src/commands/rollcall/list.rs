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
                (true, _) => newcomer.expected = false,
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
                if row.state != State::Answered {
                    row.state = state_of(person, row.held);
                    row.cut = (row.cut || state == State::Unreachable) && !row.held;
                    // Whoever comes is counted on, whoever leaves is still missed.
                    row.expected |= expected;
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
                });
            }
        }
    }

    /// Notes what somebody said; their row when it is their first word. Any word will do, whoever
    /// says it and through which door, when it was said after the question.
    pub(super) fn answer(&mut self, message: &Message, after_ms: u64) -> Option<&Row> {
        let own = (&self.me.0, &self.me.1) == (&message.author, &message.node);
        let cut = self.find(&message.author, message.node).is_none_or(|row| row.cut);
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
pub(super) mod tests {
    use meshchat_client::proto::control::HolderInfo;
    use meshchat_client::proto::message::MessageKind;
    use meshchat_client::proto::name::RoomName;

    use super::*;

    pub(in super::super) fn person(name: &str, n: u8, state: PersonStatus) -> PersonInfo {
        PersonInfo {
            name: name.parse().unwrap(),
            node: NodeId([n; 32]),
            node_name: format!("pi-{n}").parse().unwrap(),
            state,
            since_ms: 0,
            rooms: Vec::new(),
            note: String::new(),
            me: name == "me",
            gateway: false,
            verified: false,
            muted: false,
        }
    }

    pub(in super::super) fn said(name: &str, n: u8, text: &str) -> Message {
        Message {
            cursor: 1,
            id: MessageId([n + 100; 32]),
            room: RoomName::lobby(),
            author: name.parse().unwrap(),
            node: NodeId([n; 32]),
            node_name: format!("pi-{n}").parse().unwrap(),
            boot: 1,
            seq: 1,
            kind: MessageKind::Text,
            text: text.parse().unwrap(),
            wall_ms: 0,
            age_ms: 0,
            late: false,
            caught_up: false,
            own: false,
            via: None,
        }
    }

    pub(in super::super) fn called(people: &[PersonInfo], present: bool) -> List {
        List::new(("me".parse().unwrap(), NodeId([1; 32])), people, present)
    }

    fn held(nodes: &[(u8, DeliveryState)]) -> DeliveryInfo {
        let holder = |(n, state): &(u8, DeliveryState)| HolderInfo {
            node: NodeId([*n; 32]),
            name: format!("pi-{n}").parse().unwrap(),
            state: *state,
            holds: state.holds(),
            since_ms: None,
            via: None,
        };
        DeliveryInfo {
            id: MessageId([1; 32]),
            room: RoomName::lobby(),
            author: "me".parse().unwrap(),
            node: NodeId([1; 32]),
            node_name: "pi-1".parse().unwrap(),
            age_ms: 0,
            reached: 0,
            known: 0,
            nodes: nodes.iter().map(holder).collect(),
        }
    }

    fn states(list: &List) -> Vec<State> {
        list.rows().iter().map(|row| row.state).collect()
    }

    #[test]
    fn it_is_known_how_far_the_question_came() {
        let people = [
            person("me", 1, PersonStatus::Online),
            person("ann", 2, PersonStatus::Online),
            person("bob", 3, PersonStatus::Online),
            person("cid", 3, PersonStatus::Away),
            person("dan", 4, PersonStatus::Unreachable),
            person("eve", 2, PersonStatus::Offline),
        ];
        let mut list = called(&people, false);
        list.look(&people, &held(&[(2, DeliveryState::Waiting), (3, DeliveryState::Told)]));
        let wanted =
            [State::Undelivered, State::Silent, State::Away, State::Unreachable, State::Offline];
        assert_eq!(states(&list), wanted);
        assert_eq!((list.expected(), list.answered()), (5, 0));
        assert_eq!(called(&people, true).expected(), 4);
    }

    #[test]
    fn any_word_after_the_question_counts_once() {
        let people =
            [person("me", 1, PersonStatus::Online), person("ann", 2, PersonStatus::Online)];
        let mut list = called(&people, false);
        list.asked(&MessageId([101; 32]));
        assert!(list.answer(&said("me", 1, "roll call"), 0).is_none());
        assert!(list.answer(&said("me", 1, "hello?"), 5).is_none(), "who asks does not answer");
        let old = Message { caught_up: true, age_ms: 9_000, ..said("ann", 2, "before") };
        assert!(list.answer(&old, 100).is_none(), "said before the question");
        assert!(!list.is_complete());
        assert_eq!(list.answer(&said("ann", 2, "ja"), 700).unwrap().after_ms, Some(700));
        assert!(list.answer(&said("ann", 2, "here"), 900).is_none());
        assert!(list.is_complete());
        assert!(list.answer(&said("zoe", 7, "me too"), 950).is_some(), "nobody knew of her");
        assert_eq!((list.answered(), list.expected()), (2, 2));
        list.look(&[person("ann", 2, PersonStatus::Offline)], &held(&[]));
        assert_eq!(list.answered(), 2, "whoever answered and left has answered");
    }

    #[test]
    fn words_from_before_the_question_are_no_answer() {
        let people = [
            person("me", 1, PersonStatus::Online),
            person("ann", 2, PersonStatus::Online),
            person("dan", 4, PersonStatus::Unreachable),
        ];
        let mut list = called(&people, false);
        let kept = Message { age_ms: 86_400_000, ..said("ann", 2, "yesterday") };
        assert!(list.answer(&kept, 100).is_none(), "kept on disk, so not caught up with");
        let caught_up = |name, n| Message { caught_up: true, ..said(name, n, "yesterday") };
        assert!(list.answer(&caught_up("dan", 4), 100).is_none(), "from behind a cut link");
        assert!(list.answer(&caught_up("zoe", 7), 100).is_none(), "from a node that was unknown");
        assert!(list.answer(&caught_up("ann", 2), 100).is_some(), "her node was there all along");
        let people = people.map(|person| PersonInfo { state: PersonStatus::Online, ..person });
        list.look(&people, &held(&[(4, DeliveryState::Told)]));
        list.look(&people, &held(&[]));
        assert_eq!(states(&list), [State::Answered, State::Silent], "what was told stays told");
        assert!(list.answer(&caught_up("dan", 4), 200).is_some(), "his node had the question");
    }

    #[test]
    fn whoever_takes_another_name_is_counted_on_once() {
        let with =
            |name| [person("me", 1, PersonStatus::Online), person(name, 2, PersonStatus::Online)];
        let there = held(&[(2, DeliveryState::Told)]);
        let mut list = called(&with("ann"), false);
        list.look(&with("annie"), &there);
        assert_eq!((states(&list), list.expected()), (vec![State::Offline, State::Silent], 1));
        list.answer(&said("annie", 2, "here"), 500);
        assert!(list.is_complete());
        let mut list = called(&with("ann"), false);
        list.answer(&said("annie", 2, "here"), 500);
        list.look(&with("annie"), &there);
        assert!(list.is_complete(), "the answer came before the look");
        let mut list = called(&with("ann"), false);
        list.answer(&said("ann", 2, "here"), 500);
        list.look(&with("annie"), &there);
        assert!(list.is_complete(), "the new name came after the answer");
    }

    #[test]
    fn whoever_leaves_is_missed_and_a_node_that_is_out_of_reach_hides_nobody() {
        let me = person("me", 1, PersonStatus::Online);
        let mut list = called(&[me.clone(), person("ann", 2, PersonStatus::Online)], false);
        list.look(std::slice::from_ref(&me), &held(&[(2, DeliveryState::Unreachable)]));
        assert_eq!(states(&list), [State::Undelivered]);
        list.look(&[me], &held(&[(2, DeliveryState::Told)]));
        assert_eq!((states(&list), list.expected()), (vec![State::Offline], 1));
    }
}
