use alloc::vec;
use alloc::vec::Vec;

use meshchat_proto::codec;
use meshchat_proto::message::Signature;
use meshchat_proto::network::{Statement, signed_statement};

use super::*;
use crate::limits;

const ROOT: NodeId = NodeId([0xaa; 32]);

/// Signatures that anyone can check and only tests can make.
struct Stub;

impl Env for Stub {
    fn random(&mut self) -> u64 {
        4
    }

    fn sign(&mut self, _bytes: &[u8]) -> Signature {
        [0; 64]
    }

    fn verify(&mut self, node: &NodeId, bytes: &[u8], sig: &Signature) -> bool {
        *sig == signature(node, bytes)
    }

    fn secret(&mut self) -> Option<[u8; 32]> {
        None
    }

    fn public_of(&mut self, seed: &[u8; 32]) -> NodeId {
        NodeId(*seed)
    }

    fn sign_with(&mut self, seed: &[u8; 32], bytes: &[u8]) -> Signature {
        signature(&NodeId(*seed), bytes)
    }
}

fn signature(node: &NodeId, bytes: &[u8]) -> Signature {
    let mut sig = [0; 64];
    sig[..32].copy_from_slice(&node.0);
    sig[32..].copy_from_slice(&bytes[16..48]);
    sig
}

fn node(n: u16) -> NodeId {
    let mut id = [0; 32];
    id[..2].copy_from_slice(&n.to_be_bytes());
    NodeId(id)
}

fn roster() -> Roster {
    let charter = Charter { name: "home".parse().unwrap(), root: ROOT, secret: [1; 32] };
    Roster::closed(charter.encode()).unwrap()
}

fn say(by: NodeId, what: What) -> SignedStatement {
    sign(roster().network(), by, by, what)
}

fn sign(network: NetworkId, by: NodeId, key: NodeId, what: What) -> SignedStatement {
    let body = codec::encode(&Statement { network, by, what });
    let sig = signature(&key, &signed_statement(&body));
    SignedStatement { sig, body: body.into() }
}

fn add(node: NodeId, role: Role) -> What {
    What::Add { node, role, name: None }
}

fn remove(node: NodeId) -> What {
    What::Remove { node, kept: Vec::new() }
}

fn of(statements: &[SignedStatement]) -> Roster {
    let mut roster = roster();
    for statement in statements {
        roster.insert(&mut Stub, statement.clone());
    }
    roster.settle();
    roster
}

/// Every order of `items`, by Heap's algorithm.
fn permutations<T: Clone>(items: &mut [T], upto: usize, each: &mut impl FnMut(&[T])) {
    if upto <= 1 {
        return each(items);
    }
    for at in 0..upto {
        permutations(items, upto - 1, each);
        items.swap(if upto.is_multiple_of(2) { at } else { 0 }, upto - 1);
    }
}

#[test]
fn any_order_gives_the_same_members() {
    let (ann, bert, carl, dora) = (node(1), node(2), node(3), node(4));
    let let_in = say(ann, add(bert, Role::Member));
    let kept = vec![let_in.id()];
    let mut all = vec![
        say(ROOT, add(ann, Role::Admin)),
        let_in,
        say(ann, add(carl, Role::Guest)),
        say(ROOT, add(dora, Role::Admin)),
        say(dora, remove(bert)),
        say(ROOT, What::Remove { node: ann, kept }),
        say(ann, What::Rate { burst: 9, per_second: 9, serial: 9 }),
    ];
    let expected = of(&all);
    assert!(expected.admits(&dora) && expected.is_removed(&bert) && expected.is_removed(&ann));
    assert!(!expected.admits(&carl), "what ann said beside bert is void");
    assert_eq!(expected.rate(), None);
    let count = all.len();
    let mut orders = 0;
    permutations(&mut all, count, &mut |order| {
        let one = of(order);
        assert_eq!(one.view(), expected.view());
        assert_eq!(one.fingerprint(), expected.fingerprint());
        orders += 1;
    });
    assert_eq!(orders, 5040);
}

#[test]
fn a_removed_admin_cannot_go_on() {
    let (ann, bert, carl) = (node(1), node(2), node(3));
    let let_in = say(ann, add(bert, Role::Member));
    let mut roster = of(&[say(ROOT, add(ann, Role::Admin)), let_in]);
    let kept = roster.kept_of(&ann);
    roster.insert(&mut Stub, say(ROOT, What::Remove { node: ann, kept }));
    roster.settle();
    assert!(roster.admits(&bert) && !roster.admits(&ann));
    assert_eq!(roster.insert(&mut Stub, say(ann, add(carl, Role::Member))), Inserted::Void);
    assert_eq!(roster.insert(&mut Stub, say(ann, remove(bert))), Inserted::Void);
    let again = What::Add { node: ann, role: Role::Admin, name: Some("ann".parse().unwrap()) };
    assert_eq!(roster.insert(&mut Stub, say(ROOT, again)), Inserted::New);
    roster.settle();
    assert!(!roster.admits(&ann) && roster.admits(&bert), "a removed key never returns");
}

#[test]
fn nobody_says_more_than_they_may() {
    let (ann, bert, carl) = (node(1), node(2), node(3));
    let mut roster = of(&[
        say(ROOT, add(ann, Role::Admin)),
        say(ROOT, add(bert, Role::Admin)),
        say(ann, add(carl, Role::Member)),
    ]);
    assert_eq!(roster.insert(&mut Stub, say(ann, add(carl, Role::Admin))), Inserted::Void);
    assert_eq!(roster.insert(&mut Stub, say(ann, remove(ann))), Inserted::Void);
    roster.insert(&mut Stub, say(ann, remove(bert)));
    roster.insert(&mut Stub, say(carl, add(node(9), Role::Member)));
    roster.insert(&mut Stub, say(carl, remove(ann)));
    roster.settle();
    assert!(roster.admits(&ann) && roster.admits(&bert) && !roster.admits(&node(9)));
    assert_eq!(roster.role_of(&carl), Some(Role::Member));
    roster.insert(&mut Stub, say(ROOT, add(carl, Role::Admin)));
    roster.settle();
    assert_eq!(roster.role_of(&carl), Some(Role::Admin));
    assert!(roster.admits(&node(9)), "what waited counts once its signer is an admin");
}

#[test]
fn forged_foreign_and_damaged_statements_are_refused() {
    let mut roster = of(&[]);
    let what = || add(node(1), Role::Admin);
    let ours = roster.network();
    let forged = sign(ours, ROOT, node(1), what());
    assert_eq!(roster.insert(&mut Stub, forged), Inserted::Forged);
    let foreign = sign(NetworkId([9; 16]), ROOT, ROOT, what());
    assert_eq!(roster.insert(&mut Stub, foreign), Inserted::Foreign);
    let sound = say(ROOT, what());
    for at in 0..sound.body.len() {
        let mut damaged = sound.clone();
        damaged.body[at] ^= 1;
        let inserted = roster.insert(&mut Stub, damaged);
        assert!(!matches!(inserted, Inserted::New | Inserted::Waits), "{at}: {inserted:?}");
    }
    assert_eq!(roster.insert(&mut Stub, sound.clone()), Inserted::New);
    assert_eq!(roster.insert(&mut Stub, sound), Inserted::Known);
    assert_eq!(Roster::default().insert(&mut Stub, say(ROOT, what())), Inserted::Foreign);
}

#[test]
fn the_newest_rate_counts() {
    let rate = |serial, burst| What::Rate { burst, per_second: 1, serial };
    let ann = node(1);
    let mut all = [
        say(ROOT, add(ann, Role::Admin)),
        say(ann, rate(1, 10)),
        say(ROOT, rate(2, 20)),
        say(ann, rate(3, 30)),
    ];
    permutations(&mut all, 4, &mut |order| {
        let roster = of(order);
        assert_eq!(roster.rate(), Some((30, 1)));
        assert_eq!(roster.set().unwrap().iter().count(), 3, "one rate of each signer");
    });
}

#[test]
fn one_admin_cannot_fill_the_roster() {
    let ann = node(1);
    let mut roster = of(&[say(ROOT, add(ann, Role::Admin))]);
    let said: Vec<_> = (100..800).map(|n| say(ann, add(node(n), Role::Guest))).collect();
    for one in &said {
        roster.insert(&mut Stub, one.clone());
    }
    assert_eq!(roster.set().unwrap().counts(), (1 + limits::STATEMENTS_ISSUER, 0));
    let mut other = of(&[say(ROOT, add(ann, Role::Admin))]);
    for one in said.iter().rev() {
        other.insert(&mut Stub, one.clone());
    }
    assert_eq!(roster.fingerprint(), other.fingerprint(), "the same ones stay in any order");
    for n in 1000..3000 {
        roster.insert(&mut Stub, say(ROOT, add(node(n), Role::Guest)));
    }
    assert_eq!(roster.set().unwrap().counts().0, limits::STATEMENTS_ADD);
    let set = roster.set().unwrap();
    assert!(!set.has_room(&ROOT, &add(node(1), Role::Guest)));
    assert!(set.has_room(&ROOT, &remove(node(1))));
    assert!(!set.has_room(&ann, &add(node(1), Role::Guest)));
}

#[test]
fn admins_leave_room_for_the_root_key() {
    let mut roster = of(&[]);
    for admin in 1..20 {
        roster.insert(&mut Stub, say(ROOT, add(node(admin), Role::Admin)));
        for n in 0..100 {
            roster.insert(&mut Stub, say(node(admin), add(node(1000 * admin + n), Role::Guest)));
        }
    }
    assert!(roster.set().unwrap().counts().0 <= limits::STATEMENTS_ADD / 4 * 3 + 19);
    assert_eq!(roster.insert(&mut Stub, say(ROOT, add(node(50), Role::Admin))), Inserted::New);
}

#[test]
fn what_waits_is_bounded() {
    let mut roster = of(&[]);
    for n in 0..1000 {
        roster.insert(&mut Stub, say(node(n), add(node(7), Role::Member)));
    }
    assert_eq!(roster.set().unwrap().waiting(), limits::STATEMENTS_WAITING);
}

#[test]
fn a_proof_holds_by_itself() {
    let (ann, bert) = (node(1), node(2));
    let all = [
        say(ROOT, add(ann, Role::Admin)),
        say(ann, add(bert, Role::Member)),
        say(ann, add(node(3), Role::Member)),
    ];
    let proof = of(&all).proof_of(&bert);
    assert_eq!(proof.len(), 2);
    assert!(of(&proof).admits(&bert));
}

#[test]
fn the_open_network_admits_by_address() {
    let open = NetworkId::OPEN;
    let claim = |named, near| Claim { named, near, known: false, network: open };
    assert_eq!(refuse(Admit::Neighbours, open, claim(false, true)), None);
    assert_eq!(refuse(Admit::Neighbours, open, claim(true, false)), None);
    let stranger = Some(GoodbyeReason::NotAdmitted);
    assert_eq!(refuse(Admit::Neighbours, open, claim(false, false)), stranger);
    assert_eq!(refuse(Admit::Configured, open, claim(false, true)), stranger);
    let known = Claim { known: true, ..claim(false, false) };
    assert_eq!(refuse(Admit::Neighbours, open, known), None);
    assert_eq!(refuse(Admit::Configured, open, known), stranger);
    assert_eq!(refuse(Admit::Anyone, open, claim(false, false)), None);
    let other = Claim { network: NetworkId([1; 16]), ..claim(true, true) };
    assert_eq!(refuse(Admit::Anyone, open, other), Some(GoodbyeReason::OtherNetwork));
    assert!(Roster::default().admits(&node(1)));
    assert_eq!(Roster::default().role_of(&node(1)), None);
}
