//! Behind address translators of every kind: who can be direct becomes direct, the others are
//! relayed and shown as such.
#![forbid(unsafe_code)]
#![expect(clippy::indexing_slicing, reason = "helpers of tests")]

use std::time::Instant;

use meshchat_tests::{Builder, Daemon, Limit, Net, wait_for, wait_some};
use serde_json::Value;

const KINDS: [&str; 4] = ["full", "address", "restricted", "symmetric"];
/// The promise, and as much again for a machine that runs other tests at the same time.
const PROMISED: Limit = Limit::secs(15 + 15);

/// Homes behind routers, each with one node, and nodes in the open that all of them name.
struct World {
    open: Vec<Daemon>,
    homes: Vec<Home>,
    net: Net,
}

struct Home {
    kind: &'static str,
    node: Daemon,
}

impl World {
    /// Homes of these kinds, whose routers treat unsolicited packets so; they are ready to be
    /// filled with nodes.
    fn or_skip(open: usize) -> Option<Self> {
        let net = Net::or_skip()?;
        net.lan_at("net", open, "10.78.0");
        let nodes = (1..=open).map(|n| {
            let name = format!("open{n}");
            let node = Daemon::builder(&name).in_host(&net, &format!("net{n}")).links("12-24");
            (1..n).fold(node.arg("--admit").arg("anyone"), |node, n| node.peer(address(n))).start()
        });
        Some(Self { open: nodes.collect(), homes: Vec::new(), net })
    }

    /// A home with a node that names the open nodes.
    fn settle(&mut self, kind: &'static str, unsolicited: &str) {
        let n = self.homes.len();
        let (lan, router) = (format!("h{n}x"), format!("r{n}"));
        self.net.lan_at(&lan, 1, &format!("10.80.{n}"));
        self.net.run(["nat", &router, &lan, "net", kind, unsolicited]);
        let node = Daemon::builder(format!("{kind}{n}")).in_host(&self.net, &format!("{lan}1"));
        let node = (1..=self.open.len()).fold(node, |node: Builder, n| node.peer(address(n)));
        self.homes.push(Home { kind, node: node.links("12-24").start() });
    }

    fn pairs(&self) -> impl Iterator<Item = (&Home, &Home)> {
        let later = |n: usize| self.homes.iter().skip(n + 1);
        self.homes.iter().enumerate().flat_map(move |(n, one)| later(n).map(move |two| (one, two)))
    }

    /// Waits until each pair is what it can be.
    fn wait_settled(&self, limit: Limit) {
        let began = Instant::now();
        for (one, two) in self.pairs() {
            let left = Limit(limit.0.saturating_sub(began.elapsed()));
            let (a, b) = (one.node.name(), two.node.name());
            if can_be_direct(one.kind, two.kind) {
                wait_for(&format!("{a} and {b} to be direct"), left, || is_direct(one, two));
            } else {
                let via = wait_some(&format!("{a} to be relayed to {b}"), left, || relay(one, two));
                assert!(via != a && via != b, "{a} and {b} via {via}");
            }
            eprintln!("{a} and {b}: {:.1} s", began.elapsed().as_secs_f32());
        }
    }
}

fn address(open: usize) -> String {
    format!("10.78.0.{open}:7777")
}

fn can_be_direct(one: &str, two: &str) -> bool {
    !matches!((one, two), ("symmetric", "symmetric" | "restricted") | ("restricted", "symmetric"))
}

fn is_direct(one: &Home, two: &Home) -> bool {
    peer(one, two).is_some_and(|peer| peer["state"] == "linked")
}

/// Over whom a node reaches another that it has tried to link with.
fn relay(one: &Home, two: &Home) -> Option<String> {
    let peer = peer(one, two).filter(|peer| peer["state"] == "relayed" && peer["tries"] != 0)?;
    peer["via"].as_str().map(str::to_owned)
}

fn peer(one: &Home, two: &Home) -> Option<Value> {
    one.node.peers().into_iter().find(|peer| peer["name"] == two.node.name())
}

#[test]
fn all_pairs_of_translators_come_to_what_they_can() {
    let Some(mut world) = World::or_skip(1) else { return };
    for kind in KINDS {
        world.settle(kind, "drop");
        world.settle(kind, "drop");
    }
    world.wait_settled(PROMISED);
    // The introducer goes; those who were introduced stay.
    let mut open = world.open.remove(0);
    open.kill();
    for home in world.homes.iter().filter(|home| home.kind != "symmetric") {
        home.node.wait_reachable(9 - 1, Limit::secs(30));
    }
    let tail = world.homes.last().map(|home| home.node.follow());
    world.homes[0].node.say("still here");
    tail.expect("there are homes").wait_text("still here");
    for (one, two) in world.pairs().filter(|(one, two)| can_be_direct(one.kind, two.kind)) {
        assert!(is_direct(one, two), "{} and {}", one.node.name(), two.node.name());
    }
}

#[test]
fn routers_that_reject_what_nobody_asked_for_do_not_hinder() {
    let Some(mut world) = World::or_skip(1) else { return };
    for kind in KINDS {
        world.settle(kind, "reject");
    }
    world.wait_settled(PROMISED);
}

#[test]
fn routers_that_take_what_nobody_asked_for_as_their_own_at_worst_lead_to_a_relay() {
    let Some(mut world) = World::or_skip(1) else { return };
    for kind in KINDS {
        world.settle(kind, "accept");
    }
    for home in &world.homes {
        home.node.wait_reachable(5, PROMISED);
    }
    for (one, two) in world.pairs() {
        let (a, b) = (one.node.name(), two.node.name());
        wait_for(&format!("{a} and {b} to be direct or relayed"), PROMISED, || {
            is_direct(one, two) || relay(one, two).is_some()
        });
        eprintln!("{a} and {b}: {}", if is_direct(one, two) { "direct" } else { "relayed" });
    }
}
