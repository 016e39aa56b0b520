//! Too much.

use meshchat_core::Drop;
use meshchat_proto::frame::{self, Kind};
use meshchat_proto::id::{Boot, MessageId, NetworkId, NodeId};
use meshchat_proto::limits::HOPS;
use meshchat_proto::merkle;
use meshchat_proto::message::{Draft, MessageKind, signed_root, whole_batch};
use meshchat_proto::name::RoomName;

use super::mesh::{Mesh, RATE, signature};

/// What a hop lets through at once, and what it lets through after an outage.
const AT_ONCE: usize = 20 + 5 * 5;
const HISTORY: usize = 10_000 / 8;

#[test]
fn words_from_beyond_a_cut_are_old_for_everyone() {
    let mut mesh = Mesh::new(&[Some(RATE); 4], &[(0, 1), (1, 2), (2, 3)]);
    mesh.cut(0, 1);
    mesh.say(0, 1, "before", 0..2);
    mesh.pass(60);
    mesh.link(0, 1);
    mesh.pass(5);
    mesh.say(0, 1, "after", 0..2);
    mesh.pass(5);
    for n in 1..4 {
        assert_eq!(mesh.views[n].texts, ["before-0", "before-1", "after-0", "after-1"]);
        assert_eq!(mesh.views[n].old, ["before-0", "before-1"], "node {n}");
    }
}

#[test]
fn own_people_are_paced_and_nothing_of_it_is_lost() {
    let mut mesh = Mesh::new(&[Some(RATE); 3], &[(0, 1), (1, 2)]);
    mesh.say(0, 1, "a", 0..120);
    assert_eq!(mesh.views[2].count("a"), 20, "the burst");
    mesh.say(0, 2, "b", 0..20);
    assert_eq!(mesh.views[2].count("b"), 20, "another person does not wait");
    for second in 1..=20 {
        mesh.pass(1);
        assert_eq!(mesh.views[2].count("a"), 20 + 5 * second);
    }
    let expected: Vec<_> = (0..120).map(|n| format!("a-{n}")).collect();
    let shown = mesh.views[2].texts.iter().filter(|text| text.starts_with('a'));
    assert!(shown.eq(&expected), "in order");
    assert_eq!(mesh.nodes[2].counters().dropped(Drop::AuthorRate), 0);
}

#[test]
fn who_says_far_too_much_is_told_so() {
    let mut mesh = Mesh::new(&[Some(RATE); 2], &[(0, 1)]);
    mesh.say(0, 1, "a", 0..1000);
    let waiting = 1000 - 20 - mesh.views[0].errors.len();
    assert_eq!(waiting, 256);
    let error = mesh.views[0].errors[0].clone();
    assert!(error.hint.contains("5 a second"), "{error:?}");
    mesh.pass(60);
    assert_eq!(mesh.views[1].count("a"), 20 + 256);
    mesh.rows_are_bounded();
}

#[test]
fn catch_up_after_an_outage_is_complete() {
    let mut mesh = Mesh::new(&[Some(RATE); 3], &[(0, 1), (1, 2)]);
    mesh.cut(1, 2);
    for round in 0..5 {
        mesh.say(0, 1, "a", 100 * round..100 * (round + 1));
        mesh.pass(20);
    }
    mesh.link(1, 2);
    mesh.pass(2);
    assert_eq!(mesh.views[2].count("a"), 500);
    mesh.say(0, 1, "b", 0..20);
    assert_eq!(mesh.views[2].count("b"), 20, "and the author may go on at once");
    let [gone, refused] = [mesh.views[2].gone, mesh.views[2].refused];
    assert_eq!([gone, refused], [0, 0]);
}

#[test]
fn a_link_that_stood_still_loses_nothing() {
    // All frames of 100 s come at once, though no link went down and nobody has asked.
    let mut mesh = Mesh::new(&[None, Some(RATE), Some(RATE)], &[(0, 1), (1, 2)]);
    mesh.say(0, 1, "a", 0..500);
    mesh.pass(40);
    for n in 1..3 {
        assert_eq!(mesh.views[n].count("a"), 500, "node {n}");
        assert_eq!(mesh.views[n].refused + mesh.views[n].gone, 0, "node {n}");
    }
}

#[test]
fn of_a_batch_the_admitted_part_goes_on_with_its_proof() {
    let mut mesh = Mesh::new(&[Some(RATE); 2], &[(0, 1)]);
    let key = NodeId([99; 32]);
    let link = mesh.stranger(0, key);
    let mut seq = 0;
    // The stranger answers no question: all is live, until all that it may say is used up.
    for _ in 0..3 * HISTORY / 64 {
        mesh.inject(link, &batch(&key, &mut seq, 64));
    }
    mesh.drain();
    let first = mesh.views[0].count("flood");
    assert!((AT_ONCE..=HISTORY + AT_ONCE).contains(&first), "{first}");
    assert_eq!(mesh.views[1].count("flood"), first);
    mesh.pass_ms(2000);
    mesh.inject(link, &batch(&key, &mut seq, 64));
    mesh.drain();
    // The next node does not know yet that what lies between was refused, and waits for it.
    mesh.pass(2);
    for n in 0..2 {
        let more = mesh.views[n].count("flood") - first;
        assert!((9..=11).contains(&more), "node {n}: {more} in 2 s");
    }
    assert!(mesh.stands(link), "who is merely loud is not cut off");
    assert!(mesh.nodes[0].counters().dropped(Drop::AuthorRate) > 1000);
    mesh.pass(5);
    assert!(mesh.views[0].refused > 1000, "and it is told");
    mesh.pass(60);
    assert_eq!(mesh.nodes[1].counters().dropped(Drop::BadSignature), 0);
    assert_eq!(mesh.views[1].count("flood"), mesh.views[0].count("flood"));
}

#[test]
fn a_flooder_drowns_nobody_else() {
    // A ring of five with a chord; node 4 does not care about any rate.
    let rates = [Some(RATE), Some(RATE), Some(RATE), Some(RATE), None];
    let mut mesh = Mesh::new(&rates, &[(0, 1), (1, 2), (2, 3), (3, 4), (4, 0), (1, 3)]);
    let (minutes, per_second) = (2, 2000);
    for second in 0..60 * minutes {
        for tick in 0..10 {
            let first = second * per_second + tick * per_second / 10;
            mesh.say(4, 1, "flood", first..first + per_second / 10);
            mesh.pass_ms(100);
        }
        for n in 0..4 {
            mesh.say(n, 2, &format!("good{n}"), second..second + 1);
        }
        mesh.rows_are_bounded();
    }
    mesh.pass(120);
    for n in 0..4 {
        let view = &mesh.views[n];
        for other in 0..4 {
            let all = 60 * minutes as usize;
            assert_eq!(view.count(&format!("good{other}")), all, "node {n} of node {other}");
        }
        let most = AT_ONCE + HISTORY + 5 * (60 * minutes as usize + 120);
        let flood = view.count("flood");
        assert!(flood <= most, "node {n} shows {flood} of the flood");
        let told = view.refused + view.gone;
        assert_eq!(told + flood as u64, 60 * minutes * per_second, "node {n}: {flood} shown");
    }
    mesh.pass(700);
    mesh.sync_frames();
    mesh.pass(600);
    assert_eq!(mesh.sync_frames(), 0, "once settled, nobody asks");
}

/// A frame of a stranger's next messages under one signature.
pub(crate) fn batch(key: &NodeId, seq: &mut u64, count: u64) -> bytes::Bytes {
    let draft = |seq: u64| Draft {
        author: "mallory".parse().unwrap(),
        room: RoomName::lobby(),
        kind: MessageKind::Text,
        text: format!("flood-{seq}").parse().unwrap(),
        seen: Vec::new(),
        wall: 0,
        sealed: None,
        via: None,
    };
    let boot = Boot::new(1, 1);
    let bodies: Vec<_> = (*seq + 1..=*seq + count)
        .map(|seq| draft(seq).to_body(NetworkId::OPEN, *key, boot, seq))
        .collect();
    *seq += count;
    let ids: Vec<_> = bodies.iter().map(|body| MessageId::of(body)).collect();
    let sig = signature(key, &signed_root(&merkle::root(&ids).unwrap()));
    frame::encode(Kind::Chat, HOPS, &whole_batch(&sig, &bodies))
}
