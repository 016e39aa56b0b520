//! Networks of their own for a test, by `tests/netns.sh`.

use std::ffi::OsStr;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::dir::unique;

/// Hosts, switches and routers in network namespaces; removed when dropped, with all
/// that still runs in them.
///
/// Declare it before the daemons that live in it, so that it is dropped after them.
#[derive(Debug)]
pub struct Net {
    prefix: String,
}

impl Net {
    /// Whether networks can be made here (it takes root and a few programs).
    pub fn available() -> bool {
        unavailable().is_none()
    }

    /// An empty network, or `None` after printing "skipped: …" where none can be made:
    ///
    /// ```no_run
    /// # use meshchat_tests::Net;
    /// let Some(net) = Net::or_skip() else { return };
    /// net.lan("lan", 3);
    /// ```
    pub fn or_skip() -> Option<Self> {
        if let Some(why) = unavailable() {
            eprintln!("skipped: {why}");
            return None;
        }
        Some(Self { prefix: unique() })
    }

    /// A switch `name` and hosts `name1` to `name<hosts>` with the addresses
    /// 10.77.0.1 and up.
    pub fn lan(&self, name: &str, hosts: usize) {
        self.run(["lan", name, &hosts.to_string()]);
    }

    /// The same with the addresses `prefix`.1 and up, such as 10.78.0.1.
    pub fn lan_at(&self, name: &str, hosts: usize, prefix: &str) {
        self.run(["lan", name, &hosts.to_string(), prefix]);
    }

    /// Runs a command of netns.sh, which documents them, and returns what it printed;
    /// panics if it fails.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> String {
        finish(self.script().args(args))
    }

    /// Runs a program in a host to its end and returns what it printed; panics if it
    /// fails.
    pub fn exec(&self, host: &str, program: &str, args: &[&str]) -> String {
        finish(self.command(host, program).args(args))
    }

    /// A command that runs in a host; its process id is that of the program itself.
    pub fn command(&self, host: &str, program: impl AsRef<OsStr>) -> Command {
        in_namespace(&self.namespace(host), program.as_ref())
    }

    /// Pulls a host's cable.
    pub fn cut(&self, host: &str) {
        self.run(["cut", host]);
    }

    /// Puts a host's cable back.
    pub fn heal(&self, host: &str) {
        self.run(["heal", host]);
    }

    /// Swallows all that a host sends and gets, unseen by it.
    pub fn hole(&self, host: &str, on: bool) {
        self.run(["hole", host, switch(on)]);
    }

    /// Drops so many per cent of what a host sends and gets; 0 heals.
    pub fn loss(&self, host: &str, percent: u8) {
        self.run(["loss", host, &percent.to_string()]);
    }

    /// Keeps two hosts from hearing each other.
    pub fn part(&self, one: &str, other: &str, on: bool) {
        self.run(["part", one, other, switch(on)]);
    }

    /// The network namespace of a host, for `ip netns exec`.
    pub fn namespace(&self, host: &str) -> String {
        format!("{}_{host}", self.prefix)
    }

    fn script(&self) -> Command {
        let mut command = Command::new(SCRIPT);
        command.env("MESHNET_PREFIX", &self.prefix);
        command
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        // Not finish(): a second panic during a panic would hide the first.
        if !self.script().arg("clean").status().is_ok_and(|status| status.success()) {
            eprintln!("network {} was not removed", self.prefix);
        }
    }
}

pub(crate) fn in_namespace(namespace: &str, program: &OsStr) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace]).arg(program);
    command
}

/// Why no network can be made here.
fn unavailable() -> Option<&'static str> {
    static WHY: OnceLock<Option<String>> = OnceLock::new();
    WHY.get_or_init(|| {
        let check = Command::new(SCRIPT)
            .arg("check")
            .env("MESHNET_PREFIX", unique())
            .output()
            .unwrap_or_else(|e| panic!("cannot run {SCRIPT}: {e}"));
        let why = String::from_utf8_lossy(&check.stdout).trim().to_owned();
        (!check.status.success()).then_some(why)
    })
    .as_deref()
}

fn finish(command: &mut Command) -> String {
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
    assert!(output.status.success(), "failed: {command:?}\n{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn switch(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/netns.sh");

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{Limit, Process, wait_for};

    #[test]
    fn two_networks_do_not_meet() {
        let (Some(one), Some(two)) = (Net::or_skip(), Net::or_skip()) else { return };
        one.lan("lan", 2);
        two.lan("lan", 1);
        drop(one);
        assert_eq!(two.run(["show"]).lines().count(), 2, "host and switch remain");
        assert!(two.exec("lan1", "ip", &["-4", "addr"]).contains("10.77.0.1/24"));
    }

    #[test]
    fn a_process_in_a_host_has_its_own_id_and_ends_with_the_net() {
        let Some(net) = Net::or_skip() else { return };
        net.lan("lan", 1);
        let mut process = Process::spawn(net.command("lan1", "sleep").arg("600"));
        let name = format!("/proc/{}/comm", process.pid());
        wait_for("the program", Limit::default(), || {
            fs::read_to_string(&name).is_ok_and(|name| name == "sleep\n")
        });
        drop(net);
        process.wait_exit(Limit::default());
    }

    #[test]
    fn cables_can_be_cut() {
        let Some(net) = Net::or_skip() else { return };
        net.lan("lan", 1);
        let carrier = || net.exec("lan1", "cat", &["/sys/class/net/eth0/carrier"]);
        net.cut("lan1");
        assert_eq!(carrier(), "0\n");
        net.heal("lan1");
        wait_for("carrier", Limit::default(), || carrier() == "1\n");
    }
}
