//! Whether this node is linked, and how well.

use meshchat_proto::control::{Finding, Grade};

use super::{Facts, LinkFacts, NamedFacts, bounded};
use crate::config::{DEFAULT_PORT, PeerAddress};
use crate::logging::escaped;
use crate::transport::Carrier;

/// The links there are, those that are missing, and those that could be better.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    match facts.links.len() {
        0 if facts.named.is_empty() => {
            let words = "this node is alone: nobody is linked, and no peer is named";
            let finding = Finding::new(CHECK, Grade::Warning, words);
            findings.push(finding.fix("meshchatctl connect HOST"));
        }
        0 => {}
        1 => findings.push(Finding::new(CHECK, Grade::Ok, "1 link")),
        many => findings.push(Finding::new(CHECK, Grade::Ok, format!("{many} links"))),
    }
    let missing = facts.named.iter().filter(|named| !named.linked);
    findings.extend(bounded(missing.map(|named| unlinked(facts, named)).collect()));
    let by_tcp = facts.links.iter().filter(|link| link.carrier == Carrier::Tcp);
    findings.extend(bounded(by_tcp.map(|link| over_tcp(facts, link)).collect()));
    findings.extend(bounded(facts.links.iter().filter_map(narrow).collect()));
    findings
}

/// A named peer without a link; worse when there is no other link either.
fn unlinked(facts: &Facts, named: &NamedFacts) -> Finding {
    let address = escaped(&named.address);
    let grade = match (named.error.is_empty(), facts.links.is_empty()) {
        (true, _) => Grade::Note,
        (false, false) => Grade::Warning,
        (false, true) => Grade::Problem,
    };
    let words = if named.error.is_empty() {
        format!("{address} is not linked; no try has failed yet")
    } else {
        format!("{address} is not linked: {}", escaped(&named.error))
    };
    let finding = Finding::new("peer", grade, words).of(address.to_string());
    fixes(named).into_iter().fold(finding, Finding::fix)
}

/// What to do, by what the dialler says; see [`crate::dial::Failure`].
fn fixes(named: &NamedFacts) -> Vec<String> {
    let (address, error) = (escaped(&named.address), named.error.as_str());
    let parsed = named.address.parse::<PeerAddress>().ok();
    let port = parsed.as_ref().map_or(DEFAULT_PORT, |parsed| parsed.port);
    let host = parsed.as_ref().map_or(&named.address, |parsed| &parsed.host);
    let says = |part: &str| error.contains(part);
    if error.is_empty() {
        Vec::new()
    } else if says("no answer") || says("unreachable") {
        vec![
            format!(
                "check that {address} is switched on and runs meshchatd: systemctl status meshchatd"
            ),
            format!("on that machine: sudo ufw allow {port}/udp"),
            format!("on that machine: sudo ufw allow {port}/tcp"),
        ]
    } else if says("connection refused") {
        vec!["on that machine: sudo systemctl start meshchatd".into()]
    } else if says("cannot resolve") {
        let fix = format!("check the name: getent hosts {}", escaped(host));
        vec![fix, "or use the address: meshchatctl connect ADDRESS".into()]
    } else if says("no network interface") {
        vec!["see which interfaces there are: ip -brief address".into()]
    } else if says("another node answered") {
        vec!["correct or remove `key` beside this peer's address in the configuration".into()]
    } else if says("this node itself") {
        let fix = format!("meshchatctl disconnect {address}");
        vec![fix, "or take this peer out of the configuration".into()]
    } else if says("belongs to another network") {
        vec![
            "on a machine of that network: meshchatctl invite".into(),
            "then here: meshchatctl join TICKET".into(),
        ]
    } else if says("does not admit us") {
        vec!["see who belongs to the network: meshchatctl members".into()]
    } else if says("no common protocol") {
        vec!["install the same version of meshchatd on both machines".into()]
    } else {
        vec!["see what that machine says: journalctl -u meshchatd".into()]
    }
}

fn over_tcp(facts: &Facts, link: &LinkFacts) -> Finding {
    let port = facts.listen.map_or(DEFAULT_PORT, |listen| listen.port());
    let words =
        format!("UDP does not get through to {}: the link is over TCP, and slower", link.name);
    Finding::new("carrier", Grade::Note, words)
        .of(link.name.as_str())
        .fix(format!("sudo ufw allow {port}/udp"))
        .fix(format!("on {}: sudo ufw allow {DEFAULT_PORT}/udp", link.name))
}

fn narrow(link: &LinkFacts) -> Option<Finding> {
    let mtu = link.mtu.filter(|mtu| *mtu <= SMALLEST_MTU)?;
    let words = format!(
        "packets to {} carry {mtu} bytes at the most: a tunnel is on the way, or the link is new",
        link.name
    );
    Some(Finding::new("mtu", Grade::Note, words).of(link.name.as_str()))
}

const CHECK: &str = "links";
/// What every path of the internet carries, and what QUIC begins with.
const SMALLEST_MTU: u16 = 1200;

#[cfg(test)]
mod tests {
    use super::super::tests::{facts, grades, link};
    use super::*;

    fn named(linked: bool, error: &str) -> NamedFacts {
        NamedFacts { address: "barn.local:7117".into(), linked, error: error.into() }
    }

    #[test]
    fn a_node_may_be_alone() {
        let findings = judge(&facts());
        assert_eq!(grades(&findings), [Grade::Warning]);
        assert!(findings[0].words.contains("alone"));
        assert_eq!(findings[0].fix, ["meshchatctl connect HOST"]);
    }

    #[test]
    fn links_are_counted() {
        let mut facts = facts();
        facts.links = vec![link("barn")];
        assert_eq!(judge(&facts)[0].words, "1 link");
        facts.links = vec![link("barn"), link("shed"), link("attic")];
        let findings = judge(&facts);
        assert_eq!(grades(&findings), [Grade::Ok]);
        assert_eq!(findings[0].words, "3 links");
    }

    #[test]
    fn a_named_peer_that_is_missing_says_why_and_what_to_do() {
        for (error, fix) in [
            ("no answer", "sudo ufw allow 7117/udp"),
            ("unreachable", "switched on"),
            ("connection refused", "systemctl start meshchatd"),
            ("cannot resolve the name: nothing", "getent hosts barn.local"),
            ("there is no network interface \"eth7\" now", "ip -brief address"),
            ("another node answered", "remove `key`"),
            ("that is this node itself", "meshchatctl disconnect barn.local:7117"),
            ("no common protocol version", "same version"),
            ("handshake failed", "journalctl"),
        ] {
            let mut facts = facts();
            facts.named = vec![named(false, error)];
            let findings = judge(&facts);
            assert_eq!(grades(&findings), [Grade::Problem], "{error}");
            assert_eq!(findings[0].subject, "barn.local:7117");
            assert!(findings[0].words.ends_with(error));
            assert!(findings[0].fix.iter().any(|line| line.contains(fix)), "{:?}", findings[0]);
        }
    }

    #[test]
    fn a_missing_peer_is_less_bad_beside_others() {
        let mut facts = facts();
        facts.links = vec![link("shed")];
        facts.named = vec![named(true, ""), named(false, "no answer"), named(false, "")];
        assert_eq!(grades(&judge(&facts)), [Grade::Ok, Grade::Warning, Grade::Note]);
    }

    #[test]
    fn links_that_could_be_better_are_noted() {
        let mut facts = facts();
        let slow = LinkFacts { carrier: Carrier::Tcp, mtu: None, ..link("barn") };
        facts.links = vec![slow, LinkFacts { mtu: Some(1200), ..link("shed") }];
        let findings = judge(&facts);
        assert_eq!(grades(&findings), [Grade::Ok, Grade::Note, Grade::Note]);
        assert!(findings[1].words.contains("UDP does not get through to barn"));
        assert_eq!(findings[1].fix[0], "sudo ufw allow 7117/udp");
        assert_eq!((&*findings[2].check, &*findings[2].subject), ("mtu", "shed"));
    }
}
