//! Islands of nodes, between which gateways carry messages, and what a bus may do to them.

use meshchat_core::Drop;
use meshchat_proto::control::{Event, Injected, RelayRequest, Reply, Request};
use meshchat_proto::id::NodeId;
use serde_bytes::ByteBuf;

use super::flood::batch;
use super::mesh::{Mesh, RATE};

/// Two islands of three nodes each, with gateways at nodes 1 and 4.
const ISLANDS: [(usize, usize); 4] = [(0, 1), (1, 2), (3, 4), (4, 5)];
const GATEWAYS: [usize; 2] = [1, 4];

fn islands() -> Mesh {
    let mesh = Mesh::new(&[None; 6], &ISLANDS);
    assert_eq!(mesh.nodes.len(), 6);
    mesh
}

fn watch(mesh: &mut Mesh, since_ms: u64) {
    for n in GATEWAYS {
        mesh.ask(n, Request::Relay(RelayRequest::Watch { since_ms }));
    }
}

/// What waits at a node to be carried on.
fn waiting(mesh: &mut Mesh, n: usize) -> Vec<ByteBuf> {
    let relayed = |event| match event {
        Event::Relayed(relayed) => Some(relayed.frame),
        _ => None,
    };
    std::mem::take(&mut mesh.views[n].events).into_iter().filter_map(relayed).collect()
}

fn inject(mesh: &mut Mesh, n: usize, frames: &[ByteBuf]) -> Injected {
    let mut all = Injected::default();
    for (round, frames) in (0..).zip(frames.chunks(64)) {
        mesh.ask(n, Request::Relay(RelayRequest::Inject { frames: frames.to_vec() }));
        let Some(Reply::Injected(more)) = mesh.views[n].replies.pop() else { panic!("no reply") };
        all.taken += more.taken;
        all.known += more.known;
        all.refused += more.refused;
        all.refused_at.extend(more.refused_at.iter().map(|place| 64 * round + place));
        all.later.extend(more.later.iter().map(|place| 64 * round + place));
    }
    all
}

/// Carries what waits from each gateway to the other.
fn carry(mesh: &mut Mesh) {
    for [from, to] in [GATEWAYS, [GATEWAYS[1], GATEWAYS[0]]] {
        let frames = waiting(mesh, from);
        inject(mesh, to, &frames);
    }
}

fn is_quiet(mesh: &mut Mesh) {
    mesh.pass(1500);
    mesh.sync_frames();
    mesh.pass(600);
    assert_eq!(mesh.sync_frames(), 0, "all know the same, and nobody asks");
}

#[test]
fn two_islands_are_one_chat() {
    let mut mesh = islands();
    watch(&mut mesh, 0);
    for round in 0..20 {
        for n in 0..6 {
            mesh.say(n, 1, &format!("from{n}"), round..round + 1);
        }
        carry(&mut mesh);
        mesh.pass(1);
    }
    for n in 0..6 {
        for other in 0..6 {
            let expected: Vec<_> = (0..20).map(|round| format!("from{other}-{round}")).collect();
            let begin = format!("from{other}-");
            let shown = mesh.views[n].texts.iter().filter(|text| text.starts_with(&begin));
            assert!(shown.eq(&expected), "node {n} of node {other}: once, and in order");
        }
    }
    assert!(GATEWAYS.iter().all(|n| waiting(&mut mesh, *n).is_empty()), "none goes back");
    is_quiet(&mut mesh);
    assert!(mesh.views.iter().all(|view| view.gone == 0 && view.refused == 0));
}

#[test]
fn what_was_said_before_the_gateways_came_is_not_missed() {
    let mut mesh = islands();
    mesh.say(0, 1, "early", 0..50);
    watch(&mut mesh, 0);
    mesh.say(0, 1, "late", 0..5);
    carry(&mut mesh);
    assert_eq!(mesh.views[4].count("late"), 5, "at once");
    mesh.pass(2);
    for n in 3..6 {
        assert_eq!((mesh.views[n].count("early"), mesh.views[n].count("late")), (0, 5));
    }
    // Who comes later gets them from the others.
    mesh.restart(5, 2);
    mesh.link(4, 5);
    mesh.pass(30);
    assert_eq!(mesh.views[5].count("late"), 10, "once in each run");
    is_quiet(&mut mesh);
    assert!(mesh.views.iter().all(|view| view.gone == 0), "nobody ever had them here");
    mesh.link(2, 3);
    mesh.pass(30);
    for n in 3..5 {
        assert_eq!((mesh.views[n].count("early"), mesh.views[n].count("late")), (50, 5));
    }
    is_quiet(&mut mesh);
}

#[test]
fn a_gateway_begins_with_what_came_lately() {
    let mut mesh = islands();
    mesh.say(0, 1, "old", 0..5);
    mesh.pass(30);
    mesh.say(0, 1, "new", 0..600);
    watch(&mut mesh, 20_000);
    carry(&mut mesh);
    assert_eq!((mesh.views[4].count("old"), mesh.views[4].count("new")), (0, 512));
}

#[test]
fn what_the_bus_loses_is_named_as_gone_everywhere() {
    let mut mesh = islands();
    watch(&mut mesh, 0);
    mesh.say(0, 1, "a", 0..10);
    carry(&mut mesh);
    mesh.say(0, 1, "lost", 0..7);
    let lost = waiting(&mut mesh, 1);
    mesh.say(0, 1, "b", 0..10);
    carry(&mut mesh);
    mesh.pass(2);
    for n in 3..6 {
        assert_eq!((mesh.views[n].count("b"), mesh.views[n].gone), (10, 0));
    }
    mesh.pass(100);
    for n in 3..6 {
        assert_eq!((mesh.views[n].count("lost"), mesh.views[n].gone), (0, 7), "node {n}");
    }
    is_quiet(&mut mesh);
    // Should the bus bring them after all, they are taken in.
    assert_eq!(inject(&mut mesh, 4, &lost).taken, 7);
    mesh.pass(30);
    assert!((3..6).all(|n| mesh.views[n].count("lost") == 7));
    is_quiet(&mut mesh);
}

#[test]
fn islands_that_are_linked_later_show_nothing_twice() {
    let mut mesh = islands();
    watch(&mut mesh, 0);
    mesh.say(0, 1, "a", 0..30);
    carry(&mut mesh);
    mesh.say(0, 1, "only-by-link", 0..5);
    waiting(&mut mesh, 1);
    mesh.say(5, 1, "c", 0..30);
    carry(&mut mesh);
    mesh.link(0, 3);
    mesh.pass(5);
    // Now each message comes both ways.
    mesh.say(2, 1, "both", 0..30);
    carry(&mut mesh);
    mesh.pass(60);
    for (n, view) in mesh.views.iter().enumerate() {
        let counts = ["a", "only-by-link", "c", "both"].map(|begin| {
            view.texts.iter().filter(|text| text.starts_with(&format!("{begin}-"))).count()
        });
        assert_eq!((counts, view.gone), ([30, 5, 30, 30], 0), "node {n}");
    }
    is_quiet(&mut mesh);
}

#[test]
fn who_joins_an_island_learns_what_nobody_holds_of_strangers() {
    let mut mesh = islands();
    watch(&mut mesh, 0);
    for round in 0..30 {
        mesh.say(0, 1, "a", 50 * round..50 * (round + 1));
        carry(&mut mesh);
        mesh.pass(1);
    }
    mesh.restart(5, 2);
    mesh.views[5].texts.clear();
    mesh.link(4, 5);
    mesh.pass(60);
    let held = mesh.views[5].count("a");
    assert!((1_000..1_500).contains(&held), "{held}");
    assert_eq!(mesh.views[5].gone + held as u64, 1_500);
    is_quiet(&mut mesh);
}

#[test]
fn a_bus_is_not_trusted() {
    let mut mesh = Mesh::new(&[Some(RATE); 3], &[(0, 1), (1, 2)]);
    let key = NodeId([99; 32]);
    let frame = |seq: &mut u64, count| {
        let frame = batch(&key, seq, count);
        ByteBuf::from(frame.slice(8..).to_vec())
    };
    let body = |frame: &ByteBuf| ByteBuf::from(frame.to_vec());
    let mut seq = 0;
    let good = frame(&mut seq, 1);
    let mut forged = frame(&mut seq, 1);
    let at = forged.windows(5).position(|word| word == b"flood").unwrap();
    forged[at] ^= 1;
    let junk = ByteBuf::from(vec![0xc1; 100]);
    let own = {
        mesh.ask(0, Request::Relay(RelayRequest::Watch { since_ms: 0 }));
        mesh.say(0, 1, "mine", 0..1);
        waiting(&mut mesh, 0).remove(0)
    };
    let result = inject(&mut mesh, 0, &[good.clone(), forged, junk, body(&good), own]);
    let expected =
        Injected { taken: 1, known: 2, refused: 2, later: Vec::new(), refused_at: vec![1, 2] };
    assert_eq!(result, expected);
    assert_eq!(mesh.nodes[0].counters().dropped(Drop::BadSignature), 1);
    assert_eq!(mesh.views[2].count("flood"), 1);
    // After too much that is forged nothing is looked at for a second.
    let valid = frame(&mut seq, 1);
    let forged = |n: u8| {
        let mut forged = frame(&mut 1_000, 1).into_vec();
        let at = forged.windows(5).position(|word| word == b"flood").unwrap();
        forged[at] ^= n;
        ByteBuf::from(forged)
    };
    let many: Vec<_> = (1..=200).map(forged).chain([valid.clone()]).collect();
    let result = inject(&mut mesh, 0, &many);
    assert_eq!((result.taken, result.refused), (0, 126), "two were there before");
    assert_eq!(result.later, (126..=200).collect::<Vec<_>>());
    mesh.pass(1);
    assert_eq!(inject(&mut mesh, 0, &[valid]).taken, 1);
    // Too much at once is put off, and far too much refused.
    let frames: Vec<_> = (0..100).map(|_| frame(&mut seq, 1)).collect();
    let result = inject(&mut mesh, 0, &frames);
    assert!(result.taken < 50 && result.refused == 0, "{result:?}");
    assert_eq!(result.taken + u32::try_from(result.later.len()).unwrap(), 100);
    mesh.pass(3);
    let later: Vec<_> = result.later.iter().map(|place| frames[*place as usize].clone()).collect();
    let again = inject(&mut mesh, 0, &later);
    assert!((10..=16).contains(&again.taken), "5 a second: {again:?}");
    for _ in 0..3_000 {
        let frame = frame(&mut seq, 1);
        inject(&mut mesh, 0, &[frame]);
        mesh.pass_ms(20);
    }
    mesh.rows_are_bounded();
    assert!(mesh.views[0].count("flood") < 10_000 / 8 + 50 + 5 * 70);
    assert_eq!(mesh.nodes[1].counters().dropped(Drop::BadSignature), 0);
}

#[test]
fn a_gateway_that_does_not_read_is_told_what_it_missed() {
    let mut mesh = Mesh::new(&[None; 1], &[]);
    mesh.ask(0, Request::Relay(RelayRequest::Watch { since_ms: 0 }));
    let say = |mesh: &mut Mesh, count: u64| {
        for number in 0..count {
            let text = format!("{number}{}", "x".repeat(4000));
            let (room, kind) = (None, meshchat_proto::message::MessageKind::Text);
            let request = Request::Send { room, text, kind };
            let input = meshchat_core::Input::Request { session: 2, id: number + 10, request };
            mesh.nodes[0].handle(mesh.now, input);
        }
    };
    // All are sealed before the session has drained anything.
    say(&mut mesh, 10_000);
    mesh.drain();
    say(&mut mesh, 1);
    mesh.drain();
    let relayed = |event: &&Event| matches!(event, Event::Relayed(_));
    let got = mesh.views[0].events.iter().filter(relayed).count() as u64;
    let missed = mesh.views[0].events.iter().map(|event| match event {
        Event::Missed(missed) => missed.messages,
        _ => 0,
    });
    let sent = mesh.nodes[0].counters().sent;
    assert!(got < sent, "{got} of {sent}");
    // The person of the same session is told of the same messages.
    assert!(missed.sum::<u64>() >= sent - got);
}
