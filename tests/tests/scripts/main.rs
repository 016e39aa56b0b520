//! The scripts of `examples/` and the lines of `docs/scripting.md`, with real daemons.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use meshchat_tests::{Daemon, Limit, Process, TestDir, program, wait_for};
use serde_json::Value;

mod fleet;

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A command in which `meshchatctl` is ours and talks to this daemon.
fn with_ctl(mut command: Command, daemon: &Daemon, dir: &TestDir) -> Command {
    let program = program("meshchatctl");
    let mut path = OsString::from(program.parent().unwrap());
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    command.env("PATH", path).env("MESHCHAT_SOCKET", daemon.socket()).env("HOME", dir.path());
    command.env_remove("XDG_STATE_HOME").env_remove("XDG_CONFIG_HOME");
    command.current_dir(dir.path()).stdin(Stdio::null());
    command
}

fn script(name: &str, daemon: &Daemon, dir: &TestDir) -> Command {
    with_ctl(Command::new(Path::new(REPOSITORY).join("examples").join(name)), daemon, dir)
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn written(dir: &TestDir, name: &str, words: &str) -> PathBuf {
    let path = dir.join(name);
    // By a child, as a file that this process had open for writing may not be run yet.
    let status = Command::new("sh")
        .args(["-c", "printf '%s' \"$2\" >\"$1\" && chmod 755 \"$1\"", "sh"])
        .arg(&path)
        .arg(words)
        .status();
    assert!(status.unwrap().success());
    path
}

fn shown(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    format!("{:?}\n{}{}", output.status, text(&output.stdout), text(&output.stderr))
}

#[test]
fn wrong_use_is_told_how_it_is_right() {
    let dir = TestDir::new();
    let a = Daemon::start("a");
    for name in ["alert-unreachable", "room-to-file", "backup-node", "fleet-status"] {
        let output = script(name, &a, &dir).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", shown(&output));
        assert!(shown(&output).contains(&format!("{name} ")), "{}", shown(&output));
    }
    let output = script("echo-bot", &a, &dir).args(["one", "two"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", shown(&output));
}

#[test]
fn an_outage_is_told_once_and_so_is_its_end() {
    let dir = TestDir::new();
    let mut a = Daemon::start("a");
    a.listen();
    let mut b = Daemon::builder("it's$(b)").peer(a.listen()).start();
    b.wait_links(1);
    b.listen();
    let name = b.name().to_owned();
    let told = dir.join("told");
    let tell = written(
        &dir,
        "tell",
        "#!/bin/sh\nread -r line\nprintf '%s|%s|%s\\n' \"$MESHCHAT_STATE\" \"$MESHCHAT_WHO\" \"$line\" >>told\n",
    );
    let start = |a: &Daemon| {
        let mut command = script("alert-unreachable", a, &dir);
        Process::spawn(command.arg(&name).arg(&tell).env("ALERT_SECONDS", "0.1"))
    };
    let alert = start(&a);
    b.kill();
    let down = format!("unreachable|{name}|{name} cannot be reached\n");
    let remembered = || {
        let files = fs::read_dir(dir.join(".local/state/meshchat-alert")).unwrap();
        files.map(|file| text(&file.unwrap().path())).collect::<String>()
    };
    // Killed in between, it would tell it again.
    let told_it = || text(&told) == down && remembered() == "down\n";
    wait_for("the alert", Limit::secs(60), told_it);
    // Neither a restart of the script nor one of the daemon is another outage.
    drop(alert);
    let mut alert = start(&a);
    a.start_again();
    b.start_again();
    let up = format!("{down}reachable|{name}|{name} can be reached again (reachable)\n");
    wait_for("the end of it", Limit::secs(60), || text(&told) == up);
    assert_eq!(alert.status(), None);
}

#[test]
fn whoever_heard_of_an_outage_hears_of_its_end_though_the_script_was_killed() {
    let dir = TestDir::new();
    let a = Daemon::start("a");
    let mut b = Daemon::builder("b").peer(a.listen()).start();
    b.wait_links(1);
    b.listen();
    let told = dir.join("told");
    // The first time it kills the script, which then does not see that it was told.
    let tell = written(
        &dir,
        "tell",
        "#!/bin/sh\necho \"$MESHCHAT_STATE\" >>told\n[ -e killed ] || { : >killed; kill -9 $PPID; }\n",
    );
    let start = || {
        let mut command = script("alert-unreachable", &a, &dir);
        Process::spawn(command.arg("b").arg(&tell).env("ALERT_SECONDS", "0.1"))
    };
    let mut alert = start();
    b.kill();
    wait_for("the alert", Limit::secs(60), || alert.status().is_some());
    assert_eq!(text(&told), "unreachable\n");
    b.start_again();
    b.wait_links(1);
    let _alert = start();
    wait_for("the end of it", Limit::secs(60), || text(&told) == "unreachable\nreachable\n");
}

#[test]
fn a_room_is_in_the_file_once_over_kills_of_both() {
    let dir = TestDir::new();
    let mut a = Daemon::builder("a").arg("--history").arg("disk").start();
    let file = dir.join("ops.jsonl");
    let start = |a: &Daemon| {
        let mut command = script("room-to-file", a, &dir);
        command.args(["#ops"]).arg(&file).stderr(File::create(dir.join("errors")).unwrap());
        Process::spawn(&mut command)
    };
    let texts = || -> Vec<String> {
        let text = text(&file);
        let values = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let messages = values.filter(|value| value["event"] == "message");
        messages.map(|value| value["text"].as_str().unwrap().to_owned()).collect()
    };
    a.ctl().ok(["join", "#ops"]);
    let mut wanted = Vec::new();
    for round in 0..4 {
        let mut relay = start(&a);
        for number in 0..5 {
            let text = format!("{round}.{number} \"quoted\" \\ $(touch owned)\nsecond line");
            a.ctl().ok(["send", "#ops", "--", &text]);
            wanted.push(text);
        }
        // At once, or when all has arrived and the node may not know it yet.
        if round % 2 == 0 {
            wait_for("the lines", Limit::default(), || texts() == wanted);
        }
        kill_tree(&mut relay);
        a.kill();
        a.start_again();
    }
    // As if it had been killed while it wrote, and between the two files that it writes.
    let whole = text(&file);
    let last = whole.lines().last().unwrap();
    fs::write(dir.join("ops.jsonl.new"), format!("{last}\n{{\"schema\":1,\"ev")).unwrap();
    fs::write(&file, format!("{whole}{{\"schema\":1,\"event\":\"mess")).unwrap();
    let _relay = start(&a);
    a.ctl().ok(["send", "#ops", "the end"]);
    wanted.push("the end".to_owned());
    wait_for("the last line", Limit::default(), || texts().last().is_some_and(|t| t == "the end"));
    assert_eq!(texts(), wanted);
    assert!(text(&file).lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    assert!(!dir.join("owned").exists());
    let second = script("room-to-file", &a, &dir).args(["#ops"]).arg(&file).output().unwrap();
    assert_eq!(second.status.code(), Some(1), "{}", shown(&second));
}

#[test]
fn what_was_written_before_a_kill_is_not_written_again() {
    let dir = TestDir::new();
    let a = Daemon::start("a");
    a.ctl().ok(["join", "#ops"]);
    // More than anybody reads at once, all of it appended, and then it was killed.
    // No line of the daemon begins like this, whatever its id.
    const BEGIN: &str = "{\"event\":\"message\",\"id\":\"x";
    let line = |number| format!("{BEGIN}{number}\"}}\n");
    let lines: String = (0..30_000).map(line).collect();
    for name in ["-ops.jsonl", "-ops.jsonl.new"] {
        fs::write(dir.join(name), &lines).unwrap();
    }
    let mut command = script("room-to-file", &a, &dir);
    let _relay = Process::spawn(command.args(["#ops", "-ops.jsonl"]));
    let file = dir.join("-ops.jsonl");
    a.ctl().ok(["send", "#ops", "the end"]);
    wait_for("the last line", Limit::default(), || text(&file).contains("\"the end\""));
    let text = text(&file);
    assert_eq!(text.lines().filter(|line| line.starts_with(BEGIN)).count(), 30_000);
    assert!(text.starts_with(&lines));
}

/// `kill -9` of a script and of what it runs.
fn kill_tree(process: &mut Process) {
    let children = format!("/proc/{0}/task/{0}/children", process.pid());
    let children = text(Path::new(&children));
    process.kill();
    for child in children.split_whitespace() {
        let _ = Command::new("kill").args(["-9", child]).status();
    }
}

#[test]
fn the_bot_answers_people_and_no_bots() {
    let dir = TestDir::new();
    let a = Daemon::start("a");
    let b = Daemon::builder("b").peer(a.listen()).start();
    b.wait_links(1);
    let heard = b.ctl().tail(["tail", "lobby", "-n", "0"]);
    heard.wait_for("the beginning", Limit::default(), |line| line["event"] == "caught_up");
    let log = |name: &str| File::create(dir.join(name)).unwrap();
    let mut bot = Process::spawn(script("echo-bot", &a, &dir).stderr(log("one")));
    let another = Daemon::builder("c").peer(a.listen()).start();
    another.wait_links(1);
    let mut other = Process::spawn(script("echo-bot", &another, &dir).stderr(log("two")));
    let there = || b.ctl().json(["who"]).iter().filter(|one| one["me"] != true).count() >= 2;
    wait_for("both bots", Limit::default(), there);
    b.ctl().ok(["send", "!ping"]);
    let answers = || heard.count(|line| line["text"] == "says pong" && line["kind"] == 1);
    wait_for("an answer of each", Limit::default(), || answers() == 2);
    // Nothing that only looks like a command, and nobody who speaks as bots do.
    b.ctl().ok(["send", "x\",\"kind\":0,\"text\":\"!ping\",\"y"]);
    b.ctl().ok(["send", "--me", "!ping"]);
    b.ctl().ok(["send", "!uptime"]);
    let up = || {
        heard.count(|line| {
            line["kind"] == 1 && line["text"].as_str().is_some_and(|t| t.starts_with("is "))
        })
    };
    wait_for("the uptime", Limit::default(), || up() == 2);
    assert_eq!(answers(), 2);
    // A flood gets few answers.
    for _ in 0..30 {
        b.ctl().ok(["send", "!ping"]);
    }
    b.ctl().ok(["send", "over"]);
    let over = |line: &Value| line["text"] == "over";
    heard.wait_for("the end of the flood", Limit::default(), over);
    assert!(answers() <= 2 * 2 * 10, "{}", answers());
    // Whoever ends it ends all of it.
    for bot in [&mut bot, &mut other] {
        assert_eq!(bot.terminate(Limit::default()).code(), Some(143));
    }
    let gone = || a.ctl().json(["status"])[0]["clients"] == 1;
    wait_for("the end of its tail", Limit::default(), gone);
}

#[test]
fn the_bot_is_silent_about_the_past() {
    let dir = TestDir::new();
    let mut a = Daemon::builder("a").arg("--history").arg("disk").start();
    let b = Daemon::start("b");
    // One is in the history of this node, one comes late, over a link that was down.
    for node in [&a, &b] {
        node.ctl().ok(["send", "!ping"]);
    }
    let old = |node: &Daemon| {
        let lines = node.ctl().json(["tail", "lobby", "--no-follow", "--no-presence", "-n", "1"]);
        lines[0]["age_ms"].as_u64() > Some(3_000)
    };
    wait_for("the past", Limit::default(), || old(&a) && old(&b));
    let mut command = script("echo-bot", &a, &dir);
    let _bot = Process::spawn(command.env("ECHO_SECONDS", "2"));
    let heard = b.ctl().tail(["tail", "lobby", "-n", "0"]);
    let there = |a: &Daemon| a.ctl().json(["who"]).iter().any(|one| one["state"] == "online");
    wait_for("the bot", Limit::default(), || there(&a));
    b.ctl().ok(["connect", &a.listen().to_string()]);
    b.wait_links(1);
    a.start_again();
    wait_for("the bot", Limit::default(), || there(&a));
    b.wait_links(1);
    a.wait_links(1);
    let answer = |line: &Value| line["kind"] == 1;
    wait_for("an answer", Limit::default(), || {
        b.ctl().ok(["send", "!uptime"]);
        heard.count(answer) > 0
    });
    assert_eq!(heard.count(|line| line["text"] == "says pong"), 0);
}

#[test]
fn a_backup_is_the_node_and_for_nobody_else() {
    let dir = TestDir::new();
    let mut a = Daemon::builder("barn")
        .by_config()
        .config("name = \"barn\"\nlisten = \"127.0.0.1:0\"\n")
        .start();
    let id = a.ctl().json(["status"])[0]["node"].clone();
    let to = dir.join("back ups");
    fs::create_dir(&to).unwrap();
    let output = script("backup-node", &a, &dir).arg(&to).output().unwrap();
    assert!(output.status.success(), "{}", shown(&output));
    let archive = PathBuf::from(String::from_utf8(output.stdout).unwrap().trim_end());
    assert_eq!(fs::metadata(&archive).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(&to).unwrap().count(), 1);
    a.kill();
    // As the script says: files go where they were.
    fs::remove_dir_all(a.state_dir()).unwrap();
    let status = Command::new("tar").args(["-C", "/", "-xzpf"]).arg(&archive).status();
    assert!(status.unwrap().success());
    a.start_again();
    assert_eq!(a.ctl().json(["status"])[0]["node"], id);
    a.kill();
    // A state that is on another disk, and a file of settings that a link leads to.
    let (state, config) = (a.state_dir(), a.config_file());
    let (disk, settings) = (dir.join("a disk"), dir.join("settings"));
    for (there, moved) in [(&state, &disk), (&config, &settings)] {
        fs::rename(there, moved).unwrap();
        symlink(moved, there).unwrap();
    }
    a.start_again();
    let here = dir.join("here");
    fs::create_dir(&here).unwrap();
    let mut command = script("backup-node", &a, &dir);
    let output = command.current_dir(&here).arg(".").output().unwrap();
    assert!(output.status.success(), "{}", shown(&output));
    let archive = here.join(String::from_utf8(output.stdout).unwrap().trim_end());
    a.kill();
    fs::remove_dir_all(&disk).unwrap();
    for gone in [&settings, &state, &config] {
        fs::remove_file(gone).unwrap();
    }
    let status = Command::new("tar").args(["-C", "/", "-xzpf"]).arg(&archive).status();
    assert!(status.unwrap().success());
    assert!(fs::symlink_metadata(&state).unwrap().is_symlink());
    a.start_again();
    let status = a.ctl().json(["status"]);
    assert_eq!((&status[0]["node"], &status[0]["name"]), (&id, &Value::from("barn")));
    a.kill();
    // Without a daemon nothing can be known, and nothing is left behind.
    let output = script("backup-node", &a, &dir).arg(&to).output().unwrap();
    assert_eq!(output.status.code(), Some(8), "{}", shown(&output));
    assert_eq!(fs::read_dir(&to).unwrap().count(), 1);
}

/// Every line of the page that stands under "In one line".
#[test]
fn the_lines_of_the_documentation_work() {
    let dir = TestDir::new();
    let a = Daemon::start("a");
    let b = Daemon::builder("barn").peer(a.listen()).start();
    b.wait_links(1);
    a.wait_links(1);
    a.ctl().ok(["join", "#ops"]);
    let page = text(&Path::new(REPOSITORY).join("docs/scripting.md"));
    let (_, part) = page.split_once("## In one line").unwrap();
    let (part, _) = part.split_once("\n## ").unwrap();
    let lines: Vec<_> = part.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    assert!(lines.len() > 7, "{lines:?}");
    let _there = a.ctl().tail(["tail", "-f"]);
    wait_for("somebody", Limit::default(), || a.ctl().ok(["who", "--terse"]).contains("online"));
    for line in lines {
        let mut command = Command::new("sh");
        command.args(["-e", "-c", line]);
        let output = with_ctl(command, &a, &dir).output().unwrap();
        assert!(output.status.success(), "{line}\n{}", shown(&output));
        assert!(output.stderr.is_empty(), "{line}\n{}", shown(&output));
    }
}

/// What `make install` puts somewhere is what `make uninstall` removes.
#[test]
fn nothing_is_left_of_an_installation() {
    let dir = TestDir::new();
    let made = Command::new(program("meshchat-pages")).arg(dir.join("made")).status();
    assert!(made.unwrap().success());
    let install = |args: &[&std::ffi::OsStr]| {
        let mut command = Command::new(Path::new(REPOSITORY).join("scripts/install.sh"));
        command.args(args).env("DESTDIR", dir.join("root")).env("PREFIX", "/usr");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", shown(&output));
    };
    let files = || {
        let found =
            Command::new("find").arg(dir.join("root")).args(["-type", "f"]).output().unwrap();
        String::from_utf8(found.stdout).unwrap()
    };
    let programs = program("meshchatctl").parent().unwrap().to_owned();
    install(&["install".as_ref(), programs.as_ref(), dir.join("made").as_ref()]);
    for wanted in [
        "/usr/share/man/man1/meshchatctl-send.1\n",
        "/usr/share/man/man8/meshchatd.8\n",
        "/usr/share/bash-completion/completions/meshchatctl\n",
        "/usr/share/zsh/site-functions/_meshchatctl\n",
        "/usr/share/fish/vendor_completions.d/meshchatctl.fish\n",
        "/usr/share/doc/meshchat/examples/echo-bot\n",
        "/etc/meshchat/gateway.toml\n",
    ] {
        assert!(files().contains(wanted), "{wanted}{}", files());
    }
    install(&["uninstall".as_ref()]);
    let left = files();
    assert!(left.lines().all(|file| file.contains("/etc/meshchat/")), "{left}");
}
