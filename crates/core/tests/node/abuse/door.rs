//! Strangers who say nothing.

use meshchat_core::limits::{GREETINGS, LINKS};
use meshchat_proto::id::NodeId;

use super::mesh::{Mesh, RATE};

#[test]
fn strangers_who_never_greet_keep_nobody_out() {
    let mut mesh = Mesh::new(&[Some(RATE); 3], &[(0, 1)]);
    let key = |n: usize| {
        let mut key = [0xdd; 32];
        key[0] = n as u8;
        NodeId(key)
    };
    let links: Vec<_> = (0..4 * LINKS).map(|n| mesh.silent(0, key(n))).collect();
    let open = links.iter().filter(|link| mesh.stands(**link)).count();
    assert_eq!(open, GREETINGS);
    mesh.link(2, 0);
    mesh.pass(2);
    mesh.say(2, 1, "in", 0..1);
    mesh.pass(1);
    assert_eq!(mesh.views[1].count("in"), 1, "a friend is not let in");
    mesh.pass(10);
    assert!(!links.iter().any(|link| mesh.stands(*link)), "nobody waits for ever");
    let live = mesh.nodes[0].links(mesh.now.mono);
    assert_eq!(live.iter().filter(|link| link.live).count(), 2);
}
