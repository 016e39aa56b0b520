//! A card was copied, and both machines run: both say so, and nobody is silenced.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::fs;

use meshchat_tests::{Daemon, Limit, wait_for};

#[test]
fn two_holders_of_one_key_both_say_so() {
    let hub = Daemon::start("hub");
    let far = Daemon::builder("far").peer(hub.listen()).start();
    let original = Daemon::builder("original").peer(hub.listen()).start();
    original.wait_links(1);
    let copy = Daemon::builder("copy").peer(hub.listen()).launch();
    // The machine is the same, so the copy is not noticed by its machine id.
    let copy = replace_state(copy, &original);
    let tails = [hub.follow(), far.follow(), original.follow(), copy.follow()];
    let noted = |daemon: &Daemon, words: &str| daemon.status()["notes"].to_string().contains(words);
    let soon = Limit::secs(15);
    wait_for("both holders to know", soon, || {
        [&original, &copy].iter().all(|daemon| noted(daemon, "identity fork"))
    });
    wait_for("the others to know", soon, || {
        [&hub, &far].iter().all(|daemon| noted(daemon, "two machines use the key of"))
    });
    assert!(original.log().contains("another machine uses this node's key"));
    original.wait_links(1);
    copy.wait_links(1);
    original.say("from the original");
    copy.say("from the copy");
    for tail in &tails {
        tail.wait_text("from the original");
        tail.wait_text("from the copy");
    }
}

/// Starts a daemon anew with the state of another.
fn replace_state(mut daemon: Daemon, of: &Daemon) -> Daemon {
    daemon.wait_ready();
    daemon.kill();
    for name in ["key", "machine", "boot"] {
        let (from, to) = (of.state_dir().join(name), daemon.state_dir().join(name));
        if from.exists() {
            fs::copy(from, to).unwrap();
        }
    }
    daemon.start_again();
    daemon
}
