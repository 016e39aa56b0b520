//! Nodes that find each other: in the open, and behind address translators of every kind.
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use meshchat_core::{Input, limits};
use meshchat_proto::peer::GoodbyeReason;

use crate::town::{Home, SECOND, Town};

#[test]
fn nodes_that_know_one_find_a_few_more() {
    let mut town = Town::new(&[Home::Open; 12], 4, 8);
    for n in 1..12 {
        town.link(n, n - 1);
    }
    town.pass(60 * SECOND);
    for n in 0..12 {
        let links = town.neighbours(n).len();
        assert!((4..=8).contains(&links), "node {n} has {links} links");
    }
    town.check_one_link_per_pair();
}

#[test]
fn a_node_with_too_many_links_gives_some_up_and_the_mesh_stays_whole() {
    let mut town = Town::new(&[Home::Open; 30], 4, 8);
    for n in 1..30 {
        town.meet_by_chance(n, 0);
    }
    town.pass(600 * SECOND);
    let links = town.neighbours(0).len();
    assert!(links <= 12, "the first node still has {links} links");
    assert_eq!(town.component(0).len(), 30);
}

/// What each pair of translators is to come to: the peers beside a node that both name.
fn expected(one: Home, other: Home) -> bool {
    use Home::{PortRestricted, Symmetric};
    !matches!((one, other), (Symmetric, Symmetric | PortRestricted) | (PortRestricted, Symmetric))
}

#[test]
fn every_pairing_of_translators_that_can_be_direct_becomes_direct() {
    use Home::{FullCone, PortRestricted, Restricted, Symmetric};
    let kinds = [FullCone, Restricted, PortRestricted, Symmetric];
    for one in kinds {
        for other in kinds {
            let mut town = Town::new(&[Home::Open, one, other], 4, 8);
            town.link(1, 0);
            town.link(2, 0);
            town.pass(15 * SECOND);
            let direct = town.neighbours(1).contains(&2);
            assert_eq!(direct, expected(one, other), "{one:?} and {other:?}");
            if !direct {
                let now = town.now();
                let sought = town.node(1).sought(now.mono);
                assert_eq!(sought[0].via.as_ref().unwrap().as_str(), "pi-0");
            }
        }
    }
}

#[test]
fn the_one_who_introduced_two_may_leave() {
    let homes = [Home::Open, Home::PortRestricted, Home::PortRestricted];
    let mut town = Town::new(&homes, 4, 8);
    town.link(1, 0);
    town.link(2, 0);
    town.pass(10 * SECOND);
    town.stop(0);
    town.pass(60 * SECOND);
    assert!(town.neighbours(1).contains(&2));
}

#[test]
fn two_halves_that_know_of_each_other_come_together_again() {
    let mut town = Town::new(&[Home::Open; 8], 3, 6);
    for n in 1..8 {
        town.link(n, n - 1);
    }
    town.pass(60 * SECOND);
    let halves: [BTreeSet<usize>; 2] = [(0..4).collect(), (4..8).collect()];
    town.split = Some(halves[0].clone());
    town.pass(120 * SECOND);
    assert_eq!(town.component(0), halves[0]);
    town.split = None;
    town.pass(120 * SECOND);
    assert_eq!(town.component(0).len(), 8);
}

#[test]
fn forged_addresses_and_beacons_cause_few_dials() {
    let mut town = Town::new(&[Home::Open; 2], 4, 8);
    for n in 0..6_000u16 {
        let [high, low] = n.to_be_bytes();
        let address = ([10, 0, high, low], 7117).into();
        town.give(0, Input::Heard { beacon: u64::from(n) + 10, address });
        town.pass(SECOND / 20);
    }
    let minutes = u32::try_from(town.now().mono.as_micros() / 60_000_000).unwrap() + 1;
    let dials = town.dials[0];
    assert!(dials <= minutes * limits::DIALS_PER_MINUTE, "{dials} dials in {minutes} minutes");
    assert!(dials > 0);
    let at = town.address(1);
    for _ in 0..12 {
        town.give(0, Input::Heard { beacon: crate::town::beacon(1), address: at });
        town.pass(10 * SECOND);
    }
    assert!(town.neighbours(0).contains(&1), "the neighbour is still found");
}

#[test]
fn a_victim_that_liars_name_as_their_address_is_dialled_rarely() {
    let mut town = Town::new(&[Home::Open; 4], 6, 8);
    for n in 1..4 {
        town.link(n, 0);
    }
    town.pass(10 * SECOND);
    let victim = IpAddr::from([203, 0, 113, 7]);
    let bad = ["127.0.0.1:7117", "0.0.0.0:7117", "224.0.0.1:7117", "[::1]:7117", "[ff02::1]:7117"];
    for port in 1..=600 {
        // The liars say so anew again and again, and drop their links.
        let mut addresses = vec![SocketAddr::new(victim, port)];
        addresses.extend(bad.iter().map(|bad| bad.parse::<SocketAddr>().unwrap()));
        for liar in 2..4 {
            town.give(liar, Input::NetworkChanged { addresses: addresses.clone(), came: true });
            let peer = town.node(1).id();
            town.give(liar, Input::Disconnect { peer });
        }
        town.pass(SECOND / 2);
    }
    let minutes = 300 / 60 + 1;
    let honest = 4;
    let dialled = town.knocks.get(&victim).copied().unwrap_or(0);
    assert!(dialled > 0, "the test should show something");
    assert!(dialled <= honest * minutes * limits::DIALS_PER_ADDRESS, "{dialled} dials");
    for never in bad.map(|bad| bad.parse::<SocketAddr>().unwrap().ip()) {
        assert_eq!(town.knocks.get(&never), None, "{never}");
    }
}

#[test]
fn a_node_that_was_disconnected_is_not_dialled_again_at_once() {
    let mut town = Town::new(&[Home::Open; 3], 4, 8);
    town.link(1, 0);
    town.link(2, 0);
    town.pass(20 * SECOND);
    assert!(town.neighbours(1).contains(&2));
    let peer = town.node(2).id();
    town.give(1, Input::Disconnect { peer });
    town.pass(30 * SECOND);
    assert!(!town.neighbours(1).contains(&2));
    assert_eq!(town.goodbyes.get(&GoodbyeReason::Disconnected.as_str()), Some(&1));
}
