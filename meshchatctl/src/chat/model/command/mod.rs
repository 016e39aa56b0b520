//! What can be typed with a `/` in front.

pub(super) mod answer;
mod person;
mod run;
mod ways;

use strsim::levenshtein;

use crate::chat::seam::Argument;

/// A command: how it is called, what it takes and what it is for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Command {
    /// With its `/`.
    pub(crate) name: &'static str,
    also: &'static [&'static str],
    pub(crate) argument: Argument,
    /// What is typed behind the name.
    pub(crate) usage: &'static str,
    pub(crate) help: &'static str,
    does: Does,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Help,
    Join,
    Leave,
    Rooms,
    Who,
    Users,
    Nick,
    Away,
    Back,
    Me,
    Msg,
    Resend,
    Drop,
    Whois,
    Peers,
    Connect,
    Clear,
    Search,
    Mute,
    Unmute,
    Invite,
    Trace,
    Delivery,
    Ping,
    Status,
    Notify,
    Mouse,
    Quit,
}

/// What a typed line is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed<'a> {
    Say(&'a str),
    Do(&'static Command, &'a str),
    /// No such command, and the nearest that there is.
    Unknown(&'a str, Option<&'static Command>),
}

/// Reads a line. `//text` says `/text`.
pub(crate) fn parse(line: &str) -> Parsed<'_> {
    let Some(word) = line.strip_prefix('/') else { return Parsed::Say(line) };
    if word.starts_with('/') {
        return Parsed::Say(word);
    }
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let small = name.to_lowercase();
    let is = |one: &&Command| one.name == small || one.also.contains(&small.as_str());
    match COMMANDS.iter().find(is) {
        Some(command) => Parsed::Do(command, rest.trim()),
        None => Parsed::Unknown(name, nearest(&small)),
    }
}

fn nearest(name: &str) -> Option<&'static Command> {
    let far = |command: &&Command| {
        let names = command.also.iter().chain([&command.name]);
        names.map(|one| levenshtein(name, one)).min().unwrap_or(usize::MAX)
    };
    let begins = |command: &&Command| name.len() > 1 && command.name.starts_with(name);
    let near = COMMANDS.iter().min_by_key(far).filter(|command| far(command) <= 2);
    COMMANDS.iter().find(begins).or(near)
}

const fn command(
    name: &'static str,
    (argument, usage): (Argument, &'static str),
    help: &'static str,
    does: Does,
) -> Command {
    Command { name, also: &[], argument, usage, help, does }
}

impl Command {
    const fn also(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }
}

const NOTHING: (Argument, &str) = (Argument::Nothing, "");

/// All of them: what is read, offered for completion, and told by `/help`.
pub(crate) const COMMANDS: &[Command] = &[
    command("/help", (Argument::Text, "[COMMAND]"), "this list, or more of one", Does::Help)
        .also(&["/h", "/?"]),
    command("/join", (Argument::Room, "ROOM"), "enter a room", Does::Join).also(&["/j"]),
    command("/leave", (Argument::Room, "[ROOM]"), "leave this room, or another", Does::Leave)
        .also(&["/part"]),
    command("/rooms", NOTHING, "all rooms that are known", Does::Rooms).also(&["/list"]),
    command("/who", (Argument::Room, "[ROOM]"), "who is in this room", Does::Who).also(&["/names"]),
    command("/users", NOTHING, "everybody, in all rooms", Does::Users),
    command("/msg", (Argument::Person, "PERSON [TEXT]"), "say it to one person alone", Does::Msg)
        .also(&["/m", "/dm", "/query"]),
    command("/me", (Argument::Text, "TEXT"), "say what you do", Does::Me),
    command("/resend", NOTHING, "send again what may have been sent here", Does::Resend),
    command("/drop", NOTHING, "do not send that again", Does::Drop),
    command("/nick", (Argument::Text, "NAME"), "change your name", Does::Nick).also(&["/name"]),
    command("/away", (Argument::Text, "[NOTE]"), "say that you are away", Does::Away),
    command("/back", NOTHING, "say that you are back", Does::Back),
    command("/whois", (Argument::Person, "PERSON"), "what is known of somebody", Does::Whois),
    command("/mute", (Argument::Person, "[PERSON]"), "not to hear them, or this room", Does::Mute)
        .also(&["/ignore"]),
    command("/unmute", (Argument::Person, "[PERSON]"), "hear them again", Does::Unmute)
        .also(&["/unignore"]),
    command("/search", (Argument::Text, "TEXT"), "find it in this conversation", Does::Search)
        .also(&["/find"]),
    command("/clear", NOTHING, "empty the screen", Does::Clear),
    command("/delivery", (Argument::Text, "[ID]"), "who has your last message", Does::Delivery),
    command("/trace", (Argument::Node, "[NODE|ID]"), "how the last message came", Does::Trace),
    command("/ping", (Argument::Node, "NODE"), "there and back to a node", Does::Ping),
    command("/peers", NOTHING, "the links of this node", Does::Peers),
    command("/connect", (Argument::Text, "HOST[:PORT]"), "link to a node", Does::Connect),
    command("/status", NOTHING, "how this node is", Does::Status),
    command("/invite", (Argument::Person, "[PERSON]"), "let somebody in", Does::Invite),
    command("/notify", (Argument::Text, "[off|mentions|messages]"), "when to ring", Does::Notify),
    command("/mouse", (Argument::Text, "[on|off]"), "use the mouse here", Does::Mouse),
    command("/quit", NOTHING, "leave the chat", Does::Quit).also(&["/exit", "/q"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn name(line: &str) -> String {
        match parse(line) {
            Parsed::Say(text) => format!("say {text}"),
            Parsed::Do(command, rest) => format!("{} {rest}", command.name),
            Parsed::Unknown(name, near) => {
                format!("{name}? {}", near.map_or("", |near| near.name))
            }
        }
    }

    #[test]
    fn lines_are_read() {
        for (line, read) in [
            ("hello /join", "say hello /join"),
            ("//etc is full", "say /etc is full"),
            ("/JOIN  #fire ", "/join #fire"),
            ("/j fire", "/join fire"),
            ("/me\nwaves", "/me waves"),
            ("/quit", "/quit "),
            ("/jion fire", "/jion? /join"),
            ("/conn", "/conn? /connect"),
            ("/topic x", "/topic? "),
            ("/", "/? /help"),
        ] {
            assert_eq!(name(line), read, "{line}");
        }
    }

    #[test]
    fn no_name_is_taken_twice() {
        let mut names: Vec<&str> =
            COMMANDS.iter().flat_map(|one| one.also.iter().copied().chain([one.name])).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
