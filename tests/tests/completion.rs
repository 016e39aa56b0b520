//! Completion in real shells, of what a real daemon knows.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use meshchat_tests::{Daemon, Limit, TestDir, program, wait_for};

/// A line of bash up to the cursor, and what readline would replace of it.
fn bash(daemon: &Path, line: &str, replaced: &str) -> Vec<String> {
    let words = format!(
        "{}\nCOMP_LINE=$1; COMP_POINT=${{#1}}; COMP_WORDS=(x x); COMP_CWORD=1\n\
         _meshchatctl meshchatctl \"$2\" x; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        script("bash")
    );
    let mut command = Command::new("bash");
    command.args(["--norc", "-c", &words, "bash", line, replaced]);
    lines(asked(&mut command, daemon))
}

/// The same without options, which are offered when there is nothing else.
fn names(daemon: &Path, line: &str, replaced: &str) -> Vec<String> {
    let all = bash(daemon, line, replaced);
    all.into_iter().filter(|one| !one.starts_with('-')).collect()
}

fn script(shell: &str) -> String {
    let output = Command::new(program("meshchatctl")).args(["completions", shell]).output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

/// Runs a command in which `meshchatctl` is ours and talks to this daemon.
fn asked(command: &mut Command, socket: &Path) -> Output {
    let program = program("meshchatctl");
    let mut path = OsString::from(program.parent().unwrap());
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let output = command.env("PATH", path).env("MESHCHAT_SOCKET", socket).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{command:?}");
    output
}

fn lines(output: Output) -> Vec<String> {
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn is_there(shell: &str) -> bool {
    let there = Command::new(shell).arg("--version").output().is_ok();
    if !there {
        eprintln!("skipped: {shell} is not installed");
    }
    there
}

/// Two nodes: `barn` and one with a name that wants to be more than a name.
fn two() -> (Daemon, Daemon) {
    let a = Daemon::start("barn");
    let b = Daemon::builder(HOSTILE).peer(a.listen()).start();
    b.wait_links(1);
    let knows = || a.ctl().json(["nodes"]).len() == 2;
    wait_for("both nodes", Limit::default(), knows);
    a.ctl().ok(["join", "#ops"]);
    a.ctl().ok(["room", "create", "family"]);
    (a, b)
}

const HOSTILE: &str = "$(touch${IFS}owned)`id`'\"";

#[test]
fn bash_offers_commands_options_and_what_the_daemon_knows() {
    let (a, _b) = two();
    let socket = a.socket();
    let found = bash(&socket, "meshchatctl se", "se");
    assert_eq!(found, ["send"]);
    let all = bash(&socket, "meshchatctl ", "");
    assert!(
        all.contains(&"peers".into()) && all.iter().all(|one| !one.starts_with('-')),
        "{all:?}"
    );
    assert_eq!(bash(&socket, "meshchatctl tail --since", "--since"), ["--since"]);
    assert_eq!(bash(&socket, "meshchatctl leave ", ""), ["'#lobby'", "'#ops'", "'#~family'"]);
    assert_eq!(bash(&socket, "meshchatctl leave '#o", "#o"), ["#ops"]);
    assert_eq!(bash(&socket, "meshchatctl leave o", "o"), ["ops"]);
    assert_eq!(bash(&socket, "meshchatctl room invite ", ""), ["'#~family'"]);
    assert_eq!(names(&socket, "meshchatctl send '#ops' ", ""), Vec::<String>::new());
    assert_eq!(bash(&socket, "meshchatctl members --color a", "a"), ["auto", "always"]);
}

#[test]
fn a_hostile_name_is_only_a_name() {
    let (a, _b) = two();
    let folder = TestDir::new();
    let found = bash(&a.socket(), "meshchatctl ping ", "");
    assert_eq!(found.len(), 1, "{found:?}");
    for (typed, replaced) in [("", ""), ("'", ""), ("\"", ""), ("\\$", "\\$")] {
        let line = format!("meshchatctl ping {typed}");
        let found = bash(&a.socket(), &line, replaced);
        let [name] = found.as_slice() else { unreachable!("{typed}: {found:?}") };
        // What readline makes of it: the end of the line replaced, and the quote closed.
        let kept = line.strip_suffix(replaced).unwrap().replace("meshchatctl ping", "printf %s");
        let quote = typed.trim_end_matches(['\\', '$']);
        let close = if name.ends_with(quote) { "" } else { quote };
        let mut shell = Command::new("bash");
        shell.args(["-c", &format!("{kept}{name}{close}")]).current_dir(folder.path());
        let said = shell.output().unwrap();
        assert_eq!(String::from_utf8(said.stdout).unwrap(), HOSTILE, "{typed}");
    }
    assert!(!folder.join("owned").exists());
    let reached = a.ctl().run(["ping", "-c", "1", HOSTILE]);
    reached.assert_ok();
}

#[test]
fn the_daemon_is_the_one_on_the_line() {
    let (a, _b) = two();
    let nowhere = Path::new("/nowhere/control.sock");
    assert_eq!(names(nowhere, "meshchatctl leave ", ""), Vec::<String>::new());
    let named = format!("meshchatctl --socket {} leave '#op", a.socket().display());
    assert_eq!(bash(nowhere, &named, "#op"), ["#ops"]);
    let named = format!("meshchatctl leave --socket={} op", a.socket().display());
    assert_eq!(bash(nowhere, &named, "op"), ["ops"]);
}

#[test]
fn a_daemon_that_hangs_costs_a_blink_and_no_word() {
    let mut a = Daemon::start("a");
    a.process().pause();
    let mut quickest = Duration::MAX;
    for _ in 0..5 {
        let begun = Instant::now();
        assert_eq!(names(&a.socket(), "meshchatctl leave ", ""), Vec::<String>::new());
        quickest = quickest.min(begun.elapsed());
    }
    a.process().resume();
    // 300 ms, and what a busy machine takes to start bash and two programs.
    assert!(quickest < Duration::from_millis(1300), "{quickest:?}");
    // Without the daemon's help there is still all that the program knows by itself.
    a.kill();
    assert_eq!(bash(&a.socket(), "meshchatctl peers gr", "gr"), ["graph"]);
}

#[test]
fn failures_are_silent_and_no_failures() {
    let ctl = program("meshchatctl");
    for given in [&["--"][..], &["--", "", ""], &["--", "meshchatctl nonsense ", ""]] {
        let mut command = Command::new(&ctl);
        let output = asked(command.env("COMPLETE", "bash").args(given), Path::new("/dev/null"));
        assert!(output.status.success(), "{given:?}");
    }
}

#[test]
fn zsh_offers_the_same() {
    if !is_there("zsh") {
        return;
    }
    let (a, _b) = two();
    let folder = TestDir::new();
    std::fs::write(folder.join("_meshchatctl"), script("zsh")).unwrap();
    let mut typed = Command::new("zsh");
    typed.args(["-f", "-c", ZSH, "zsh"]).arg(folder.path()).current_dir(folder.path());
    let output =
        asked(typed.arg("meshchatctl leave \\#o\t\n").env("HOME", folder.path()), &a.socket());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("[meshchatctl][leave][#ops]"), "{text}");
    let mut typed = Command::new("zsh");
    typed.args(["-f", "-c", ZSH, "zsh"]).arg(folder.path()).current_dir(folder.path());
    let output = asked(typed.arg("meshchatctl ping \t\n").env("HOME", folder.path()), &a.socket());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains(&format!("[meshchatctl][ping][{HOSTILE}]")), "{text}");
    assert!(!folder.join("owned").exists());
}

/// Types a line into a zsh of its own, in which `meshchatctl` says how it was called.
const ZSH: &str = r#"
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -d $1/dump; unsetopt beep; stty -echo"
zpty -w shell "precmd_functions=(); preexec() { [[ \$1 == meshchatctl* ]] && { local w; print -rn -- '<<'; for w in \${(Q)\${(z)1}}; do print -rn -- \"[\$w]\"; done; print -r -- '>>' } }; print rea''dy"
while zpty -r shell line; do [[ $line == *ready* ]] && break; done
zpty -w -n shell "$2"
integer n=0
while zpty -r shell line && (( n++ < 40 )); do print -r -- "$line"; [[ $line == *'>>'* ]] && break; done
zpty -d shell
"#;

#[test]
fn fish_offers_the_same() {
    if !is_there("fish") {
        return;
    }
    let (a, _b) = two();
    let folder = TestDir::new();
    let fish = |line: &str| {
        let words = format!("{}\ncomplete --do-complete $argv[1]", script("fish"));
        let mut command = Command::new("fish");
        command.args(["--no-config", "-c", &words, line]).env("HOME", folder.path());
        command.current_dir(folder.path());
        lines(asked(&mut command, &a.socket()))
    };
    assert_eq!(fish("meshchatctl peers gra")[0].split('\t').next(), Some("graph"));
    assert_eq!(fish("meshchatctl leave '#o"), ["#ops\tyou are in it"]);
    assert_eq!(fish("meshchatctl ping "), [format!("{HOSTILE}\treachable")]);
    assert!(!folder.join("owned").exists());
}
