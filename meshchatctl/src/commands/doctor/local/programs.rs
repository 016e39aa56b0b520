//! What the service manager and the daemon's own check say.

use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use meshchat_client::proto::control::{Finding, Grade};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio::time;

use crate::commands::config::daemon_path;

/// What the service manager knows of the service.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unit {
    load: String,
    active: String,
}

impl Unit {
    /// There is such a service.
    pub(super) fn is_known(&self) -> bool {
        self.load == "loaded" || self.load == "masked"
    }
}

pub(super) fn service_name(instance: Option<&str>) -> String {
    instance.map_or_else(|| "meshchatd".to_owned(), |instance| format!("meshchatd@{instance}"))
}

/// None without systemd, or when it does not answer.
pub(super) async fn unit(service: &str) -> Option<Unit> {
    let arguments = ["show", "--property=LoadState,ActiveState", "--", service];
    let Ran::Ended { good: true, words } = run("systemctl", arguments).await else { return None };
    let value = |key: &str| {
        let line = words.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
        Some(line.to_owned())
    };
    Some(Unit { load: value("LoadState")?, active: value("ActiveState")? })
}

/// `missing`: nothing answers at the socket.
pub(super) fn judge_unit(service: &str, unit: &Unit, missing: bool) -> Finding {
    let finding = |grade, words: &str| Finding::new(SERVICE, grade, words).of(service);
    let systemctl = |what: &str| format!("sudo systemctl {what} {service}");
    let log = format!("journalctl -u {service} -n 20");
    match (unit.load.as_str(), unit.active.as_str()) {
        ("not-found", _) => finding(Grade::Note, "is not installed as a service"),
        ("masked", _) => finding(Grade::Problem, "is masked").fix(systemctl("unmask")),
        ("loaded", "active") if missing => {
            let words = "runs, but nothing answers at the socket that was asked";
            finding(Grade::Problem, words).fix(log)
        }
        ("loaded", "active") => finding(Grade::Ok, "runs"),
        ("loaded", "inactive") => {
            finding(Grade::Problem, "is installed but not started").fix(systemctl("enable --now"))
        }
        ("loaded", "failed") => {
            finding(Grade::Problem, "has failed").fix(log).fix(systemctl("restart"))
        }
        ("loaded", active) => finding(Grade::Warning, &format!("is {active}")).fix(log),
        (load, _) => finding(Grade::Problem, &format!("its unit is not usable: {load}"))
            .fix(systemctl("status")),
    }
}

/// The daemon's program and what its check said; none when it is not installed.
pub(super) async fn program(instance: Option<&str>) -> Option<(PathBuf, Ran)> {
    let path = daemon_path();
    let instance = instance.into_iter().flat_map(|instance| ["--instance", instance]);
    match run(&path, ["--check"].into_iter().chain(instance)).await {
        Ran::Missing => None,
        ran @ (Ran::Ended { .. } | Ran::Late) => Some((path, ran)),
    }
}

pub(super) fn judge_program(instance: Option<&str>, program: Option<(PathBuf, Ran)>) -> Finding {
    let Some((path, ran)) = program else {
        let words = "meshchatd is neither beside meshchatctl nor on the PATH; in its source:";
        return Finding::new(PROGRAM, Grade::Problem, words).fix("sudo make install");
    };
    let finding = |grade, words| Finding::new(CONFIG, grade, words).of(path.display().to_string());
    match ran {
        Ran::Ended { good: true, words } => finding(Grade::Ok, in_one_line(&words)),
        Ran::Ended { good: false, words } => {
            let of = instance.map(|name| format!("--instance {name} ")).unwrap_or_default();
            finding(Grade::Problem, in_one_line(&words))
                .fix(format!("meshchatctl {of}config check"))
        }
        Ran::Late => finding(Grade::Warning, "its --check does not end".to_owned()),
        Ran::Missing => finding(Grade::Problem, "cannot be run".to_owned()),
    }
}

/// The daemon puts its name before every line.
fn in_one_line(words: &str) -> String {
    let lines = words.lines().map(|line| line.strip_prefix("meshchatd: ").unwrap_or(line).trim());
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

/// How a program ended.
#[derive(Debug)]
pub(super) enum Ran {
    /// With 0 or not, and what it said, up to [`WORDS`].
    Ended { good: bool, words: String },
    /// It was killed after [`LIMIT`].
    Late,
    /// There is none, or it cannot be started.
    Missing,
}

async fn run<S: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = S>,
) -> Ran {
    let mut command = Command::new(program);
    command.args(arguments).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    match time::timeout(LIMIT, finish(command)).await {
        Ok(Ok((good, words))) => Ran::Ended { good, words },
        Ok(Err(_)) => Ran::Missing,
        Err(_) => Ran::Late,
    }
}

async fn finish(mut command: Command) -> io::Result<(bool, String)> {
    let mut child = command.spawn()?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (out, err) = tokio::try_join!(read(out), read(err))?;
    let status = child.wait().await?;
    Ok((status.success(), String::from_utf8_lossy(&[out, err].concat()).into_owned()))
}

async fn read(from: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(WORDS).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

const SERVICE: &str = "service";
const PROGRAM: &str = "program";
const CONFIG: &str = "config";
/// How long a program may take.
const LIMIT: Duration = Duration::from_secs(2);
/// Most bytes read of each of its outputs; it is cut off there.
const WORDS: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_of_the_service_has_its_line() {
        let judge = |load: &str, active: &str| {
            let unit = Unit { load: load.into(), active: active.into() };
            judge_unit("meshchatd@lab", &unit, true)
        };
        assert_eq!(judge("not-found", "inactive").grade, Grade::Note);
        let stopped = judge("loaded", "inactive");
        assert_eq!(stopped.fix, ["sudo systemctl enable --now meshchatd@lab"]);
        let failed = judge("loaded", "failed");
        assert_eq!(
            failed.fix,
            ["journalctl -u meshchatd@lab -n 20", "sudo systemctl restart meshchatd@lab"]
        );
        assert_eq!(judge("loaded", "active").grade, Grade::Problem);
        assert_eq!(judge("loaded", "activating").words, "is activating");
        assert_eq!(judge("masked", "inactive").fix, ["sudo systemctl unmask meshchatd@lab"]);
    }

    #[test]
    fn the_check_is_told_in_one_line() {
        assert_eq!(in_one_line("meshchatd: a\n  b\n\nmeshchatd: c\n"), "a; b; c");
    }

    #[tokio::test]
    async fn programs_are_cut_short() {
        assert!(matches!(run("/nowhere/at/all", [""; 0]).await, Ran::Missing));
        assert!(matches!(run("sleep", ["600"]).await, Ran::Late));
        let Ran::Ended { words, .. } = run("yes", [""; 0]).await else { panic!("it goes on") };
        assert_eq!(words.len(), 4096);
    }
}
