//! Which arguments name something that the daemon knows.

use std::ffi::OsStr;

use clap::{Arg, Command};
use clap_complete::CompletionCandidate;
use clap_complete::engine::{ArgValueCompleter, ValueCompleter};

use super::live::{Daemon, Kind, Value};

/// The command line, whose arguments that name something ask the daemon for it.
///
/// An argument is known by what it is called, so that a new command with a `room` has its rooms.
pub(super) fn live(command: Command, words: &[String]) -> Command {
    // Behind a room or a person stands a text, of which nobody knows anything.
    match words.split_last() {
        Some((_, given)) if has_words(command.clone(), given) => command,
        Some(_) | None => attach(command, "", &Daemon::of(words)),
    }
}

/// Whether the line has a room or a person already, where a text comes next.
fn has_words(command: Command, given: &[String]) -> bool {
    let Ok(found) = command.ignore_errors(true).try_get_matches_from(given) else { return false };
    let Some(("send" | "dm", found)) = found.subcommand() else { return false };
    found.try_get_raw("words").is_ok_and(|words| words.is_some_and(|mut all| all.next().is_some()))
}

fn attach(command: Command, path: &str, daemon: &Daemon) -> Command {
    let live = |arg: Arg| match kind(path, arg.get_id().as_str()) {
        Some(kind) => with(arg, kind, daemon),
        None => arg,
    };
    command.mut_args(live).mut_subcommands(|below| {
        let path = format!("{path} {}", below.get_name());
        attach(below, path.trim_start(), daemon)
    })
}

fn with(arg: Arg, kind: Kind, daemon: &Daemon) -> Arg {
    arg.add(ArgValueCompleter::new(Asked { kind, daemon: daemon.clone() }))
}

/// What `argument` of `command` names, as far as the daemon knows it.
fn kind(command: &str, argument: &str) -> Option<Kind> {
    let first = command.split(' ').next().unwrap_or_default();
    Some(match (command, argument) {
        ("leave", "room") => Kind::Joined,
        (_, "room") if first == "room" => Kind::Private,
        (_, "room") | ("send", "words") | ("join", "target") => Kind::Rooms,
        (_, "person") | ("dm", "words") => Kind::People,
        ("unmute" | "unblock", "who") => Kind::Muted,
        (_, "who") => Kind::PeopleAndNodes,
        (_, "node") | ("trace", "target") => Kind::Nodes,
        (_, "peer") => Kind::Peers,
        (_, "cursor") | ("cursors remove", "name") => Kind::Cursors,
        ("members remove" | "members promote", "name") => Kind::Members,
        ("invite revoke", "id") => Kind::Tickets,
        _ => return None,
    })
}

/// Asks the daemon when, and only when, such a value is wanted.
struct Asked {
    kind: Kind,
    daemon: Daemon,
}

impl ValueCompleter for Asked {
    fn complete(&self, typed: &OsStr) -> Vec<CompletionCandidate> {
        let Some(typed) = typed.to_str() else { return Vec::new() };
        let values = self.daemon.values(self.kind);
        values.into_iter().filter_map(|value| offer(value, typed)).collect()
    }
}

/// A value that goes on from what was typed. The `#` of a room may be left out, as everywhere.
fn offer(value: Value, typed: &str) -> Option<CompletionCandidate> {
    let Value { text, about } = value;
    let text = match text.strip_prefix('#') {
        Some(bare) if !typed.is_empty() && !typed.starts_with('#') => bare,
        Some(_) | None => &text,
    };
    // A name from the network must not become an option.
    let fits = text.starts_with(typed) && !text.starts_with('-');
    fits.then(|| CompletionCandidate::new(text).help(Some(about.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(text: &str, typed: &str) -> Option<String> {
        let value = Value { text: text.to_owned(), about: "" };
        offer(value, typed).map(|one| one.get_value().to_string_lossy().into_owned())
    }

    #[test]
    fn rooms_may_be_typed_without_their_mark() {
        assert_eq!(offered("#lobby", "").as_deref(), Some("#lobby"));
        assert_eq!(offered("#lobby", "#l").as_deref(), Some("#lobby"));
        assert_eq!(offered("#lobby", "l").as_deref(), Some("lobby"));
        assert_eq!(offered("#lobby", "x"), None);
    }

    #[test]
    fn behind_a_room_stands_a_text() {
        let given = |line: &str| has_words(crate::command(), &super::super::words(line));
        assert!(given("meshchatctl send '#ops'") && given("meshchatctl dm --me ann"));
        assert!(given("meshchatctl --socket /x send --wait all ops"));
        assert!(!given("meshchatctl send") && !given("meshchatctl send --wait all"));
        assert!(!given("meshchatctl tail ops") && !given("nonsense -x"));
    }

    #[test]
    fn no_name_becomes_an_option() {
        assert_eq!(offered("--socket=/tmp/x", ""), None);
        assert_eq!(offered("-rf", "-"), None);
    }

    #[test]
    fn arguments_are_known_by_what_they_are_called() {
        assert_eq!(kind("leave", "room"), Some(Kind::Joined));
        assert_eq!(kind("room invite", "room"), Some(Kind::Private));
        assert_eq!(kind("rollcall", "room"), Some(Kind::Rooms));
        assert_eq!(kind("ping", "node"), Some(Kind::Nodes));
        assert_eq!(kind("nick", "name"), None);
    }
}
