//! What happens in the mesh.

use meshchat_client::TailItem;
use meshchat_client::proto::control::{
    DirectChange, DirectState, Event, Gone, Missed, MissedWhy, NodeState, PartitionChange,
    PartitionState,
};

use super::super::heard::Heard;
use super::super::nicks::Who;
use super::Session;

impl Session {
    /// One item of the client's stream.
    pub(in super::super) fn item(&mut self, item: TailItem) {
        match item {
            TailItem::Event(event) => self.event(event),
            TailItem::Lost(why) => {
                let words = "what you say meanwhile waits for a moment, then it is refused";
                self.announce(&format!("this node is away ({why}); {words}"));
            }
            TailItem::Back { restarted } => {
                let what = if restarted { "was restarted and is back" } else { "is back" };
                self.announce(&format!("this node {what}"));
                self.stale = true;
            }
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Message(message) => self.hear(Heard::Room(message)),
            Event::Direct(message) => self.hear(Heard::Direct(message)),
            Event::DirectState(change) => self.direct_changed(&change),
            Event::Person(change) => self.person_changed(change),
            Event::Node(change) => {
                let now = match change.state {
                    NodeState::Reachable => "can be reached",
                    NodeState::Unreachable => "cannot be reached now",
                    NodeState::Left => "was shut down",
                    NodeState::Here | NodeState::Unknown => return,
                };
                self.notice(&format!("node {} {now}", change.name));
            }
            Event::Partition(change) => self.announce(&partition(&change)),
            Event::Key(change) => {
                let name = &change.name;
                self.announce(&format!(
                    "node {name} has another key than before: it was set up anew, or somebody \
                     else calls itself so; compare: meshchatctl verify {name}"
                ));
            }
            Event::KeyShared(shared) => {
                let words = "two machines use the key of node";
                self.notice(&format!("{words} {}, as after copying a card", shared.node_name));
            }
            Event::Missed(missed) => self.missed(&missed),
            Event::Gone(gone) => self.announce(&gone_words(&gone)),
            Event::CaughtUp { .. } | Event::Peers(_) | Event::Relayed(_) | Event::Log(_) => {}
        }
    }

    fn missed(&mut self, missed: &Missed) {
        self.stale |= missed.changes > 0;
        if missed.messages > 0 {
            let why = match missed.why {
                MissedWhy::Slow => "this connection was too slow for them",
                MissedWhy::History => "history no longer holds them",
                MissedWhy::Restart => "the node was restarted and kept them in memory only",
                MissedWhy::Unknown => "they are lost",
            };
            self.announce(&format!("{} are missing here: {why}", messages(missed.messages)));
        }
    }

    fn direct_changed(&mut self, change: &DirectChange) {
        let why = match change.state {
            DirectState::Expired => "did not get there within seven days and is not tried again",
            DirectState::Refused => {
                "was refused: nobody of that name is there, or they do not want it"
            }
            DirectState::Queued
            | DirectState::Delivered
            | DirectState::Read
            | DirectState::Unknown => return,
        };
        let who = Who { node: change.to_node, name: change.to.clone() };
        let nick = self.shown_nick(&who);
        self.notice(&format!(
            "your message to {nick} ({}@{}) {why}",
            change.to, change.to_node_name
        ));
    }
}

fn gone_words(gone: &Gone) -> String {
    let what = format!("{} from {}", messages(gone.count), gone.node_name);
    if gone.refused {
        format!("{what} were refused: their author speaks faster than is allowed")
    } else if gone.before_start {
        format!("{what}, sent before this node came, are gone")
    } else {
        format!("{what} are gone: nobody who can be reached holds them")
    }
}

fn partition(change: &PartitionChange) -> String {
    let with = format!("you are with {} of {} nodes", change.reachable, change.known);
    let names: Vec<&str> = change.missing.iter().map(|name| name.as_str()).take(NAMES).collect();
    let more = change.missing.len().saturating_sub(NAMES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    match change.state {
        PartitionState::Split => {
            format!("the mesh is split: {with}; out of reach: {}{more}", names.join(", "))
        }
        PartitionState::Isolated => format!("this node is cut off: {with}"),
        PartitionState::Merged => format!(
            "the mesh is together again: {with}; {} came from the other side, {} went there",
            messages(change.theirs),
            messages(change.ours)
        ),
        PartitionState::Unknown => with,
    }
}

fn messages(count: u64) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{count} messages") }
}

/// Nodes that are named at once.
const NAMES: usize = 8;
