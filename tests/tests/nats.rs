//! The bridge to NATS, against a real server.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]

use std::time::{Duration, Instant};

use meshchat_tests::{Daemon, Gateway, Limit, NatsServer, Tail, wait_for};

const SUBJECT: &str = "meshchat.broadcast";

/// A bridge for the lobby alone.
fn lobby(nats: &NatsServer) -> String {
    format!("[nats]\nurl = \"{}\"\nbackbone = \"\"\n", nats.url())
}

/// A bridge for the lobby and for other islands.
fn both(nats: &NatsServer) -> String {
    format!("[nats]\nurl = \"{}\"\n", nats.url())
}

/// A bridge for other islands alone.
fn backbone(nats: &NatsServer) -> String {
    format!("[nats]\nurl = \"{}\"\nrooms = {{}}\n", nats.url())
}

fn foreign(name: &str, text: &str) -> String {
    format!(
        r#"{{"name":"{name}","message":"{text}","pong":false,"presence":false,"id":"{name}1"}}"#
    )
}

fn texts(begin: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{begin}-{n}.")).collect()
}

fn count(tail: &Tail, text: &str) -> usize {
    tail.count(|line| line["text"] == text)
}

/// Waits until the bridge is connected and has listened for others.
fn wait_up(daemon: &Daemon, gateway: &Gateway, nats: &NatsServer) {
    let problem = || gateway.door("nats").unwrap()["problem"].as_str().unwrap_or("").to_owned();
    wait_for("the bridge", Limit::default(), || problem().is_empty());
    let mut client = nats.subscribe(SUBJECT);
    let tail = daemon.follow();
    let probe = format!("probe {}", daemon.name());
    if !gateway.log().contains("connected to NATS") {
        wait_for("its connection", Limit::default(), || {
            gateway.log().contains("connected to NATS")
        });
    }
    client.publish(&foreign("prober", &probe));
    tail.wait_text(&probe);
}

/// Two daemons that are linked.
fn pair(a: &str, b: &str) -> [Daemon; 2] {
    let a = Daemon::start(a);
    let b = Daemon::builder(b).peer(a.listen()).start();
    a.wait_reachable(2, Limit::default());
    b.wait_reachable(2, Limit::default());
    [a, b]
}

#[test]
fn foreign_clients_talk_with_the_mesh_byte_for_byte() {
    let Some(nats) = NatsServer::or_skip(&[]) else { return };
    let [a, b] = pair("a", "b");
    let gateway = Gateway::start(&a, &lobby(&nats));
    let mut client = nats.subscribe(SUBJECT);
    let [here, there] = [a.follow(), b.follow()];
    wait_up(&a, &gateway, &nats);
    b.say("hello <b> & \\\"you\\\"");
    let heard = client.wait_for("hello");
    let line = there.wait_for("its own", Limit::default(), |line| {
        line["via"].is_null() && line["author"].is_string()
    });
    let (author, node) = (line["author"].as_str().unwrap(), line["node"].as_str().unwrap());
    let text = serde_json::to_string(&line["text"]).unwrap();
    let expected = format!(
        r#"{{"name":"{author}","message":{text},"pong":false,"presence":false,"id":"meshchat:{node}:{author}"}}"#
    );
    assert_eq!(heard, expected);
    client.wait_for(&format!(
        r#"{{"name":"{author}","message":"","pong":true,"presence":false,"id":"meshchat:{node}:{author}"}}"#
    ));
    client.publish(&foreign("Mina", "hi all"));
    client.publish(&format!("{}\n", foreign("Mina", "hi again")));
    client.publish(&foreign("Mina", "hi again"));
    for bad in ["", "{", "[]", "\"x\"", "{\"name\":1}", &"x".repeat(100_000)] {
        client.publish(bad);
    }
    for tail in [&here, &there] {
        let line = tail.wait_text("hi all");
        assert_eq!((line["author"].as_str(), line["via"].as_str()), (Some("Mina"), Some("nats")));
        wait_for("both of the same words", Limit::default(), || count(tail, "hi again") == 2);
    }
    client.publish(r#"{"name":"Olga","id":"9","presence":true}"#);
    let people = || b.ctl().json(["who"]);
    wait_for("Olga", Limit::default(), || {
        people().iter().any(|person| person["name"] == "Olga" && person["state"] == "online")
    });
    // More names than guests: the bridge speaks for the others.
    let names: Vec<_> = (0..30).map(|n| format!("f{n}")).collect();
    for name in &names {
        client.publish(&foreign(name, &format!("I am {name}.")));
    }
    let spoken = |name: &str| {
        let text = format!("I am {name}.");
        let shared = format!("{name}: {text}");
        let own = there.count(|line| line["text"] == text.as_str() && line["author"] == name);
        (own, there.count(|line| line["text"] == shared.as_str() && line["author"] == "nats"))
    };
    wait_for("all of them", Limit::default(), || {
        names.iter().all(|name| matches!(spoken(name), (1, 0) | (0, 1)))
    });
    assert!(names.iter().any(|name| spoken(name) == (0, 1)));
    assert!(people().len() <= 24 + 4, "{:?}", people().len());
    // Nothing of theirs goes back.
    b.say("the end");
    client.wait_for("the end");
    assert_eq!((client.count("hi all"), client.count("I am f0.")), (1, 1));
    wait_for("counts of what was no payload", Limit::default(), || {
        let counts = ["not_understood", "too_long"].map(|why| gateway.drops("nats", why));
        counts == [5, 1]
    });
}

#[test]
fn of_two_bridges_in_a_mesh_one_acts_and_the_other_takes_over() {
    let Some(nats) = NatsServer::or_skip(&[]) else { return };
    let nodes = pair("a", "b");
    let mut bridges = nodes.each_ref().map(|node| Gateway::start(node, &both(&nats)));
    for (node, bridge) in nodes.iter().zip(&bridges) {
        wait_up(node, bridge, &nats);
    }
    let mut client = nats.subscribe(SUBJECT);
    let tails = nodes.each_ref().map(Daemon::follow);
    let mut talk = |round: &str| {
        let (ours, theirs) =
            (texts(&format!("ours-{round}"), 10), texts(&format!("theirs-{round}"), 10));
        for (n, (our, their)) in ours.iter().zip(&theirs).enumerate() {
            nodes[n % 2].say(our);
            client.publish(&foreign("Mina", their));
        }
        for text in &ours {
            client.wait_for(text);
        }
        for tail in &tails {
            tail.wait_texts(&theirs);
        }
        // What the second bridge would repeat, it would have said before this.
        nodes[0].say(&format!("end-{round}"));
        client.wait_for(&format!("end-{round}"));
        for text in &ours {
            assert_eq!(client.count(text), 1, "{text}");
        }
        for tail in &tails {
            tail.assert_once(&theirs);
        }
    };
    talk("one");
    let id = |n: usize| nodes[n].status()["node"].as_str().unwrap().to_owned();
    let first = usize::from(id(1) < id(0));
    bridges[first].process().kill();
    talk("two");
    bridges[first].start_again();
    wait_up(&nodes[first], &bridges[first], &nats);
    talk("three");
}

#[test]
fn two_islands_are_one_chat_and_later_one_mesh() {
    let Some(nats) = NatsServer::or_skip(&[]) else { return };
    let [a, b] = pair("a", "b");
    let [c, d] = pair("c", "d");
    let _bridges = [&b, &c].map(|node| {
        let bridge = Gateway::start(node, &backbone(&nats));
        wait_for("its connection", Limit::default(), || bridge.log().contains("connected to NATS"));
        bridge
    });
    let nodes = [&a, &b, &c, &d];
    let tails = nodes.map(Daemon::follow);
    let all: Vec<_> = nodes.iter().flat_map(|node| texts(node.name(), 5)).collect();
    for node in nodes {
        texts(node.name(), 5).iter().for_each(|text| node.say(text));
    }
    for tail in &tails {
        tail.wait_texts(&all);
        tail.assert_once(&all);
    }
    let beyond = |node: &Daemon| {
        let people = node.ctl().json(["who"]);
        let found = people.iter().find(|person| person["name"] == "beyond-b");
        found.map(|person| person["note"].as_str().unwrap().to_owned())
    };
    wait_for("the other island among the people", Limit::default(), || {
        beyond(&d).is_some_and(|note| note.starts_with("2 nodes, ") && note.contains("@b"))
    });
    assert_eq!(beyond(&a), None);
    // A link joins them.
    a.ctl().ok(["connect", &d.listen().to_string()]);
    nodes.iter().for_each(|node| node.wait_reachable(4, Limit::default()));
    let late: Vec<_> = nodes.iter().map(|node| format!("linked {}", node.name())).collect();
    nodes.iter().zip(&late).for_each(|(node, text)| node.say(text));
    for tail in &tails {
        tail.wait_texts(&late);
        tail.assert_once(&all);
        tail.assert_once(&late);
    }
    assert!(nodes.iter().all(|node| node.status()["gone"] == 0));
}

#[test]
fn islands_hear_later_what_was_said_without_nats() {
    let Some(mut nats) = NatsServer::or_skip(&[]) else { return };
    let nodes = ["a", "b"].map(Daemon::start);
    let bridges = nodes.each_ref().map(|node| Gateway::start(node, &backbone(&nats)));
    let tails = nodes.each_ref().map(Daemon::follow);
    nodes[0].say("first");
    tails[1].wait_text("first");
    nats.process().kill();
    let problem = |bridge: &Gateway| {
        bridge.door("nats").unwrap()["problem"].as_str().unwrap_or("").to_owned()
    };
    for bridge in &bridges {
        wait_for("the board to say so", Limit::default(), || !problem(bridge).is_empty());
    }
    let all: Vec<_> = nodes.iter().flat_map(|node| texts(node.name(), 20)).collect();
    for node in &nodes {
        texts(node.name(), 20).iter().for_each(|text| node.say(text));
    }
    nats.start_again();
    for tail in &tails {
        tail.wait_texts(&all);
        tail.assert_once(&all);
    }
    assert!(nodes.iter().all(|node| node.status()["gone"] == 0));
}

#[test]
fn a_server_that_stops_delays_nobody_and_512_messages_wait_for_it() {
    let Some(mut nats) = NatsServer::or_skip(&[]) else { return };
    let a = Daemon::start("a");
    let gateway = Gateway::start(&a, &lobby(&nats));
    wait_up(&a, &gateway, &nats);
    let say = |text: &str| {
        let began = Instant::now();
        a.say(text);
        began.elapsed()
    };
    let before = say("before");
    nats.process().kill();
    let problem = || gateway.door("nats").unwrap()["problem"].as_str().unwrap_or("").to_owned();
    wait_for("the board to say so", Limit::default(), || problem().contains("does not answer"));
    let lines: Vec<_> = texts("down", 600).iter().map(|text| format!("{text}\n")).collect();
    a.ctl().run_with_input(["send", "-"], lines.concat().as_bytes()).assert_ok();
    let during = say("during");
    eprintln!("a message took {before:?} with NATS and {during:?} without");
    assert!(during < before + Duration::from_secs(2), "{before:?} {during:?}");
    wait_for("counted drops", Limit::default(), || gateway.drops("nats", "nats_full") >= 89);
    nats.start_again();
    let client = nats.subscribe(SUBJECT);
    client.wait_for("down-599.");
    client.wait_for("during");
    wait_for("what waited", Limit::default(), || client.count("down-") == 511);
    assert_eq!(gateway.drops("nats", "nats_full"), 89);
    assert_eq!(client.count("down-88."), 0);
    for text in texts("down", 600).iter().skip(89) {
        assert_eq!(client.count(text), 1, "{text}");
    }
    wait_for("the board to be calm", Limit::default(), || problem().is_empty());
}

#[test]
fn what_is_said_while_a_server_hangs_arrives_when_it_wakes() {
    let Some(mut nats) = NatsServer::or_skip(&[]) else { return };
    let a = Daemon::start("a");
    let gateway = Gateway::start(&a, &lobby(&nats));
    wait_up(&a, &gateway, &nats);
    nats.process().pause();
    let all = texts("hung", 20);
    all.iter().for_each(|text| a.say(text));
    let problem = || gateway.door("nats").unwrap()["problem"].as_str().unwrap_or("").to_owned();
    wait_for("the board to say so", Limit::default(), || problem().contains("does not answer"));
    nats.process().resume();
    let client = nats.subscribe(SUBJECT);
    // Some were in the server's hands, and went to nobody, as nobody was there.
    wait_for("the board to be calm", Limit::secs(60), || problem().is_empty());
    a.say("awake");
    client.wait_for("awake");
    assert!(all.iter().all(|text| client.count(text) <= 2));
}

#[test]
fn two_subjects_of_one_room_do_not_feed_each_other() {
    let Some(nats) = NatsServer::or_skip(&[]) else { return };
    let a = Daemon::start("a");
    let config = |subject: &str| {
        format!("{}rooms = {{ \"#lobby\" = \"{subject}\" }}\nname = \"{subject}\"\n", lobby(&nats))
    };
    let subjects = ["one.chat", "two.chat"];
    let bridges = subjects.map(|subject| Gateway::start(&a, &config(subject)));
    for bridge in &bridges {
        wait_for("its connection", Limit::default(), || bridge.log().contains("connected to NATS"));
    }
    let mut clients = subjects.map(|subject| nats.subscribe(subject));
    let tail = a.follow();
    a.say("of the mesh");
    clients.iter().for_each(|client| drop(client.wait_for("of the mesh")));
    clients[0].publish(&foreign("Mina", "of one"));
    clients[1].publish(&foreign("Olga", "of two"));
    tail.wait_texts(&["of one", "of two"]);
    a.say("the end");
    clients.iter().for_each(|client| drop(client.wait_for("the end")));
    tail.assert_once(&["of the mesh", "of one", "of two", "the end"]);
    for (client, counts) in clients.iter().zip([[1, 1, 0], [1, 0, 1]]) {
        let heard = ["of the mesh", "of one", "of two"].map(|text| client.count(text));
        assert_eq!(heard, counts);
    }
}

#[test]
fn a_bridge_shows_its_credentials_and_says_when_they_are_wrong() {
    let Some(nats) = NatsServer::or_skip(&["--user", "me", "--pass", "secret:1"]) else { return };
    let a = Daemon::start("a");
    let file = a.dir().join("nats.secret");
    std::fs::write(&file, "me:wrong\n").unwrap();
    let config = format!("{}credentials-file = \"{}\"\n", lobby(&nats), file.display());
    let mut gateway = Gateway::start(&a, &config);
    let problem = |gateway: &Gateway| {
        gateway.door("nats").unwrap()["problem"].as_str().unwrap_or("").to_owned()
    };
    wait_for("the board to say so", Limit::default(), || {
        problem(&gateway).contains("authorization")
    });
    std::fs::write(&file, "me:secret:1\n").unwrap();
    gateway.start_again();
    wait_for("its connection", Limit::default(), || gateway.log().contains("connected to NATS"));
}
