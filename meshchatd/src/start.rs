//! From settings to a running hub, and from a running hub to a quiet end.

use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use meshchat_core::{Config, SavedAcquaintances, SavedContact, SavedNetwork, SavedPerson, Stored};
use meshchat_proto::id::{NetworkId, NodeId};
use meshchat_proto::network::Charter;
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::carry;
use crate::clock::Clock;
use crate::config::{Environment, Flags, Settings, prepare_runtime_dir};
use crate::control;
use crate::discover::{self, Heard};
use crate::handover::Notebook;
use crate::hub::{
    CHANNEL_INBOX, CLIENT_INBOX, Doors, End, Hub, Inboxes, Keys, LINK_INBOX, NETWORK_INBOX, Parts,
    beacon_number, own_addresses,
};
use crate::identity::{self, Identity, IdentityError, MACHINE_ID, MachineId};
use crate::interfaces::{NetworkChange, Watcher};
use crate::logging::LogHandle;
use crate::notify::{Kept, Notifier, Passed};
use crate::portmap::{self, MAPPED_INBOX, Mapped};
use crate::shelf;
use crate::sockets;
use crate::store::scribe::{REPORTS, Report};
use crate::store::{StateDir, StateFile, StoreError, spare_of};
use crate::supervise::Tasks;
use crate::transport::{Acceptor, Channel, CloseCode, Endpoint};

/// What the daemon is started with.
#[derive(Debug)]
pub struct Start {
    /// The command line.
    pub flags: Flags,
    /// The environment.
    pub environment: Environment,
    /// The settings made of both and the files.
    pub settings: Settings,
    /// The running log.
    pub log: LogHandle,
    /// The sockets that systemd handed over.
    pub passed: Passed,
}

/// Runs the daemon until it is told to stop.
///
/// # Errors
///
/// When the key, the state directory or a socket cannot be had; the text says what to do.
pub async fn run(start: Start) -> anyhow::Result<()> {
    let Start { flags, environment, settings, log, mut passed } = start;
    let clock = Clock::start();
    let mut hangup = signal(SignalKind::hangup())?;
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut restart = signal(SignalKind::user_defined2())?;
    prepare_runtime_dir(&settings)?;
    let (store, identity, boot) = open_state(&settings)?;
    let notebook = Notebook::new(&environment, store.path());
    let place = notebook.as_ref().and_then(Notebook::place_of_history);
    let carried = place.as_deref().and_then(carry::read);
    let (stored, shelf) = shelf::open(&settings, &store, carried)?;
    let clock = clock.behind(shelf.ran());
    let id = NodeId(identity.signer.public());
    let mut node = node_config(&settings, &store, (id, boot), stored)?;
    let notifier = Notifier::from_environment();
    let endpoint =
        sockets::listen(&settings, identity.signer.seed(), &mut passed, &notifier).await?;
    let (socket, made) = control_socket(&mut passed, &settings, &notifier)?;
    let handover = notebook.as_ref().and_then(Notebook::take);
    if let Some(Err(error)) = place.as_deref().map(carry::forget) {
        tracing::warn!(%error, "history of the run before stays where it was left");
    }

    let tasks = Tasks::default();
    let (reports, reports_in) = mpsc::channel(REPORTS);
    let (doors, ears, inboxes) = wire_up(&tasks, &endpoint, socket, reports_in);
    let keeper = shelf.start(&tasks, &store, clock, reports);
    let watcher = Watcher::start();
    let interfaces = watcher.interfaces().to_vec();
    let choice = (settings.discovery(), settings.interfaces.value.clone());
    let listen = endpoint.local_addr();
    let network =
        node.network.as_ref().map_or(NetworkId::OPEN, |saved| Charter::id_of(&saved.charter));
    let discovery = discover::start(&tasks, &network, listen, choice, &interfaces, ears.heard);
    let (seed, mapping) = (identity.signer.seed(), settings.mapping.value);
    let portmap = portmap::start(&tasks, seed, listen, mapping, &interfaces, ears.mapped);
    tasks.spawn(watcher.run(ears.network));
    node.beacon = beacon_number(discovery.nonce());
    node.addresses = listen.map(|listen| own_addresses(&interfaces, listen)).unwrap_or_default();
    let parts = Parts {
        settings,
        flags,
        environment,
        store,
        endpoint: endpoint.clone(),
        notifier: notifier.clone(),
        notebook,
        log,
        tasks: tasks.clone(),
        discovery,
        portmap,
        clock,
        keeper,
    };
    let mut hub = Hub::new(parts, doors, node, Keys::new(identity.signer), interfaces);
    if let Some((handover, age)) = handover {
        hub.take_over(handover, age);
    }
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => End::Leave,
            _ = interrupt.recv() => End::Leave,
            _ = restart.recv() => End::Restart,
        }
    };
    let hangups = async || {
        hangup.recv().await;
    };
    let end = hub.run(inboxes, hangups, stop).await;
    tasks.stop(DRAIN).await;
    if end == End::Restart {
        // Who knocks meanwhile waits for the next run.
        endpoint.close(CloseCode::Restarting, "the node restarts", LAST_PACKETS).await;
        return Ok(());
    }
    Kept::ALL.into_iter().for_each(|kept| notifier.drop_kept(kept));
    endpoint.shutdown(CloseCode::Goodbye, "the node shut down", DRAIN).await;
    if let Some(path) = made {
        std::fs::remove_file(path).ok();
    }
    Ok(())
}

/// The state directory, the key in it, and the number of this start.
fn open_state(settings: &Settings) -> anyhow::Result<(StateDir, Identity, u64)> {
    let (path, socket) = (&settings.state_dir.value, &settings.socket.value);
    let spare = spare_of(path, socket.parent().unwrap_or(Path::new("/run")));
    let mut store = StateDir::open_with_spare(path, &spare).map_err(with_fix)?;
    let machine = MachineId::read(MACHINE_ID.as_ref());
    let identity = identity::load_or_create(&store, machine.as_ref()).map_err(with_identity_fix)?;
    let boot = store.next_boot_or_spare(&spare).map_err(with_fix)?;
    Ok((store, identity, boot))
}

/// The control socket, and its path if it is ours to remove: not where systemd made it.
fn control_socket(
    passed: &mut Passed,
    settings: &Settings,
    notifier: &Notifier,
) -> anyhow::Result<(UnixListener, Option<PathBuf>)> {
    let given = passed.control().context("the socket that systemd passed is unusable")?;
    let made = given.is_none().then(|| settings.socket.value.clone());
    let socket = control::bind(given, passed.kept_control(), settings)?;
    if made.is_some() {
        notifier.keep(Kept::Control, socket.as_fd());
    } else {
        notifier.drop_kept(Kept::Control);
    }
    Ok((socket, made))
}

/// An error of the state directory with what to do about it.
#[must_use]
pub fn with_fix(error: StoreError) -> anyhow::Error {
    let fix = error.fix();
    anyhow!("{error}\n  fix: {fix}")
}

/// An error of the key with what to do about it.
#[must_use]
pub fn with_identity_fix(error: IdentityError) -> anyhow::Error {
    let fix = error.fix();
    anyhow!("{error}\n  fix: {fix}")
}

/// The sending ends for what listens to the network around.
struct Ears {
    heard: mpsc::Sender<Heard>,
    network: mpsc::Sender<NetworkChange>,
    mapped: mpsc::Sender<Mapped>,
}

/// Starts the tasks that bring peers and clients, and makes the queues between them and the hub.
fn wire_up(
    tasks: &Tasks,
    endpoint: &Endpoint,
    socket: UnixListener,
    reports: mpsc::Receiver<Report>,
) -> (Doors, Ears, Inboxes) {
    let (links, links_in) = mpsc::channel(LINK_INBOX);
    let (clients, clients_in) = mpsc::channel(CLIENT_INBOX);
    let (arrivals, arrivals_in) = mpsc::channel(CHANNEL_INBOX);
    let (dials, dials_in) = mpsc::channel(CHANNEL_INBOX);
    tasks.spawn(accept(endpoint.acceptor(), arrivals));
    tasks.spawn(control::serve(socket, tasks.clone(), clients));
    let (heard, heard_in) = mpsc::channel(discover::HEARD_INBOX);
    let (network, network_in) = mpsc::channel(NETWORK_INBOX);
    let (finds, finds_in) = mpsc::channel(CHANNEL_INBOX);
    let (mapped, mapped_in) = mpsc::channel(MAPPED_INBOX);
    let inboxes = Inboxes {
        links: links_in,
        clients: clients_in,
        arrivals: arrivals_in,
        dials: dials_in,
        heard: heard_in,
        network: network_in,
        mapped: mapped_in,
        finds: finds_in,
        reports,
    };
    (Doors { links, dials, finds, gate: Arc::default() }, Ears { heard, network, mapped }, inboxes)
}

fn node_config(
    settings: &Settings,
    store: &StateDir,
    (id, boot_count): (NodeId, u64),
    stored: Stored,
) -> anyhow::Result<Config> {
    let people = store.load::<Vec<SavedPerson>>(StateFile::People).unwrap_or_else(|error| {
        tracing::error!("people start anew: {error}; {}", error.fix());
        None
    });
    // Others tell where they are again.
    let contacts = store.load::<Vec<SavedContact>>(StateFile::Contacts).unwrap_or_else(|error| {
        tracing::error!("addresses start anew: {error}; {}", error.fix());
        None
    });
    let acquaintances =
        store.load::<SavedAcquaintances>(StateFile::Acquaintances).unwrap_or_else(|error| {
            tracing::error!("names and mutes start anew: {error}; {}", error.fix());
            None
        });
    Ok(Config {
        id,
        network: saved_network(store)?,
        name: settings.node_name(),
        software: crate::SOFTWARE.into(),
        boot_count,
        admit: settings.core_admit(),
        rate: settings.core_rate(),
        history: settings.core_history(),
        people: people.unwrap_or_default(),
        acquaintances: acquaintances.unwrap_or_default(),
        goal: settings.core_goal(),
        beacon: 0,
        addresses: Vec::new(),
        contacts: contacts.unwrap_or_default(),
        stored,
    })
}

/// The closed network that the node belongs to. Without a sound file nobody knows whether there is
/// one, and a node of a closed network must never wake up among strangers.
fn saved_network(store: &StateDir) -> anyhow::Result<Option<SavedNetwork>> {
    let path = store.path().join("network");
    let lost = |why: String| {
        anyhow!(
            "{why}\n  fix: put back a copy of {path}; or, to start in the open network and join again with a new ticket: rm {path} {path}.old",
            path = path.display()
        )
    };
    let saved = store.load::<Option<SavedNetwork>>(StateFile::Network);
    let saved = saved.map_err(|error| {
        if matches!(error, StoreError::Damaged(_) | StoreError::Decode { .. }) {
            lost(format!("the network that this node belongs to is not known: {error}"))
        } else {
            with_fix(error)
        }
    })?;
    let saved = saved.flatten();
    if let Some(Err(what)) = saved.as_ref().map(SavedNetwork::check) {
        return Err(lost(format!("{}: {what}", path.display())));
    }
    Ok(saved)
}

/// Hands peers that dial in to the hub.
async fn accept(mut acceptor: Acceptor, arrivals: mpsc::Sender<Channel>) {
    while let Some(channel) = acceptor.accept().await {
        if arrivals.send(channel).await.is_err() {
            return;
        }
    }
}

/// How long a restart waits for packets that only say what goodbyes have said: what is lost of
/// them the next run answers.
const LAST_PACKETS: Duration = Duration::from_millis(50);
/// How long goodbyes may take to get out; twice this is the longest end of the daemon.
const DRAIN: Duration = Duration::from_millis(800);
