//! Programs that people use, irssi and WeeChat, at the IRC door.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use meshchat_tests::{Daemon, Gateway, Irc, Limit, Process, TestDir, wait_for};

const DOOR: &str = "[irc]\nlisten = \"127.0.0.1:0\"\n";

#[test]
fn weechat_joins_talks_and_sees_who_is_there() {
    let Some(program) = program_or_skip("weechat-headless") else { return };
    if !has_fifo() {
        return eprintln!("skipped: WeeChat has no fifo here; install the package weechat-plugins");
    }
    let (a, b, door_a, door_b) = two();
    history(&a);
    let client = WeeChat::start(&program, &door_a);
    client.wait("old words");
    talk(&a, &b, &door_b, &client);
}

#[test]
fn irssi_joins_talks_and_sees_who_is_there() {
    let Some(program) = program_or_skip("irssi") else { return };
    let Some(tmux) = program_or_skip("tmux") else { return };
    let (a, b, door_a, door_b) = two();
    history(&a);
    let client = Irssi::start((&tmux, &program), &door_a);
    client.wait("old words");
    talk(&a, &b, &door_b, &client);
}

/// A client program, called ann, in `#dev` of the attic.
trait Client {
    /// Types a command, or words, in the window of the room.
    fn types(&self, words: &str);
    /// All that it wrote down.
    fn log(&self) -> String;

    fn wait(&self, part: &str) {
        wait_for(&format!("{part:?} in the log"), Limit::secs(60), || self.log().contains(part));
    }
}

fn two() -> (Daemon, Daemon, Gateway, Gateway) {
    let a = Daemon::start("attic");
    let b = Daemon::builder("barn").peer(a.listen()).start();
    a.wait_links(1);
    let doors = (Gateway::start(&a, DOOR), Gateway::start(&b, DOOR));
    (a, b, doors.0, doors.1)
}

fn history(daemon: &Daemon) {
    daemon.ctl().ok(["join", "dev"]);
    daemon.ctl().ok(["send", "#dev", "old words"]);
}

fn talk(a: &Daemon, b: &Daemon, door_b: &Gateway, client: &impl Client) {
    b.ctl().ok(["join", "dev"]);
    let tail = b.ctl().tail(["tail", "dev", "-f", "-n", "all"]);
    client.types("hello from ann");
    let line =
        tail.wait_for("hello from ann", Limit::secs(60), |line| line["text"] == "hello from ann");
    assert_eq!((&line["author"], &line["via"]), (&"ann".into(), &"irc".into()));
    client.types("/me waves");
    let waves = tail.wait_for("the action", Limit::secs(60), |line| line["text"] == "waves");
    assert_ne!(waves["kind"], line["kind"]);
    b.ctl().ok(["send", "#dev", "hello from the barn"]);
    client.wait("hello from the barn");
    let mut ben = Irc::enter(door_b, "ben", "");
    ben.join("#dev");
    client.wait("ben");
    client.wait("ben@barn");
    ben.send("PRIVMSG #dev :hello from ben");
    client.wait("hello from ben");
    ben.send("AWAY :gone for tea");
    ben.wait(" 306 ");
    wait_for("ben to be away at the attic", Limit::secs(60), || {
        let who = a.ctl().json(["who"]);
        who.iter().any(|person| person["name"] == "ben" && person["state"] == "away")
    });
    client.types("/whois ben");
    client.wait("gone for tea");
    ben.send("PRIVMSG ann :psst");
    client.wait("psst");
    ben.send("PART #dev");
    ben.wait(" PART #dev");
    client.wait("has left #dev");
    a.ctl().ok(["send", "#dev", "last words"]);
    client.wait("last words");
}

/// WeeChat without a screen: commands come through its pipe, and it logs every buffer.
struct WeeChat {
    _process: Process,
    dir: TestDir,
}

impl WeeChat {
    fn start(program: &Path, door: &Gateway) -> Self {
        let dir = TestDir::new();
        let address = door.address("irc").replace(':', "/");
        let log = fs::File::create(dir.join("out")).unwrap();
        let mut command = Command::new(program);
        command.arg("-d").arg(dir.path());
        for line in [
            "/set fifo.file.path \"${weechat_data_dir}/pipe\"",
            "/fifo enable",
            "/set logger.file.flush_delay 0",
            "/set logger.file.auto_log on",
            "/set irc.look.smart_filter off",
            &format!("/server add mesh {address} -notls -nicks=ann -autojoin=#dev"),
            "/connect mesh",
        ] {
            command.arg("-r").arg(line);
        }
        command.env("HOME", dir.path()).env("TERM", "xterm").stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        Self { _process: Process::spawn(&mut command), dir }
    }

    fn pipe(&self) -> Option<PathBuf> {
        let names = fs::read_dir(self.dir.path()).ok()?.flatten().map(|entry| entry.path());
        let named = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name == "pipe" || name.starts_with("weechat_fifo")
        };
        names.into_iter().find(named)
    }
}

impl Client for WeeChat {
    fn types(&self, words: &str) {
        wait_for("the pipe of WeeChat", Limit::secs(60), || self.pipe().is_some());
        let mut pipe = fs::File::options().write(true).open(self.pipe().unwrap()).unwrap();
        writeln!(pipe, "irc.mesh.#dev *{words}").unwrap();
    }

    fn log(&self) -> String {
        logs(&self.dir.join("logs"))
    }
}

/// irssi in a terminal of tmux, with its own log.
struct Irssi {
    tmux: PathBuf,
    dir: TestDir,
}

impl Irssi {
    fn start((tmux, program): (&Path, &Path), door: &Gateway) -> Self {
        let dir = TestDir::new();
        let address = door.address("irc");
        let (host, port) = address.split_once(':').unwrap();
        let log = dir.join("log");
        let config = format!(
            "servers = ( {{ address = \"{host}\"; port = \"{port}\"; chatnet = \"mesh\"; autoconnect = \"yes\"; }} );\n\
             chatnets = {{ mesh = {{ type = \"IRC\"; nick = \"ann\"; }}; }};\n\
             channels = ( {{ name = \"#dev\"; chatnet = \"mesh\"; autojoin = \"yes\"; }} );\n\
             settings = {{ core = {{ real_name = \"ann\"; user_name = \"ann\"; nick = \"ann\"; }};\n\
             \"fe-common/core\" = {{ autolog = \"yes\"; autolog_path = \"{}/$0.log\"; autolog_level = \"all\"; }}; }};\n",
            log.display()
        );
        fs::write(dir.join("config"), config).unwrap();
        let client = Self { tmux: tmux.to_owned(), dir };
        let home = client.dir.path().display().to_string();
        let command = format!("{} --home={home}", program.display());
        client.tmux(&["new-session", "-d", "-x", "120", "-y", "40", "-s", "irssi", &command]);
        client
    }

    fn tmux(&self, args: &[&str]) {
        let mut command = Command::new(&self.tmux);
        command.arg("-S").arg(self.dir.join("tmux")).args(["-f", "/dev/null"]).args(args);
        command.env("HOME", self.dir.path()).env("TERM", "xterm").env("LC_ALL", "C.UTF-8");
        assert!(command.status().unwrap().success());
    }
}

impl Drop for Irssi {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

impl Client for Irssi {
    fn types(&self, words: &str) {
        let line =
            if words.starts_with('/') { words.to_owned() } else { format!("/msg #dev {words}") };
        let line = line.replacen("/me ", "/action #dev ", 1);
        self.tmux(&["send-keys", "-t", "irssi", "-l", &line]);
        self.tmux(&["send-keys", "-t", "irssi", "Enter"]);
    }

    fn log(&self) -> String {
        logs(&self.dir.join("log"))
    }
}

/// Of rooms, people and the server; WeeChat's own is left out, as it repeats commands.
fn logs(dir: &Path) -> String {
    let Ok(entries) = fs::read_dir(dir) else { return String::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    let wanted = paths.filter(|path| !path.to_string_lossy().contains("core.weechat"));
    wanted.filter_map(|path| fs::read_to_string(path).ok()).collect()
}

fn program_or_skip(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|dir| dir.join(name)).find(|path| path.is_file());
    if found.is_none() {
        eprintln!("skipped: {name} is not installed");
    }
    found
}

/// Whether WeeChat reads commands from a pipe; Debian has that in a package of its own.
fn has_fifo() -> bool {
    let libraries = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let plugins = libraries.map(|entry| entry.path().join("weechat/plugins/fifo.so"));
    plugins.into_iter().any(|path| path.is_file())
}
