//! Who may use the control socket, decided by real Unix users.
//!
//! The users and groups are those that every Debian has; no account is made or changed.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::{Command, Output};

use meshchat_tests::{Daemon, program};

/// Group `games`, which the daemon is told to serve.
const GROUP: u32 = 60;
/// User `games`, a member by the group of its process.
const MEMBER: u32 = 5;
/// User `bin`, an operator.
const OPERATOR: u32 = 2;
/// User `nobody`.
const STRANGER: u32 = 65534;

#[test]
fn strangers_are_refused_members_chat_and_operators_administer() {
    let Some(daemon) = daemon_or_skip() else { return };
    let socket = fs::metadata(daemon.socket()).unwrap();
    assert_eq!((socket.permissions().mode() & 0o777, socket.gid()), (0o660, GROUP));

    let refused = ctl_as(&daemon, STRANGER, STRANGER, &["status"]);
    assert_eq!(refused.status.code(), Some(13), "{refused:?}");
    assert!(text(&refused).contains("permission denied"), "{refused:?}");
    assert!(text(&refused).contains("usermod -aG"), "{refused:?}");

    let member = |args: &[&str]| ctl_as(&daemon, MEMBER, GROUP, args);
    for allowed in
        [&["send", "hello"][..], &["who"], &["tail", "--no-follow"], &["status"], &["log-level"]]
    {
        let output = member(allowed);
        assert_eq!(output.status.code(), Some(0), "{allowed:?}: {output:?}");
    }
    for denied in [
        &["connect", "--no-wait", "127.0.0.1:9"][..],
        &["disconnect", "x"],
        &["config", "reload"],
        &["log-level", "debug"],
        &["log-level", "--reset"],
        &["logs", "--no-follow"],
        &["logs"],
    ] {
        let output = member(denied);
        assert_eq!(output.status.code(), Some(13), "{denied:?}: {output:?}");
        assert!(text(&output).contains("only an operator"), "{output:?}");
        assert!(text(&output).contains("sudo"), "{output:?}");
        assert!(!text(&output).contains("usermod"), "a member is told to join: {output:?}");
    }
    assert!(daemon.peers().is_empty());

    let operator = ctl_as(&daemon, OPERATOR, GROUP, &["connect", "--no-wait", "127.0.0.1:9"]);
    assert_eq!(operator.status.code(), Some(0), "{operator:?}");
    assert_eq!(daemon.peers().len(), 1);
    // The socket belongs to the group: who is only an operator does not get that far.
    let outside = ctl_as(&daemon, OPERATOR, OPERATOR, &["status"]);
    assert_eq!(outside.status.code(), Some(13), "{outside:?}");
}

#[test]
fn each_user_is_a_person_and_no_two_have_one_name() {
    let Some(daemon) = daemon_or_skip() else { return };
    daemon.ctl().ok(["nick", "Ann"]);
    let member = |args: &[&str]| ctl_as(&daemon, MEMBER, GROUP, args);
    for taken in ["Ann", "ann", "ANN", " Ann "] {
        let output = member(&["nick", taken]);
        assert_eq!(output.status.code(), Some(1), "{taken}: {output:?}");
        assert!(text(&output).contains("is called"), "{output:?}");
    }
    assert_eq!(member(&["send", "hi"]).status.code(), Some(0));
    let shown = daemon.ctl().json(["tail", "--no-follow", "--no-presence"]);
    assert_eq!(shown[0]["author"], "games", "{shown:?}");
    assert_eq!(daemon.ctl().json(["who"]).len(), 2);
}

fn daemon_or_skip() -> Option<Daemon> {
    let mut trial = setpriv(STRANGER, STRANGER);
    if !trial.arg("true").output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: acting as another user needs root");
        return None;
    }
    let config = "group = \"games\"\noperators = [\"bin\"]\n";
    Some(Daemon::builder("a").config(config).start())
}

fn ctl_as(daemon: &Daemon, user: u32, group: u32, args: &[&str]) -> Output {
    let mut command = setpriv(user, group);
    command.arg(program("meshchatctl")).arg("--socket").arg(daemon.socket()).args(args);
    command.env_clear().output().unwrap()
}

fn setpriv(user: u32, group: u32) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &user.to_string(), "--regid", &group.to_string()]);
    command.arg("--clear-groups").arg("--");
    command
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
