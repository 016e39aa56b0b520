use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use meshchat_client::proto::control::{ConfigEntry, Request};

use super::expect_reply;
use crate::args::Config;
use crate::failure::{Exit, Failure};
use crate::output::escape::escape;
use crate::output::table::{Cell, Column, Table};
use crate::session::Session;

pub(crate) async fn config(session: &mut Session, config: Config) -> Result<u8, Failure> {
    match config {
        Config::Show => show(session).await,
        Config::Check { file } => check(session.instance(), file.as_deref()),
        Config::Reload => reload(session).await,
    }
}

async fn show(session: &mut Session) -> Result<u8, Failure> {
    const COLUMNS: &[Column] =
        &[Column::left("key"), Column::left("value"), Column::left("origin")];
    let entries = expect_reply!(session.ask(Request::Config {}).await?, Config);
    let row = |entry: &ConfigEntry| {
        vec![Cell::new(&entry.key), Cell::new(&entry.value), Cell::new(&entry.origin)]
    };
    session.out.list(&entries, |entries| Table::new(COLUMNS, entries.iter().map(row)))?;
    Ok(0)
}

async fn reload(session: &mut Session) -> Result<u8, Failure> {
    let reloaded = expect_reply!(session.ask(Request::Reload {}).await?, Reloaded);
    if session.out.view.json {
        session.out.json(&reloaded)?;
    }
    if reloaded.applied.is_empty() && reloaded.needs_restart.is_empty() {
        session.out.say("Nothing changed.")?;
    }
    for change in &reloaded.applied {
        session.out.say(&format!("applied        {}", escape(change)))?;
    }
    for change in &reloaded.needs_restart {
        session.out.say(&format!("needs restart  {}", escape(change)))?;
    }
    Ok(0)
}

/// Only the daemon knows its settings, so it checks them; its words and exit code are ours.
fn check(instance: Option<&str>, file: Option<&Path>) -> Result<u8, Failure> {
    let daemon = daemon_path();
    let mut command = Command::new(&daemon);
    command.arg("--check");
    if let Some(instance) = instance {
        command.arg("--instance").arg(instance);
    }
    if let Some(file) = file {
        command.arg("--config").arg(file);
    }
    match command.status() {
        Ok(status) => Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let message = "meshchatd is not installed beside meshchatctl or on the PATH";
            Err(Failure::new(Exit::Other, "no_daemon", message))
        }
        Err(error) => {
            let message = format!("cannot run {}: {error}", daemon.display());
            Err(Failure::new(Exit::Other, "io", message))
        }
    }
}

/// Beside this program, or to be found on the PATH.
pub(super) fn daemon_path() -> PathBuf {
    std::env::current_exe()
        .ok()
        .map(|program| program.with_file_name("meshchatd"))
        .filter(|daemon| daemon.is_file())
        .unwrap_or_else(|| "meshchatd".into())
}
