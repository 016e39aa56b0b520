//! Who belongs to the network. The open network decides by address; a closed one by what its
//! root key and its admins have signed.
//!
//! The statements are a set that only grows, and what they mean does not depend on the order in
//! which they came: the root key makes and removes admins, admins let members and guests in and
//! out, a removal wins over any addition. When an admin is removed, what it has signed is void
//! but for the statements that its removal names, so that a stolen key cannot go on.

mod set;
#[cfg(test)]
mod tests;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use meshchat_proto::id::{NetworkId, NodeId, StatementId};
use meshchat_proto::name::NodeName;
use meshchat_proto::network::{Charter, Role, SignedStatement, What};
use meshchat_proto::peer::GoodbyeReason;

use crate::env::Env;
use crate::io::Admit;

pub(crate) use set::{Inserted, Set};

/// What is known of a peer that wants to link.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    /// An operator or the configuration named it, or we dialled it.
    pub(crate) named: bool,
    /// Its address is on a directly connected subnet.
    pub(crate) near: bool,
    /// It is known in the mesh: somebody who belongs has let it in before.
    pub(crate) known: bool,
    /// The network that it says it belongs to.
    pub(crate) network: NetworkId,
}

/// Refuses a peer of the open network, with the reason that it is told.
pub(crate) fn refuse(admit: Admit, ours: NetworkId, claim: Claim) -> Option<GoodbyeReason> {
    if claim.network != ours {
        return Some(GoodbyeReason::OtherNetwork);
    }
    let welcome = match admit {
        Admit::Anyone => true,
        Admit::Neighbours => claim.named || claim.near || claim.known,
        Admit::Configured => claim.named,
    };
    (!welcome).then_some(GoodbyeReason::NotAdmitted)
}

/// The network of this node, and who belongs to it.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    /// None in the open network.
    closed: Option<Closed>,
}

/// A closed network.
#[derive(Debug)]
struct Closed {
    id: NetworkId,
    charter: Charter,
    /// Its exact bytes.
    bytes: Vec<u8>,
    set: Set,
    view: View,
}

/// What the statements come to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct View {
    /// Who belongs.
    pub(crate) members: BTreeMap<NodeId, Place>,
    /// Who does no more.
    pub(crate) removed: BTreeMap<NodeId, Place>,
    /// Messages at once, and a second after that, for each author.
    pub(crate) rate: Option<(u32, u32)>,
}

/// What somebody is in the network, or was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) role: Role,
    /// Who said so; for the removed, who removed them.
    pub(crate) by: NodeId,
    pub(crate) name: Option<NodeName>,
}

impl Roster {
    /// The closed network with this charter, so far without anyone in it; `None` when the bytes
    /// are no charter.
    pub(crate) fn closed(bytes: Vec<u8>) -> Option<Self> {
        let charter = Charter::decode(&bytes).ok()?;
        let id = Charter::id_of(&bytes);
        let set = Set::new(id, charter.root);
        Some(Self { closed: Some(Closed { id, charter, bytes, set, view: View::default() }) })
    }

    /// Which network; [`NetworkId::OPEN`] for the open one.
    pub(crate) fn network(&self) -> NetworkId {
        self.closed.as_ref().map_or(NetworkId::OPEN, |closed| closed.id)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    /// What the closed network is.
    pub(crate) fn charter(&self) -> Option<(&Charter, &[u8])> {
        self.closed.as_ref().map(|closed| (&closed.charter, closed.bytes.as_slice()))
    }

    /// Whether a node may take part. In the open network everyone may.
    pub(crate) fn admits(&self, node: &NodeId) -> bool {
        self.closed.as_ref().is_none_or(|closed| closed.view.members.contains_key(node))
    }

    /// What a node is; none in the open network, and for those who do not belong.
    pub(crate) fn role_of(&self, node: &NodeId) -> Option<Role> {
        Some(self.closed.as_ref()?.view.members.get(node)?.role)
    }

    /// Whether a node belonged to the network and was removed.
    pub(crate) fn is_removed(&self, node: &NodeId) -> bool {
        self.closed.as_ref().is_some_and(|closed| closed.view.removed.contains_key(node))
    }

    /// How many messages an author may send at once, and how many a second after that, if the
    /// admins have said so.
    pub(crate) fn rate(&self) -> Option<(u32, u32)> {
        self.closed.as_ref().and_then(|closed| closed.view.rate)
    }

    /// What the statements come to; nothing in the open network.
    pub(crate) fn view(&self) -> Option<&View> {
        self.closed.as_ref().map(|closed| &closed.view)
    }

    pub(crate) fn set(&self) -> Option<&Set> {
        self.closed.as_ref().map(|closed| &closed.set)
    }

    /// One number for all statements; 0 in the open network.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.closed.as_ref().map_or(0, |closed| closed.set.fingerprint())
    }

    /// Takes in a statement, once its signature is checked. [`Roster::settle`] makes it count.
    pub(crate) fn insert<E: Env>(&mut self, env: &mut E, signed: SignedStatement) -> Inserted {
        match &mut self.closed {
            Some(closed) => closed.set.insert(signed, |by, body, sig| env.verify(by, body, sig)),
            None => Inserted::Foreign,
        }
    }

    /// Takes in a statement from our own disk.
    pub(crate) fn restore(&mut self, signed: SignedStatement) {
        if let Some(closed) = &mut self.closed {
            closed.set.insert(signed, |_, _, _| true);
        }
    }

    /// Statements that are new since this was last asked for.
    pub(crate) fn take_fresh(&mut self) -> Vec<SignedStatement> {
        self.closed.as_mut().map(|closed| closed.set.take_fresh()).unwrap_or_default()
    }

    /// Works out what the statements come to. Whether anything has changed.
    pub(crate) fn settle(&mut self) -> bool {
        let Some(closed) = &mut self.closed else { return false };
        let view = closed.set.view();
        let changed = view != closed.view;
        closed.view = view;
        changed
    }

    /// Statements that prove what `node` is or was, each behind those that it rests on.
    pub(crate) fn proof_of(&self, node: &NodeId) -> Vec<SignedStatement> {
        let Some(closed) = &self.closed else { return Vec::new() };
        let about = |what: &What, who: &NodeId| match what {
            What::Add { node, .. } | What::Remove { node, .. } => node == who,
            What::Rate { .. } => false,
        };
        let mut issuers: Vec<NodeId> = Vec::new();
        let mut proof = Vec::new();
        for entry in closed.set.iter().filter(|entry| about(&entry.what, node)) {
            issuers.push(entry.by);
            proof.push(entry.signed.clone());
        }
        let rests = |what: &What| issuers.iter().any(|issuer| about(what, issuer));
        let first = closed.set.iter().filter(|entry| entry.by == closed.charter.root);
        let first = first.filter(|entry| rests(&entry.what)).map(|entry| entry.signed.clone());
        first.chain(proof).collect()
    }

    /// What a removal of `node` has to name: all of its statements that count now.
    pub(crate) fn kept_of(&self, node: &NodeId) -> Vec<StatementId> {
        let Some(closed) = &self.closed else { return Vec::new() };
        let own = closed.set.iter().filter(|entry| entry.by == *node);
        let own = own.filter(|entry| !matches!(entry.what, What::Rate { .. }));
        own.map(|entry| entry.id).collect()
    }
}
