//! What a script sees of the command line: templates, what is pushed, exit codes, closed pipes.
#![forbid(unsafe_code)]

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use meshchat_tests::{Ctl, Daemon, Limit, TestDir};
use serde_json::Value;

fn pair() -> (Daemon, Daemon) {
    let a = Daemon::start("barn");
    let b = Daemon::builder("mill").peer(a.listen()).start();
    b.wait_links(1);
    a.wait_links(1);
    (a, b)
}

#[test]
fn objects_are_printed_by_a_template() {
    let (a, b) = pair();
    let ctl = a.ctl();
    assert_eq!(ctl.ok(["status", "--format", r"{name}\t{history.mode} {{\n"]), "barn\tmemory {\n");
    let nodes = ctl.ok(["nodes", "--format", r"{name} {state} {own_name}|{path.0.name}\n"]);
    let mut nodes: Vec<&str> = nodes.lines().collect();
    nodes.sort_unstable();
    assert_eq!(nodes, ["barn here |", "mill reachable |mill"]);
    let wrong = ctl.run(["nodes", "--format", "{nmae}"]);
    wrong.assert_code(2);
    assert!(wrong.stderr.contains("no field 'nmae'; there are ") && wrong.stdout.is_empty());
    assert!(wrong.stderr.contains("name,"), "{}", wrong.stderr);
    assert_eq!(ctl.ok(["status", "--format", r"<{role}>\n"]), "<>\n");
    let other = ctl.run(["status", "--format", r"{state}\n"]);
    other.assert_code(2);
    assert!(other.stderr.contains("no field 'state'"), "{}", other.stderr);
    for bad in [&["nodes", "--format", "{"][..], &["nodes", "--format", "{name}", "--json"]] {
        ctl.run(bad).assert_code(2);
    }
    assert!(ctl.ok(["peers", "graph", "--format", "dot"]).starts_with("graph mesh {"));
    b.ctl().ok(["send", "an \u{1b}[2J escape"]);
    let tail = ["tail", "--no-follow", "--no-presence", "--format", r"{author}: {text} {via}\n"];
    let waited = meshchat_tests::wait_some("the message", Limit::default(), || {
        Some(ctl.ok(tail)).filter(|text| text.contains("escape"))
    });
    assert!(waited.contains(r"an \x1b[2J escape"), "{waited:?}");
    assert!(waited.lines().all(|line| line.contains("escape")), "{waited:?}");
}

#[test]
fn what_was_meant_otherwise_is_not_said() {
    let a = Daemon::start("barn");
    let ctl = a.ctl();
    ctl.ok(["room", "create", "family"]);
    for (words, told) in [
        (&["send", "#disk"][..], "meshchatctl send '#disk' -"),
        (&["send", "family", "dinner"], "meshchatctl send '#~family' ..."),
        (&["connect", "meshchat1abc"], "meshchatctl join meshchat1abc"),
        (&["chat", "#bad room"], "neither a room nor a person"),
    ] {
        let said = ctl.run(words);
        said.assert_code(2);
        assert!(said.stderr.contains(told), "{said:?}");
    }
    assert_eq!(a.status()["sent"], 0);
}

#[test]
fn single_objects_have_a_row_for_scripts_too() {
    let a = Daemon::start("barn");
    let ctl = a.ctl();
    assert_eq!(ctl.ok(["status", "-t", "--fields", "node,links,clients"]), "barn\t0\t1\n");
    let network = ctl.ok(["network", "show", "--terse"]);
    assert_eq!((network.lines().count(), network.matches('\t').count()), (1, 8), "{network}");
    ctl.run(["status", "--fields", "nothing"]).assert_code(2);
}

#[test]
fn watched_tables_are_pushed_and_outlive_the_daemon() {
    let mut a = Daemon::start("barn");
    a.listen();
    let nodes = a.ctl().tail(["nodes", "-w"]);
    let has = |name: &'static str, state: &'static str| {
        move |line: &Value| {
            let nodes = line["nodes"].as_array().into_iter().flatten();
            nodes.into_iter().any(|node| node["name"] == name && node["state"] == state)
        }
    };
    nodes.wait_for("itself", Limit::default(), has("barn", "here"));
    let people = a.ctl().tail(["who", "-w"]);
    let rooms = a.ctl().tail(["rooms", "-w"]);
    let status = a.ctl().tail(["status", "-w"]);
    let b = Daemon::builder("mill").peer(a.listen()).start();
    nodes.wait_for("another node", Limit::default(), has("mill", "reachable"));
    status.wait_for("its link", Limit::default(), |line| line["status"]["links"] == 1);
    let reader = b.follow();
    people.wait_for("its reader", Limit::default(), |line| {
        let people = line["people"].as_array().into_iter().flatten();
        people.into_iter().any(|who| who["node_name"] == "mill" && who["state"] == "online")
    });
    b.ctl().ok(["send", "#ops", "hello"]);
    rooms.wait_for("its room", Limit::default(), |line| {
        let rooms = line["rooms"].as_array().into_iter().flatten();
        rooms.into_iter().any(|room| room["room"] == "#ops")
    });
    drop(reader);
    a.start_again();
    let _c = Daemon::builder("shed").peer(a.listen()).start();
    nodes.wait_for("a node after the restart", Limit::default(), has("shed", "reachable"));
}

#[test]
fn a_check_has_the_codes_of_monitoring_plugins() {
    let (a, mut b) = pair();
    let ctl = a.ctl();
    let good = ctl.run(["status", "--check", "--min-links", "1", "--min-nodes", "2"]);
    good.assert_code(0);
    assert!(good.stdout.starts_with("MESHCHAT OK - barn: 1 link, "), "{good:?}");
    assert!(good.stdout.contains(" | links=1;1:;;0 nodes=2;2:;;0 "), "{good:?}");
    assert_eq!((good.stdout.lines().count(), good.stderr.as_str()), (1, ""));
    let few = ctl.run(["status", "--check", "--min-links", "3"]);
    few.assert_code(1);
    assert!(few.stdout.starts_with("MESHCHAT WARNING - 1 link up, at least 3 wanted | "));
    b.kill();
    meshchat_tests::wait_for("the loss", Limit::default(), || {
        let cut = ctl.run(["status", "--check"]);
        cut.code == Some(2) && cut.stdout.starts_with("MESHCHAT CRITICAL - ")
    });
    meshchat_tests::wait_for("the loss in words", Limit::default(), || {
        ctl.ok(["status"]).contains("# problem: this node looks isolated")
    });
    let doctor = ctl.run(["doctor", "--problems"]);
    doctor.assert_code(1);
    assert!(doctor.stdout.contains("this node has no link; 1 node is out of reach"), "{doctor:?}");
    let gone = Ctl::new("/nowhere/control.sock").run(["status", "--check"]);
    gone.assert_code(2);
    assert!(gone.stdout.starts_with("MESHCHAT CRITICAL - meshchatd is not running"), "{gone:?}");
    for wrong in [&["--min-links", "few"][..], &["--min-lonks", "1"], &["--json"]] {
        let wrong = ctl.run([&["status", "--check"][..], wrong].concat());
        wrong.assert_code(3);
        assert!(wrong.stdout.starts_with("MESHCHAT UNKNOWN - "), "{wrong:?}");
        assert!(wrong.stderr.starts_with("error: "), "{wrong:?}");
    }
    ctl.run(["status", "--check", "--help"]).assert_code(0);
}

#[test]
fn every_exit_code_says_what_the_help_says() {
    let a = Daemon::start("barn");
    let ctl = a.ctl();
    ctl.run(["status"]).assert_code(0);
    ctl.run(["nick", "no\nname"]).assert_code(1);
    ctl.run(["stauts"]).assert_code(2);
    ctl.run(["wait", "--peers", "9", "--timeout", "100ms"]).assert_code(3);
    ctl.run(["connect", "127.0.0.1:1", "--timeout", "1s", "--once"]).assert_code(4);
    Ctl::new("/nowhere/control.sock").run(["peers"]).assert_code(8);
    for nobody in [&["ping", "nobody"][..], &["tail", "nowhere", "--no-follow"]] {
        ctl.run(nobody).assert_code(10);
    }
    ctl.run(["rollcall", "nowhere"]).assert_code(10);
    let help = ctl.ok(["--help"]);
    for code in ["0 ", "1 ", "2 ", "3 ", "4 ", "8 ", "10", "13"] {
        assert!(help.contains(&format!("\n  {code}  ")), "exit code {code}");
    }
}

#[test]
fn a_reader_that_has_enough_ends_every_stream_well() {
    let a = Daemon::start("barn");
    a.ctl().ok(["send", "one"]);
    let streams =
        [&["tail"][..], &["events"], &["nodes", "-w"], &["peers", "-w"], &["top"], &["logs"]];
    for words in streams {
        let mut command = a.ctl().command(words);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "{words:?} said nothing");
        // Nothing more may ever come; the end of the pipe must be enough.
        let output = child.wait_with_output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), complaint.as_str()), (Some(0), ""), "{words:?}");
    }
    for words in [&["--help"][..], &["status"], &["nodes"]] {
        let mut command = a.ctl().command(words);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        assert_eq!(child.wait().unwrap().code(), Some(0), "{words:?}");
    }
}

#[test]
fn a_wait_for_more_nodes_than_there_are_says_so_at_once() {
    let (a, _b) = pair();
    let sent = a.ctl().run(["send", "--wait=reached:9", "--timeout", "2s", "fire"]);
    sent.assert_code(3);
    assert!(sent.stderr.contains("not 9 nodes to reach, but 1 other node"), "{sent:?}");
}

#[test]
fn events_tell_programs_all_that_happens() {
    let mut a = Daemon::start("barn");
    a.listen();
    let all = a.ctl().tail(["events"]);
    let quiet = a.ctl().tail(["events", "--only", "message,link", "--no-messages"]);
    all.wait_for("the daemon", Limit::default(), |line| line["event"] == "daemon");
    let mut b = Daemon::builder("mill").peer(a.listen()).start();
    let up = |line: &Value| line["event"] == "link" && line["state"] == "up";
    let link = all.wait_for("a link", Limit::default(), up);
    assert_eq!(link["name"], "mill");
    assert!(link["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{link}");
    quiet.wait_for("a link", Limit::default(), up);
    all.wait_for("a node", Limit::default(), |line| line["event"] == "node");
    b.ctl().ok(["send", "hello"]);
    let message = |line: &Value| line["event"] == "message";
    assert_eq!(all.wait_for("words", Limit::default(), message)["text"], "hello");
    let silent = quiet.wait_for("a message", Limit::default(), message);
    assert!(silent.get("text").is_none() && silent["author"].is_string(), "{silent}");
    b.kill();
    let down = |line: &Value| line["event"] == "link" && line["state"] == "down";
    let down = all.wait_for("the loss", Limit::default(), down);
    assert!(down["address"].as_str().is_some_and(|address| !address.is_empty()), "{down}");
    a.start_again();
    for state in ["gone", "restarted"] {
        let daemon = |line: &Value| line["event"] == "daemon" && line["state"] == state;
        all.wait_for(state, Limit::default(), daemon);
    }
    let others = quiet.count(|line| line["event"] != "message" && line["event"] != "link");
    assert_eq!(others, 0);
    a.ctl().run(["events", "--only", "nonsense"]).assert_code(2);
}

#[test]
fn top_has_rates_from_the_second_look_on() {
    let (a, b) = pair();
    // Quicker than the daemon pushes its peers.
    let top = a.ctl().tail(["top", "--interval", "500ms"]);
    top.wait_for("a look", Limit::default(), |line| line["over_ms"].is_null());
    b.ctl().ok(["send", &"x".repeat(3_000)]);
    let busy = top.wait_for("traffic", Limit::default(), |line| {
        line["messages"]["received"]["per_1000_s"].as_u64().is_some_and(|rate| rate > 0)
    });
    assert_eq!(busy["links"][0]["name"], "mill");
    assert!(busy["links"][0]["down_bytes"].as_u64().is_some_and(|rate| rate > 3_000), "{busy}");
    assert!(busy["clients"].as_u64().is_some_and(|clients| clients > 0), "{busy}");
    let text = a.ctl().ok(["top", "-n", "1"]);
    assert!(text.starts_with("barn  up ") && text.contains("\nPEER"), "{text}");
    a.ctl().run(["top", "--interval", "1ms"]).assert_code(2);
}

#[test]
fn a_bug_report_names_nobody() {
    let a = Daemon::start("oldbarn");
    let b = Daemon::builder("watermill").peer(a.listen()).start();
    b.wait_links(1);
    b.ctl().ok(["nick", "annabel"]);
    b.ctl().ok(["send", "#secretroom", "the words that were said"]);
    let reader = b.follow();
    meshchat_tests::wait_for("annabel", Limit::default(), || {
        a.ctl().ok(["who"]).contains("annabel") && a.ctl().ok(["rooms"]).contains("#secretroom")
    });
    let report = a.ctl().ok(["bugreport"]);
    for section in ["machine", "status", "limits in use", "peers", "config", "doctor"] {
        assert!(report.contains(&format!("\n## {section}\n")), "no {section}:\n{report}");
    }
    assert!(report.contains("node-1") && report.contains("node-2 linked"), "{report}");
    let id = a.node("watermill").unwrap()["node"].as_str().unwrap().to_owned();
    for name in ["oldbarn", "watermill", "annabel", "secretroom", "words that were", &id] {
        assert!(!report.to_lowercase().contains(name), "{name} is in it:\n{report}");
    }
    drop(reader);
    let dir = TestDir::new();
    let file = dir.join("report");
    let without = Ctl::new("/nowhere/control.sock");
    without.ok(["bugreport", "--output", file.to_str().unwrap()]);
    let report = std::fs::read_to_string(&file).unwrap();
    assert!(report.contains("## daemon\nnot to be had: meshchatd is not running"), "{report}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}
