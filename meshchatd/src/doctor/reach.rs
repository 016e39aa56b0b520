//! Whether others can reach this node, and what the router does about it.

use meshchat_proto::control::{Finding, Grade};
use meshchat_proto::name::NodeName;

use super::{Facts, ProbeFacts, nat};
use crate::config::DEFAULT_PORT;
use crate::logging::escaped;
use crate::portmap::Held;

/// The port, what neighbours found when they tried, and the router's mapping.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let Some(port) = facts.listen.map(|listen| listen.port()) else {
        let words = "this node takes no links, it only dials";
        return vec![Finding::new(CHECK, Grade::Note, words)];
    };
    let mut findings: Vec<_> = usual(port).into_iter().collect();
    if facts.probes.is_empty() {
        findings.push(untried(facts.asked));
    } else {
        findings.push(carrier(facts, "UDP", port, |probe| probe.udp));
    }
    if !facts.tcp {
        let words = format!("TCP port {port} is not open: where UDP is blocked, nobody can link");
        let finding = Finding::new(CHECK, Grade::Warning, words).of("TCP");
        findings.push(finding.fix(format!("see who has it: sudo ss -ltnp sport = :{port}")));
    } else if !facts.probes.is_empty() {
        findings.push(carrier(facts, "TCP", port, |probe| probe.tcp));
    }
    findings.extend(mapping(facts, port));
    findings
}

fn usual(port: u16) -> Option<Finding> {
    if port == DEFAULT_PORT {
        return None;
    }
    let words = format!("the port is {port}: others must name it, and firewalls must allow it");
    Some(Finding::new("port", Grade::Note, words))
}

fn untried(asked: usize) -> Finding {
    let words = match asked {
        0 => "no neighbour could try to reach this node".into(),
        1 => "1 neighbour was asked to try, but has not answered".into(),
        many => format!("{many} neighbours were asked to try, but none has answered"),
    };
    Finding::new(CHECK, Grade::Note, words)
}

/// What those elsewhere found counts most: that of neighbours beside us says nothing of a router.
fn carrier(facts: &Facts, name: &str, port: u16, reached: impl Fn(&ProbeFacts) -> bool) -> Finding {
    let find =
        |near, came| facts.probes.iter().find(|probe| probe.near == near && reached(probe) == came);
    if let Some(probe) = find(false, true) {
        let words = format!("{} reached this node at {name} from elsewhere", probe.name);
        return Finding::new(CHECK, Grade::Ok, words).of(name);
    }
    match (find(true, true), find(true, false)) {
        (None, Some(probe)) => walled(&probe.name, name, port),
        (_, _) if find(false, false).is_some() => outside(nat::is_untranslated(facts), name, port),
        (Some(probe), _) => {
            let words = format!("{} on the same network reached this node at {name}", probe.name);
            Finding::new(CHECK, Grade::Ok, words).of(name)
        }
        (None, None) => untried(facts.asked).of(name),
    }
}

/// Not even a neighbour beside us gets through.
fn walled(neighbour: &NodeName, name: &str, port: u16) -> Finding {
    let words = format!(
        "{neighbour} on the same network could not reach this node at {name}: \
         a firewall on this machine"
    );
    Finding::new(CHECK, Grade::Problem, words).of(name).fix(allow(name, port))
}

/// Nobody elsewhere gets through.
fn outside(untranslated: bool, name: &str, port: u16) -> Finding {
    if untranslated {
        let words = format!(
            "not reachable at {name} from elsewhere: a firewall on this machine or in the router"
        );
        let finding = Finding::new(CHECK, Grade::Warning, words).of(name).fix(allow(name, port));
        return finding
            .fix(format!("let {name} port {port} through to this machine in the router"));
    }
    let words = format!(
        "not reachable at {name} from outside, which is usual behind a router; \
         links work because this node dials"
    );
    let fix = format!("to be reachable: forward {name} port {port} of the router to this machine");
    Finding::new(CHECK, Grade::Note, words).of(name).fix(fix)
}

fn allow(name: &str, port: u16) -> String {
    format!("sudo ufw allow {port}/{}", name.to_ascii_lowercase())
}

fn mapping(facts: &Facts, port: u16) -> Option<Finding> {
    let state = &facts.mapping;
    if let Some(held) = &state.held {
        return Some(held_mapping(held));
    }
    let failure = state.failure.as_ref()?;
    let fix = format!(
        "switch on PCP or NAT-PMP in the router, or forward UDP and TCP port {port} to this machine"
    );
    let words = escaped(&failure.to_string()).to_string();
    Some(Finding::new(MAPPING, Grade::Note, words).fix(fix))
}

fn held_mapping(held: &Held) -> Finding {
    let carriers = if held.tcp { "UDP and TCP" } else { "UDP" };
    let (external, protocol) = (held.external, held.protocol);
    let words = format!("the router lets {carriers} in at {external} by {protocol}");
    if held.global {
        return Finding::new(MAPPING, Grade::Ok, words);
    }
    let words = format!("{words}, but another router hides it from the internet");
    Finding::new(MAPPING, Grade::Note, words)
}

const CHECK: &str = "reach";
const MAPPING: &str = "mapping";

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use meshchat_proto::address::Address;

    use super::super::LinkFacts;
    use super::super::tests::{facts, grades, link};
    use super::*;
    use crate::portmap::{Failure, Protocol};

    fn probe(name: &str, near: bool, udp: bool, tcp: bool) -> ProbeFacts {
        ProbeFacts { name: name.parse().unwrap(), near, udp, tcp }
    }

    fn findings(probes: Vec<ProbeFacts>) -> Vec<Finding> {
        let mut facts = facts();
        (facts.asked, facts.probes) = (probes.len(), probes);
        judge(&facts)
    }

    #[test]
    fn who_was_asked_and_who_answered() {
        let mut facts = facts();
        let none = judge(&facts);
        assert_eq!(grades(&none), [Grade::Note]);
        assert!(none[0].words.starts_with("no neighbour could try"));
        facts.asked = 2;
        assert!(judge(&facts)[0].words.contains("2 neighbours were asked"));
    }

    #[test]
    fn reached_from_elsewhere_is_reached() {
        let probes = vec![probe("near", true, false, false), probe("barn", false, true, true)];
        let findings = findings(probes);
        assert_eq!(grades(&findings), [Grade::Ok, Grade::Ok]);
        assert_eq!(findings[0].words, "barn reached this node at UDP from elsewhere");
        assert_eq!((&*findings[0].subject, &*findings[1].subject), ("UDP", "TCP"));
    }

    #[test]
    fn a_neighbour_beside_us_that_fails_means_a_firewall_here() {
        let findings = findings(vec![probe("barn", true, false, true)]);
        assert_eq!(grades(&findings), [Grade::Problem, Grade::Ok]);
        assert_eq!(findings[0].fix, ["sudo ufw allow 7117/udp"]);
        assert_eq!(findings[1].words, "barn on the same network reached this node at TCP");
    }

    #[test]
    fn far_ones_that_fail_are_usual() {
        let findings =
            findings(vec![probe("barn", false, false, false), probe("near", true, true, true)]);
        assert_eq!(grades(&findings), [Grade::Note, Grade::Note]);
        assert!(findings[0].words.contains("usual behind a router"));
        assert!(findings[1].fix[0].contains("forward TCP port 7117"));
    }

    #[test]
    fn without_translation_only_a_firewall_keeps_far_ones_out() {
        let mut facts = facts();
        let own = "192.0.2.1:7117".parse().unwrap();
        facts.own = vec![own];
        facts.links = vec![LinkFacts { observed: Address::new(own), ..link("barn") }];
        facts.probes = vec![probe("barn", false, false, true)];
        let findings = judge(&facts);
        assert_eq!(grades(&findings), [Grade::Warning, Grade::Ok]);
        assert_eq!(findings[0].fix[0], "sudo ufw allow 7117/udp");
    }

    #[test]
    fn the_port_and_tcp_are_told_when_they_are_not_as_usual() {
        let mut facts = facts();
        facts.listen = Some("[::]:7200".parse().unwrap());
        facts.tcp = false;
        facts.probes = vec![probe("barn", true, false, false)];
        let findings = judge(&facts);
        assert_eq!(grades(&findings), [Grade::Note, Grade::Problem, Grade::Warning]);
        assert!(findings[0].words.contains("7200"));
        assert_eq!(findings[1].fix, ["sudo ufw allow 7200/udp"]);
        facts.listen = None;
        assert_eq!(grades(&judge(&facts)), [Grade::Note]);
    }

    #[test]
    fn the_router_gives_a_mapping_or_says_why_not() {
        let mut facts = facts();
        facts.mapping.failure = Some(Failure::Refused("no\x1b".into()));
        let failed = judge(&facts);
        assert_eq!(grades(&failed), [Grade::Note, Grade::Note]);
        assert_eq!(failed[1].words, "the router gave no mapping: no\\u{1b}");
        let external = "192.0.2.1:7117".parse().unwrap();
        let (protocol, until) = (Protocol::NatPmp, Instant::now());
        let held = Held { protocol, external, internal: 7117, tcp: true, global: true, until };
        facts.mapping.held = Some(held);
        let findings = judge(&facts);
        assert_eq!(grades(&findings), [Grade::Note, Grade::Ok]);
        assert!(findings[1].words.contains("UDP and TCP in at 192.0.2.1:7117 by NAT-PMP"));
        facts.mapping.held = Some(Held { global: false, ..held });
        assert_eq!(grades(&judge(&facts)), [Grade::Note, Grade::Note]);
    }
}
