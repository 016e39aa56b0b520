//! One key on two machines.

use meshchat_core::Note;
use meshchat_proto::control::{NodeState, Reply, Request};

use super::mesh::{Mesh, RATE, id};

/// Nodes 0 and 3 have one key.
fn clones(links: &[(usize, usize)]) -> Mesh {
    let ids = vec![id(0), id(1), id(2), id(0)];
    let mut mesh = Mesh::with_ids(ids, &[Some(RATE); 4], &[]);
    links.iter().for_each(|(a, b)| mesh.link(*a, *b));
    mesh
}

fn knows(mesh: &Mesh, n: usize, its: bool) -> bool {
    let told = |note: &Note| matches!(note, Note::KeyShared { own, .. } if *own == its);
    mesh.views[n].notes.iter().any(told)
}

fn notes(mesh: &mut Mesh, n: usize) -> Vec<String> {
    mesh.ask(n, Request::Status {});
    let Some(Reply::Status(status)) = mesh.views[n].replies.pop() else { panic!("no status") };
    status.notes
}

fn saves(mesh: &Mesh, n: usize) -> u64 {
    mesh.saves[n]
}

#[test]
fn two_live_holders_both_know_it_soon_and_so_does_everyone() {
    let mut mesh = clones(&[(0, 1), (1, 2), (2, 3)]);
    mesh.pass(15);
    for n in [0, 3] {
        assert!(knows(&mesh, n, true), "node {n} does not know");
        assert!(notes(&mut mesh, n)[0].contains("identity fork"));
    }
    for n in [1, 2] {
        assert!(knows(&mesh, n, false), "node {n} does not know");
        assert!(notes(&mut mesh, n)[0].contains("two machines use the key of pi-"));
    }
    both_get_through(&mut mesh, 5);
    let before = saves(&mesh, 0) + saves(&mesh, 3);
    assert!(before <= 6, "{before} times numbered anew");
    mesh.pass(3600);
    assert_eq!(saves(&mesh, 0) + saves(&mesh, 3), before, "no leapfrogging for ever");
    both_get_through(&mut mesh, 15);
}

#[test]
fn the_goodbye_of_a_copy_is_not_that_of_the_original() {
    let mut mesh = clones(&[(0, 1), (1, 2), (2, 3)]);
    mesh.pass(15);
    let before = shadowed(&mesh);
    mesh.leave(3);
    mesh.pass(300);
    original_gets_through(&mut mesh, before);
}

#[test]
fn the_end_of_a_copy_is_not_that_of_the_original() {
    let mut mesh = clones(&[(0, 1), (1, 2), (2, 3)]);
    mesh.pass(15);
    let before = shadowed(&mesh);
    mesh.end(3);
    mesh.pass(2400);
    original_gets_through(&mut mesh, before);
}

/// The copy is the later run; tells how often the original was numbered.
fn shadowed(mesh: &Mesh) -> u64 {
    assert!(knows(mesh, 0, true) && mesh.boots[3] > mesh.boots[0]);
    saves(mesh, 0)
}

fn original_gets_through(mesh: &mut Mesh, saved: u64) {
    assert_eq!(saves(mesh, 0), saved + 1, "numbered anew once");
    for n in [1, 2] {
        mesh.ask(n, Request::Nodes {});
        let Some(Reply::Nodes(nodes)) = mesh.views[n].replies.pop() else { panic!("no nodes") };
        let original = nodes.iter().find(|node| node.node == id(0)).unwrap();
        assert_eq!(original.state, NodeState::Reachable, "for node {n}");
    }
    mesh.say(0, 1, "afterwards", 0..3);
    mesh.pass(5);
    assert_eq!([1, 2].map(|n| mesh.views[n].count("afterwards")), [3, 3]);
}

#[test]
fn both_keep_a_link_to_the_same_neighbour() {
    let mut mesh = clones(&[(0, 1), (1, 2), (3, 1)]);
    // As daemons do that were told to link: what was lost is dialled again.
    for _ in 0..15 {
        mesh.pass(1);
        for n in [0, 3] {
            if mesh.nodes[n].links(mesh.now.mono).is_empty() {
                mesh.link(n, 1);
            }
        }
    }
    for n in [0, 3] {
        assert!(knows(&mesh, n, true), "node {n} does not know");
        assert_eq!(mesh.nodes[n].links(mesh.now.mono).len(), 1, "node {n} has no link");
    }
    assert!(knows(&mesh, 1, false) && knows(&mesh, 2, false));
    both_get_through(&mut mesh, 5);
    mesh.pass(60);
    both_get_through(&mut mesh, 5);
}

#[test]
fn a_restored_backup_is_no_clone_and_loses_nothing() {
    let mut mesh = Mesh::new(&[Some(RATE); 4], &[(0, 1), (1, 2), (2, 3)]);
    for boot in 2..6 {
        mesh.restart(0, boot);
        mesh.link(0, 1);
        mesh.pass(2);
        mesh.say(0, 1, &format!("run{boot}"), 0..3);
        mesh.pass(30);
    }
    mesh.restart(0, 3);
    mesh.link(0, 1);
    mesh.pass(2);
    mesh.say(0, 1, "restored", 0..3);
    mesh.pass(60);
    for n in 0..4 {
        assert!(!knows(&mesh, n, n == 0), "node {n} sees a clone");
    }
    for n in 1..4 {
        assert_eq!(mesh.views[n].count("run"), 12, "node {n}");
        assert_eq!(mesh.views[n].count("restored"), 3, "node {n}");
        assert_eq!(mesh.views[n].gone, 0);
    }
    // What the lost run said comes back to it.
    assert!(mesh.views[0].count("run5") >= 3);
}

fn both_get_through(mesh: &mut Mesh, patience: u64) {
    let round = mesh.now.mono.as_micros();
    for n in [0, 3] {
        mesh.say(n, 1, &format!("{round}-{n}"), 0..3);
    }
    mesh.pass(patience);
    for n in 0..4 {
        for from in [0, 3] {
            let got = mesh.views[n].count(&format!("{round}-{from}"));
            assert_eq!(got, 3, "node {n} of holder {from}");
        }
    }
}
