//! What a test asks a running daemon, and what it makes it say.

use serde_json::Value;

use crate::{Daemon, Limit, Tail, wait_for};

impl Daemon {
    /// The object of `status --json`.
    pub fn status(&self) -> Value {
        self.ctl().json(["status"]).swap_remove(0)
    }

    /// The lines of `peers list --json`.
    pub fn peers(&self) -> Vec<Value> {
        self.ctl().json(["peers", "list"])
    }

    /// The line of `nodes --json` about the node of this name.
    pub fn node(&self, name: &str) -> Option<Value> {
        self.ctl().json(["nodes"]).into_iter().find(|node| node["name"] == name)
    }

    /// The state of the only person at the node of this name, as `who --json` tells it.
    pub fn person_at(&self, node: &str) -> Option<String> {
        let people = self.ctl().json(["who"]);
        let person = people.iter().find(|person| person["node_name"] == node)?;
        Some(person["state"].as_str()?.to_owned())
    }

    /// How often something was dropped for this reason, as `status` tells it.
    pub fn drops(&self, reason: &str) -> u64 {
        let status = self.status();
        let drops = status["drops"].as_array().unwrap();
        let found = drops.iter().find(|drop| drop["reason"] == reason);
        found.map_or(0, |drop| drop["count"].as_u64().unwrap())
    }

    /// Waits until exactly so many links are live.
    pub fn wait_links(&self, links: u64) {
        wait_for(&format!("{links} links of {}", self.name()), Limit::default(), || {
            self.status()["links"] == links
        });
    }

    /// Waits until exactly so many nodes can be reached, this one included.
    pub fn wait_reachable(&self, nodes: u64, limit: Limit) {
        wait_for(&format!("{nodes} nodes in reach of {}", self.name()), limit, || {
            self.status()["nodes_reachable"] == nodes
        });
    }

    /// Says something in the lobby.
    pub fn say(&self, text: &str) {
        self.ctl().ok(["send", "--", text]);
    }

    /// Follows everything from the beginning of history, and is past it when this returns.
    pub fn follow(&self) -> Tail {
        let tail = self.ctl().tail(["tail", "-f", "-n", "all"]);
        tail.wait_for("the end of history", Limit::default(), |line| line["event"] == "caught_up");
        tail
    }
}

impl Tail {
    /// Waits until a message with this text is shown.
    pub fn wait_text(&self, text: &str) -> Value {
        self.wait_for(text, Limit::default(), |line| line["text"] == text)
    }

    /// Waits until each of these texts is shown.
    pub fn wait_texts<S: AsRef<str>>(&self, texts: &[S]) {
        for text in texts {
            self.wait_text(text.as_ref());
        }
    }

    /// Panics unless each of these texts was shown exactly once.
    pub fn assert_once<S: AsRef<str>>(&self, texts: &[S]) {
        for text in texts.iter().map(AsRef::as_ref) {
            let count = self.count(|line| line["text"] == text);
            assert!(count == 1, "{text} was shown {count} times: {:#?}", self.lines());
        }
    }

    /// Waits until the node of this name is said to be in this state.
    pub fn wait_node(&self, name: &str, state: &str, limit: Limit) {
        self.wait_for(&format!("{name} {state}"), limit, |line| {
            line["event"] == "node" && line["name"] == name && line["state"] == state
        });
    }

    /// Waits until somebody at the node of this name is said to be in this state.
    pub fn wait_person(&self, node: &str, state: &str, limit: Limit) {
        self.wait_for(&format!("somebody at {node} {state}"), limit, |line| {
            line["event"] == "person" && line["node_name"] == node && line["state"] == state
        });
    }
}
