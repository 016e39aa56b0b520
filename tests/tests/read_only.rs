//! A node whose state directory cannot be written: it runs, says what it will forget, and neither
//! uses a number twice nor looks like two machines.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use meshchat_tests::{Builder, Daemon, Limit, TestDir, program, wait_for};

const STOPPED: Limit = Limit::secs(4);
/// An examination takes up to 8 s.
const EXAMINED: Limit = Limit::secs(20);

#[test]
fn a_node_runs_from_a_read_only_card_and_says_what_it_forgets() {
    let Some(card) = Card::or_skip() else { return };
    let hub = Daemon::start("hub");
    let mut node = card.builder("node").peer(hub.listen()).start();
    node.listen();
    node.wait_links(1);
    let id = node.status()["node"].clone();
    let tail = hub.follow();
    let mut texts = vec!["written".to_owned()];
    node.say(&texts[0]);
    node.terminate(STOPPED);

    card.protect(true);
    let before = content(&node.state_dir());
    let mut boots = vec![boot_of(&before)];
    for run in 1..=4 {
        node.start_again();
        node.wait_links(1);
        let status = node.status();
        assert_eq!(status["node"], id);
        boots.push(status["boot"].as_u64().unwrap());
        let notes = status["notes"].to_string();
        assert!(notes.contains("not kept over a restart of the machine"), "{notes}");
        texts.push(format!("read-only, run {run}"));
        node.say(&texts[run]);
        tail.wait_text(&texts[run]);
        if run == 2 {
            node.ctl().ok(["nick", "Card"]);
        }
        let people = node.ctl().json(["who"]);
        assert_eq!(people.iter().any(|p| p["name"] == "Card"), run >= 2, "{people:?}");
        if run % 2 == 0 {
            node.kill();
        } else {
            node.terminate(STOPPED);
        }
    }
    tail.assert_once(&texts);
    assert!(boots.is_sorted_by(|a, b| a < b), "{boots:?}");
    assert_eq!(content(&node.state_dir()), before);
    assert!(node.log().contains("is on a read-only file system"));
    assert_no_clone(&hub);

    // What was kept beside the socket goes back to the card.
    card.protect(false);
    node.start_again();
    node.wait_links(1);
    let people = node.ctl().json(["who"]);
    assert!(people.iter().any(|p| p["name"] == "Card"), "{people:?}");
    assert!(node.status()["boot"].as_u64().unwrap() > *boots.last().unwrap());
    assert_eq!(spares(&node), Vec::<PathBuf>::new());
}

#[test]
fn a_restart_of_the_machine_repeats_no_number() {
    let Some(card) = Card::or_skip() else { return };
    let hub = Daemon::start("hub");
    let far = Daemon::builder("far").peer(hub.listen()).start();
    let mut node = card.builder("node").peer(hub.listen()).start();
    node.listen();
    node.wait_links(1);
    let tail = far.follow();
    node.terminate(STOPPED);
    card.protect(true);
    let texts: Vec<_> = (0..4).map(|run| format!("after restart {run}")).collect();
    for text in &texts {
        for spare in spares(&node) {
            fs::remove_dir_all(spare).unwrap();
        }
        node.start_again();
        node.wait_links(1);
        node.say(text);
        tail.wait_text(text);
        wait_for("its own message to be shown", Limit::default(), || {
            node.ctl().ok(["tail", "--no-follow"]).contains(text.as_str())
        });
        node.terminate(STOPPED);
    }
    tail.assert_once(&texts);
    assert_no_clone(&hub);
    assert_no_clone(&far);
}

#[test]
fn what_must_not_be_forgotten_is_said_to_be() {
    let Some(card) = Card::or_skip() else { return };
    let mut node = card.builder("node").start();
    node.terminate(STOPPED);
    card.protect(true);
    node.start_again();
    for command in [&["connect", "--no-wait", "127.0.0.1:9"][..], &["network", "create", "barn"]] {
        let finished = node.ctl().run(command);
        finished.assert_code(1);
        for part in ["will be forgotten at the next restart", "cannot be written", "writable"] {
            assert!(finished.stderr.contains(part), "{part} is missing: {finished:?}");
        }
    }
    let findings = node.ctl().limit(EXAMINED).run(["doctor", "--json"]).json();
    let state = findings.iter().find(|finding| finding["check"] == "state").unwrap();
    assert_eq!(state["grade"], "warning", "{state}");
    // It is there over a restart of the daemon alone.
    node.start_again();
    assert_eq!(node.peers().len(), 1);
    assert_eq!(node.status()["network_name"], "barn");
}

/// A program that has its state directory mounted read-only, when it is to be, and becomes the
/// daemon.
struct Card {
    dir: TestDir,
}

impl Card {
    fn or_skip() -> Option<Self> {
        if !runs(Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"])) {
            eprintln!("skipped: mounting a file system needs root");
            return None;
        }
        let dir = TestDir::new();
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = --state-dir ] || exit 99\n[ -e {} ] || exec {daemon} \"$@\"\n\
             exec unshare -m sh -c 'mount --bind \"$2\" \"$2\" && \
             mount -o remount,bind,ro \"$2\" && exec {daemon} \"$@\"' sh \"$@\"\n",
            dir.join("protected").display(),
            daemon = program("meshchatd").display()
        );
        // Written by a child: a file that this process had open for writing could not be
        // run while a sibling test is just starting a program.
        let mut write = Command::new("sh");
        write.args(["-c", "printf '%s' \"$2\" > \"$1\" && chmod 755 \"$1\"", "sh"]);
        assert!(runs(write.arg(dir.join("daemon")).arg(script)));
        Some(Self { dir })
    }

    fn builder(&self, name: &str) -> Builder {
        Daemon::builder(name).program(self.dir.join("daemon"))
    }

    /// Whether the next start has it read-only.
    fn protect(&self, on: bool) {
        let mark = self.dir.join("protected");
        if on { fs::write(mark, "").unwrap() } else { fs::remove_file(mark).unwrap() }
    }
}

fn runs(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

fn content(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn boot_of(content: &BTreeMap<PathBuf, Vec<u8>>) -> u64 {
    let (_, file) = content.iter().find(|(path, _)| path.ends_with("boot")).unwrap();
    let text = std::str::from_utf8(file).unwrap();
    text.lines().last().unwrap().parse().unwrap()
}

/// Where it keeps its state instead.
fn spares(node: &Daemon) -> Vec<PathBuf> {
    let paths = fs::read_dir(node.dir()).unwrap().map(|entry| entry.unwrap().path());
    let is_spare =
        |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("state-");
    paths.filter(is_spare).collect()
}

fn assert_no_clone(daemon: &Daemon) {
    let notes = daemon.status().get("notes").unwrap().to_string();
    assert!(!notes.contains("two machines"), "{notes}");
}
