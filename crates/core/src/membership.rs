//! Requests about the network that the node belongs to.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use meshchat_proto::control::{
    Error, ErrorCode, MemberInfo, NetworkInfo, NetworkRequest, Reply, TicketInfo,
};
use meshchat_proto::id::NodeId;
use meshchat_proto::name::{NetworkName, NodeName};
use meshchat_proto::network::{Charter, Role, TICKET_ADDRESSES, Ticket, What};

use crate::env::Env;
use crate::io::SessionId;
use crate::joining::LEAVE_AND_FORK;
use crate::node::Node;
use crate::records::is_up;
use crate::replies::narrow;
use crate::roster::{Inserted, Place, Roster};
use crate::switch::{Membership, Seed};
use crate::time::Now;

/// Most nodes that may use one ticket.
const USES: u32 = 1000;
/// Longest time that a ticket works.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);
/// Greatest rates that mean anything.
const RATES: u32 = 1_000_000;

impl<E: Env> Node<E> {
    /// Answers at once, or later when somebody else must be asked first.
    pub(crate) fn on_network_request(
        &mut self,
        now: Now,
        at: (SessionId, u64),
        request: NetworkRequest,
    ) -> Result<(), Error> {
        let reply = match request {
            NetworkRequest::Show {} => Reply::Network(self.network_info()),
            NetworkRequest::Create { name } => return self.create_network(now, at, &name),
            NetworkRequest::Join { ticket } => return self.join_network(now, at, &ticket),
            NetworkRequest::Leave {} => return self.leave_network(now, at),
            NetworkRequest::Backup {} => return self.backup(now, at),
            NetworkRequest::Restore { key } => return self.restore_root(now, at, &key),
            NetworkRequest::Invite { uses, expires_ms, role } => {
                return self.invite(now, at, (uses, expires_ms, role));
            }
            NetworkRequest::Invites {} => {
                self.need_closed()?;
                Reply::Invites(self.membership.invites.infos(now.mono))
            }
            NetworkRequest::Revoke { invite } => {
                self.need_closed()?;
                if !self.membership.invites.revoke(&invite) {
                    let words = format!("no ticket {invite:?}");
                    return Err(Error::new(ErrorCode::NotFound, words)
                        .hint("see those of this node: meshchatctl invite list"));
                }
                self.save_network(now, Some((at, Reply::Done {})));
                return Ok(());
            }
            NetworkRequest::Members {} => {
                self.need_closed()?;
                Reply::Members(self.members())
            }
            NetworkRequest::Remove { member } => self.remove_member(now, &member)?,
            NetworkRequest::Promote { member, role } => self.promote(now, &member, role)?,
            NetworkRequest::Rate { burst, per_second } => self.set_rate(now, burst, per_second)?,
        };
        self.reply(at.0, at.1, Ok(reply));
        Ok(())
    }

    /// The network and this node's place in it.
    pub(crate) fn network_info(&self) -> NetworkInfo {
        let view = self.roster.view();
        let up = |node: &&NodeId| {
            **node == self.me.id || self.nodes.get(node).is_some_and(|known| is_up(known.state))
        };
        let members = view.into_iter().flat_map(|view| view.members.keys());
        NetworkInfo {
            id: self.me.network,
            name: self
                .roster
                .charter()
                .map(|(charter, _)| charter.name.to_string())
                .unwrap_or_default(),
            role: self.roster.role_of(&self.me.id),
            root: self.membership.root.is_some(),
            removed: self.is_removed(),
            members: narrow(view.map_or(0, |view| view.members.len())),
            reachable: narrow(members.filter(up).count()),
            rate: self.rate().map_or((0, 0), |rate| (rate.burst, rate.per_second)),
        }
    }

    /// What an operator should know of it.
    pub(crate) fn network_notes(&self) -> Vec<String> {
        if !self.is_removed() {
            return Vec::new();
        }
        if !self.roster.is_removed(&self.me.id) {
            let words = "this node's key does not belong to its network: leave it, then join anew: meshchatctl network leave";
            return [words.into()].into();
        }
        [format!("this node was removed from its network: {LEAVE_AND_FORK}")].into()
    }

    fn create_network(&mut self, now: Now, at: (SessionId, u64), name: &str) -> Result<(), Error> {
        if self.roster.is_closed() || self.membership.joining.is_some() {
            let words = "this node belongs to a closed network already, or is joining one";
            return Err(Error::new(ErrorCode::BadArgument, words)
                .hint("leave it first: meshchatctl network leave"));
        }
        let name: NetworkName = name.parse().map_err(|error| {
            Error::new(ErrorCode::BadArgument, format!("bad name: {error}"))
                .hint("choose 1 to 32 visible characters")
        })?;
        let (seed, secret) = (self.secret()?, self.secret()?);
        let charter = Charter { name, root: self.env.public_of(&seed), secret };
        let Some(roster) = Roster::closed(charter.encode()) else {
            return Err(Error::new(ErrorCode::Internal, "the charter cannot be read"));
        };
        let membership = Membership { root: Some(Seed(seed)), ..Membership::default() };
        self.switch_network(now, (roster, membership), None);
        let (node, name) = (self.me.id, Some(self.me.name.clone()));
        self.declare(What::Add { node, role: Role::Admin, name }, true);
        self.roster.take_fresh();
        self.roster.settle();
        let reply = Reply::Network(self.network_info());
        self.save_network(now, Some((at, reply)));
        Ok(())
    }

    fn leave_network(&mut self, now: Now, at: (SessionId, u64)) -> Result<(), Error> {
        self.need_closed()?;
        if self.membership.root.is_some() && !self.membership.backed_up {
            let words = "this node holds the root key of the network, and nobody has a copy of it";
            return Err(Error::new(ErrorCode::Denied, words)
                .hint("write it down first: meshchatctl network backup"));
        }
        self.switch_network(now, (Roster::default(), Membership::default()), None);
        self.save_network(now, Some((at, Reply::Done {})));
        Ok(())
    }

    fn backup(&mut self, now: Now, at: (SessionId, u64)) -> Result<(), Error> {
        self.need_closed()?;
        let Some(seed) = self.membership.root else { return Err(no_root("shows it")) };
        let hex: String = seed.0.iter().map(|byte| format!("{byte:02x}")).collect();
        self.membership.backed_up = true;
        self.save_network(now, Some((at, Reply::RootKey(hex))));
        Ok(())
    }

    fn restore_root(&mut self, now: Now, at: (SessionId, u64), key: &str) -> Result<(), Error> {
        self.need_closed()?;
        let seed = from_hex(key).ok_or_else(|| {
            Error::new(ErrorCode::BadArgument, "that is no root key: it has 64 digits 0-9 and a-f")
        })?;
        let public = self.env.public_of(&seed);
        if self.roster.charter().is_none_or(|(charter, _)| charter.root != public) {
            let words = "that is a key, but not the root key of this network";
            return Err(Error::new(ErrorCode::BadArgument, words)
                .hint("check every digit, or join the network that it belongs to first"));
        }
        (self.membership.root, self.membership.backed_up) = (Some(Seed(seed)), true);
        self.save_network(now, Some((at, Reply::Done {})));
        Ok(())
    }

    fn invite(
        &mut self,
        now: Now,
        at: (SessionId, u64),
        (uses, expires_ms, role): (u32, u64, Role),
    ) -> Result<(), Error> {
        self.need_admin()?;
        if role == Role::Admin && self.membership.root.is_none() {
            return Err(no_root("makes admins"));
        }
        let time = Duration::from_millis(expires_ms);
        if uses == 0 || uses > USES || time.is_zero() || time > LONGEST {
            let words = "a ticket works for 1 to 1000 nodes, and for a year at most";
            return Err(Error::new(ErrorCode::BadArgument, words));
        }
        let mut secret = [0; 16];
        secret.copy_from_slice(self.secret()?.split_at(16).0);
        let addresses = self.ticket_addresses();
        if addresses.is_empty() {
            let words = "this node has no address that others could dial";
            return Err(Error::new(ErrorCode::Unreachable, words)
                .hint("connect it to a network first: meshchatctl doctor"));
        }
        let added = self.membership.invites.add(now.mono, secret, (uses, time, role));
        let Some(invite) = added else {
            let words = "too many tickets still work";
            return Err(Error::new(ErrorCode::TooMany, words)
                .hint("revoke some: meshchatctl invite list, meshchatctl invite revoke ID"));
        };
        let (network, inviter) = (self.me.network, self.me.id);
        let ticket = Ticket { network, inviter, secret, addresses }.to_string();
        self.save_network(now, Some((at, Reply::Ticket(TicketInfo { ticket, invite }))));
        Ok(())
    }

    /// Where the bearer of a ticket should dial. A machine without any network still serves its
    /// own instances.
    fn ticket_addresses(&self) -> Vec<core::net::SocketAddr> {
        let told = self.told_addresses().into_iter().map(|address| address.socket());
        let own = self.addresses.own.iter().copied().filter(|own| own.ip().is_loopback());
        told.chain(own).take(TICKET_ADDRESSES).collect()
    }

    fn remove_member(&mut self, now: Now, member: &str) -> Result<Reply, Error> {
        self.need_admin()?;
        let node = self.find_member(member)?;
        if node == self.me.id {
            let words = "a node does not remove itself";
            return Err(Error::new(ErrorCode::BadArgument, words)
                .hint("leave instead: meshchatctl network leave"));
        }
        let root = self.membership.root.is_some();
        if self.roster.role_of(&node) == Some(Role::Admin) && !root {
            return Err(no_root("removes admins"));
        }
        let kept = if root { self.roster.kept_of(&node) } else { Vec::new() };
        self.declared(now, What::Remove { node, kept }, true)
    }

    fn promote(&mut self, now: Now, member: &str, role: Role) -> Result<Reply, Error> {
        self.need_admin()?;
        let node = self.find_member(member)?;
        if self.roster.role_of(&node).is_some_and(|now| now >= role) {
            let words = format!("{member} is that already");
            return Err(Error::new(ErrorCode::BadArgument, words).hint(
                "nobody is made less: remove the member, and let it join anew with a new key",
            ));
        }
        if role == Role::Admin && self.membership.root.is_none() {
            return Err(no_root("makes admins"));
        }
        let name = self.name_of(&node);
        self.declared(now, What::Add { node, role, name }, role == Role::Admin)
    }

    fn set_rate(&mut self, now: Now, burst: u32, per_second: u32) -> Result<Reply, Error> {
        self.need_admin()?;
        if burst == 0 || per_second == 0 || burst > RATES || per_second > RATES {
            let words = "both numbers must be at least 1, and at most a million";
            return Err(Error::new(ErrorCode::BadArgument, words));
        }
        let serial = self.roster.set().map_or(0, crate::roster::Set::serial).saturating_add(1);
        self.declared(now, What::Rate { burst, per_second, serial }, false)
    }

    /// Signs a statement, makes it known, and has it take effect.
    fn declared(&mut self, now: Now, what: What, as_root: bool) -> Result<Reply, Error> {
        match self.declare(what, as_root) {
            Inserted::New | Inserted::Known => {
                self.roster_changed(now, None);
                Ok(Reply::Done {})
            }
            Inserted::Full => Err(Error::new(ErrorCode::TooMany, "the roster is full")
                .hint("only the holder of the root key can still change it")),
            Inserted::Waits
            | Inserted::Void
            | Inserted::Foreign
            | Inserted::Unreadable
            | Inserted::Forged => Err(Error::new(ErrorCode::Denied, "this node may not say that")
                .hint("have an admin do it: meshchatctl members")),
        }
    }

    fn members(&self) -> Vec<MemberInfo> {
        let Some(view) = self.roster.view() else { return Vec::new() };
        let root = self.roster.charter().map(|(charter, _)| charter.root);
        let info = |node: &NodeId, place: &Place, removed| MemberInfo {
            node: *node,
            name: self.member_name(node),
            role: place.role,
            by: place.by,
            by_name: (Some(place.by) != root).then(|| self.member_name(&place.by)),
            removed,
            reachable: !removed
                && (*node == self.me.id
                    || self.nodes.get(node).is_some_and(|known| is_up(known.state))),
            me: *node == self.me.id,
        };
        let members = view.members.iter().map(|(node, place)| info(node, place, false));
        members.chain(view.removed.iter().map(|(node, place)| info(node, place, true))).collect()
    }

    /// What a member is called: by itself, now or when it was here last, else by whoever let it in,
    /// else its short id.
    pub(crate) fn member_name(&self, node: &NodeId) -> NodeName {
        let place = self
            .roster
            .view()
            .and_then(|view| view.members.get(node).or_else(|| view.removed.get(node)));
        let given = || place.and_then(|place| place.name.clone());
        self.name_of(node)
            .or_else(|| self.acquaintances.remembered(node))
            .or_else(given)
            .unwrap_or_else(|| NodeName::of_id(node))
    }

    /// The member that a person means by a name, an id, or the beginning of an id.
    fn find_member(&self, text: &str) -> Result<NodeId, Error> {
        let members = || self.roster.view().into_iter().flat_map(|view| view.members.keys());
        let plain = text.replace('-', "").to_lowercase();
        let named: Vec<NodeId> =
            members().filter(|node| self.member_name(node).as_str() == text).copied().collect();
        let begins = |node: &&NodeId| plain.len() >= 4 && node.to_string().starts_with(&plain);
        let found =
            if named.is_empty() { members().filter(begins).copied().collect() } else { named };
        match found.as_slice() {
            [one] => Ok(*one),
            [] => Err(Error::new(ErrorCode::NotFound, format!("no member named {text:?}"))
                .hint("see the members: meshchatctl members")),
            several => {
                let ids: Vec<String> = several.iter().map(NodeId::short).collect();
                Err(Error::new(
                    ErrorCode::Ambiguous,
                    format!("several members are called {text:?}"),
                )
                .hint(format!("say which by its id: {}", ids.join(", "))))
            }
        }
    }

    fn need_closed(&self) -> Result<(), Error> {
        if self.roster.is_closed() {
            return Ok(());
        }
        Err(Error::new(ErrorCode::BadArgument, "this node is in the open network")
            .hint("make a closed one: meshchatctl network create NAME, or meshchatctl join TICKET"))
    }

    fn need_admin(&self) -> Result<(), Error> {
        self.need_closed()?;
        if self.is_removed() {
            return Err(Error::new(ErrorCode::Denied, "this node was removed from the network")
                .hint(LEAVE_AND_FORK));
        }
        if self.may_admit() {
            return Ok(());
        }
        Err(Error::new(ErrorCode::Denied, "this node is no admin of the network")
            .hint("see who is: meshchatctl members"))
    }

    fn secret(&mut self) -> Result<[u8; 32], Error> {
        self.env.secret().ok_or_else(|| {
            Error::new(ErrorCode::Internal, "the system gives no random numbers to make a key of")
                .hint("look at the system's log; try again once the machine is up for a minute")
        })
    }
}

fn no_root(what: &str) -> Error {
    Error::new(
        ErrorCode::Denied,
        format!("only the root key {what}, and this node does not hold it"),
    )
    .hint("do it where the network was created, or: meshchatctl network restore")
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u32> =
        text.trim().chars().map(|digit| digit.to_digit(16)).collect::<Option<_>>()?;
    let mut seed = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in seed.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(seed)
}
