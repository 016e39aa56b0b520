//! What keeps a daemon from starting is named, with what to do about it.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use meshchat_tests::{Builder, Ctl, Daemon, Limit, Net, Process, TestDir, program, wait_for};

#[test]
fn a_typo_in_the_configuration_is_named_with_its_line() {
    let config = "name = \"barn\"\n\n# where\nlissten = \"127.0.0.1:0\"\n";
    let failure = Daemon::builder("a").config(config).try_start().err().unwrap();
    assert_eq!(failure.status.unwrap().code(), Some(78), "{failure}");
    for part in ["meshchat.toml", "line 4", "`lissten`", "did you mean `listen`?", "fix:"] {
        assert!(failure.log.contains(part), "{part} is missing: {failure}");
    }
}

#[test]
fn every_problem_of_a_configuration_is_told_at_once() {
    let config = "name = 7\nadmit = \"nobody\"\nlog = \"loud\"\nsocket = \"relative\"\n\
                  [[peer]]\naddress = \"barn:99999\"\n[[peer]]\nadress = \"barn\"\n";
    let failure = Daemon::builder("a").config(config).try_start().err().unwrap();
    assert_eq!(failure.status.unwrap().code(), Some(78), "{failure}");
    for line in [1, 2, 3, 4, 6, 8] {
        assert!(failure.log.contains(&format!("line {line}")), "line {line}: {failure}");
    }
    assert!(failure.log.contains("did you mean `address`?"), "{failure}");
}

#[test]
fn a_socket_path_that_is_too_long_is_refused() {
    let dir = TestDir::new();
    let socket = dir.join(&"x".repeat(100));
    let finished = run_daemon(&dir, ["--socket".as_ref(), socket.as_os_str()]);
    assert_eq!(finished.code, Some(78), "{}", finished.log);
    for part in ["the system allows 107", "choose a shorter path"] {
        assert!(finished.log.contains(part), "{}", finished.log);
    }
}

#[test]
fn a_port_that_was_asked_for_and_is_taken_is_an_error() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let failure = Daemon::builder("a").listen(address).try_start().err().unwrap();
    assert_eq!(failure.status.unwrap().code(), Some(1), "{failure}");
    assert!(failure.log.contains(&address.port().to_string()), "{failure}");
    assert!(failure.log.contains("choose another port"), "{failure}");
}

#[test]
fn a_default_port_that_is_taken_is_replaced_by_a_free_one() {
    let Some(net) = Net::or_skip() else { return };
    net.lan("lan", 1);
    let start = || {
        let dir = TestDir::new();
        let mut command = net.command("lan1", program("meshchatd"));
        command.arg("--socket").arg(dir.join("socket")).arg("--state-dir").arg(dir.join("state"));
        command
            .env_clear()
            .env("HOME", dir.path())
            .env("MESHCHAT_DISCOVERY", "off")
            .env("MESHCHAT_MAPPING", "off");
        command.stdin(Stdio::null());
        command.stderr(File::create(dir.join("log")).unwrap());
        let process = Process::spawn(&mut command);
        let ctl = Ctl::new(dir.join("socket"));
        ctl.ok(["wait"]);
        (ctl.json(["status"])[0]["listen"][0].as_str().unwrap().to_owned(), dir, process)
    };
    let (first, _dir1, _process1) = start();
    let (second, dir2, _process2) = start();
    assert!(first.ends_with(":7117"), "{first}");
    assert!(!second.ends_with(":7117"), "{second}");
    let log = fs::read_to_string(dir2.join("log")).unwrap();
    assert!(log.contains("port 7117 is taken"), "{log}");
}

#[test]
fn two_daemons_do_not_share_a_state_directory() {
    let mut first = Daemon::start("a");
    let dir = TestDir::new();
    let state = first.state_dir();
    let second = run_daemon_at(&dir, &state, [] as [&OsStr; 0]);
    assert_eq!(second.code, Some(1), "{}", second.log);
    let pid = first.process().pid().to_string();
    for part in ["is in use by", &pid, "--instance"] {
        assert!(second.log.contains(part), "{part} is missing: {}", second.log);
    }
    first.say("still here");
}

#[test]
fn two_daemons_do_not_share_a_socket() {
    let first = Daemon::start("a");
    let dir = TestDir::new();
    let socket = first.socket();
    let second = run_daemon(&dir, ["--socket".as_ref(), socket.as_os_str()]);
    assert_eq!(second.code, Some(1), "{}", second.log);
    assert!(second.log.contains("another daemon answers on"), "{}", second.log);
    first.say("still here");
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let mut daemon = Daemon::start("a");
    daemon.terminate(Limit::default());
    let key = daemon.state_dir().join("key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o7777, 0o600);
    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    let dir = TestDir::new();
    let state = daemon.state_dir();
    let again = run_daemon_at(&dir, &state, [] as [&OsStr; 0]);
    assert_eq!(again.code, Some(1), "{}", again.log);
    for part in ["mode 0644", "fix:", "chmod"] {
        assert!(again.log.contains(part), "{part} is missing: {}", again.log);
    }
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    daemon.start_again();
}

#[test]
fn a_read_only_state_directory_is_named() {
    let Some(disk) = Disk::or_skip("ro,mode=700") else { return };
    let failure = disk.builder().try_start().err().unwrap();
    assert_eq!(failure.status.unwrap().code(), Some(1), "{failure}");
    for part in ["is on a read-only file system", "fix:", "--state-dir"] {
        assert!(failure.log.contains(part), "{part} is missing: {failure}");
    }
}

#[test]
fn a_full_state_directory_is_named() {
    // Room for inodes but for no byte: one block for the directory itself is all there is.
    let Some(disk) = Disk::or_skip("size=4k,mode=700") else { return };
    let failure = disk.builder().try_start().err().unwrap();
    assert_eq!(failure.status.unwrap().code(), Some(1), "{failure}");
    for part in ["no space left", "fix:", "free some space"] {
        assert!(failure.log.contains(part), "{part} is missing: {failure}");
    }
}

#[test]
fn a_disk_that_fills_up_stops_what_must_be_kept_and_nothing_else() {
    let Some(disk) = Disk::or_skip("size=128k,mode=700") else { return };
    let mut daemon = disk.builder().start();
    let inside = format!("/proc/{}/root{}", daemon.process().pid(), daemon.state_dir().display());
    fs::write(format!("{inside}/filler"), vec![0; 256 * 1024]).unwrap_err();

    let refused = daemon.ctl().run(["connect", "--no-wait", "127.0.0.1:9"]);
    refused.assert_code(1);
    for part in ["no space left", "will be forgotten at the next restart", "free some space"] {
        assert!(refused.stderr.contains(part), "{part} is missing: {refused:?}");
    }
    assert_eq!(daemon.peers().len(), 1);
    daemon.ctl().ok(["nick", "Ann"]);
    wait_for("a word in the log", Limit::default(), || daemon.log().contains("cannot keep people"));
    daemon.say("still here");

    fs::remove_file(format!("{inside}/filler")).unwrap();
    daemon.ctl().ok(["connect", "--no-wait", "127.0.0.1:9"]);
}

/// A program that mounts a small file system on its state directory and becomes the daemon.
struct Disk {
    dir: TestDir,
}

impl Disk {
    fn or_skip(options: &str) -> Option<Self> {
        let mut may = Command::new("unshare");
        may.args(["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]);
        if !may_run(&mut may) {
            eprintln!("skipped: mounting a file system needs root");
            return None;
        }
        let dir = TestDir::new();
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = --state-dir ] || exit 99\nmkdir -p -m 700 \"$2\"\n\
             exec unshare -m sh -c 'mount -t tmpfs -o {options} tmpfs \"$2\" && \
             exec {} \"$@\"' sh \"$@\"\n",
            program("meshchatd").display()
        );
        // Written by a child: a file that this process had open for writing could not be
        // run while a sibling test is just starting a program.
        let mut write = Command::new("sh");
        write.args(["-c", "printf '%s' \"$2\" > \"$1\" && chmod 755 \"$1\"", "sh"]);
        assert!(may_run(write.arg(dir.join("daemon")).arg(script)));
        Some(Self { dir })
    }

    fn builder(&self) -> Builder {
        Daemon::builder("a").program(self.dir.join("daemon"))
    }
}

fn may_run(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// How a daemon ended that was not to start.
struct Ended {
    code: Option<i32>,
    log: String,
}

fn run_daemon<S: AsRef<OsStr>>(dir: &TestDir, args: impl IntoIterator<Item = S>) -> Ended {
    run_daemon_at(dir, &dir.join("state"), args)
}

fn run_daemon_at<S: AsRef<OsStr>>(
    dir: &TestDir,
    state: &PathBuf,
    args: impl IntoIterator<Item = S>,
) -> Ended {
    let log = File::create(dir.join("log")).unwrap();
    let mut command = Command::new(program("meshchatd"));
    command.env_clear().env("HOME", dir.path()).env("XDG_RUNTIME_DIR", dir.path());
    command
        .env("MESHCHAT_SOCKET", dir.join("socket"))
        .env("MESHCHAT_DISCOVERY", "off")
        .env("MESHCHAT_MAPPING", "off");
    command.args(["--listen", "127.0.0.1:0", "--state-dir"]).arg(state).args(args);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    let status = Process::spawn(&mut command).wait_exit(Limit::default());
    Ended { code: status.code(), log: fs::read_to_string(dir.join("log")).unwrap() }
}
