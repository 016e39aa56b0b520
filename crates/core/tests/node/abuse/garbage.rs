//! Nonsense, correctly signed.

use std::time::Duration;

use bytes::Bytes;
use meshchat_proto::frame::{self, Kind};
use meshchat_proto::id::{Boot, MessageId, NetworkId, NodeId};
use meshchat_proto::limits::{BODY_BYTES, HOPS, TEXT_BYTES};
use meshchat_proto::message::{Draft, MessageKind, lone_message, signed_root};

use super::mesh::{Mesh, RATE, signature};

/// Bodies of all kinds together.
const BODIES: u64 = 100_000;
/// Networks that share them.
const ROUNDS: u64 = 8;

#[test]
fn signed_garbage_stops_no_node_and_nobody_else() {
    for round in 0..ROUNDS {
        let rate = Some(RATE).filter(|_| round % 2 == 0);
        let first = round * BODIES / ROUNDS;
        let mut mesh = Mesh::new(&[rate; 4], &[(0, 1), (1, 2), (2, 3), (3, 0)]);
        let (mut blamed, mut honest) = (0, 0);
        let mut link = mesh.stranger(0, key(0));
        for n in first..first + BODIES / ROUNDS {
            if !mesh.stands(link) {
                blamed += 1;
                link = mesh.stranger((n % 4) as usize, key(n));
            }
            mesh.inject(link, &garbage(n));
            if n % 256 < 4 {
                mesh.drain();
            }
            if n % 2500 == 0 {
                mesh.say((n / 2500 % 4) as usize, 1, "honest", honest..honest + 1);
                honest += 1;
                mesh.pass_ms(500);
                mesh.rows_are_bounded();
            }
        }
        assert!(blamed > BODIES / ROUNDS / 160, "{blamed} links were blamed");
        mesh.pass(60);
        for n in 0..4 {
            assert_eq!(mesh.views[n].count("honest"), honest as usize, "node {n}, {rate:?}");
            assert!(!mesh.blames_friend(n), "node {n} blames an honest one");
            mesh.restart(n, 2);
            [(n, (n + 1) % 4), (n, (n + 3) % 4)].iter().for_each(|(a, b)| mesh.link(*a, *b));
            mesh.pass(30);
        }
        mesh.say(2, 2, "after", 0..5);
        mesh.pass(30);
        for n in 0..4 {
            assert_eq!(mesh.views[n].count("after"), 5, "node {n} after a restart");
            let linked = mesh.nodes[n].links(mesh.now.mono + Duration::ZERO);
            assert!(linked.iter().filter(|link| link.live).count() >= 2, "node {n}: {linked:?}");
        }
        mesh.rows_are_bounded();
    }
}

fn key(n: u64) -> NodeId {
    let mut key = [0xee; 32];
    key[..8].copy_from_slice(&(n % 300).to_be_bytes());
    NodeId(key)
}

/// One body under a valid signature: random bytes, truncated, of the greatest size, with
/// names and rooms of its own, or with absurd numbers.
fn garbage(n: u64) -> Bytes {
    let mut state = n.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let node = key(random());
    let draft = Draft {
        author: format!("name-{n}").parse().unwrap(),
        room: format!("#room-{n}").parse().unwrap(),
        kind: MessageKind::Unknown(random() as u8),
        text: "x".repeat(if n.is_multiple_of(11) { TEXT_BYTES } else { 3 }).parse().unwrap(),
        seen: Vec::new(),
        wall: random(),
        sealed: None,
        via: None,
    };
    let seq = [1, random() % 1000, random(), u64::MAX][(n / 7 % 4) as usize].max(1);
    let boot = Boot::new([1, random(), u64::MAX][(n / 5 % 3) as usize], random() % 3);
    let mut body = draft.to_body(NetworkId::OPEN, node, boot, seq);
    match n % 256 {
        0 => body.truncate(random() as usize % body.len()),
        1 => body = (0..random() % 300).map(|_| random() as u8).collect(),
        2 => body = vec![random() as u8; BODY_BYTES],
        3 => {
            let at = random() as usize % body.len();
            body[at] ^= 1 << (random() % 8);
        }
        _ => {}
    }
    let sig = signature(&node, &signed_root(&MessageId::of(&body)));
    frame::encode(Kind::Chat, HOPS, &lone_message(&sig, &body, None))
}
