//! `fleet-status`, over a real ssh where there is one.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use meshchat_tests::{Daemon, Limit, Process, TestDir, own_address, program, wait_for};

use super::{REPOSITORY, script, shown, with_ctl, written};

/// A fleet of three: one that is well, one without a daemon, one that does not answer.
#[test]
fn a_fleet_is_asked_over_ssh() {
    let dir = TestDir::new();
    let a = Daemon::start("a");
    let Some(_server) = ssh_server(&a, &dir) else {
        eprintln!("skipped: ssh itself, as there is no sshd; a stand-in answers");
        let ctl = program("meshchatctl");
        let words = format!(
            "#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done\nhost=$2; shift 2\ncase $host in\n\
             good) exec {0} --socket {1} status --json ;;\nempty) exit 8 ;;\nesac\nexit 255\n",
            ctl.display(),
            a.socket().display()
        );
        written(&dir, "ssh", &words);
        return ask_fleet(&a, &dir);
    };
    ask_fleet(&a, &dir);
}

fn ask_fleet(a: &Daemon, dir: &TestDir) {
    let asked = |mut command: Command| {
        let path = command.get_envs().find(|(name, _)| *name == "PATH").unwrap().1.unwrap();
        let mut with_ssh = OsString::from(dir.path());
        with_ssh.push(":");
        with_ssh.push(path);
        command.env("PATH", with_ssh).env("FLEET_JOBS", "2").output().unwrap()
    };
    let fleet = |hosts: &str| {
        fs::write(dir.join("hosts"), hosts).unwrap();
        let mut command = script("fleet-status", a, dir);
        command.arg("hosts");
        asked(command)
    };
    let output = fleet("# all of them\ngood\n\n  empty  # in the hut\ndead\n");
    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    let said = shown(&output);
    let row = |host: &str| said.lines().find(|line| line.starts_with(host)).unwrap_or_default();
    assert!(row("good").contains(" ok ") && row("good").ends_with("1 of 1"), "{said}");
    assert!(row("empty").contains("node not running"), "{said}");
    assert!(row("dead").contains("no ssh"), "{said}");
    assert!(said.contains("not well: dead (no ssh), empty (node not running)"), "{said}");
    // Whoever said goodbye is not missed; whoever did not is.
    let mut peer = Daemon::builder("peer").peer(a.listen()).start();
    let nodes = |state: &str| {
        let state = state.to_owned();
        move || a.ctl().json(["nodes"]).iter().any(|node| node["state"] == state.as_str())
    };
    a.wait_links(1);
    peer.terminate(Limit::default());
    wait_for("a goodbye", Limit::default(), nodes("left"));
    let output = fleet("good\n");
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    assert!(shown(&output).contains("1 of 2"), "{}", shown(&output));
    peer.start_again();
    a.wait_links(1);
    peer.kill();
    wait_for("an outage", Limit::secs(60), nodes("unreachable"));
    wait_for("the word of it", Limit::secs(60), || {
        shown(&fleet("good\n")).contains("good (nodes missing)")
    });
    // Also as an argument of sh, by its name alone, and with a file that looks like an option.
    fs::write(dir.join("-hosts"), "good\n").unwrap();
    fs::copy(Path::new(REPOSITORY).join("examples/fleet-status"), dir.join("fleet")).unwrap();
    let mut command = with_ctl(Command::new("sh"), a, dir);
    command.args(["fleet", "-hosts"]);
    assert!(shown(&asked(command)).contains("good (nodes missing)"));
    for bad in ["-oProxyCommand=touch owned\n", "a;b\n", "$(touch owned)\n", ""] {
        assert_eq!(fleet(bad).status.code(), Some(2), "{bad}");
    }
    assert!(!dir.join("owned").exists());
}

/// A real server for this user with a key of its own, and an `ssh` that knows it.
fn ssh_server(a: &Daemon, dir: &TestDir) -> Option<Process> {
    let sshd =
        ["/usr/sbin/sshd", "/usr/bin/sshd"].into_iter().find(|path| Path::new(path).exists())?;
    for key in ["host", "user"] {
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(dir.join(key));
        assert!(keygen.status().ok()?.success());
    }
    // A server that starts as root wants it, and it is gone after a boot.
    let _ = fs::create_dir("/run/sshd");
    let folder = dir.path().display();
    let address = own_address();
    let port = std::net::TcpListener::bind((address, 0)).unwrap().local_addr().unwrap().port();
    let closed = std::net::TcpListener::bind((address, 0)).unwrap().local_addr().unwrap().port();
    let ctl = program("meshchatctl");
    let server = format!(
        "Port {port}\nListenAddress {address}\nHostKey {folder}/host\nPidFile none\nUsePAM no\n\
         AuthorizedKeysFile {folder}/user.pub\nStrictModes no\nPermitRootLogin prohibit-password\n\
         AcceptEnv MESHCHAT_SOCKET\nSetEnv PATH={}:/usr/bin:/bin\n",
        ctl.parent().unwrap().display()
    );
    fs::write(dir.join("sshd_config"), server).unwrap();
    let client = format!(
        "Host good\n  SetEnv MESHCHAT_SOCKET={}\nHost empty\n  SetEnv MESHCHAT_SOCKET=/nowhere/s\n\
         Host dead\n  Port {closed}\nHost *\n  HostName {address}\n  Port {port}\n\
         IdentityFile {folder}/user\n  IdentitiesOnly yes\n  StrictHostKeyChecking no\n\
         UserKnownHostsFile {folder}/known\n  LogLevel ERROR\n",
        a.socket().display()
    );
    fs::write(dir.join("ssh_config"), client).unwrap();
    let log = File::create(dir.join("sshd.log")).unwrap();
    let mut command = Command::new(sshd);
    command.args(["-D", "-e", "-f"]).arg(dir.join("sshd_config")).stderr(log);
    let mut process = Process::spawn(&mut command);
    let ssh = format!("#!/bin/sh\nexec /usr/bin/ssh -F {folder}/ssh_config \"$@\"\n");
    let ssh = written(dir, "ssh", &ssh);
    let mut answered = false;
    wait_for("sshd", Limit::default(), || {
        let hello = Command::new(&ssh).args(["-n", "-o", "BatchMode=yes", "good", "true"]).output();
        answered = hello.is_ok_and(|output| output.status.success());
        answered || process.status().is_some()
    });
    answered.then_some(process)
}
