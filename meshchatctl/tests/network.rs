//! The commands of closed networks against a scripted daemon.
#![expect(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "tests")]

#[path = "../../crates/client/tests/fake/mod.rs"]
mod fake;

use std::process::{Output, Stdio};

use fake::{Answer, FakeDaemon, Place, error, ok};
use meshchat_client::proto::control::{
    Error, ErrorCode, InviteInfo, LimitRow, NetworkInfo, NetworkRequest, Reply, Request, TicketInfo,
};
use meshchat_client::proto::id::NetworkId;
use meshchat_client::proto::network::Role;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

fn ctl(place: &Place, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_meshchatctl"));
    command.arg("--socket").arg(place.socket()).args(arguments);
    command.env("TZ", "UTC").env_remove("NO_COLOR").stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn run(place: &Place, arguments: &[&str]) -> Output {
    ctl(place, arguments).output().await.unwrap()
}

async fn run_with(place: &Place, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = ctl(place, arguments).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Who refuses at once does not read.
    match stdin.write_all(input).await {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        written => written.unwrap(),
    }
    drop(stdin);
    child.wait_with_output().await.unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn refuse(code: ErrorCode) -> Vec<Answer> {
    vec![error(Error::new(code, "it's \x1b[2J no"))]
}

fn ticket(uses: u32, expires_ms: u64, role: Role) -> TicketInfo {
    let invite = InviteInfo { id: "k7".into(), uses_left: uses, expires_ms, role };
    TicketInfo { ticket: "meshchat1abc".into(), invite }
}

fn network() -> NetworkInfo {
    NetworkInfo {
        id: NetworkId([1; 16]),
        name: "barn".into(),
        role: Some(Role::Admin),
        root: false,
        removed: false,
        members: 2,
        reachable: 1,
        rate: (20, 5),
    }
}

/// A node of a closed network; it takes only the root key of 32 times 7f.
fn closed(place: &Place) -> FakeDaemon {
    FakeDaemon::answering(&place.socket(), |request| match request {
        Request::Network(NetworkRequest::Invite { uses, expires_ms, role }) => {
            vec![ok(Reply::Ticket(ticket(uses, expires_ms, role)))]
        }
        Request::Network(NetworkRequest::Join { ticket }) if ticket == "meshchat1abc" => {
            vec![ok(Reply::Network(NetworkInfo { role: Some(Role::Guest), ..network() }))]
        }
        Request::Network(NetworkRequest::Show {}) => vec![ok(Reply::Network(network()))],
        Request::Network(NetworkRequest::Backup {}) => vec![ok(Reply::RootKey("7f".repeat(32)))],
        Request::Network(NetworkRequest::Restore { key }) if key == "7f".repeat(32) => {
            vec![ok(Reply::Done {})]
        }
        Request::Network(NetworkRequest::Leave {} | NetworkRequest::Remove { .. })
        | Request::Join { .. } => vec![ok(Reply::Done {})],
        _ => refuse(ErrorCode::Denied),
    })
}

#[tokio::test]
async fn a_script_gets_the_bare_ticket() {
    let place = Place::new();
    let _daemon = closed(&place);
    let output = run(&place, &["invite", "--uses", "3", "--expires", "2h"]).await;
    assert_eq!(stdout(&output), "meshchat1abc\n", "{}", stderr(&output));
    let output = run(&place, &["invite", "--uses", "3", "--expires", "2h", "--json"]).await;
    let wanted = "{\"schema\":1,\"ticket\":\"meshchat1abc\",\"invite\":{\"id\":\"k7\",\
                  \"uses_left\":3,\"expires_ms\":7200000,\"role\":\"member\"}}\n";
    assert_eq!(stdout(&output), wanted);
    let text = stdout(&run(&place, &["invite", "--role", "guest", "--qr", "always"]).await);
    assert!(text.contains("Lets one node in as guest, for 24 h of"), "{text}");
    assert!(text.contains("meshchatctl join meshchat1abc\n") && text.contains("██ ▄▄▄▄▄ █"));
}

#[tokio::test]
async fn a_ticket_joins_a_network_and_all_else_a_room() {
    let place = Place::new();
    let _daemon = closed(&place);
    let text = stdout(&run(&place, &["join", "meshchat1abc"]).await);
    assert!(text.starts_with("This node is a guest of barn now.\n"), "{text}");
    assert_eq!(stdout(&run(&place, &["join", "meshchat"]).await), "You are in #meshchat.\n");
    assert_eq!(run(&place, &["join", "meshchat1x"]).await.status.code(), Some(13));
}

#[tokio::test]
async fn what_goes_with_the_open_network_is_told() {
    let place = Place::new();
    let _daemon = FakeDaemon::answering(&place.socket(), |request| match request {
        Request::Network(NetworkRequest::Show {}) => {
            vec![ok(Reply::Network(NetworkInfo { id: NetworkId::OPEN, ..network() }))]
        }
        Request::Limits {} => {
            let rows = vec![row("history_messages", 42), row("links", 3), row("private_rooms", 1)];
            vec![ok(Reply::Limits(rows))]
        }
        Request::Network(NetworkRequest::Create { .. } | NetworkRequest::Join { .. }) => {
            vec![ok(Reply::Network(network()))]
        }
        _ => refuse(ErrorCode::Denied),
    });
    for arguments in [&["network", "create", "barn"][..], &["join", "meshchat1abc"]] {
        let text = stdout(&run(&place, arguments).await);
        let wanted = "Deleted on this node: 42 messages, 1 private room of the open network.\n";
        assert!(text.contains(wanted), "{text}");
    }
}

fn row(name: &str, used: u64) -> LimitRow {
    LimitRow { name: name.into(), used, most: 100, when_full: "it is full".into() }
}

#[tokio::test]
async fn what_cannot_be_undone_wants_a_yes() {
    let place = Place::new();
    let _daemon = closed(&place);
    for arguments in [&["network", "leave"][..], &["members", "remove", "mill"]] {
        let output = run_with(&place, arguments, b"y\n").await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains("--yes") && stdout(&output).is_empty());
        let output = run(&place, &[arguments, &["--yes"]].concat()).await;
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
}

#[tokio::test]
async fn the_root_key_goes_to_paper_and_back() {
    let place = Place::new();
    let _daemon = closed(&place);
    let paper = stdout(&run(&place, &["network", "backup", "--no-legend"]).await);
    assert_eq!(paper.lines().count(), 6, "{paper}");
    let words = stdout(&run(&place, &["network", "backup", "--terse"]).await);
    assert_eq!(words.split_whitespace().count(), 24, "{words}");
    let output = run_with(&place, &["network", "restore"], words.as_bytes()).await;
    assert_eq!(stdout(&output), "This node holds the root key again.\n", "{}", stderr(&output));
    let typed: Vec<&str> = words.split_whitespace().collect();
    let output = run(&place, &[&["network", "restore"], &typed[..]].concat()).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let output = run_with(&place, &["network", "restore"], b"legal winner\n").await;
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}
