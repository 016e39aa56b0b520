use std::path::PathBuf;

use meshchat_proto::control::Grade;

use super::*;
use crate::config::Patterns;
use crate::interfaces::{Interface, Subnet};
use crate::transport::Carrier;
use crate::{discover, portmap};

/// A node that is alone and knows nothing.
pub(super) fn facts() -> Facts {
    Facts {
        interfaces: Vec::new(),
        patterns: Patterns::default(),
        discovery: true,
        beacons: discover::Stats::default(),
        listen: Some("[::]:7117".parse().unwrap()),
        tcp: true,
        own: Vec::new(),
        mapping: portmap::State::default(),
        links: Vec::new(),
        named: Vec::new(),
        probes: Vec::new(),
        asked: 0,
        wall_ms: 1_800_000_000_000,
        doubled: None,
        machine: Machine::default(),
    }
}

pub(super) fn link(name: &str) -> LinkFacts {
    LinkFacts {
        name: name.parse().unwrap(),
        near: false,
        carrier: Carrier::Quic,
        mtu: Some(1400),
        observed: None,
        clock_offset_ms: 0,
    }
}

pub(super) fn interface(name: &str, addresses: &[&str]) -> Interface {
    let subnet = |ip: &&str| Subnet { ip: ip.parse().unwrap(), prefix: 24 };
    Interface {
        name: name.into(),
        index: 2,
        up: true,
        multicast: true,
        loopback: false,
        addresses: addresses.iter().map(subnet).collect(),
    }
}

/// The grades of findings, in order.
pub(super) fn grades(findings: &[Finding]) -> Vec<Grade> {
    findings.iter().map(|finding| finding.grade).collect()
}

#[test]
fn whatever_is_there_the_findings_are_bounded_lines() {
    let mut facts = facts();
    facts.interfaces = (0..300).map(|n| interface(&format!("eth{n}"), &["192.0.2.1"])).collect();
    facts.links = (0..300).map(|n| link(&format!("pi{n}"))).collect();
    for (n, link) in facts.links.iter_mut().enumerate() {
        (link.carrier, link.mtu) = (Carrier::Tcp, Some(1200));
        link.clock_offset_ms = if n < 100 { i64::MAX } else { 0 };
    }
    let error = "a\nb\x1b[31m";
    let named =
        |n| NamedFacts { address: format!("h{n}\n"), linked: false, error: error.to_owned() };
    facts.named = (0..600).map(named).collect();
    facts.doubled = Some(std::time::Duration::ZERO);
    let findings = judge(&facts);
    assert!(findings.len() <= FINDINGS);
    assert!(findings.iter().any(|finding| finding.check == "key"), "crowded out");
    let line = |text: &String| !text.is_empty() && !text.contains(char::is_control);
    for finding in &findings {
        assert!(line(&finding.words) && finding.fix.iter().all(line), "{finding:?}");
        assert!(!finding.subject.contains(char::is_control), "{finding:?}");
    }
}

#[test]
fn the_rest_is_as_bad_as_the_worst_of_it() {
    let finding = |grade| Finding::new("x", grade, "y");
    let mut many = vec![finding(Grade::Ok); SUBJECTS];
    assert_eq!(bounded(many.clone()), many);
    many.extend(vec![finding(Grade::Problem); SUBJECTS + 2]);
    let findings = bounded(many);
    assert_eq!(findings.len(), SUBJECTS + 1);
    assert!(findings.iter().all(|finding| finding.grade == Grade::Problem));
    assert_eq!(findings.last().unwrap().words, format!("and {} more", SUBJECTS + 2));
}

#[test]
fn this_machine_is_examined() {
    let directory = crate::testing::Directory::new();
    let mut facts = facts();
    facts.machine = Machine::look(&Places {
        state_dir: directory.path().into(),
        spare: None,
        socket: directory.path().join("socket"),
        group: String::new(),
        sys: PathBuf::from("/sys"),
    });
    let findings = judge(&facts);
    assert!(findings.iter().any(|finding| finding.check == "state"), "{findings:?}");
}
