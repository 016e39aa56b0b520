//! What can be seen without the daemon.

mod access;
mod programs;

use std::path::{Path, PathBuf};

use meshchat_client::ConnectError;
use meshchat_client::proto::control::{ErrorCode, Finding, Grade};

use access::Person;
use programs::Unit;

/// Why the daemon at `paths` cannot be reached. Takes at most some seconds.
pub(super) async fn examine(
    paths: &[PathBuf],
    instance: Option<&str>,
    error: &ConnectError,
) -> Vec<Finding> {
    let service = programs::service_name(instance);
    let unit = programs::unit(&service).await;
    let program = programs::program(instance).await;
    let installed = program.is_some();
    let mut findings = vec![daemon(error, instance, unit.as_ref(), installed)];
    findings.extend(paths.iter().map(|path| access::socket(path)));
    findings.extend(Person::of_process().and_then(|person| membership(&person, paths, error)));
    findings.extend(unit.map(|unit| programs::judge_unit(&service, &unit, is_missing(error))));
    findings.push(programs::judge_program(instance, program));
    findings
}

/// The failure itself; its fix is left to what explains it better.
fn daemon(
    error: &ConnectError,
    instance: Option<&str>,
    unit: Option<&Unit>,
    installed: bool,
) -> Finding {
    let finding = Finding::new(DAEMON, Grade::Problem, error.to_string());
    let known = unit.is_some_and(Unit::is_known);
    let service = programs::service_name(instance);
    let log = format!("journalctl -u {service} -n 20");
    let restart = format!("sudo systemctl restart {service}");
    match error {
        ConnectError::NotRunning(_) if !known && installed => finding.fix(instance.map_or_else(
            || "meshchatd".to_owned(),
            |instance| format!("meshchatd --instance {instance}"),
        )),
        ConnectError::Version(_) | ConnectError::TimedOut(_) | ConnectError::Io { .. } if known => {
            finding.fix(log).fix(restart)
        }
        ConnectError::NotRunning(_)
        | ConnectError::Permission(_)
        | ConnectError::Refused(_)
        | ConnectError::Version(_)
        | ConnectError::TimedOut(_)
        | ConnectError::Io { .. } => finding,
    }
}

/// What the group of the socket has to do with it. A missing socket has none, but the system's
/// would have the group's.
fn membership(person: &Person, paths: &[PathBuf], error: &ConnectError) -> Option<Finding> {
    match error {
        ConnectError::Permission(path) => access::refused(person, path),
        ConnectError::Refused(error) if error.code == ErrorCode::Denied => {
            let there = paths.iter().find(|path| access::exists(path));
            access::refused(person, there.map_or(Path::new(""), PathBuf::as_path))
        }
        ConnectError::NotRunning(_) => access::before_start(person),
        ConnectError::Refused(_)
        | ConnectError::Version(_)
        | ConnectError::TimedOut(_)
        | ConnectError::Io { .. } => None,
    }
}

const fn is_missing(error: &ConnectError) -> bool {
    matches!(error, ConnectError::NotRunning(_))
}

const DAEMON: &str = "daemon";
