//! Closed networks: how they come to be here, and what must hold in them.

use meshchat_core::SavedNetwork;
use meshchat_proto::codec;
use meshchat_proto::control::{NetworkRequest, Request};
use meshchat_proto::id::NodeId;
use meshchat_proto::network::{Charter, Role, SignedStatement, Statement, What, signed_statement};

use super::host::{Ask, Host};
use super::stub::signature;
use super::world::World;

const SEED: [u8; 32] = [0x77; 32];

/// Makes all hosts members of one network; the first is its admin and holds the root key.
pub(crate) fn found(hosts: &mut [Host]) {
    let root = NodeId(SEED.map(|byte| byte ^ 0x55));
    let charter = Charter { name: "sim".parse().unwrap(), root, secret: [9; 32] }.encode();
    let network = Charter::id_of(&charter);
    let add = |(n, host): (usize, &Host)| {
        let role = if n == 0 { Role::Admin } else { Role::Member };
        let what = What::Add { node: host.id, role, name: None };
        let body = codec::encode(&Statement { network, by: root, what });
        let sig = signature(&root, &signed_statement(&body));
        SignedStatement { sig, body: body.into() }
    };
    let statements: Vec<_> = hosts.iter().enumerate().map(add).collect();
    for (n, host) in hosts.iter_mut().enumerate() {
        // Nobody knows more than that they belong themselves, and who lets others in.
        let mut own = vec![statements[0].clone(), statements[n].clone()];
        own.dedup();
        host.network = Some(SavedNetwork {
            charter: charter.clone().into(),
            root: (n == 0).then_some(SEED),
            backed_up: false,
            statements: own,
            invites: Vec::new(),
        });
    }
}

impl World {
    pub(crate) fn remove(&mut self, host: usize) {
        let known = self.hosts[0].admits(&self.hosts[host]);
        if known {
            let member = self.hosts[host].id.to_string();
            let request = Request::Network(NetworkRequest::Remove { member });
            self.request(0, 0, request, Ask::Other);
        }
    }

    /// What a removed node says once everybody knows of it reaches nobody.
    pub(crate) fn talk_outside(&mut self, host: usize) {
        let others = self.hosts.iter().enumerate().filter(|(n, _)| *n != host);
        let all_know = others
            .into_iter()
            .all(|(_, other)| other.node.is_some() && !other.admits(&self.hosts[host]));
        if all_know {
            self.log.barred = Some((host, self.log.said.len()));
            self.say(host, 0, 3, 20);
        }
    }

    /// Whether two hosts that are up take each other for members.
    pub(crate) fn are_friends(&self, one: usize, other: usize) -> bool {
        let (one, other) = (&self.hosts[one], &self.hosts[other]);
        one.admits(other) && other.admits(one)
    }

    /// Whether all of a part take a host for a member.
    pub(crate) fn are_members(&self, part: &[usize], host: usize) -> bool {
        part.iter().all(|one| self.hosts[*one].admits(&self.hosts[host]))
    }

    /// Members that can reach each other agree about who is one.
    pub(crate) fn check_rosters(&self, part: &[usize]) {
        let [first, rest @ ..] = part else { return };
        for (host, other) in
            rest.iter().flat_map(|host| (0..self.plan.hosts).map(move |n| (host, n)))
        {
            let views = [first, host].map(|one| self.hosts[*one].admits(&self.hosts[other]));
            assert_eq!(views[0], views[1], "nodes {first} and {host} disagree about {other}");
        }
    }
}
