//! Words and names that mean no good: refused at the edge, or shown without their power.
#![forbid(unsafe_code)]

use meshchat_tests::{Daemon, Limit, wait_for};

#[test]
fn a_text_is_neither_blank_nor_longer_than_4_kib() {
    let node = Daemon::start("a");
    let ctl = node.ctl();
    for (text, word) in
        [("x".repeat(5 * 1024), "4096"), (String::new(), "empty"), (" \t \n".into(), "empty")]
    {
        let refused = ctl.run(["send", "--", &text]);
        refused.assert_code(1);
        assert!(refused.stderr.contains(word), "{refused:?}");
        assert_eq!(refused.stderr.lines().count(), 2, "no advice: {refused:?}");
    }
    ctl.ok(["send", &"x".repeat(4096)]);
    assert_eq!(node.status()["sent"], 1);
}

#[test]
fn lines_that_are_refused_do_not_hold_up_the_others() {
    let node = Daemon::start("a");
    let input = format!("one\n\n{}\ntwo\n\u{feff}three\r\nlast", "x".repeat(5 * 1024));
    let finished = node.ctl().run_with_input(["send", "-"], input.as_bytes());
    finished.assert_code(1);
    let shown = node.ctl().json(["tail", "-n", "all", "--no-follow", "--no-presence"]);
    let texts: Vec<_> = shown.iter().filter_map(|line| line["text"].as_str()).collect();
    assert_eq!(texts.len(), 4, "{texts:?}");
    assert_eq!((texts[0], texts[1], texts[3]), ("one", "two", "last"));
    assert!(finished.stderr.contains("line 3"), "{finished:?}");
}

#[test]
fn what_controls_or_reorders_is_shown_escaped_at_the_far_end() {
    let a = Daemon::start("a");
    let b = Daemon::builder("b").peer(a.listen()).start();
    b.wait_links(1);
    let evil = [
        "\u{1b}[2J\u{1b}]0;title\u{7}",
        "\u{9b}31mred",
        "back\u{8}\u{8}space\rover",
        "gnp.\u{202e}exe",
        "\u{2066}iso\u{2069}late",
        "in\u{200b}vis\u{feff}ible",
        "tag\u{e0041}s",
    ];
    let tail = b.follow();
    for text in evil {
        a.ctl().ok(["send", "--", text]);
        assert_eq!(tail.wait_text(text)["text"], text, "JSON keeps the text as it is");
    }
    let shown = b.ctl().ok(["tail", "-n", "all", "--no-follow"]);
    let bad = |c: char| (c.is_control() && c != '\n') || !(c.is_ascii() || c == '—' || c == '●');
    assert!(!shown.contains(bad), "{shown:?}");
    assert!(shown.contains("\\x1b[2J"), "{shown}");
    assert!(shown.contains("202e"), "{shown}");
    assert_eq!(shown.lines().filter(|line| line.contains("#lobby")).count(), evil.len(), "{shown}");
}

#[test]
fn names_and_rooms_hold_nothing_invisible() {
    let node = Daemon::start("a");
    let ctl = node.ctl();
    let long = "x".repeat(33);
    for name in ["", " ", "a\u{200d}b", "a\u{202e}b", "a\nb", "a\u{1b}[1m", "\u{feff}a", &long] {
        let refused = ctl.run(["nick", "--", name]);
        refused.assert_code(1);
        assert!(refused.stderr.contains("bad name"), "{refused:?}");
    }
    for room in ["", "#", "two words", "a,b", "a\u{200b}b", "#a\u{7}"] {
        let refused = ctl.run(["join", "--", room]);
        refused.assert_code(1);
        assert!(refused.stderr.contains("bad room"), "{refused:?}");
    }
    // One name, however it is typed.
    ctl.ok(["nick", "Zoe\u{301}"]);
    assert_eq!(ctl.json(["who"])[0]["name"], "Zo\u{e9}");
    ctl.ok(["join", "OPS"]);
    ctl.ok(["leave", "#ops"]);
    ctl.run(["leave", "#ops"]).assert_code(10);
    let refused = ctl.run(["away", &"x".repeat(201)]);
    refused.assert_code(1);
}

#[test]
fn two_nodes_of_one_name_are_told_apart() {
    let a = Daemon::start("a");
    let twins = ["twin", "twin"].map(|name| Daemon::builder(name).peer(a.listen()).start());
    a.wait_reachable(3, Limit::default());
    let mut plain = 0;
    for twin in &twins {
        let id = twin.status()["node"].as_str().unwrap_or_default().to_owned();
        a.ctl().ok(["ping", "-c", "1", &format!("{}-{}", &id[..4], &id[4..8])]);
        let tagged = format!("twin~{}", &id[..4]);
        let name = if a.node(&tagged).is_some() { &tagged } else { "twin" };
        plain += usize::from(name == "twin");
        assert_eq!(a.ctl().json(["ping", "-c", "1", name])[0]["node"], id.as_str());
    }
    assert_eq!(plain, 1, "the first one keeps its name");
    let typo = a.ctl().run(["ping", "twim"]);
    typo.assert_code(10);
    assert!(typo.stderr.contains("did you mean twin?"), "{typo:?}");
}

#[test]
fn addresses_that_cannot_be_are_refused_at_once() {
    let node = Daemon::start("a");
    for address in [
        "",
        "::::",
        "host:0",
        "host:99999",
        "http://host",
        "two words",
        "[::1",
        "0.0.0.0",
        "fe80::1",
        "::1:7117",
    ] {
        let refused = node.ctl().run(["connect", "--no-wait", "--", address]);
        refused.assert_code(1);
        assert!(refused.stderr.contains("bad address"), "{refused:?}");
    }
    assert!(node.peers().is_empty());
    node.ctl().run(["disconnect", "nobody"]).assert_code(10);
}

#[test]
fn a_node_that_names_itself_says_so() {
    let mut node = Daemon::start("a");
    let own = node.listen().to_string();
    let refused = node.ctl().run(["connect", &own]);
    refused.assert_code(4);
    assert!(refused.stderr.contains("that is this node itself"), "{refused:?}");
    wait_for("the refusal", Limit::default(), || node.peers()[0]["state"] == "refused");
    node.ctl().ok(["disconnect", &own]);
    assert!(node.process().status().is_none());
}
