//! What kind of address translation this node is behind, from where neighbours see it.

use std::net::SocketAddr;

use meshchat_proto::control::{Finding, Grade};

use super::Facts;
use crate::transport::Carrier;

/// One finding for each family that neighbours elsewhere are linked by.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let (four, six): (Vec<_>, Vec<_>) = observed(facts).into_iter().partition(SocketAddr::is_ipv4);
    [family(facts, "IPv4", &four), family(facts, "IPv6", &six)].into_iter().flatten().collect()
}

/// Whether neighbours elsewhere see this node at its own addresses, as far as any do.
pub(super) fn is_untranslated(facts: &Facts) -> bool {
    let findings = judge(facts);
    !findings.is_empty() && findings.iter().all(|finding| finding.grade == Grade::Ok)
}

/// Where neighbours elsewhere see the one UDP socket of this node. A link over TCP has a port of
/// its own, which tells nothing.
fn observed(facts: &Facts) -> Vec<SocketAddr> {
    let far = facts.links.iter().filter(|link| !link.near && link.carrier == Carrier::Quic);
    far.filter_map(|link| link.observed.map(|address| address.socket())).collect()
}

fn family(facts: &Facts, family: &str, seen: &[SocketAddr]) -> Option<Finding> {
    let first = seen.first()?;
    // A port of the router is no address of this machine.
    let mapped = facts.mapping.held.map(|held| SocketAddr::from(held.external));
    let is_own =
        |address: &SocketAddr| facts.own.contains(address) && mapped.as_ref() != Some(address);
    let is_same = seen.iter().all(|address| address == first);
    let (grade, words) = if seen.iter().all(is_own) {
        (Grade::Ok, format!("no address translation: others see {first}"))
    } else if !is_same {
        let words = "symmetric translation, another port for each neighbour: \
            others behind strict routers are relayed";
        (Grade::Note, words.into())
    } else if seen.len() == 1 {
        let words = format!(
            "translated to {first}; a second neighbour elsewhere would tell which kind it is"
        );
        (Grade::Note, words)
    } else {
        let words =
            format!("cone translation, {first} for all: direct links with most others will work");
        (Grade::Note, words)
    };
    Some(Finding::new(CHECK, grade, words).of(family))
}

const CHECK: &str = "nat";

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use meshchat_proto::address::Address;

    use super::super::LinkFacts;
    use super::super::tests::{facts, grades, link};
    use super::*;
    use crate::portmap::{Held, Protocol};

    fn behind(observed: &[&str]) -> Facts {
        let mut facts = facts();
        let seen = |text: &&str| Address::new(text.parse().unwrap());
        let far = |text| LinkFacts { observed: seen(text), ..link("barn") };
        facts.links = observed.iter().map(far).collect();
        facts
    }

    fn only(facts: &Facts) -> Finding {
        let [finding] = &judge(facts)[..] else { panic!("{:?}", judge(facts)) };
        finding.clone()
    }

    #[test]
    fn without_translation_others_see_an_own_address() {
        let mut facts = behind(&["192.0.2.1:7117"]);
        facts.own = vec!["192.0.2.1:7117".parse().unwrap()];
        let finding = only(&facts);
        assert_eq!((finding.grade, &*finding.subject), (Grade::Ok, "IPv4"));
        assert!(finding.words.starts_with("no address translation"));
        let external = "192.0.2.1:7117".parse().unwrap();
        let (protocol, until) = (Protocol::Pcp, Instant::now());
        let held = Held { protocol, external, internal: 7117, tcp: true, global: true, until };
        facts.mapping.held = Some(held);
        assert_eq!(only(&facts).grade, Grade::Note, "that is the router");
    }

    #[test]
    fn the_kind_shows_in_what_several_see() {
        let one = only(&behind(&["192.0.2.1:5000"]));
        assert!(one.words.contains("a second neighbour"), "{}", one.words);
        let cone = only(&behind(&["192.0.2.1:5000", "192.0.2.1:5000"]));
        assert!(cone.words.starts_with("cone"), "{}", cone.words);
        let symmetric = only(&behind(&["192.0.2.1:5000", "192.0.2.1:5001"]));
        assert!(symmetric.words.starts_with("symmetric"), "{}", symmetric.words);
        assert!([one, cone, symmetric].iter().all(|finding| finding.grade == Grade::Note));
    }

    #[test]
    fn the_families_are_judged_apart() {
        let mut facts = behind(&["192.0.2.1:5000", "[2001:db8::1]:7117"]);
        facts.own = vec!["[2001:db8::1]:7117".parse().unwrap()];
        assert_eq!(grades(&judge(&facts)), [Grade::Note, Grade::Ok]);
        assert!(!is_untranslated(&facts));
        facts.links.remove(0);
        assert!(is_untranslated(&facts));
    }

    #[test]
    fn near_neighbours_and_tcp_tell_nothing() {
        let mut facts = behind(&["192.0.2.1:5000", "192.0.2.1:5001"]);
        facts.links[0].near = true;
        facts.links[1].carrier = Carrier::Tcp;
        assert_eq!(judge(&facts), []);
    }
}
