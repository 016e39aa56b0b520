//! The settings themselves, and loading them from all their places.

use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use meshchat_proto::name::NodeName;

use super::address::DEFAULT_PORT;
use super::amounts::{Size, Span};
use super::draft::Draft;
use super::error::{BadValue, Cause, ConfigError, Problem, shown};
use super::file;
use super::flags::Flags;
use super::keys::{Key, nearest};
use super::paths::{Environment, LONGEST_SOCKET_PATH, Mode, Places};
use super::patterns::Patterns;
use super::values::{self, Admit, Discovery, History, Links, Mapping, Peer, Rate};
use crate::logging::LogFilter;

/// Everything that can be set, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Name of the node, 1 to 32 visible characters.
    pub name: Value<String>,
    /// Where to listen for links; port 0 is any free one.
    pub listen: Value<SocketAddr>,
    /// Who may link.
    pub admit: Value<Admit>,
    /// How fast one author may speak.
    pub rate: Value<Rate>,
    /// Where messages are kept.
    pub history: Value<History>,
    /// Bytes that messages on disk may take, 2 MiB to 1 GiB.
    pub history_size: Value<Size>,
    /// Running time after which messages are forgotten, a minute to ten years.
    pub history_age: Value<Span>,
    /// Bytes that may be written in a day of running time, at least 1 MiB.
    pub history_budget: Value<Size>,
    /// What is logged.
    pub log: Value<LogFilter>,
    /// Absolute path of the state directory.
    pub state_dir: Value<PathBuf>,
    /// Absolute path of the control socket, short enough to bind.
    pub socket: Value<PathBuf>,
    /// Unix users who may administer, at most 64.
    pub operators: Value<Vec<String>>,
    /// Unix users whose programs speak for many people, at most 64.
    pub gateways: Value<Vec<String>>,
    /// Unix group that may read and chat.
    pub group: Value<String>,
    /// How nodes are found that nobody named.
    pub discovery: Value<Discovery>,
    /// The interfaces on which they are looked for.
    pub interfaces: Value<Patterns>,
    /// How many links the node looks after by itself.
    pub links: Value<Links>,
    /// Whether the router is asked for a way in.
    pub mapping: Value<Mapping>,
    /// Nodes to dial, at most 256, no address twice.
    pub peers: Vec<Value<Peer>>,
    /// System service or plain user.
    pub mode: Mode,
    /// The instance, if it is not the only node.
    pub instance: Option<String>,
    /// The files that were read, in order.
    pub files: Vec<PathBuf>,
}

/// A value and where it came from.
#[derive(Debug, Clone)]
pub struct Value<T> {
    /// The value.
    pub value: T,
    /// Where it was written. Two values are equal whatever their origins.
    pub origin: Origin,
}

impl<T: PartialEq> PartialEq for Value<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Value<T> {}

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere.
    Default,
    /// In a file.
    File {
        /// The file.
        path: Arc<Path>,
        /// The line, from 1; none when the whole file is meant.
        line: Option<usize>,
    },
    /// In an environment variable.
    Variable(&'static str),
    /// On the command line, without the dashes.
    Flag(&'static str),
}

impl Origin {
    pub(super) fn line(&self) -> Option<usize> {
        match self {
            Self::File { line, .. } => *line,
            Self::Default | Self::Variable(_) | Self::Flag(_) => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line: Some(line) } => write!(f, "{}:{line}", path.display()),
            Self::File { path, line: None } => write!(f, "{}", path.display()),
            Self::Variable(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag --{name}"),
        }
    }
}

/// Checked settings and what is odd but allowed.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// One line each, for the log.
    pub warnings: Vec<String>,
}

/// One line of `config show`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The key; `peer` once for each peer.
    pub key: &'static str,
    /// The value as it would be written.
    pub value: String,
    /// Where it came from.
    pub origin: String,
}

/// Collects the settings from flags, environment and files, and checks all of them.
///
/// # Errors
/// Every problem of every place at once; then nothing of it may be used.
pub fn load(flags: &Flags, environment: &Environment) -> Result<Loaded, ConfigError> {
    let mut draft = Draft::default();
    let instance = instance(&mut draft, flags, environment);
    let places = Places::find(environment, instance.as_deref());

    let (path, required) = config_file(&mut draft, flags, environment, &places);
    let files = path.map_or_else(Vec::new, |p| file::read_with_parts(&mut draft, &p, required));
    read_variables(&mut draft, environment);
    read_flags(&mut draft, flags);
    let problems = std::mem::take(&mut draft.problems);
    finish(draft, problems, places, environment)
        .map(|settings| Settings { instance, files, ..settings })
        .map(|settings| Loaded { settings, warnings: stray_variables(environment) })
}

/// The settings as they are, for `config show`.
#[must_use]
pub fn render(settings: &Settings) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = |key: Key, value: String, origin: &Origin| {
        rows.push(Row { key: key.name(), value, origin: origin.to_string() });
    };
    let s = settings;
    row(Key::Name, s.name.value.clone(), &s.name.origin);
    row(Key::Listen, s.listen.value.to_string(), &s.listen.origin);
    row(Key::Admit, s.admit.value.to_string(), &s.admit.origin);
    row(Key::Rate, s.rate.value.to_string(), &s.rate.origin);
    row(Key::History, s.history.value.to_string(), &s.history.origin);
    row(Key::HistorySize, s.history_size.value.to_string(), &s.history_size.origin);
    row(Key::HistoryAge, s.history_age.value.to_string(), &s.history_age.origin);
    row(Key::HistoryBudget, s.history_budget.value.to_string(), &s.history_budget.origin);
    row(Key::Log, s.log.value.to_string(), &s.log.origin);
    row(Key::StateDir, s.state_dir.value.display().to_string(), &s.state_dir.origin);
    row(Key::Socket, s.socket.value.display().to_string(), &s.socket.origin);
    row(Key::Operators, s.operators.value.join(", "), &s.operators.origin);
    row(Key::Gateways, s.gateways.value.join(", "), &s.gateways.origin);
    row(Key::Group, s.group.value.clone(), &s.group.origin);
    row(Key::Discovery, s.discovery.value.to_string(), &s.discovery.origin);
    row(Key::Interfaces, s.interfaces.value.to_string(), &s.interfaces.origin);
    row(Key::Links, s.links.value.to_string(), &s.links.origin);
    row(Key::Mapping, s.mapping.value.to_string(), &s.mapping.origin);
    for peer in &s.peers {
        row(Key::Peer, peer.value.to_string(), &peer.origin);
    }
    rows
}

impl Settings {
    /// The node's name as the core takes it.
    #[must_use]
    pub fn node_name(&self) -> NodeName {
        // Checked when it was read.
        NodeName::from_wire(&self.name.value).unwrap_or_else(|_error| NodeName::unnamed())
    }

    /// Who may link, as the core takes it.
    #[must_use]
    pub fn core_admit(&self) -> meshchat_core::Admit {
        match self.admit.value {
            Admit::Neighbours => meshchat_core::Admit::Neighbours,
            Admit::Anyone => meshchat_core::Admit::Anyone,
            Admit::Configured => meshchat_core::Admit::Configured,
        }
    }

    /// Whether to call for others: a node that links with none that it does not know has no use
    /// for them, and would be dialled in vain.
    #[must_use]
    pub fn discovery(&self) -> Discovery {
        match self.admit.value {
            Admit::Neighbours | Admit::Anyone => self.discovery.value,
            Admit::Configured => Discovery::Off,
        }
    }

    /// How many links to look after, as the core takes it: a node that links with none that it
    /// does not know does not look for others.
    #[must_use]
    pub fn core_goal(&self) -> meshchat_core::Goal {
        let Links { least, most } = self.links.value;
        match self.admit.value {
            Admit::Neighbours | Admit::Anyone => meshchat_core::Goal { least, most },
            Admit::Configured => meshchat_core::Goal { least: 0, most: 0 },
        }
    }

    /// What is kept of messages, as the core takes it.
    #[must_use]
    pub fn core_history(&self) -> meshchat_core::HistoryMode {
        match self.history.value {
            History::Memory => meshchat_core::HistoryMode::Memory,
            History::Disk => meshchat_core::HistoryMode::Disk,
            History::Off => meshchat_core::HistoryMode::Off,
        }
    }

    /// How fast one author may speak, as the core takes it.
    #[must_use]
    pub fn core_rate(&self) -> Option<meshchat_core::Rate> {
        match self.rate.value {
            Rate::Of { burst, per_second } => Some(meshchat_core::Rate { burst, per_second }),
            Rate::Off => None,
        }
    }

    /// Whether the daemon may take any free port when the listening port is taken.
    ///
    /// Only if nobody chose the port: who wrote it down expects to be reached there.
    #[must_use]
    pub fn may_use_another_port(&self) -> bool {
        self.listen.origin == Origin::Default
    }
}

/// The text for a listening port that another program holds.
#[must_use]
pub fn port_in_use(listen: &Value<SocketAddr>) -> String {
    let port = listen.value.port();
    format!(
        "UDP port {port} is in use (listen = \"{}\" from {})\n  \
         find the holder:  sudo ss -ulpn 'sport = :{port}'\n  \
         or choose another port, 0 for any:  --listen '[::]:0'",
        listen.value, listen.origin
    )
}

fn finish(
    draft: Draft,
    mut problems: Vec<Problem>,
    places: Places,
    environment: &Environment,
) -> Result<Settings, ConfigError> {
    let state_dir = draft.state_dir.or_else(|| places.state_dir.map(default));
    if state_dir.is_none() {
        problems.push(Problem { origin: Origin::Default, cause: Cause::NoHome });
    }
    let socket = draft.socket.unwrap_or_else(|| default(places.socket));
    if socket.value.as_os_str().len() > LONGEST_SOCKET_PATH {
        let cause = Cause::SocketPath { path: socket.value.clone(), max: LONGEST_SOCKET_PATH };
        problems.push(Problem { origin: socket.origin.clone(), cause });
    }
    let Some(state_dir) = state_dir.filter(|_| problems.is_empty()) else {
        return Err(ConfigError { problems });
    };
    let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, DEFAULT_PORT));
    let host_name = || default(values::name_from_host(&environment.host_name));
    Ok(Settings {
        name: draft.name.unwrap_or_else(host_name),
        listen: draft.listen.unwrap_or_else(|| default(any)),
        admit: draft.admit.unwrap_or_else(|| default(Admit::default())),
        rate: draft.rate.unwrap_or_else(|| default(Rate::default())),
        history: draft.history.unwrap_or_else(|| default(History::default())),
        history_size: draft.history_size.unwrap_or_else(|| default(Size(16 << 20))),
        history_age: draft.history_age.unwrap_or_else(|| default(Span(meshchat_core::HISTORY_AGE))),
        history_budget: draft.history_budget.unwrap_or_else(|| default(Size(64 << 20))),
        log: draft.log.unwrap_or_else(|| default(LogFilter::default())),
        state_dir,
        socket,
        operators: draft.operators.unwrap_or_else(|| default(Vec::new())),
        gateways: draft.gateways.unwrap_or_else(|| default(vec!["_meshchat-gateway".to_owned()])),
        group: draft.group.unwrap_or_else(|| default("meshchat".to_owned())),
        discovery: draft.discovery.unwrap_or_else(|| default(Discovery::default())),
        interfaces: draft.interfaces.unwrap_or_else(|| default(Patterns::default())),
        links: draft.links.unwrap_or_else(|| default(Links::default())),
        mapping: draft.mapping.unwrap_or_else(|| default(Mapping::default())),
        peers: draft.peers,
        mode: places.mode,
        instance: None,
        files: Vec::new(),
    })
}

fn default<T>(value: T) -> Value<T> {
    Value { value, origin: Origin::Default }
}

fn instance(draft: &mut Draft, flags: &Flags, environment: &Environment) -> Option<String> {
    let (text, origin) = match &flags.instance {
        Some(text) => (text.clone(), Origin::Flag("instance")),
        None => (environment.text(INSTANCE, &mut draft.problems)?, Origin::Variable(INSTANCE)),
    };
    match values::parse_instance(&text) {
        Ok(name) => Some(name),
        Err(why) => {
            let cause = Cause::Instance { shown: shown(&text), why };
            draft.problems.push(Problem { origin, cause });
            None
        }
    }
}

/// The file to read, and whether it must exist.
fn config_file(
    draft: &mut Draft,
    flags: &Flags,
    environment: &Environment,
    places: &Places,
) -> (Option<PathBuf>, bool) {
    if let Some(path) = &flags.config {
        return (Some(path.clone()), true);
    }
    match environment.text(CONFIG, &mut draft.problems) {
        Some(path) => (Some(path.into()), true),
        None => (places.config.clone(), false),
    }
}

fn read_variables(draft: &mut Draft, environment: &Environment) {
    for key in Key::ALL {
        if let Some(text) = environment.text(key.variable(), &mut draft.problems) {
            draft.set(key, &text, Origin::Variable(key.variable()));
        }
    }
}

fn read_flags(draft: &mut Draft, flags: &Flags) {
    let texts = [
        (Key::Name, "name", &flags.name),
        (Key::Listen, "listen", &flags.listen),
        (Key::Admit, "admit", &flags.admit),
        (Key::Rate, "rate", &flags.rate),
        (Key::History, "history", &flags.history),
        (Key::Discovery, "discovery", &flags.discovery),
        (Key::Links, "links", &flags.links),
        (Key::Mapping, "mapping", &flags.mapping),
        (Key::Log, "log", &flags.log),
    ];
    for (key, flag, text) in texts {
        if let Some(text) = text {
            draft.set(key, text, Origin::Flag(flag));
        }
    }
    let paths =
        [(Key::StateDir, "state-dir", &flags.state_dir), (Key::Socket, "socket", &flags.socket)];
    for (key, flag, path) in paths {
        let origin = Origin::Flag(flag);
        match path.as_ref().map(|path| path.to_str()) {
            None => {}
            Some(Some(text)) => draft.set(key, text, origin),
            Some(None) => draft.refuse(key, "", BadValue::NotUtf8, origin),
        }
    }
    for address in &flags.peer {
        draft.add_peer(address, None, Origin::Flag("peer"));
    }
}

/// Variables that look like ours but are none: not an error, as other tools may use them.
fn stray_variables(environment: &Environment) -> Vec<String> {
    let known = || Key::ALL.into_iter().map(Key::name).chain(["config", "instance"]);
    let strays = environment.variables.keys().filter_map(|variable| {
        let typed = variable.strip_prefix("MESHCHAT_")?;
        let meant = nearest(typed, &mut known()).filter(|meant| *typed != meant.to_uppercase())?;
        let (variable, meant) = (variable.escape_debug(), meant.to_uppercase());
        Some(format!("unknown variable {variable} is ignored, did you mean MESHCHAT_{meant}?"))
    });
    strays.take(MOST_WARNINGS).collect()
}

const CONFIG: &str = "MESHCHAT_CONFIG";
const INSTANCE: &str = "MESHCHAT_INSTANCE";
const MOST_WARNINGS: usize = 8;
