//! Messages on disk: killed, filled up, damaged and put back, with real daemons.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::Path;
use std::process::Command;

use meshchat_tests::{Daemon, Limit, wait_for};

fn on_disk(name: &str) -> meshchat_tests::Builder {
    Daemon::builder(name).arg("--history").arg("disk")
}

/// Everything that a node holds, oldest first.
fn texts(node: &Daemon) -> Vec<String> {
    let lines = node.ctl().json(["tail", "--no-follow", "-n", "all", "--no-presence"]);
    let texts = lines.iter().filter(|line| line["event"] == "message");
    texts.map(|line| line["text"].as_str().unwrap_or_default().to_owned()).collect()
}

/// `MESHCHAT_KILLS=1000` for a long run.
#[test]
fn no_acknowledged_line_is_lost_by_kill_and_none_is_shown_twice() {
    let kills = std::env::var("MESHCHAT_KILLS").ok().and_then(|many| many.parse().ok());
    let mut node = on_disk("a").start();
    let mut acknowledged = 0;
    for round in 0..kills.unwrap_or(20) {
        // The last line of each round may be cut off in the middle.
        let ctl = node.ctl();
        let writer = std::thread::spawn(move || {
            let mut count = 0;
            loop {
                let sent = ctl.run(["send", "--json", "--", &format!("{round}.{count}")]);
                if sent.code != Some(0) {
                    return count;
                }
                assert_eq!(sent.json()[0]["kept"], "disk");
                count += 1;
            }
        });
        let wanted = format!("{round}.{}", round % 4);
        wait_for(&wanted, Limit::default(), || texts(&node).contains(&wanted));
        node.kill();
        let count = writer.join().unwrap();
        node.start_again();
        let held = texts(&node);
        for line in 0..count {
            let wanted = format!("{round}.{line}");
            let shown = held.iter().filter(|text| **text == wanted).count();
            assert_eq!(shown, 1, "{wanted} of round {round}: {held:?}");
        }
        acknowledged += count;
    }
    let held = texts(&node);
    let mut once = held.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), held.len(), "shown twice");
    assert!(held.len() >= acknowledged.min(1000), "{} of {acknowledged}", held.len());
    let disk = node.status()["history"]["disk"].clone();
    assert_eq!((&disk["writing"], &disk["damaged"]), (&true.into(), &0.into()), "{disk}");
}

#[test]
fn a_damaged_history_is_told_and_the_rest_is_there() {
    let mut node = on_disk("a").start();
    (0..20).for_each(|text| node.say(&format!("line {text}")));
    node.kill();
    let file = fs::read_dir(node.state_dir().join("history")).unwrap().next().unwrap().unwrap();
    let mut bytes = fs::read(file.path()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(file.path(), bytes).unwrap();
    node.start_again();
    assert_eq!(texts(&node).len(), 19);
    assert_eq!(node.status()["history"]["disk"]["damaged"], 1);
    let told = node.ctl().ok(["status"]);
    assert!(told.contains("was damaged"), "{told}");
    node.say("it goes on");
    node.start_again();
    assert_eq!(texts(&node).len(), 20);
}

#[test]
fn a_disk_that_cannot_be_written_is_one_line_and_nothing_is_lost_when_it_can() {
    let mut node = on_disk("a").start();
    let history = node.state_dir().join("history");
    // Not even root makes files in a place that is a file.
    fs::write(&history, "in the way").unwrap();
    let sent = node.ctl().json(["send", "--", "first"]);
    wait_for("the note", Limit::default(), || {
        node.ctl().ok(["status"]).matches("kept in memory only").count() == 1
    });
    let second = node.ctl().json(["send", "--", "second"]);
    assert_eq!((&sent[0]["kept"], &second[0]["kept"]), (&"memory".into(), &"memory".into()));
    fs::remove_file(&history).unwrap();
    wait_for("writing", Limit::default(), || {
        let disk = node.status()["history"]["disk"].clone();
        disk["writing"] == true && disk["upto"] == node.status()["history"]["cursor"]
    });
    node.kill();
    node.start_again();
    assert_eq!(texts(&node), ["first", "second"]);
}

#[test]
fn a_restored_backup_loses_nothing_and_silences_nobody() {
    for mode in ["disk", "memory"] {
        let other = Daemon::start("b");
        let mut node = Daemon::builder("a").arg("--history").arg(mode).peer(other.listen()).start();
        let tail = other.follow();
        node.wait_links(1);
        node.say("old");
        node.terminate(Limit::default());
        let copy = node.dir().join("copy");
        copy_all(&node.state_dir(), &copy);
        let mut expected = vec!["old".to_owned()];
        for run in 0..3 {
            node.start_again();
            node.wait_links(1);
            node.say(&format!("run {run}"));
            other.say(&format!("answer {run}"));
            expected.extend([format!("run {run}"), format!("answer {run}")]);
            wait_for("the answer", Limit::default(), || {
                texts(&node).contains(&expected[2 * run + 2])
            });
            node.terminate(Limit::default());
        }
        fs::remove_dir_all(node.state_dir()).unwrap();
        copy_all(&copy, &node.state_dir());
        node.start_again();
        node.wait_links(1);
        node.say("restored");
        expected.push("restored".into());
        tail.wait_texts(&expected);
        tail.assert_once(&expected);
        expected.sort();
        wait_for("all that was missed", Limit::default(), || {
            let mut held = texts(&node);
            held.sort();
            held == expected
        });
    }
}

fn copy_all(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}
