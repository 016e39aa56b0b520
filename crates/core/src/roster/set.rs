//! The set of statements and what it means.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use meshchat_proto::id::{NetworkId, NodeId, StatementId, StatementRef};
use meshchat_proto::message::Signature;
use meshchat_proto::network::{Role, SignedStatement, Statement, What, signed_statement};

use super::{Place, View};
use crate::limits;

/// One statement of the set.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) id: StatementId,
    pub(crate) by: NodeId,
    pub(crate) what: What,
    pub(crate) signed: SignedStatement,
}

/// What came of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// It is new and counts.
    New,
    /// It is known already.
    Known,
    /// Whoever signed it is not known to be an admin yet: it waits for that.
    Waits,
    /// It does not count: its signer was removed, may not say this, or has said too much.
    Void,
    /// It is of another network.
    Foreign,
    /// It cannot be read; perhaps it is of a newer kind.
    Unreadable,
    /// Its signature is wrong.
    Forged,
    /// There is no room for it.
    Full,
}

/// Which bound a statement counts towards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Add,
    Remove,
    Rate,
}

/// The statements of one network that count, or would if their signers did.
#[derive(Debug)]
pub(crate) struct Set {
    network: NetworkId,
    root: NodeId,
    entries: BTreeMap<StatementId, Entry>,
    /// Nodes that the root key has ever made admins.
    admins: BTreeSet<NodeId>,
    /// Nodes that it has removed, with what they said that still counts.
    cut: BTreeMap<NodeId, BTreeSet<StatementId>>,
    /// Proven statements of signers that are not known as admins.
    waiting: VecDeque<Entry>,
    /// Those that are new since they were last asked for: others are to have them, too.
    fresh: Vec<StatementId>,
    fingerprint: u64,
}

impl Set {
    pub(crate) fn new(network: NetworkId, root: NodeId) -> Self {
        Self {
            network,
            root,
            entries: BTreeMap::new(),
            admins: BTreeSet::new(),
            cut: BTreeMap::new(),
            waiting: VecDeque::new(),
            fresh: Vec::new(),
            fingerprint: 0,
        }
    }

    /// All statements, those of the root key first: the others rest on them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        let of_root = |entry: &&Entry| entry.by == self.root;
        let others = self.entries.values().filter(move |entry| entry.by != self.root);
        self.entries.values().filter(of_root).chain(others)
    }

    pub(crate) fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many additions there are, and how many removals.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.count(Sort::Add, |_| true), self.count(Sort::Remove, |_| true))
    }

    /// Takes in a statement. `verify` is asked only for those that could count.
    pub(crate) fn insert(
        &mut self,
        signed: SignedStatement,
        verify: impl FnOnce(&NodeId, &[u8], &Signature) -> bool,
    ) -> Inserted {
        let id = signed.id();
        if self.entries.contains_key(&id) || self.waiting.iter().any(|entry| entry.id == id) {
            return Inserted::Known;
        }
        let Ok(Statement { network, by, what }) = signed.statement() else {
            return Inserted::Unreadable;
        };
        if network != self.network {
            return Inserted::Foreign;
        }
        if !self.may_say(&by, &what) || self.is_void(&by, &id, &what) {
            return Inserted::Void;
        }
        if !verify(&by, &signed_statement(&signed.body), &signed.sig) {
            return Inserted::Forged;
        }
        let entry = Entry { id, by, what, signed };
        if by != self.root && !self.admins.contains(&by) {
            if self.waiting.len() >= limits::STATEMENTS_WAITING {
                self.waiting.pop_front();
            }
            self.waiting.push_back(entry);
            return Inserted::Waits;
        }
        let inserted = self.put(entry);
        self.admit_waiting();
        inserted
    }

    /// Statements that are new since this was last asked for.
    pub(crate) fn take_fresh(&mut self) -> Vec<SignedStatement> {
        let fresh = core::mem::take(&mut self.fresh);
        let kept = fresh.iter().filter_map(|id| self.entries.get(id));
        kept.map(|entry| entry.signed.clone()).collect()
    }

    /// The greatest serial of a rate.
    pub(crate) fn serial(&self) -> u64 {
        let serial = |entry: &Entry| match entry.what {
            What::Rate { serial, .. } => serial,
            What::Add { .. } | What::Remove { .. } => 0,
        };
        self.entries.values().map(serial).max().unwrap_or(0)
    }

    /// What the statements come to.
    pub(crate) fn view(&self) -> View {
        let mut view = View::default();
        let mut rate: Option<(u64, StatementId, (u32, u32))> = None;
        for entry in self.iter() {
            match &entry.what {
                What::Add { node, role, name } => {
                    let place = Place { role: *role, by: entry.by, name: name.clone() };
                    match view.members.get_mut(node) {
                        // The name that was given first on the way down stays where the higher
                        // role brings none.
                        Some(known) if known.role < place.role => {
                            let name = place.name.clone().or_else(|| known.name.take());
                            *known = Place { name, ..place };
                        }
                        Some(known) => known.name = known.name.take().or(place.name),
                        None => {
                            view.members.insert(*node, place);
                        }
                    }
                }
                What::Remove { node, .. } if self.may_remove(&entry.by, node) => {
                    let place = Place { role: Role::Guest, by: entry.by, name: None };
                    view.removed.entry(*node).or_insert(place);
                }
                What::Remove { .. } => {}
                What::Rate { burst, per_second, serial } => {
                    let this = (*serial, entry.id, (*burst, *per_second));
                    rate = Some(rate.map_or(this, |known| known.max(this)));
                }
            }
        }
        for (node, removed) in &mut view.removed {
            if let Some(was) = view.members.remove(node) {
                (removed.role, removed.name) = (was.role, was.name);
            }
        }
        view.rate = rate.map(|(_, _, rate)| rate);
        view
    }

    /// Whether this signer may ever say this.
    fn may_say(&self, by: &NodeId, what: &What) -> bool {
        let by_root = *by == self.root;
        match what {
            What::Add { role: Role::Admin, .. } => by_root,
            What::Add { .. } | What::Rate { .. } => true,
            // Nobody removes themselves: they leave.
            What::Remove { node, kept } => node != by && (by_root || kept.is_empty()),
        }
    }

    fn may_remove(&self, by: &NodeId, node: &NodeId) -> bool {
        *by == self.root || !self.admins.contains(node)
    }

    /// Whether the removal of its signer has made a statement void.
    fn is_void(&self, by: &NodeId, id: &StatementId, what: &What) -> bool {
        self.cut.get(by).is_some_and(|kept| matches!(what, What::Rate { .. }) || !kept.contains(id))
    }

    /// Takes in a proven statement of a signer that counts.
    fn put(&mut self, entry: Entry) -> Inserted {
        if self.is_void(&entry.by, &entry.id, &entry.what) {
            return Inserted::Void;
        }
        let (id, by, sort) = (entry.id, entry.by, sort(&entry.what));
        if sort == Sort::Rate && !self.replaces_rate(&entry) {
            return Inserted::Void;
        }
        if by == self.root && self.count(sort, |_| true) >= bound(sort) {
            return Inserted::Full;
        }
        self.note_root(&entry);
        self.fingerprint ^= number(id.to_ref());
        self.fresh.push(id);
        self.entries.insert(id, entry);
        // Of one admin's, those with the lowest ids stay, whatever the order in which they came.
        if by != self.root && self.count(sort, |one| *one == by) > share(sort) {
            let of_issuer = |one: &&Entry| one.by == by && self::sort(&one.what) == sort;
            let last = self.entries.values().filter(of_issuer).map(|one| one.id).max();
            last.into_iter().for_each(|last| self.take_out(&last));
        } else if by != self.root && self.count(sort, |one| *one != self.root) > admins_share(sort)
        {
            self.take_out(&id);
            return Inserted::Full;
        }
        if self.entries.contains_key(&id) { Inserted::New } else { Inserted::Full }
    }

    /// Notes what the root key says of admins, and makes void what it declares so.
    fn note_root(&mut self, entry: &Entry) {
        if entry.by != self.root {
            return;
        }
        match &entry.what {
            What::Add { node, role: Role::Admin, .. } => {
                self.admins.insert(*node);
            }
            What::Remove { node, kept } => {
                let kept: BTreeSet<StatementId> = kept.iter().copied().collect();
                // Of two removals, only what both name counts.
                match self.cut.get_mut(node) {
                    Some(known) => known.retain(|id| kept.contains(id)),
                    None => {
                        self.cut.insert(*node, kept);
                    }
                }
                let void = self.entries.values();
                let void = void.filter(|one| self.is_void(&one.by, &one.id, &one.what));
                for id in void.map(|one| one.id).collect::<Vec<_>>() {
                    self.take_out(&id);
                }
            }
            What::Add { .. } | What::Rate { .. } => {}
        }
    }

    /// Lets those in whose signer turned out to be an admin.
    fn admit_waiting(&mut self) {
        let waiting = core::mem::take(&mut self.waiting);
        for entry in waiting {
            if self.admins.contains(&entry.by) {
                self.put(entry);
            } else {
                self.waiting.push_back(entry);
            }
        }
    }

    /// Of the rates of one signer only the newest is kept.
    fn replaces_rate(&mut self, entry: &Entry) -> bool {
        let serial = |what: &What| match what {
            What::Rate { serial, .. } => Some(*serial),
            What::Add { .. } | What::Remove { .. } => None,
        };
        let known = self.entries.values().filter(|one| one.by == entry.by);
        let known = known.filter_map(|one| Some((serial(&one.what)?, one.id))).max();
        match known {
            Some(known) if Some(known) >= serial(&entry.what).map(|serial| (serial, entry.id)) => {
                false
            }
            Some((_, id)) => {
                self.take_out(&id);
                true
            }
            None => true,
        }
    }

    fn count(&self, sort: Sort, whose: impl Fn(&NodeId) -> bool) -> usize {
        let counted = |one: &&Entry| self::sort(&one.what) == sort && whose(&one.by);
        self.entries.values().filter(counted).count()
    }

    /// Whether another statement like this fits without driving out an earlier one.
    pub(crate) fn has_room(&self, by: &NodeId, what: &What) -> bool {
        let sort = sort(what);
        if sort == Sort::Rate {
            return true;
        }
        if *by == self.root {
            return self.count(sort, |_| true) < bound(sort);
        }
        self.count(sort, |one| one == by) < share(sort)
            && self.count(sort, |one| *one != self.root) < admins_share(sort)
    }

    fn take_out(&mut self, id: &StatementId) {
        if self.entries.remove(id).is_some() {
            self.fingerprint ^= number(id.to_ref());
        }
    }
}

fn number(reference: StatementRef) -> u64 {
    u64::from_le_bytes(reference.0)
}

fn sort(what: &What) -> Sort {
    match what {
        What::Add { .. } => Sort::Add,
        What::Remove { .. } => Sort::Remove,
        What::Rate { .. } => Sort::Rate,
    }
}

/// Most of a sort in all.
const fn bound(sort: Sort) -> usize {
    match sort {
        Sort::Add => limits::STATEMENTS_ADD,
        Sort::Remove => limits::STATEMENTS_REMOVE,
        Sort::Rate => limits::STATEMENTS_ADD,
    }
}

/// What all admins together may fill: the rest is the root key's.
const fn admins_share(sort: Sort) -> usize {
    bound(sort) / 4 * 3
}

/// What one admin may fill.
const fn share(sort: Sort) -> usize {
    match sort {
        Sort::Add | Sort::Remove => limits::STATEMENTS_ISSUER,
        Sort::Rate => 1,
    }
}
