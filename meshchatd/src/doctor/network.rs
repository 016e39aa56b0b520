//! Whether this machine has a network at all.

use meshchat_proto::control::{Finding, Grade};

use super::{Facts, bounded};
use crate::interfaces::Interface;
use crate::logging::escaped;

/// The interfaces that can be used, or that there are none.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let usable: Vec<_> = facts.interfaces.iter().filter(|interface| is_usable(interface)).collect();
    if usable.is_empty() {
        let words = "no network interface has an address";
        let fix = "plug in the cable, or join a Wi-Fi: sudo nmtui";
        return vec![Finding::new(CHECK, Grade::Problem, words).fix(fix)];
    }
    let allowed = |interface: &Interface| facts.patterns.allow(&interface.name);
    let mut findings = Vec::new();
    if facts.discovery && !usable.iter().any(|interface| allowed(interface)) {
        let words = "nodes are looked for on no interface: the patterns deny all that are up";
        let fix = "interfaces = [\"*\"]  # in /etc/meshchat/meshchat.toml";
        findings.push(Finding::new(CHECK, Grade::Warning, words).fix(fix));
    }
    let each = usable.iter().map(|interface| {
        let left_out = facts.discovery && !allowed(interface);
        let rest = if left_out { "; nodes are not looked for here" } else { "" };
        let words = format!("up with {}{rest}", addresses(interface));
        Finding::new(CHECK, Grade::Ok, words).of(escaped(&interface.name).to_string())
    });
    findings.extend(bounded(each.collect()));
    findings
}

fn is_usable(interface: &Interface) -> bool {
    interface.up && !interface.loopback && !interface.addresses.is_empty()
}

fn addresses(interface: &Interface) -> String {
    let shown = interface.addresses.iter().take(ADDRESSES).map(|address| address.ip.to_string());
    let shown = shown.collect::<Vec<_>>().join(", ");
    match interface.addresses.len().saturating_sub(ADDRESSES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

const CHECK: &str = "network";
/// Most addresses of an interface that are shown.
const ADDRESSES: usize = 4;

#[cfg(test)]
mod tests {
    use super::super::tests::{facts, grades, interface};
    use super::*;

    #[test]
    fn without_an_address_there_is_no_network() {
        let mut facts = facts();
        let mut down = interface("wlan0", &["192.0.2.1"]);
        down.up = false;
        let mut lo = interface("lo", &["127.0.0.1"]);
        lo.loopback = true;
        facts.interfaces = vec![lo, interface("eth0", &[]), down];
        let findings = judge(&facts);
        assert_eq!(grades(&findings), [Grade::Problem]);
        assert!(findings[0].fix[0].contains("nmtui"));
    }

    #[test]
    fn each_interface_shows_its_addresses() {
        let mut facts = facts();
        let many = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "fe80::1", "fe80::2"];
        facts.interfaces = vec![interface("eth0", &many), interface("docker0", &["10.0.0.1"])];
        let findings = judge(&facts);
        assert_eq!(grades(&findings), [Grade::Ok, Grade::Ok]);
        assert_eq!(findings[0].subject, "eth0");
        assert_eq!(
            findings[0].words,
            "up with 192.0.2.1, 192.0.2.2, 192.0.2.3, fe80::1 and 1 more"
        );
        assert_eq!(findings[1].words, "up with 10.0.0.1; nodes are not looked for here");
    }

    #[test]
    fn patterns_that_deny_everything_are_told_while_discovery_is_on() {
        let mut facts = facts();
        facts.interfaces = vec![interface("docker0", &["10.0.0.1"])];
        let findings = judge(&facts);
        assert_eq!(grades(&findings), [Grade::Warning, Grade::Ok]);
        assert!(findings[0].fix[0].starts_with("interfaces = [\"*\"]"));
        facts.discovery = false;
        assert_eq!(grades(&judge(&facts)), [Grade::Ok]);
    }
}
