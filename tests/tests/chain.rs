//! Three nodes in a row: messages cross the middle one, and its death and return are noticed.
#![forbid(unsafe_code)]

use std::time::Instant;

use meshchat_tests::{Daemon, Limit, Net, wait_for};

/// The promise is 16 s; the rest is for a machine that runs other tests at the same time.
const NOTICED: Limit = Limit::secs(16 + 4);

/// `a` and `c` know only `b`, and nobody knows them.
struct Chain {
    a: Daemon,
    b: Daemon,
    c: Daemon,
    net: Net,
}

impl Chain {
    fn or_skip() -> Option<Self> {
        let net = Net::or_skip()?;
        net.lan("lan", 3);
        let b = Daemon::builder("b").in_host(&net, "lan2").start();
        let end =
            |name, host| Daemon::builder(name).in_host(&net, host).peer("10.77.0.2:7777").start();
        let (a, c) = (end("a", "lan1"), end("c", "lan3"));
        let chain = Self { a, b, c, net };
        chain.wait_whole();
        Some(chain)
    }

    fn wait_whole(&self) {
        for node in [&self.a, &self.b, &self.c] {
            node.wait_reachable(3, Limit::default());
        }
    }
}

fn wait_online(node: &Daemon, other: &str) {
    wait_for(&format!("somebody of {other} at {}", node.name()), Limit::default(), || {
        node.person_at(other).as_deref() == Some("online")
    });
}

#[test]
fn a_message_crosses_the_node_between() {
    let Some(chain) = Chain::or_skip() else { return };
    let tail = chain.c.follow();
    chain.a.say("hello from a");
    let message = tail.wait_text("hello from a");
    assert_eq!(message["node_name"], "a");
    assert_eq!(chain.a.status()["links"], 1);
    assert_eq!(chain.c.status()["links"], 1);
    let far = chain.a.node("c").expect("c is known");
    assert_eq!((far["hops"].as_u64(), far["via"].as_str()), (Some(2), Some("b")));
    let pong = chain.a.ctl().json(["ping", "-c", "1", "c"]);
    assert_eq!(pong[0]["path"].as_array().map(Vec::len), Some(2), "{pong:?}");
}

#[test]
fn a_killed_node_is_noticed_on_both_sides_and_catches_up() {
    let Some(mut chain) = Chain::or_skip() else { return };
    let tails = [chain.a.follow(), chain.b.follow(), chain.c.follow()];
    // Asked for, as whoever came before a tail began is not told to it.
    for (node, others) in [(&chain.a, ["b", "c"]), (&chain.b, ["a", "c"]), (&chain.c, ["a", "b"])] {
        others.iter().for_each(|other| wait_online(node, other));
    }
    chain.b.say("before");
    tails.iter().for_each(|tail| drop(tail.wait_text("before")));

    chain.b.kill();
    let killed = Instant::now();
    for tail in [&tails[0], &tails[2]] {
        tail.wait_node("b", "unreachable", NOTICED);
        tail.wait_person("b", "unreachable", NOTICED);
    }
    println!("a killed node was noticed on both sides within {:?}", killed.elapsed());
    for (end, other) in [(&chain.a, "c"), (&chain.c, "a")] {
        for lost in ["b", other] {
            wait_for(&format!("{lost} lost at {}", end.name()), Limit::default(), || {
                end.node(lost).is_some_and(|node| node["state"] == "unreachable")
                    && end.person_at(lost).as_deref() == Some("unreachable")
            });
        }
    }

    let meanwhile = ["one from a", "two from a", "one from c"];
    chain.a.say(meanwhile[0]);
    chain.a.say(meanwhile[1]);
    chain.c.say(meanwhile[2]);
    chain.b.start_again();
    chain.wait_whole();
    for (tail, name) in tails.iter().zip(["a", "b", "c"]) {
        tail.wait_texts(&meanwhile);
        chain.a.say(&format!("last for {name}"));
        tail.wait_text(&format!("last for {name}"));
        tail.assert_once(&["before"]);
        tail.assert_once(&meanwhile);
    }
    for (end, other) in [(&chain.a, "c"), (&chain.c, "a")] {
        ["b", other].iter().for_each(|back| wait_online(end, back));
    }
}

#[test]
fn what_is_said_while_a_link_is_cut_arrives_once_when_it_heals() {
    let Some(chain) = Chain::or_skip() else { return };
    let tails = [chain.a.follow(), chain.c.follow()];

    // Healed before anybody has noticed.
    chain.net.hole("lan3", true);
    let short = ["short cut, from a", "short cut, from c"];
    chain.a.say(short[0]);
    chain.c.say(short[1]);
    assert_eq!(tails[0].count(|line| line["text"] == short[1]), 0);
    chain.net.hole("lan3", false);
    tails.iter().for_each(|tail| tail.wait_texts(&short));

    // Healed after both sides gave the link up.
    chain.net.hole("lan3", true);
    tails[0].wait_node("c", "unreachable", NOTICED);
    tails[1].wait_node("a", "unreachable", NOTICED);
    let long = ["long cut, from a", "long cut, from c"];
    chain.a.say(long[0]);
    chain.c.say(long[1]);
    chain.net.hole("lan3", false);
    let healed = Instant::now();
    tails.iter().for_each(|tail| tail.wait_texts(&long));
    println!("first words {:?} after the cut was healed", healed.elapsed());

    chain.a.say("the end");
    for tail in &tails {
        tail.wait_text("the end");
        tail.assert_once(&short);
        tail.assert_once(&long);
    }
}

#[test]
fn a_link_that_works_one_way_only_is_no_link() {
    let Some(chain) = Chain::or_skip() else { return };
    let tails = [chain.a.follow(), chain.c.follow()];
    chain.net.run(["loss", "lan3", "100", "out"]);
    chain.a.say("not acknowledged");
    tails[0].wait_node("c", "unreachable", NOTICED);
    tails[1].wait_node("a", "unreachable", NOTICED);
    chain.c.say("not heard");
    chain.net.run(["loss", "lan3", "0", "out"]);
    let texts = ["not acknowledged", "not heard"];
    for tail in &tails {
        tail.wait_texts(&texts);
        tail.assert_once(&texts);
    }
    chain.wait_whole();
}

#[test]
fn a_node_that_slept_comes_back_and_catches_up() {
    let a = Daemon::start("a");
    let mut b = Daemon::builder("b").peer(a.listen()).start();
    b.wait_links(1);
    let tails = [a.follow(), b.follow()];
    b.process().pause();
    tails[0].wait_node("b", "unreachable", NOTICED);
    a.say("while b slept");
    b.process().resume();
    tails[0].wait_node("b", "reachable", Limit::default());
    tails[1].wait_text("while b slept");
    b.say("awake");
    for tail in &tails {
        tail.wait_text("awake");
        tail.assert_once(&["while b slept", "awake"]);
    }
    wait_for("a word about the sleep", Limit::default(), || b.log().contains("was stopped for"));
}
