//! Runs `meshchatd` with a folder of its own.

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Instant;
use std::{fmt, thread};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::net::in_namespace;
use crate::notify::Notices;
use crate::process::forget_settings;
use crate::wait::POLL;
use crate::{Ctl, Limit, Net, Process, TestDir, program};

/// What a daemon is started with. All of it is used again by [`Daemon::start_again`].
#[derive(Debug)]
pub struct Builder {
    name: String,
    program: Option<PathBuf>,
    listen: Option<String>,
    namespace: Option<String>,
    config: Option<String>,
    by_config: bool,
    discovery: bool,
    mapping: bool,
    links: &'static str,
    rate: &'static str,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    keeps_sockets: bool,
    limit: Limit,
}

impl Builder {
    /// The address to listen on; otherwise a free port of 127.0.0.1, or in a host of a
    /// [`Net`] all addresses at [`Daemon::NET_PORT`].
    #[must_use]
    pub fn listen(mut self, address: impl ToString) -> Self {
        self.listen = Some(address.to_string());
        self
    }

    /// A peer to connect to; call it once for each.
    #[must_use]
    pub fn peer(self, address: impl ToString) -> Self {
        self.arg("--peer").arg(address.to_string())
    }

    /// Runs it in a host of a network.
    #[must_use]
    pub fn in_host(mut self, net: &Net, host: &str) -> Self {
        self.namespace = Some(net.namespace(host));
        self
    }

    /// The text of a configuration file, given by `--config`.
    #[must_use]
    pub fn config(mut self, toml: impl Into<String>) -> Self {
        self.config = Some(toml.into());
        self
    }

    /// Leaves name and address, which are otherwise given by flags, to the configuration.
    #[must_use]
    pub fn by_config(mut self) -> Self {
        self.by_config = true;
        self
    }

    /// Lets it find others on its local network, which it otherwise does not.
    #[must_use]
    pub fn discovery(mut self) -> Self {
        self.discovery = true;
        self.links = "4-8";
        self
    }

    /// Lets it look for links by itself, so many, which it otherwise does not.
    #[must_use]
    pub fn links(mut self, range: &'static str) -> Self {
        self.links = range;
        self
    }

    /// Holds everyone to this rate; otherwise nobody is held back.
    #[must_use]
    pub fn rate(mut self, rate: &'static str) -> Self {
        self.rate = rate;
        self
    }

    /// Lets it ask its router for a way in as configured; otherwise it does not.
    #[must_use]
    pub fn mapping(mut self) -> Self {
        self.mapping = true;
        self
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// An environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Keeps its sockets for its next run, as systemd does; otherwise they are closed.
    #[must_use]
    pub fn keeps_sockets(mut self) -> Self {
        self.keeps_sockets = true;
        self
    }

    /// How long it may take to become ready.
    #[must_use]
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limit = limit;
        self
    }

    /// Another program in place of the built `meshchatd`.
    #[must_use]
    pub fn program(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = Some(program.into());
        self
    }

    /// Starts it and waits until it is ready; panics with its log if it does not.
    pub fn start(self) -> Daemon {
        let name = self.name.clone();
        self.try_start().unwrap_or_else(|failure| panic!("{name} did not start: {failure}"))
    }

    /// Starts it and waits until it is ready, or says how it ended.
    pub fn try_start(self) -> Result<Daemon, StartFailure> {
        let daemon = self.launch();
        daemon.await_ready()
    }

    /// Starts it and returns at once; see [`Daemon::wait_ready`].
    pub fn launch(self) -> Daemon {
        let dir = TestDir::new();
        if let Some(toml) = &self.config {
            fs::write(dir.join(CONFIG), toml).unwrap();
        }
        let notices = Notices::listen(dir.join("notify"));
        if self.keeps_sockets {
            notices.keeper().begin();
        }
        let process = self.spawn(&dir, &notices, None);
        Daemon { builder: self, process, notices, listen: OnceLock::new(), dir }
    }

    fn spawn(&self, dir: &TestDir, notices: &Notices, listen: Option<SocketAddr>) -> Process {
        let program = self.program.clone().unwrap_or_else(|| program("meshchatd"));
        let mut command = match &self.namespace {
            Some(namespace) => in_namespace(namespace, program.as_os_str()),
            None => Command::new(program),
        };
        let log = File::options().create(true).append(true).open(dir.join(LOG)).unwrap();
        command.arg("--state-dir").arg(dir.join(STATE)).arg("--socket").arg(dir.join(SOCKET));
        if !self.by_config {
            command.arg("--name").arg(&self.name).arg("--listen").arg(self.listen_arg(listen));
        }
        if self.config.is_some() {
            command.arg("--config").arg(dir.join(CONFIG));
        }
        command.args(&self.args);
        self.set_env(&mut command, dir, notices);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        Process::spawn(&mut notices.keeper().give(command, &dir.join(LOG)))
    }

    fn listen_arg(&self, earlier: Option<SocketAddr>) -> String {
        let given = || self.listen.clone();
        earlier.map(|address| address.to_string()).or_else(given).unwrap_or_else(|| {
            let anywhere = format!("0.0.0.0:{}", Daemon::NET_PORT);
            if self.namespace.is_some() { anywhere } else { "127.0.0.1:0".to_owned() }
        })
    }

    /// Nothing of the person who runs the tests may reach the daemon.
    fn set_env(&self, command: &mut Command, dir: &TestDir, notices: &Notices) {
        forget_settings(command);
        for foreign in ["INVOCATION_ID", "JOURNAL_STREAM", "WATCHDOG_USEC", "WATCHDOG_PID"] {
            command.env_remove(foreign);
        }
        for folder in ["HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME"] {
            command.env(folder, dir.path());
        }
        // Several networks of tests share a machine.
        command.env("MESHCHAT_DISCOVERY", if self.discovery { "lan" } else { "off" });
        command.env("MESHCHAT_LINKS", self.links).env("MESHCHAT_RATE", self.rate);
        if !self.mapping {
            command.env("MESHCHAT_MAPPING", "off");
        }
        command.env("NOTIFY_SOCKET", notices.path()).env("RUST_BACKTRACE", "1");
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
    }
}

/// A running daemon; killed when dropped, and its folder removed.
#[derive(Debug)]
pub struct Daemon {
    builder: Builder,
    process: Process,
    notices: Notices,
    listen: OnceLock<SocketAddr>,
    dir: TestDir,
}

impl Daemon {
    /// The port in a host of a [`Net`], unless the builder was told another.
    pub const NET_PORT: u16 = 7777;

    /// What to start a daemon called `name` with.
    pub fn builder(name: impl Into<String>) -> Builder {
        Builder {
            name: name.into(),
            program: None,
            listen: None,
            namespace: None,
            config: None,
            by_config: false,
            discovery: false,
            mapping: false,
            links: "named",
            rate: "off",
            args: Vec::new(),
            env: Vec::new(),
            keeps_sockets: false,
            limit: Limit::default(),
        }
    }

    /// Starts a daemon on a free port of 127.0.0.1 and waits until it is ready.
    pub fn start(name: impl Into<String>) -> Self {
        Self::builder(name).start()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.builder.name
    }

    /// The command line for its control socket.
    pub fn ctl(&self) -> Ctl {
        Ctl::new(self.socket())
    }

    /// Where it listens for peers: field `listen` of `meshchatctl status --json`, asked
    /// once. [`start_again`](Self::start_again) keeps to this address.
    pub fn listen(&self) -> SocketAddr {
        *self.listen.get_or_init(|| {
            let status = self.ctl().json(["status"]);
            status.first().and_then(address_in).unwrap_or_else(|| {
                panic!("no address in field `listen` of the status of {}: {status:?}", self.name())
            })
        })
    }

    /// Its control socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.join(SOCKET)
    }

    /// Its state directory.
    pub fn state_dir(&self) -> PathBuf {
        self.dir.join(STATE)
    }

    /// The configuration file that [`Builder::config`] wrote.
    pub fn config_file(&self) -> PathBuf {
        self.dir.join(CONFIG)
    }

    /// The folder that holds all of it.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// All that it printed, over all its starts.
    pub fn log(&self) -> String {
        read_log(&self.dir)
    }

    /// All lines that it sent by sd-notify since its last start, such as `READY=1`.
    pub fn notices(&self) -> Vec<String> {
        self.notices.lines()
    }

    /// The process: pause, resume, signal, its id, wait for its end.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// SIGTERM, and waits for the end.
    pub fn terminate(&mut self, limit: Limit) -> ExitStatus {
        self.process.terminate(limit)
    }

    /// SIGUSR2, on which it ends to start again; returns when it has ended.
    pub fn end_to_restart(&mut self, limit: Limit) -> ExitStatus {
        self.process.signal(Signal::SIGUSR2);
        self.process.wait_exit(limit)
    }

    /// Ends it so, and starts it at once.
    pub fn restart(&mut self) {
        let status = self.end_to_restart(Limit::default());
        assert!(status.success(), "{} ended with {status}", self.name());
        self.start_again();
    }

    /// The names of the sockets that are kept for its next run.
    pub fn kept_sockets(&self) -> Vec<String> {
        self.notices.keeper().names()
    }

    /// Closes the kept sockets, as the end of a service does.
    pub fn forget_sockets(&self) {
        self.notices.keeper().clear();
    }

    /// Starts it once more with the same settings and folders (and on the same address,
    /// if [`listen`](Self::listen) was ever asked) and waits until it is ready. Kills it
    /// first if it still runs.
    pub fn start_again(&mut self) {
        self.process.kill();
        self.notices.forget();
        self.process = self.builder.spawn(&self.dir, &self.notices, self.listen.get().copied());
        self.wait_ready();
    }

    /// Waits until it has said READY; panics with its log if it does not.
    pub fn wait_ready(&mut self) {
        if let Err(failure) = self.poll_ready() {
            panic!("{} did not start: {failure}", self.name());
        }
    }

    fn await_ready(mut self) -> Result<Self, StartFailure> {
        self.poll_ready()?;
        Ok(self)
    }

    fn poll_ready(&mut self) -> Result<(), StartFailure> {
        let deadline = self.builder.limit.deadline();
        while !self.notices.has("READY=1") {
            let status = self.process.status();
            if status.is_some() || Instant::now() >= deadline {
                return Err(StartFailure { status, log: self.log() });
            }
            thread::sleep(POLL);
        }
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let end = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
            eprintln!("--- end of the log of {}\n{}\n---", self.name(), end.join("\n"));
        }
    }
}

/// How a daemon failed to become ready.
#[derive(Debug)]
pub struct StartFailure {
    /// Its exit status; `None` if it still ran, without being ready, at the limit.
    pub status: Option<ExitStatus>,
    /// All that it printed.
    pub log: String,
}

impl fmt::Display for StartFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "{status}\n{}", self.log),
            None => write!(f, "not ready in time\n{}", self.log),
        }
    }
}

/// The field is one address or a list of them.
fn address_in(status: &Value) -> Option<SocketAddr> {
    let listen = &status["listen"];
    listen.as_str().or_else(|| listen.get(0)?.as_str())?.parse().ok()
}

fn read_log(dir: &TestDir) -> String {
    String::from_utf8_lossy(&fs::read(dir.join(LOG)).unwrap_or_default()).into_owned()
}

const SOCKET: &str = "control.sock";
const STATE: &str = "state";
const CONFIG: &str = "meshchat.toml";
const LOG: &str = "log";
const LOG_LINES_SHOWN: usize = 40;
