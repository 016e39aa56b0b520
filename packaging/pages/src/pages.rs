//! All pages there are.

use clap::Command;

use crate::page::Page;
use crate::{config, programs};

/// Every page, with this date, which may be empty.
pub(crate) fn all(date: &str) -> Vec<Page> {
    let mut ctl = meshchatctl::command();
    ctl.build();
    let mut pages = vec![programs::program(&ctl, &CTL, date)];
    pages.extend(programs::visible(&ctl).map(|one| programs::command(one, &see(one), date)));
    pages.push(programs::program(&built(meshchatd::config::command()), &DAEMON, date));
    pages.push(programs::program(&built(meshchat_gateway::args::command()), &GATEWAY, date));
    let variable = |key: &str| {
        let all = meshchatd::config::Key::ALL;
        all.into_iter().find(|one| one.name() == key).map(meshchatd::config::Key::variable)
    };
    pages.push(config::page(&DAEMON_FILE, DAEMON_TOML, variable, date));
    pages.push(config::page(&GATEWAY_FILE, GATEWAY_TOML, |_| None, date));
    pages.push(overview(date));
    pages
}

fn built(mut command: Command) -> Command {
    command.build();
    command
}

/// The pages to read beside that of a command.
fn see(command: &Command) -> Vec<&'static str> {
    let own = |(name, pages): &(&str, &'static [&'static str])| {
        (*name == command.get_name()).then_some(*pages)
    };
    let near = NEAR.iter().find_map(own).unwrap_or_default();
    [&["meshchatctl(1)"], near, &["meshchat(7)"]].concat()
}

/// What meshchat is, which no help says.
fn overview(date: &str) -> Page {
    let mut page = Page::new("meshchat", "7", date);
    page.name_section("a chat without a server, for small machines");
    for part in OVERVIEW.split("\n# ") {
        let (heading, text) = part.split_once('\n').unwrap_or((part, ""));
        page.heading(heading.trim_start_matches("# "));
        let text = format!("\n{text}");
        for (index, text) in text.split("\n## ").enumerate() {
            let text = match (index, text.split_once('\n')) {
                (1.., Some((subheading, text))) => {
                    page.subheading(subheading);
                    text
                }
                (_, Some(_) | None) => text,
            };
            page.prose(text);
        }
    }
    page.see_also(EVERYTHING);
    page
}

const OVERVIEW: &str = include_str!("meshchat.7.txt");
const DAEMON_TOML: &str = include_str!("../../../etc/meshchat.toml");
const GATEWAY_TOML: &str = include_str!("../../../etc/gateway.toml");

const EVERYTHING: &[&str] = &[
    "meshchatctl(1)",
    "meshchatd(8)",
    "meshchat-gateway(8)",
    "meshchat.toml(5)",
    "meshchat-gateway.toml(5)",
    "meshchat(7)",
];

const CTL: programs::About = programs::About {
    section: "1",
    files: "
  $XDG_RUNTIME_DIR/meshchat/control.sock  The control socket of your own daemon, which is asked first.
  /run/meshchat/control.sock  That of the system's daemon.
  $XDG_STATE_HOME/meshchat/  What `meshchatctl chat` remembers of you; ~/.local/state/meshchat without that variable.",
    exits: "",
    see: EVERYTHING,
};

const DAEMON: programs::About = programs::About {
    section: "8",
    files: "
  /etc/meshchat/meshchat.toml  Configuration of the system's daemon; see meshchat.toml(5).
  $XDG_CONFIG_HOME/meshchat/meshchat.toml  The same for a daemon of your own; ~/.config/meshchat/meshchat.toml without that variable.
  /var/lib/meshchat/  State of the system's daemon: the key of the node, its small state, and with `history = \"disk\"` the messages. Nobody else may read it.
  $XDG_STATE_HOME/meshchat/  The same for a daemon of your own; ~/.local/state/meshchat without that variable.
  /run/meshchat/control.sock  The control socket; for a daemon of your own $XDG_RUNTIME_DIR/meshchat/control.sock.",
    exits: "",
    see: EVERYTHING,
};

const GATEWAY: programs::About = programs::About {
    section: "8",
    files: "
  /etc/meshchat/gateway.toml  Configuration; see meshchat-gateway.toml(5).
  ~/.config/meshchat/gateway.toml  The same for a plain user.
  /var/lib/meshchat-gateway/  Keys and certificates of the system's gateway.",
    exits: "
  0   Ended on request.
  1   Could not run; the reason is on standard error or in the journal.
  2   Wrong use of the command line.
  78  Bad configuration.",
    see: EVERYTHING,
};

const DAEMON_FILE: config::About = config::About {
    name: "meshchat.toml",
    about: "configuration of meshchatd",
    synopsis: "/etc/meshchat/meshchat.toml\n/etc/meshchat/meshchat.d/*.toml\n~/.config/meshchat/meshchat.toml",
    files: "
  /etc/meshchat/meshchat.toml  Read by the system's daemon; by that of --instance NAME /etc/meshchat/NAME.toml.
  ~/.config/meshchat/meshchat.toml  Read by a daemon of your own; $XDG_CONFIG_HOME is respected. By that of --instance NAME it is ~/.config/meshchat/NAME/meshchat.toml.
  meshchat.d/*.toml  Beside either, read after it, sorted by name.",
    see: &["meshchatd(8)", "meshchatctl-config(1)", "meshchat(7)"],
};

const GATEWAY_FILE: config::About = config::About {
    name: "meshchat-gateway.toml",
    about: "configuration of meshchat-gateway",
    synopsis: "/etc/meshchat/gateway.toml\n/etc/meshchat/gateway.d/*.toml\n~/.config/meshchat/gateway.toml",
    files: "
  /etc/meshchat/gateway.toml  Read by the system's gateway.
  ~/.config/meshchat/gateway.toml  Read by a gateway of your own; $XDG_CONFIG_HOME is respected.
  gateway.d/*.toml  Beside either, read after it, sorted by name.",
    see: &["meshchat-gateway(8)", "meshchatctl-doors(1)", "meshchatctl-pair(1)", "meshchat(7)"],
};

/// Pages that help with the same thing.
const NEAR: &[(&str, &[&str])] = &[
    ("send", &["meshchatctl-tail(1)", "meshchatctl-delivery(1)", "meshchatctl-dm(1)"]),
    ("dm", &["meshchatctl-send(1)", "meshchatctl-tail(1)"]),
    ("tail", &["meshchatctl-cursors(1)", "meshchatctl-send(1)"]),
    ("cursors", &["meshchatctl-tail(1)"]),
    ("connect", &["meshchatctl-peers(1)", "meshchatctl-disconnect(1)", "meshchatctl-doctor(1)"]),
    ("disconnect", &["meshchatctl-connect(1)", "meshchatctl-peers(1)"]),
    ("peers", &["meshchatctl-connect(1)", "meshchatctl-nodes(1)", "meshchatctl-doctor(1)"]),
    ("nodes", &["meshchatctl-peers(1)", "meshchatctl-who(1)"]),
    ("who", &["meshchatctl-nodes(1)", "meshchatctl-rooms(1)"]),
    ("rooms", &["meshchatctl-join(1)", "meshchatctl-leave(1)", "meshchatctl-room(1)"]),
    ("room", &["meshchatctl-rooms(1)", "meshchatctl-dm(1)"]),
    ("join", &["meshchatctl-leave(1)", "meshchatctl-rooms(1)", "meshchatctl-invite(1)"]),
    ("leave", &["meshchatctl-join(1)", "meshchatctl-rooms(1)"]),
    ("network", &["meshchatctl-invite(1)", "meshchatctl-members(1)"]),
    ("invite", &["meshchatctl-join(1)", "meshchatctl-members(1)", "meshchatctl-network(1)"]),
    ("members", &["meshchatctl-invite(1)", "meshchatctl-network(1)"]),
    ("doors", &["meshchatctl-pair(1)", "meshchat-gateway(8)"]),
    ("pair", &["meshchatctl-doors(1)", "meshchat-gateway(8)"]),
    ("ping", &["meshchatctl-trace(1)", "meshchatctl-nodes(1)"]),
    ("trace", &["meshchatctl-ping(1)", "meshchatctl-delivery(1)"]),
    ("delivery", &["meshchatctl-send(1)", "meshchatctl-trace(1)"]),
    ("doctor", &["meshchatctl-status(1)", "meshchatctl-peers(1)", "meshchatd(8)"]),
    ("status", &["meshchatctl-doctor(1)", "meshchatctl-peers(1)"]),
    ("config", &["meshchat.toml(5)", "meshchatd(8)"]),
    ("alias", &["meshchatctl-verify(1)"]),
    ("verify", &["meshchatctl-alias(1)"]),
    ("mute", &["meshchatctl-block(1)", "meshchatctl-unmute(1)", "meshchatctl-mutes(1)"]),
    ("block", &["meshchatctl-mute(1)", "meshchatctl-unblock(1)", "meshchatctl-mutes(1)"]),
    ("unmute", &["meshchatctl-mute(1)", "meshchatctl-mutes(1)"]),
    ("unblock", &["meshchatctl-block(1)", "meshchatctl-mutes(1)"]),
    ("mutes", &["meshchatctl-mute(1)", "meshchatctl-block(1)"]),
];
