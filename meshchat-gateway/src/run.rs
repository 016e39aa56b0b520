//! Opens the doors, says that it is ready, and closes them when it is told to stop.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::Args;
use crate::config::Config;
use crate::door::{Board, House};
use crate::notify::Notifier;
use crate::supervise::Tasks;
use crate::{SOFTWARE, announce};

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
///
/// When a door cannot be opened: one that was asked for and is not there would be missed.
pub async fn run(args: Args, config: Config) -> anyhow::Result<()> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let notifier = Notifier::from_environment();
    let house = House {
        sockets: sockets(&args),
        state_dir: state_dir(&args)?,
        tasks: Tasks::default(),
        limits: Arc::new(config.limits.clone()),
        board: Board::default(),
    };
    open_doors(&house, config).await?;
    house.tasks.spawn(announce::run(house.clone()));
    tracing::info!("{SOFTWARE} is ready");
    for door in house.board.infos() {
        tracing::info!("{}: {}", door.name, door.addresses.join(" "));
    }
    notifier.ready("ready");
    if let Some(interval) = notifier.watchdog_interval() {
        let notifier = notifier.clone();
        house.tasks.spawn(async move {
            loop {
                notifier.watchdog();
                tokio::time::sleep(interval).await;
            }
        });
    }
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    notifier.stopping();
    house.tasks.stop(STOP).await;
    Ok(())
}

async fn open_doors(house: &House, config: Config) -> anyhow::Result<()> {
    if config.web.enabled {
        crate::web::open(house, config.web).await?;
    }
    if let Some(tcp) = config.tcp {
        crate::tcp::open(house, tcp).await?;
    }
    if let Some(websocket) = config.websocket {
        crate::websocket::open(house, websocket).await?;
    }
    if let Some(irc) = config.irc {
        crate::irc::open(house, irc).await?;
    }
    if let Some(metrics) = config.metrics {
        crate::metrics::open(house, &metrics)?;
    }
    match config.nats {
        #[cfg(feature = "nats")]
        Some(nats) => crate::nats::open(house, nats)?,
        #[cfg(not(feature = "nats"))]
        Some(_) => anyhow::bail!("this build has no bridge to NATS; remove [nats]"),
        None => {}
    }
    Ok(())
}

fn sockets(args: &Args) -> Vec<PathBuf> {
    match &args.socket {
        Some(socket) => vec![socket.clone()],
        None => meshchat_client::candidates(args.instance.as_deref()),
    }
}

/// What was asked for, what systemd gives, or a place of this user.
fn state_dir(args: &Args) -> anyhow::Result<PathBuf> {
    let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let of_user = || {
        set("XDG_STATE_HOME")
            .or_else(|| Some(set("HOME")?.join(".local/state")))
            .map(|state| state.join("meshchat-gateway"))
    };
    let given = args.state_dir.clone().or_else(|| set("STATE_DIRECTORY")).or_else(of_user);
    let path = given.context("no place for keys: set HOME, or give --state-dir DIRECTORY")?;
    std::fs::create_dir_all(&path)
        .with_context(|| format!("cannot make {}; give another --state-dir", path.display()))?;
    Ok(path)
}

/// How long clients may take to be told goodbye.
const STOP: Duration = Duration::from_secs(3);
