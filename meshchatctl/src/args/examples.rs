//! Lines to copy, for the help of each command and for its manual page.

use clap::Command;

/// The command line, in which the long help of each command ends with its examples.
pub(crate) fn with_examples(command: Command) -> Command {
    EXAMPLES.iter().fold(command, |command, (name, lines)| {
        match command.find_subcommand(name).is_some_and(|one| one.get_after_long_help().is_none()) {
            true => command.mut_subcommand(name, |one| one.after_long_help(text(lines))),
            false => command,
        }
    })
}

fn text(lines: &[Example]) -> String {
    let wide = lines.iter().map(|(line, _)| line.chars().count()).max().unwrap_or(0);
    let lines = lines.iter().map(|(line, does)| format!("  {line:wide$}  {does}"));
    format!("Examples:\n{}", lines.collect::<Vec<_>>().join("\n"))
}

/// What is typed, and what that does.
type Example = (&'static str, &'static str);

const EXAMPLES: &[(&str, &[Example])] = &[
    (
        "status",
        &[
            ("meshchatctl status", "the node, its links, what is dropped"),
            ("meshchatctl status --limits", "every bound and how full it is"),
        ],
    ),
    (
        "connect",
        &[
            ("meshchatctl connect barn.local", "and over restarts"),
            ("meshchatctl connect --once '[2001:db8::7]:7117'", "until the daemon stops"),
        ],
    ),
    ("disconnect", &[("meshchatctl disconnect barn", "and dial it no more")]),
    (
        "peers",
        &[
            ("meshchatctl peers", "links and why one is down"),
            ("meshchatctl peers -w", "every change as it happens"),
            ("meshchatctl peers graph -f dot | dot -Tsvg", "a picture of the mesh"),
        ],
    ),
    ("nodes", &[("meshchatctl nodes -t --fields node,state", "for a script")]),
    ("who", &[("meshchatctl who", "everyone"), ("meshchatctl who '#ops'", "who is in that room")]),
    ("rooms", &[("meshchatctl rooms -t --fields room", "names alone, for a script")]),
    (
        "join",
        &[
            ("meshchatctl join '#ops'", "enter a room; it is made if there is none"),
            ("meshchatctl join meshchat1...", "move this node into a closed network"),
        ],
    ),
    ("leave", &[("meshchatctl leave '#ops'", "hear no more of it")]),
    (
        "room",
        &[
            ("meshchatctl room create family", "you are the first in #~family"),
            ("meshchatctl room invite family ann@barn", "she reads from now on"),
            ("meshchatctl room members family", "who is in"),
        ],
    ),
    (
        "send",
        &[
            ("meshchatctl send 'good morning'", "in #lobby"),
            ("meshchatctl send '#ops' 'disk is full'", "in another room"),
            ("df -h / | meshchatctl send '#ops' -", "each line of a program"),
            ("meshchatctl send --wait=all 'fire!'", "go on once all nodes hold it"),
        ],
    ),
    (
        "dm",
        &[
            ("meshchatctl dm ann@barn 'lunch?'", "for nobody else to read"),
            ("meshchatctl dm --list", "what was delivered and read"),
        ],
    ),
    (
        "tail",
        &[
            ("meshchatctl tail", "the last 20 messages, then what comes"),
            ("meshchatctl tail '#ops' --since 1h", "one room, the last hour"),
            ("meshchatctl tail -n all --no-follow", "all there is, then end"),
            ("meshchatctl tail --json --cursor bot", "go on where it stopped"),
        ],
    ),
    ("cursors", &[("meshchatctl cursors remove bot", "begin anew the next time")]),
    ("pair", &[("meshchatctl pair", "a code for one browser, and a QR code")]),
    (
        "network",
        &[
            ("meshchatctl network", "which it is, and who this node is in it"),
            ("meshchatctl network create allotment", "close it: only members link"),
            ("meshchatctl network backup", "the root key as 24 words"),
        ],
    ),
    (
        "invite",
        &[
            ("meshchatctl invite", "one node, for a day"),
            ("meshchatctl invite --uses 5 --expires 7d", "five nodes, for a week"),
            ("meshchatctl invite list", "tickets that still work"),
        ],
    ),
    (
        "members",
        &[
            ("meshchatctl members", "who belongs to the network"),
            ("meshchatctl members promote barn --role admin", "it lets others in"),
        ],
    ),
    ("alias", &[("meshchatctl alias raspberrypi shed", "a name that you know it by")]),
    (
        "verify",
        &[
            ("meshchatctl verify barn", "30 digits; compare them by voice"),
            ("meshchatctl verify barn --yes", "they were equal"),
        ],
    ),
    ("mute", &[("meshchatctl mute bert@shed", "one person; a node's name for all of it")]),
    ("nick", &[("meshchatctl nick anna", "what others see")]),
    (
        "away",
        &[
            ("meshchatctl away back at six", "with a note"),
            ("meshchatctl away --back", "you are here"),
        ],
    ),
    ("ping", &[("meshchatctl ping barn", "three answers and the way there")]),
    (
        "trace",
        &[
            ("meshchatctl trace barn", "each hop of the way, measured"),
            ("meshchatctl trace 7f3kq2", "how that message came here"),
        ],
    ),
    ("delivery", &[("meshchatctl delivery 7f3kq2 -w", "until all have it")]),
    ("doctor", &[("meshchatctl doctor --problems", "only what is wrong")]),
    (
        "config",
        &[
            ("meshchatctl config show", "what is in force, and from where"),
            ("meshchatctl config check", "before a restart"),
            ("sudo meshchatctl config reload", "apply what may change live"),
        ],
    ),
    ("wait", &[("meshchatctl wait --peers 1 --timeout 1m", "go on once a peer is linked, or 3")]),
    (
        "completions",
        &[
            ("source <(meshchatctl completions bash)", "in this bash; the same with zsh"),
            ("meshchatctl completions fish | source", "in this fish"),
        ],
    ),
];

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Args;
    use crate::completion::words;

    #[test]
    fn every_example_is_right() {
        for (name, lines) in EXAMPLES {
            for (line, _) in *lines {
                let from = line.find("meshchatctl").unwrap();
                let line = line[from..].trim_end_matches(')');
                let line = line.split(" | ").next().unwrap();
                let words = words(line);
                assert_eq!(&words[1], name, "{line}");
                // A ticket is only checked by the node.
                Args::command().try_get_matches_from(words).unwrap();
            }
        }
    }

    #[test]
    fn every_example_is_in_the_help_and_fits_the_screen() {
        let mut command = with_examples(Args::command());
        command.build();
        for (name, lines) in EXAMPLES {
            let mut command = command.find_subcommand(name).unwrap().clone();
            let help = command.render_long_help().to_string();
            for (line, does) in *lines {
                let is =
                    |shown: &&str| shown.trim_start().starts_with(line) && shown.ends_with(does);
                let shown = help.lines().find(is).unwrap_or_else(|| panic!("no {line} in {help}"));
                assert!(shown.chars().count() <= 80, "{shown}");
            }
        }
    }
}
