//! What this node remembers of others by itself, and what its people said of them: who had a
//! name first, pet names, verified keys, and who is not to be heard.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use meshchat_proto::id::NodeId;
use meshchat_proto::name::{NodeName, PersonName};
use meshchat_proto::skeleton;
use serde::{Deserialize, Serialize};

use crate::limits;
use crate::nodes::Flap;
use crate::time::Mono;

/// What outlives a restart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedAcquaintances {
    /// Names and who had them first.
    #[serde(default)]
    pub claims: Vec<SavedClaim>,
    /// Pet names.
    #[serde(default)]
    pub aliases: Vec<(NodeId, NodeName)>,
    /// Nodes whose safety number was compared.
    #[serde(default)]
    pub verified: Vec<NodeId>,
    /// Who is not heard by whom.
    #[serde(default)]
    pub mutes: Vec<SavedMute>,
}

/// A name and the nodes that go by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedClaim {
    /// The skeleton of the name.
    pub skeleton: String,
    /// Who has it.
    pub holder: NodeId,
    /// Who shares it and is known to do so.
    pub sharers: Vec<NodeId>,
    /// Who came with it later, as if they were the holder.
    pub newcomers: Vec<NodeId>,
    /// The name as its holder writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<NodeName>,
}

/// A node or person that a Unix user does not hear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedMute {
    /// The Unix user.
    pub user: String,
    /// The node.
    pub node: NodeId,
    /// The person; none for all of the node.
    pub person: Option<PersonName>,
    /// No direct messages either.
    pub block: bool,
}

/// Everything of it.
#[derive(Debug)]
pub(crate) struct Acquaintances {
    claims: BTreeMap<String, Claim>,
    aliases: BTreeMap<NodeId, Alias>,
    verified: BTreeSet<NodeId>,
    mutes: BTreeMap<String, Vec<SavedMute>>,
    touches: u64,
    changed: bool,
    saved: Option<Mono>,
    alarms: Flap,
}

#[derive(Debug)]
struct Claim {
    name: Option<NodeName>,
    holder: NodeId,
    sharers: Vec<NodeId>,
    newcomers: Vec<NodeId>,
    /// When the holder was met; none when that was in an earlier run.
    since: Option<Mono>,
    touched: u64,
}

#[derive(Debug)]
struct Alias {
    name: NodeName,
    skeleton: String,
}

/// No more fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

impl Acquaintances {
    pub(crate) fn load(saved: SavedAcquaintances) -> Self {
        let mut all = Self {
            claims: BTreeMap::new(),
            aliases: BTreeMap::new(),
            verified: saved.verified.into_iter().take(limits::VERIFIED).collect(),
            mutes: BTreeMap::new(),
            touches: 0,
            changed: false,
            saved: None,
            alarms: Flap::new(Mono::ZERO),
        };
        for mut claim in saved.claims.into_iter().take(limits::CLAIMS) {
            claim.sharers.truncate(limits::NAMESAKES);
            claim.newcomers.truncate(limits::NAMESAKES);
            let SavedClaim { skeleton, holder, sharers, newcomers, name } = claim;
            let touched = all.touch();
            let claim = Claim { name, holder, sharers, newcomers, since: None, touched };
            all.claims.insert(skeleton, claim);
        }
        for (node, name) in saved.aliases {
            let _ = all.set_alias(node, name);
        }
        for mute in saved.mutes {
            let _ = all.mute(mute);
        }
        all.changed = false;
        all
    }

    /// What is to be kept on disk; names that were met last come last.
    pub(crate) fn save(&mut self, now: Mono) -> SavedAcquaintances {
        (self.changed, self.saved) = (false, Some(now));
        let mut claims: Vec<_> = self.claims.iter().collect();
        claims.sort_by_key(|(_, claim)| claim.touched);
        let saved = |(skeleton, claim): (&String, &Claim)| SavedClaim {
            skeleton: skeleton.clone(),
            holder: claim.holder,
            sharers: claim.sharers.clone(),
            newcomers: claim.newcomers.clone(),
            name: claim.name.clone(),
        };
        SavedAcquaintances {
            claims: claims.into_iter().map(saved).collect(),
            aliases: self.aliases.iter().map(|(node, alias)| (*node, alias.name.clone())).collect(),
            verified: self.verified.iter().copied().collect(),
            mutes: self.mutes.values().flatten().cloned().collect(),
        }
    }

    /// When they are to be saved.
    pub(crate) fn due(&self) -> Option<Mono> {
        self.changed.then(|| self.saved.map_or(Mono::ZERO, |at| at + limits::CONTACTS_PAUSE))
    }

    pub(crate) fn claims(&self) -> usize {
        self.claims.len()
    }

    pub(crate) fn aliases(&self) -> usize {
        self.aliases.len()
    }

    pub(crate) fn verified(&self) -> usize {
        self.verified.len()
    }

    pub(crate) fn mutes(&self) -> usize {
        self.mutes.values().map(Vec::len).sum()
    }

    /// Notes that a node goes by this name. `is_up` tells whether a node can be reached.
    ///
    /// Returns the key that the name had before, when that is news and worth an alarm: its holder
    /// is verified, or it was known for long and is not there, as if this were it.
    pub(crate) fn meet(
        &mut self,
        now: Mono,
        (node, skeleton): (NodeId, String),
        is_up: impl Fn(&NodeId) -> bool,
    ) -> Option<NodeId> {
        let touched = self.touch();
        let Some(claim) = self.claims.get_mut(&skeleton) else {
            self.make_room(&node);
            let (sharers, newcomers) = (Vec::new(), Vec::new());
            let claim =
                Claim { name: None, holder: node, sharers, newcomers, since: Some(now), touched };
            self.claims.insert(skeleton, claim);
            self.changed = true;
            return None;
        };
        claim.touched = touched;
        let known = claim.holder == node
            || claim.sharers.contains(&node)
            || claim.newcomers.contains(&node);
        if known {
            return None;
        }
        let old = claim.since.is_none_or(|since| now.since(since) >= limits::ESTABLISHED);
        let alarm = self.verified.contains(&claim.holder) || (old && !is_up(&claim.holder));
        let list = if alarm { &mut claim.newcomers } else { &mut claim.sharers };
        if list.len() < limits::NAMESAKES {
            list.push(node);
            self.changed = true;
        }
        let holder = claim.holder;
        (alarm && self.alarms.take(now).is_ok()).then_some(holder)
    }

    /// Remembers how the holder of a name writes it.
    pub(crate) fn spelled(&mut self, node: &NodeId, skeleton: &str, name: &NodeName) {
        let claim = self.claims.get_mut(skeleton).filter(|claim| claim.holder == *node);
        if let Some(claim) = claim.filter(|claim| claim.name.as_ref() != Some(name)) {
            claim.name = Some(name.clone());
            self.changed = true;
        }
    }

    /// What a node was called that has not been heard of in this run: its pet name, or the name
    /// that it came with last.
    pub(crate) fn remembered(&self, node: &NodeId) -> Option<NodeName> {
        let alias = self.aliases.get(node).map(|alias| alias.name.clone());
        alias.or_else(|| {
            let claims = self.claims.values().filter(|claim| claim.holder == *node);
            claims.max_by_key(|claim| claim.touched).and_then(|claim| claim.name.clone())
        })
    }

    /// The key that this name had before, when this node came with it later and nobody has
    /// accepted that.
    pub(crate) fn usurped(&self, node: &NodeId, name: &NodeName) -> Option<NodeId> {
        let claim = self.claims.get(&skeleton(name.as_str()))?;
        let fine =
            claim.newcomers.is_empty() || claim.holder == *node || claim.sharers.contains(node);
        // Those for whom there was no room count as newcomers, too.
        (!fine).then_some(claim.holder)
    }

    /// Gives a name to this node, which shared it or came with it later.
    pub(crate) fn accept(&mut self, node: &NodeId, name: &NodeName) {
        let Some(claim) = self.claims.get_mut(&skeleton(name.as_str())) else { return };
        if claim.holder == *node {
            return;
        }
        claim.newcomers.retain(|other| other != node);
        claim.sharers.retain(|other| other != node);
        let before = core::mem::replace(&mut claim.holder, *node);
        claim.sharers.truncate(limits::NAMESAKES - 1);
        claim.sharers.push(before);
        self.changed = true;
    }

    /// What a node that calls itself `name` is called here. `own` is the skeleton of this node's
    /// own name.
    pub(crate) fn called(&self, node: &NodeId, name: &NodeName, own: &str) -> NodeName {
        if let Some(alias) = self.aliases.get(node) {
            return alias.name.clone();
        }
        let plain = skeleton(name.as_str());
        let petted =
            self.aliases.iter().any(|(other, alias)| other != node && alias.skeleton == plain);
        let held = self.claims.get(&plain).is_none_or(|claim| claim.holder == *node);
        match held && !petted && plain != own {
            true => name.clone(),
            false => name.tagged(node),
        }
    }

    pub(crate) fn has_alias(&self, node: &NodeId) -> bool {
        self.aliases.contains_key(node)
    }

    /// The node that has this pet name, or one that looks like it.
    pub(crate) fn alias_holder(&self, name: &NodeName) -> Option<NodeId> {
        let plain = skeleton(name.as_str());
        let found = self.aliases.iter().find(|(_, alias)| alias.skeleton == plain);
        found.map(|(node, _)| *node)
    }

    pub(crate) fn set_alias(&mut self, node: NodeId, name: NodeName) -> Result<(), Full> {
        if self.aliases.len() >= limits::ALIASES && !self.has_alias(&node) {
            return Err(Full);
        }
        let skeleton = skeleton(name.as_str());
        self.aliases.insert(node, Alias { name, skeleton });
        self.changed = true;
        Ok(())
    }

    pub(crate) fn remove_alias(&mut self, node: &NodeId) -> bool {
        let removed = self.aliases.remove(node).is_some();
        self.changed |= removed;
        removed
    }

    pub(crate) fn is_verified(&self, node: &NodeId) -> bool {
        self.verified.contains(node)
    }

    pub(crate) fn verify(&mut self, node: NodeId) -> Result<(), Full> {
        if self.verified.len() >= limits::VERIFIED && !self.is_verified(&node) {
            return Err(Full);
        }
        self.changed |= self.verified.insert(node);
        Ok(())
    }

    /// Mutes or blocks; what was said before of the same is replaced.
    pub(crate) fn mute(&mut self, mute: SavedMute) -> Result<(), Full> {
        let total = self.mutes();
        let list = self.mutes.entry(mute.user.clone()).or_default();
        list.retain(|other| (other.node, &other.person) != (mute.node, &mute.person));
        let full = list.len() >= limits::MUTES_PER_USER || total >= limits::MUTES;
        if !full {
            list.push(mute);
            self.changed = true;
        }
        self.mutes.retain(|_, list| !list.is_empty());
        if full { Err(Full) } else { Ok(()) }
    }

    /// Takes away what a user said; returns whether there was anything.
    pub(crate) fn unmute(&mut self, user: &str, mut of: impl FnMut(&SavedMute) -> bool) -> bool {
        let Some(list) = self.mutes.get_mut(user) else { return false };
        let before = list.len();
        list.retain(|mute| !of(mute));
        let removed = list.len() < before;
        self.changed |= removed;
        self.mutes.retain(|_, list| !list.is_empty());
        removed
    }

    /// Whom a user does not hear.
    pub(crate) fn mutes_of(&self, user: &str) -> &[SavedMute] {
        self.mutes.get(user).map(Vec::as_slice).unwrap_or_default()
    }

    /// What a user said of a person or their node.
    pub(crate) fn mutes_on<'a>(
        &'a self,
        user: &str,
        node: &'a NodeId,
        person: &'a str,
    ) -> impl Iterator<Item = &'a SavedMute> {
        self.mutes_of(user).iter().filter(move |mute| {
            let all = mute.person.as_ref();
            mute.node == *node && all.is_none_or(|muted| muted.as_str() == person)
        })
    }

    fn touch(&mut self) -> u64 {
        self.touches += 1;
        self.touches
    }

    /// Forgets a name, so that another fits: one of a node that has had many, or the one met
    /// longest ago whose holder nobody has verified.
    fn make_room(&mut self, node: &NodeId) {
        let oldest = |claims: &BTreeMap<String, Claim>, may: &dyn Fn(&Claim) -> bool| {
            let some = claims.iter().filter(|(_, claim)| may(claim));
            some.min_by_key(|(_, claim)| claim.touched).map(|(name, _)| name.clone())
        };
        let own = self.claims.values().filter(|claim| claim.holder == *node).count();
        let gone = if own >= limits::CLAIMS_PER_NODE {
            oldest(&self.claims, &|claim| claim.holder == *node)
        } else if self.claims.len() >= limits::CLAIMS {
            let verified = &self.verified;
            oldest(&self.claims, &|claim| !verified.contains(&claim.holder))
                .or_else(|| oldest(&self.claims, &|_| true))
        } else {
            None
        };
        if let Some(gone) = gone {
            self.claims.remove(&gone);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    fn node(n: u16) -> NodeId {
        let mut id = [0; 32];
        id[..2].copy_from_slice(&n.to_be_bytes());
        NodeId(id)
    }

    fn name(text: &str) -> NodeName {
        text.parse().unwrap()
    }

    fn empty() -> Acquaintances {
        Acquaintances::load(SavedAcquaintances::default())
    }

    fn later(seconds: u64) -> Mono {
        Mono::ZERO + Duration::from_secs(seconds)
    }

    fn meet(all: &mut Acquaintances, at: Mono, n: u16, text: &str, up: bool) -> Option<NodeId> {
        all.meet(at, (node(n), skeleton(text)), |_| up)
    }

    #[test]
    fn the_first_keeps_the_plain_name_and_pet_names_win() {
        let mut all = empty();
        assert_eq!(meet(&mut all, Mono::ZERO, 1, "pi-barn", true), None);
        assert_eq!(meet(&mut all, Mono::ZERO, 2, "pi-b\u{430}rn", true), None);
        let called = |all: &Acquaintances, n: u16, text: &str| {
            all.called(&node(n), &name(text), &skeleton("me")).as_str().to_owned()
        };
        use alloc::borrow::ToOwned as _;
        assert_eq!(called(&all, 1, "pi-barn"), "pi-barn");
        assert_eq!(called(&all, 2, "pi-b\u{430}rn"), "pi-b\u{430}rn~0010");
        assert_eq!(called(&all, 3, "ME"), "ME~001g");
        all.set_alias(node(2), name("shed")).unwrap();
        assert_eq!(called(&all, 2, "pi-b\u{430}rn"), "shed");
        assert_eq!(called(&all, 4, "SHED"), "SHED~0020");
        assert!(all.remove_alias(&node(2)) && !all.remove_alias(&node(2)));
        assert_eq!(called(&all, 2, "pi-barn"), "pi-barn~0010");
    }

    #[test]
    fn a_known_name_with_another_key_is_an_alarm() {
        let mut all = empty();
        meet(&mut all, Mono::ZERO, 1, "barn", true);
        // Not known for long: just another node of that name.
        assert_eq!(meet(&mut all, later(1), 2, "barn", false), None);
        assert_eq!(all.usurped(&node(2), &name("barn")), None);
        let long = Mono::ZERO + limits::ESTABLISHED;
        // Known for long, but there: another node of that name.
        assert_eq!(meet(&mut all, long, 3, "barn", true), None);
        assert_eq!(meet(&mut all, long, 4, "bаrn", false), Some(node(1)));
        assert_eq!(meet(&mut all, long, 4, "bаrn", false), None, "once");
        assert_eq!(all.usurped(&node(4), &name("barn")), Some(node(1)));
        assert_eq!(all.usurped(&node(3), &name("barn")), None);
        all.accept(&node(4), &name("barn"));
        assert_eq!(all.usurped(&node(4), &name("barn")), None);
        assert_eq!(all.called(&node(4), &name("barn"), "me"), name("barn"));
        assert!(all.called(&node(1), &name("barn"), "me").is_tagged());
    }

    #[test]
    fn a_verified_name_is_guarded_also_while_its_holder_is_there() {
        let mut all = empty();
        meet(&mut all, Mono::ZERO, 1, "barn", true);
        all.verify(node(1)).unwrap();
        let mut again = Acquaintances::load(all.save(Mono::ZERO));
        assert_eq!(meet(&mut again, Mono::ZERO, 2, "barn", true), Some(node(1)));
    }

    #[test]
    fn alarms_are_bounded_and_what_finds_no_room_is_suspect() {
        let mut all = empty();
        meet(&mut all, Mono::ZERO, 0, "barn", true);
        let long = Mono::ZERO + limits::ESTABLISHED;
        let alarms = (1..100).filter(|n| meet(&mut all, long, *n, "barn", false).is_some());
        assert_eq!(alarms.count(), usize::try_from(limits::FLAP_BURST).unwrap());
        assert_eq!(all.usurped(&node(99), &name("barn")), Some(node(0)));
        assert!(all.claims["barn"].newcomers.len() == limits::NAMESAKES);
    }

    #[test]
    fn names_are_bounded_and_verified_ones_stay() {
        let mut all = empty();
        all.verify(node(0)).unwrap();
        let count = u16::try_from(limits::CLAIMS).unwrap();
        for n in 0..count + 5 {
            meet(&mut all, Mono::ZERO, n, &alloc::format!("pi-{n}"), true);
        }
        assert_eq!(all.claims(), limits::CLAIMS);
        assert!(all.claims.contains_key(&skeleton("pi-0")));
        assert!(!all.claims.contains_key(&skeleton("pi-1")));
        // Whoever takes many names loses their own first ones.
        for n in 0..50 {
            meet(&mut all, Mono::ZERO, 3000, &alloc::format!("squat-{n}"), true);
        }
        let squatted = all.claims.values().filter(|claim| claim.holder == node(3000)).count();
        assert_eq!(squatted, limits::CLAIMS_PER_NODE);
    }

    #[test]
    fn what_was_said_outlives_a_restart() {
        let mut all = empty();
        meet(&mut all, Mono::ZERO, 1, "barn", true);
        meet(&mut all, Mono::ZERO, 2, "barn", true);
        all.set_alias(node(1), name("shed")).unwrap();
        all.verify(node(1)).unwrap();
        let person = Some("ann".parse().unwrap());
        let mute = SavedMute { user: "bob".into(), node: node(2), person, block: true };
        all.mute(mute.clone()).unwrap();
        assert_eq!(all.due(), Some(Mono::ZERO));
        let saved = all.save(Mono::ZERO);
        assert_eq!(all.due(), None);
        let again = Acquaintances::load(saved.clone()).save(Mono::ZERO);
        assert_eq!(again, saved);
        assert_eq!(again.mutes, [mute]);
    }

    #[test]
    fn mutes_are_for_one_user_and_bounded() {
        let mut all = empty();
        let mute = |user: &str, n: u16| SavedMute {
            user: user.into(),
            node: node(n),
            person: None,
            block: false,
        };
        for n in 0..200 {
            let fits = usize::from(n) < limits::MUTES_PER_USER;
            assert_eq!(all.mute(mute("bob", n)).is_ok(), fits, "{n}");
        }
        assert_eq!(all.mutes_on("bob", &node(1), "ann").count(), 1);
        assert_eq!(all.mutes_on("eve", &node(1), "ann").count(), 0);
        assert!(all.unmute("bob", |mute| mute.node == node(1)));
        assert!(!all.unmute("bob", |mute| mute.node == node(1)));
        for user in 0..100 {
            for n in 0..100 {
                let _ = all.mute(mute(&alloc::format!("u{user}"), n));
            }
        }
        assert_eq!(all.mutes(), limits::MUTES);
    }
}
