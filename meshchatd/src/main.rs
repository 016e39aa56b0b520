//! The mesh chat daemon: settings, key, sockets, then the hub until it is told to stop.

#![forbid(unsafe_code)]

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser as _;
use meshchatd::config::{self, Command, EXIT_CONFIG, Environment, Flags, IdentityCommand, Loaded};
use meshchatd::identity::{self, MACHINE_ID, MachineId};
use meshchatd::logging::{self, Keep};
use meshchatd::store::{self, StateDir};
use meshchatd::{notify, start};

fn main() -> ExitCode {
    // Whatever is made is for this user alone until it is opened on purpose.
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
    let flags = Flags::parse();
    let environment = Environment::of_process();
    let loaded = match config::load(&flags, &environment) {
        Ok(loaded) => loaded,
        Err(error) => {
            eprintln!("meshchatd: {error}");
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    let result = match flags.command.clone() {
        Some(Command::Identity(command)) => settle(command, &loaded),
        None if flags.check => {
            loaded.warnings.iter().for_each(|warning| eprintln!("meshchatd: {warning}"));
            doubt_interfaces(&loaded);
            eprintln!("meshchatd: the configuration is good");
            Ok(())
        }
        None => run(flags, environment, loaded),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("meshchatd: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Names that no interface of this machine has: it may come later, or be a slip of the pen.
fn doubt_interfaces(loaded: &Loaded) {
    let interfaces = &loaded.settings.interfaces;
    for name in interfaces.value.named() {
        if !Path::new("/sys/class/net").join(name).exists() {
            let origin = &interfaces.origin;
            eprintln!("meshchatd: {origin}: there is no interface {name} here now (see: ip link)");
        }
    }
}

fn run(flags: Flags, environment: Environment, loaded: Loaded) -> anyhow::Result<()> {
    let log = logging::init(&loaded.settings.log.value, Keep::Lines)?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let passed = notify::Passed::from_environment().context("what systemd passed is unusable")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .event_interval(STEPS_BETWEEN_LOOKS)
        .enable_all()
        .build()?;
    let result = runtime.block_on(start::run(start::Start {
        flags,
        environment,
        settings: loaded.settings,
        log,
        passed,
    }));
    // A name that is still being resolved must not hold up the end.
    runtime.shutdown_timeout(Duration::from_millis(100));
    result
}

/// Steps of tasks before sockets are looked at again. A step of the hub may be hundreds of
/// messages; clients that have room again should not wait for many such.
const STEPS_BETWEEN_LOOKS: u32 = 8;

/// Settles whose key this is, after a card was copied or moved.
fn settle(command: IdentityCommand, loaded: &Loaded) -> anyhow::Result<()> {
    let path = &loaded.settings.state_dir.value;
    store::act_as_owner(path).context("cannot act as the owner of the state directory")?;
    let store = StateDir::open(path).map_err(start::with_fix)?;
    let machine = MachineId::read(MACHINE_ID.as_ref());
    let settled = match command {
        IdentityCommand::Fork => identity::fork(&store, machine.as_ref()),
        IdentityCommand::Move => identity::adopt(&store, machine.as_ref()),
    };
    let identity = settled.map_err(start::with_identity_fix)?;
    let node = meshchat_proto::id::NodeId(identity.signer.public());
    eprintln!("meshchatd: this machine is node {} ({node})", node.short());
    Ok(())
}
