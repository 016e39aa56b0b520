//! Daemons, linked.

use std::sync::Mutex;

use meshchat_tests::{Builder, Daemon, Limit, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Daemons of which each names the one before it.
pub(crate) fn chain(length: usize) -> Vec<Daemon> {
    let mut nodes: Vec<Daemon> = Vec::new();
    for n in 0..length {
        let builder = Daemon::builder(format!("n{n}"));
        let node = match nodes.last() {
            Some(before) => start(builder.peer(before.listen())),
            None => start(builder),
        };
        nodes.push(node);
    }
    await_all(&nodes);
    nodes
}

/// A daemon and `leaves` others that name it.
pub(crate) fn star(leaves: usize) -> Vec<Daemon> {
    let mut nodes = vec![start(Daemon::builder("hub"))];
    for n in 0..leaves {
        let peer = nodes[0].listen();
        nodes.push(start(Daemon::builder(format!("leaf{n}")).peer(peer)));
    }
    await_all(&nodes);
    nodes
}

/// Starts a daemon that a panic will end too.
pub(crate) fn start(builder: Builder) -> Daemon {
    let mut node = builder.start();
    watch(node.process().pid());
    node
}

/// Waits until a node has so many links.
pub(crate) fn await_links(node: &Daemon, links: u64) {
    wait_for("links", Limit::default(), || status(node, "links") == links);
}

/// A number of the node's status.
pub(crate) fn status(node: &Daemon, field: &str) -> u64 {
    node.ctl().json(["status"])[0][field].as_u64().unwrap_or(0)
}

/// What the node has dropped, and why.
pub(crate) fn drops(node: &Daemon) -> String {
    let status = node.ctl().json(["status"]);
    let drops = status[0]["drops"].as_array().into_iter().flatten();
    let drops = drops.map(|drop| format!("{} {}", drop["reason"], drop["count"]));
    drops.fold(String::new(), |all, drop| format!("{all}{}: {drop} ", node.name()))
}

/// Ends this child too if the run ends in a panic.
pub(crate) fn watch(pid: u32) {
    RUNNING.lock().unwrap().push(pid);
}

/// A release build ends at the first panic without dropping anything, so what runs then is ended
/// here.
pub(crate) fn leave_nothing_behind() {
    let say = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        say(info);
        let Ok(running) = RUNNING.try_lock() else { return };
        for pid in running.iter() {
            let Ok(pid) = i32::try_from(*pid) else { continue };
            // Those that ended earlier were collected; their number may be another's by now.
            let parent = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let parent = parent.rsplit(')').next().and_then(|rest| rest.split(' ').nth(2));
            if parent == Some(std::process::id().to_string().as_str()) {
                kill(Pid::from_raw(pid), Signal::SIGKILL).ok();
            }
        }
    }));
}

fn await_all(nodes: &[Daemon]) {
    let all = nodes.len() as u64;
    for node in nodes {
        wait_for("all nodes", Limit::default(), || {
            let there =
                |node: &&serde_json::Value| node["state"] == "reachable" || node["state"] == "here";
            node.ctl().json(["nodes"]).iter().filter(there).count() as u64 == all
        });
    }
}

static RUNNING: Mutex<Vec<u32>> = Mutex::new(Vec::new());
