//! `meshchatctl doctor` against a scripted daemon, and without one.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../../crates/client/tests/fake/mod.rs"]
mod fake;

use std::process::Output;

use fake::{FakeDaemon, Place, error, ok};
use meshchat_client::proto::control::{
    Error, ErrorCode, Finding, FromDaemon, Grade, Hello, Reply, Request,
};
use tokio::process::Command;

async fn doctor(place: &Place, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_meshchatctl"));
    command.arg("--socket").arg(place.socket()).arg("doctor").args(arguments);
    command.kill_on_drop(true).output().await.unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn finding(findings: Vec<Finding>) -> impl Fn(Request) -> Vec<fake::Answer> + Clone {
    move |request| {
        assert_eq!(request, Request::Doctor {});
        vec![ok(Reply::Doctor(findings.clone()))]
    }
}

fn ill() -> Vec<Finding> {
    vec![
        Finding::new("udp", Grade::Ok, "gets through").of("pi-dam"),
        Finding::new("clock", Grade::Warning, "is 3 min ahead").fix("sudo timedatectl set-ntp on"),
        Finding::new("udp", Grade::Problem, "blocked \x1b[2J").of("pi\nbarn").fix("sudo ufw \x07"),
    ]
}

#[tokio::test]
async fn a_problem_gives_1_and_its_fix() {
    let place = Place::new();
    let _daemon = FakeDaemon::answering(&place.socket(), finding(ill()));
    let output = doctor(&place, &[]).await;
    assert_eq!((output.status.code(), stderr(&output)), (Some(1), String::new()));
    let text = "✓ ok       udp    pi-dam: gets through\n\
                ✕ problem  udp    pi\\nbarn: blocked \\x1b[2J\n           \
                fix: sudo ufw \\x07\n\
                ! warning  clock  is 3 min ahead\n           \
                fix: sudo timedatectl set-ntp on\n\
                1 problem, 1 warning (3 checks)\n";
    assert_eq!(stdout(&output), text);
    let output = doctor(&place, &["--problems", "--no-legend"]).await;
    assert_eq!(stdout(&output).lines().count(), 4, "{}", stdout(&output));
    let output = doctor(&place, &["-t", "--fields", "grade,subject,fix"]).await;
    assert!(stdout(&output).starts_with("ok\tpi-dam\t\nproblem\t"), "{}", stdout(&output));
}

#[tokio::test]
async fn findings_are_json_lines() {
    let place = Place::new();
    let _daemon = FakeDaemon::answering(&place.socket(), finding(ill()));
    let output = doctor(&place, &["--json"]).await;
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert_eq!(
        lines[2],
        "{\"schema\":1,\"check\":\"clock\",\"subject\":\"\",\"grade\":\"warning\",\
         \"words\":\"is 3 min ahead\",\"fix\":[\"sudo timedatectl set-ntp on\"]}"
    );
}

#[tokio::test]
async fn warnings_and_less_give_0() {
    let place = Place::new();
    let mut mild = ill();
    mild.truncate(2);
    let daemon = FakeDaemon::answering(&place.socket(), finding(mild));
    assert_eq!(doctor(&place, &[]).await.status.code(), Some(0));
    daemon.stop().await;
    let well = vec![Finding::new("udp", Grade::Ok, "gets through")];
    let daemon = FakeDaemon::answering(&place.socket(), finding(well));
    let output = doctor(&place, &["--problems"]).await;
    let all = (output.status.code(), stdout(&output));
    assert_eq!(all, (Some(0), "all is well (1 check)\n".to_owned()));
    daemon.stop().await;
    let _daemon = FakeDaemon::answering(&place.socket(), finding(Vec::new()));
    let output = doctor(&place, &["--json"]).await;
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), String::new()));
}

#[tokio::test]
async fn an_older_daemon_is_said_to_be_older() {
    let place = Place::new();
    let _daemon = FakeDaemon::answering(&place.socket(), |_| {
        vec![error(Error::new(ErrorCode::UnknownRequest, "unknown request"))]
    });
    let output = doctor(&place, &[]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("meshchatd is older than this program"), "{output:?}");
}

#[tokio::test]
async fn without_a_daemon_it_says_what_it_sees() {
    let place = Place::new();
    let output = doctor(&place, &[]).await;
    assert_eq!((output.status.code(), stderr(&output)), (Some(8), String::new()));
    let text = stdout(&output);
    assert!(text.starts_with("✕ problem  daemon "), "{text}");
    let socket = format!("  {}: does not exist", place.socket().display());
    assert!(text.contains(&socket), "{text}");
    let output = doctor(&place, &["--json"]).await;
    assert_eq!(output.status.code(), Some(8));
    assert!(stdout(&output).lines().all(|line| line.starts_with("{\"schema\":1,\"check\":\"")));
    let failure = "{\"schema\":1,\"error\":{\"code\":\"not_running\",";
    assert!(stderr(&output).starts_with(failure), "{}", stderr(&output));
}

#[tokio::test]
async fn a_daemon_that_refuses_gives_the_exit_code_of_the_refusal() {
    let place = Place::new();
    for (code, exit) in [(ErrorCode::Version, 1), (ErrorCode::Denied, 13)] {
        let daemon = FakeDaemon::raw(&place.socket(), move |mut conn| async move {
            conn.read_as::<Hello>().await.unwrap();
            conn.write(&FromDaemon::error(0, Error::new(code, "it's \x1b[2J no"))).await;
        });
        let output = doctor(&place, &[]).await;
        assert_eq!(output.status.code(), Some(exit), "{output:?}");
        let text = stdout(&output);
        assert!(text.starts_with("✕ problem  daemon "), "{text}");
        assert!(text.contains("it's \\x1b[2J no\n"), "{text}");
        assert!(text.contains("mode 0"), "{text}");
        daemon.stop().await;
    }
}
