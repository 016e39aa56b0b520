//! What people are called on IRC.
//!
//! Somebody is shown by their name, with `_` for what a nick may not hold, such as spaces. Where
//! that is taken already, their node follows: `ann|barn`. Once shown, a nick stays theirs for the
//! session, unless its client itself takes the name; so what is said to a nick that was shown
//! reaches whom it was shown for.

use std::collections::BTreeMap;

use meshchat_client::proto::id::NodeId;
use meshchat_client::proto::name::PersonName;

/// Somebody.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Who {
    /// Their node.
    pub(super) node: NodeId,
    /// Their name there.
    pub(super) name: PersonName,
}

/// The nicks that were shown to one client.
#[derive(Debug, Default)]
pub(super) struct Nicks {
    by_nick: BTreeMap<String, Who>,
    by_who: BTreeMap<Who, String>,
}

impl Nicks {
    /// The nick of somebody, which they get now if they have none.
    pub(super) fn of(&mut self, who: &Who, node_name: &str) -> String {
        if let Some(nick) = self.by_who.get(who) {
            return nick.clone();
        }
        let plain = nick(who.name.as_str());
        let mut free = clip(&plain, NAME_BYTES).to_owned();
        if self.is_taken(&free) {
            free = format!("{free}|{}", clip(&tail(node_name), NODE_BYTES));
        }
        let mut number = 2;
        let qualified = free.clone();
        while self.is_taken(&free) {
            free = format!("{qualified}|{number}");
            number += 1;
        }
        self.by_nick.insert(fold(&free), who.clone());
        self.by_who.insert(who.clone(), free.clone());
        free
    }

    /// The nick that somebody was shown by.
    pub(super) fn known(&self, who: &Who) -> Option<&str> {
        self.by_who.get(who).map(String::as_str)
    }

    /// Who is called so.
    pub(super) fn who(&self, nick: &str) -> Option<&Who> {
        self.by_nick.get(&fold(nick))
    }

    /// Gives a client the nick that it asked for. Whoever was shown by it gets another: their
    /// old and new nick are returned.
    pub(super) fn take(
        &mut self,
        own: &str,
        who: &Who,
        node_name: impl Fn(&Who) -> String,
    ) -> Option<(Who, String, String)> {
        self.forget(who);
        let before = self.by_nick.insert(fold(own), who.clone());
        self.by_who.insert(who.clone(), own.to_owned());
        let other = before.filter(|other| other != who)?;
        let old = self.by_who.remove(&other)?;
        let new = self.of(&other, &node_name(&other));
        Some((other, old, new))
    }

    /// Forgets somebody.
    pub(super) fn forget(&mut self, who: &Who) {
        if let Some(nick) = self.by_who.remove(who) {
            self.by_nick.remove(&fold(&nick));
        }
    }

    /// Beyond a bound, forgets those who are no longer known to the node.
    pub(super) fn prune(&mut self, is_known: impl Fn(&Who) -> bool) {
        if self.by_who.len() > MOST {
            self.by_who.retain(|who, _| is_known(who));
            let known = &self.by_who;
            self.by_nick.retain(|_, who| known.contains_key(who));
        }
    }

    fn is_taken(&self, nick: &str) -> bool {
        self.by_nick.contains_key(&fold(nick))
    }
}

/// A name as a nick: what a nick may not hold becomes `_`, also at its beginning, where it would
/// be taken for a channel, a rank or a number.
pub(super) fn nick(name: &str) -> String {
    let mut nick = tail(name);
    let first = nick.chars().next();
    if first.is_none_or(|c| c.is_ascii_digit() || "-+%&~=$".contains(c)) {
        nick.insert(0, '_');
    }
    nick
}

/// The same for what is not the beginning.
fn tail(name: &str) -> String {
    let bad = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, ',' | '!' | '@' | ':' | '*' | '?' | '.' | '#')
    };
    name.chars().map(|c| if bad(c) { '_' } else { c }).collect()
}

/// The name of a node as a host.
pub(super) fn host(name: &str) -> String {
    let bad = |c: char| {
        c.is_whitespace() || c.is_control() || matches!(c, '!' | '@' | ':' | ',' | '*' | '?')
    };
    let host: String = name.chars().map(|c| if bad(c) { '_' } else { c }).collect();
    clip(&host, HOST_BYTES).to_owned()
}

/// Nicks that differ only in the case of ASCII letters are one: CASEMAPPING=ascii.
pub(super) fn fold(nick: &str) -> String {
    nick.to_ascii_lowercase()
}

/// The beginning of a text, of at most `most` bytes and of whole characters.
pub(super) fn clip(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// More people than a node knows at once, usually.
const MOST: usize = 4096;
/// Bytes of a nick, so that much of a line is left for words.
const NAME_BYTES: usize = 64;
const NODE_BYTES: usize = 24;
const HOST_BYTES: usize = 63;

#[cfg(test)]
mod tests {
    use super::*;

    fn who(name: &str, node: u8) -> Who {
        Who { node: NodeId([node; 32]), name: name.parse().unwrap() }
    }

    #[test]
    fn names_become_nicks_and_lead_back() {
        let mut nicks = Nicks::default();
        let all = [
            who("ann lee", 1),
            who("ann_lee", 1),
            who("Ann Lee", 2),
            who("9lives", 1),
            who("李雷", 1),
        ];
        let shown: Vec<String> = all.iter().map(|who| nicks.of(who, "pi.barn")).collect();
        assert_eq!(shown, ["ann_lee", "ann_lee|pi_barn", "Ann_Lee|pi_barn|2", "_9lives", "李雷"]);
        for (who, nick) in all.iter().zip(&shown) {
            assert_eq!(nicks.who(&nick.to_uppercase()), Some(who));
            assert_eq!(&nicks.of(who, "other"), nick);
        }
    }

    #[test]
    fn a_client_gets_the_nick_that_it_asked_for() {
        let mut nicks = Nicks::default();
        let (other, me) = (who("ann", 1), who("ann", 2));
        assert_eq!(nicks.of(&other, "barn"), "ann");
        let moved = nicks.take("ann", &me, |_| "barn".into());
        assert_eq!(moved, Some((other.clone(), "ann".into(), "ann|barn".into())));
        assert_eq!((nicks.who("ANN"), nicks.who("ann|barn")), (Some(&me), Some(&other)));
        let renamed = who("anna", 2);
        nicks.forget(&me);
        assert_eq!(nicks.take("anna", &renamed, |_| String::new()), None);
        assert_eq!(nicks.who("ann"), None);
    }

    #[test]
    fn no_name_makes_a_bad_nick() {
        for name in ["a!b", "a*", "~x", "+x", "-x", "a.b", "x y", "|", "a|b", "$x", "=x", "?"] {
            let nick = nick(name);
            assert!(!nick.contains(['!', '*', '.', ' ', '?']), "{nick}");
            assert!(!nick.starts_with(['~', '+', '-', '$', '=', '#', '&']), "{nick}");
        }
        assert_eq!(host("pi!x@y"), "pi_x_y");
    }
}
