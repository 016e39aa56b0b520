//! Settings: which place wins, what a reload changes, and what it refuses.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::fs;

use meshchat_tests::{Daemon, Limit, wait_for};
use nix::sys::signal::Signal;

const BASE: &str = "name = \"barn\"\nlisten = \"127.0.0.1:0\"\n";

#[test]
fn flags_win_over_environment_over_files_over_defaults() {
    let node = Daemon::builder("a")
        .by_config()
        .config(format!("{BASE}admit = \"configured\"\nhistory = \"off\"\nlog = \"warn\"\n"))
        .env("MESHCHAT_ADMIT", "neighbours")
        .env("MESHCHAT_LOG", "error")
        .arg("--admit")
        .arg("anyone")
        .start();
    let file = node.config_file().display().to_string();
    let expected = [
        ("admit", "anyone", "flag --admit".to_owned()),
        ("log", "error", "environment MESHCHAT_LOG".to_owned()),
        ("history", "off", format!("{file}:4")),
        ("name", "barn", format!("{file}:1")),
        ("group", "meshchat", "default".to_owned()),
    ];
    for (key, value, origin) in expected {
        assert_eq!(setting(&node, key), (value.to_owned(), origin), "{key}");
    }
    let table = node.ctl().ok(["config", "show"]);
    assert!(table.contains("MESHCHAT_LOG"), "{table}");
    let status = node.status();
    assert_eq!((status["admit"].as_str(), status["name"].as_str()), (Some("anyone"), Some("barn")));
    assert_eq!(status["history"]["mode"], "off");
}

#[test]
fn parts_beside_the_file_win_over_it_and_peers_add_up() {
    let config = format!("{BASE}log = \"warn\"\n[[peer]]\naddress = \"127.0.0.1:9\"\n");
    let mut node = Daemon::builder("a").by_config().config(config).start();
    let parts = node.config_file().with_extension("d");
    fs::create_dir(&parts).unwrap();
    fs::write(parts.join("10-a.toml"), "log = \"error\"\n").unwrap();
    fs::write(parts.join("20-b.toml"), "log = \"debug\"\n[[peer]]\naddress = \"127.0.0.1:10\"\n")
        .unwrap();
    fs::write(parts.join("README"), "not a setting").unwrap();
    node.start_again();
    let (log, origin) = setting(&node, "log");
    assert_eq!(log, "debug");
    assert!(origin.ends_with("20-b.toml:1"), "{origin}");
    assert_eq!(node.peers().len(), 2);
}

#[test]
fn a_reload_applies_what_it_can_and_names_what_needs_a_restart() {
    let other = Daemon::start("other");
    let third = Daemon::start("third");
    let peer = |node: &Daemon| format!("[[peer]]\naddress = \"{}\"\n", node.listen());
    let config = format!("{BASE}{}", peer(&other));
    let node = Daemon::builder("a").by_config().config(config).start();
    node.wait_links(1);

    let changed = format!(
        "name = \"stable\"\nlisten = \"127.0.0.1:1\"\nlog = \"debug\"\nadmit = \"anyone\"\n\
         history = \"off\"\n{}",
        peer(&third)
    );
    fs::write(node.config_file(), changed).unwrap();
    let reloaded = node.ctl().json(["config", "reload"]).swap_remove(0);
    let listed = |field: &str| {
        let list = reloaded[field].as_array().unwrap();
        let key = |line: &serde_json::Value| line.as_str()?.split(':').next().map(str::to_owned);
        list.iter().filter_map(key).collect::<Vec<_>>()
    };
    assert_eq!(listed("applied"), ["name", "admit", "log", "peer"], "{reloaded}");
    assert_eq!(listed("needs_restart"), ["listen", "history"], "{reloaded}");

    third.wait_links(1);
    other.wait_links(0);
    assert_eq!(node.status()["name"], "stable");
    assert_eq!(node.status()["admit"], "anyone");
    wait_for("the new name at the peer", Limit::default(), || third.node("stable").is_some());
    assert_eq!(node.status()["history"]["mode"], "memory", "what needs a restart is not applied");
    assert_eq!(setting(&node, "log").0, "debug");
    node.ctl().ok(["connect", "--no-wait", "127.0.0.1:9"]);
    wait_for("a debug line", Limit::default(), || node.log().contains("DEBUG"));
}

#[test]
fn a_hangup_reloads_and_a_broken_file_changes_nothing() {
    let mut node = Daemon::builder("a").by_config().config(BASE).start();
    fs::write(node.config_file(), BASE.replace("barn", "stable")).unwrap();
    node.process().signal(Signal::SIGHUP);
    wait_for("the new name", Limit::default(), || node.status()["name"] == "stable");

    fs::write(node.config_file(), "name = \"other\"\nadmit = \"anyone\"\nlogg = \"x\"\n").unwrap();
    node.process().signal(Signal::SIGHUP);
    wait_for("the refusal", Limit::default(), || {
        node.log().contains("configuration refused, the old one stays")
    });
    assert!(node.log().contains("did you mean `log`?"), "{}", node.log());
    assert_eq!(node.status()["name"], "stable");
    assert_eq!(node.status()["admit"], "neighbours");
    let refused = node.ctl().run(["config", "reload"]);
    refused.assert_code(1);
    assert!(refused.stderr.contains("line 3"), "{refused:?}");
    assert!(refused.stderr.contains("the old configuration stays in force"), "{refused:?}");

    fs::write(node.config_file(), BASE.replace("barn", "stable")).unwrap();
    assert_eq!(node.ctl().ok(["config", "reload"]), "Nothing changed.\n");
}

#[test]
fn a_configuration_can_be_checked_without_a_daemon() {
    let node = Daemon::builder("a").by_config().config(BASE).start();
    let file = node.config_file().display().to_string();
    let checked = node.ctl().run(["config", "check", &file]);
    checked.assert_ok();
    fs::write(&file, "admitt = \"anyone\"\n").unwrap();
    let checked = node.ctl().run(["config", "check", &file]);
    checked.assert_code(78);
    assert!(checked.stderr.contains("did you mean `admit`?"), "{checked:?}");
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../etc/meshchat.toml");
    node.ctl().ok(["config", "check", shipped]);
}

fn setting(node: &Daemon, key: &str) -> (String, String) {
    let entries = node.ctl().json(["config", "show"]);
    let entry = entries.iter().find(|entry| entry["key"] == key);
    let entry = entry.unwrap_or_else(|| panic!("no {key} in {entries:#?}"));
    let text = |field: &str| entry[field].as_str().unwrap().to_owned();
    (text("value"), text("origin"))
}
