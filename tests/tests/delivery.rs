//! Who holds a message, waiting for it, and the way that it came, with real daemons.
#![forbid(unsafe_code)]
#![expect(clippy::indexing_slicing, reason = "helpers of tests")]

use meshchat_tests::{Daemon, Limit, wait_for};
use serde_json::Value;

/// `a` and `c` know only `b`.
fn chain() -> [Daemon; 3] {
    let b = Daemon::builder("b").start();
    let [a, c] = ["a", "c"].map(|name| Daemon::builder(name).peer(b.listen()).start());
    let chain = [a, b, c];
    chain.iter().for_each(|node| node.wait_reachable(3, Limit::default()));
    chain
}

/// `reached` and `known` of a message, as a node tells.
fn reached(node: &Daemon, id: &str) -> (u64, u64) {
    let info = node.ctl().json(["delivery", id]).remove(0);
    let count = |key: &str| info[key].as_u64().expect("a count");
    (count("reached"), count("known"))
}

fn id_of(sent: &Value) -> String {
    sent["id"].as_str().expect("an id").to_owned()
}

#[test]
fn a_message_that_all_have_ends_the_wait() {
    let [a, _b, c] = chain();
    let lines = a.ctl().json(["send", "--wait=all", "hello"]);
    let id = id_of(&lines[0]);
    assert_eq!((lines[1]["reached"].as_u64(), lines[1]["known"].as_u64()), (Some(3), Some(3)));
    wait_for("c knows who holds it", Limit::default(), || reached(&c, &id[..8]) == (3, 3));
    let text = c.ctl().ok(["delivery", &id[..6]]);
    assert!(text.ends_with("reached 3/3\n"), "{text}");
    let tail = c.ctl().ok(["tail", "--no-follow", "--ids"]);
    let short = format!("{}-{}", &id[..4], &id[4..8]);
    assert!(tail.contains(&format!("{short} #lobby")), "{tail}");

    let trail = c.ctl().json(["trace", &short]).remove(0);
    let hops = trail["hops"].as_array().expect("hops");
    let names: Vec<_> = hops.iter().filter_map(|hop| hop["name"].as_str()).collect();
    assert_eq!(
        (names.as_slice(), trail["complete"].as_bool()),
        (["a", "b", "c"].as_slice(), Some(true))
    );
    assert_eq!(hops[2]["told"]["hops"], 2);
    assert!(hops[2]["after_us"].is_i64(), "{trail}");
    for wait in ["neighbour", "reached", "reached:2", "accepted"] {
        a.ctl().ok(["send", &format!("--wait={wait}"), "and again"]);
    }
    a.ctl().run(["delivery", "zzzzzz"]).assert_code(10);
}

#[test]
fn a_wait_in_vain_names_who_is_missing_and_it_is_delivered_nevertheless() {
    let [a, _b, mut c] = chain();
    c.kill();
    wait_for("c is lost", Limit::secs(20), || {
        a.node("c").is_some_and(|node| node["state"] == "unreachable")
    });
    let args = ["send", "--json", "--wait=all", "--timeout", "2s", "is anybody there"];
    let finished = a.ctl().run(args);
    finished.assert_code(3);
    assert!(finished.stderr.contains("c (unreachable for"), "{}", finished.stderr);
    assert!(finished.stderr.contains("goes on being delivered"), "{}", finished.stderr);
    let id = id_of(&finished.json()[0]);
    assert_eq!(reached(&a, &id), (2, 3));
    let watch = a.ctl().tail(["delivery", "--watch", &id]);
    c.start_again();
    wait_for("all have it", Limit::default(), || reached(&a, &id) == (3, 3));
    watch.wait_for("the watch sees it", Limit::default(), |line| line["reached"] == 3);
    let holders = a.ctl().json(["delivery", &id]).remove(0);
    let states: Vec<_> = holders["nodes"].as_array().expect("nodes").iter().collect();
    assert!(states.iter().all(|node| node["holds"] == true), "{holders}");
}
