//! Local clients: who they are, what they want.

use meshchat_core::Input;
use meshchat_proto::control::{Error, ErrorCode, FromDaemon, Reply, VERSION, Welcome};

use super::{Client, Hub};
use crate::control::{ClientEvent, Frame, may_enter};
use crate::users::Access;

impl Hub {
    pub(super) fn on_client_event(&mut self, event: ClientEvent) {
        match event {
            ClientEvent::Up { session, ids, outbox, answer } => {
                let visitor = self.users.visitor(ids.0, ids.1);
                if !may_enter(&visitor) {
                    let group = &self.parts.settings.group.value;
                    let error =
                        Error::new(ErrorCode::Denied, "you may not use this node").hint(format!(
                            "join the group: sudo usermod -aG {group} $USER, then log in again"
                        ));
                    answer.send(Err(error)).ok();
                    return;
                }
                let welcome = self.welcome(&visitor.name, visitor.access);
                if answer.send(Ok(welcome)).is_err() {
                    return;
                }
                let (access, user) = (visitor.access, visitor.name.clone());
                self.clients.insert(session, Client { outbox, access, user, gateway: false });
                let up = Input::SessionUp { session, user: visitor.name };
                self.node.handle(self.now(), up);
            }
            ClientEvent::Requests { session, requests } => {
                let now = self.now();
                for (id, request) in requests {
                    self.on_request(now, session, id, request);
                }
            }
            ClientEvent::Drained { session } => {
                self.node.handle(self.now(), Input::SessionDrained { session });
            }
            ClientEvent::Ended { session } => {
                // The answers to its last requests are still to be drawn from the node.
                self.drain();
                if !self.ends_later(session) {
                    self.end_session(session);
                }
            }
            ClientEvent::Down { session } => {
                let client = self.clients.remove(&session);
                if client.is_some_and(|client| client.outbox.is_overfull()) {
                    self.refused.clients_cut_off += 1;
                }
                self.followers.forget(session);
                self.watchers.retain(|(watcher, _)| *watcher != session);
                self.node.handle(self.now(), Input::SessionDown { session });
            }
        }
    }

    /// Ends a session when what waits for it is sent.
    pub(super) fn end_session(&self, session: u32) {
        if let Some(client) = self.clients.get(&session) {
            client.outbox.close();
        }
    }

    pub(super) fn is_admin(&self, session: u32) -> bool {
        self.clients.get(&session).is_some_and(|client| client.access == Access::Admin)
    }

    /// Whether this client may speak for people who come through a gateway.
    pub(super) fn is_gateway(&self, session: u32) -> bool {
        let gateways = &self.parts.settings.gateways.value;
        let named = |client: &Client| client.gateway || gateways.contains(&client.user);
        self.is_admin(session) || self.clients.get(&session).is_some_and(named)
    }

    /// Whoever comes through a gateway administers nothing.
    pub(super) fn demote(&mut self, session: u32) {
        if let Some(client) = self.clients.get_mut(&session) {
            client.access = Access::Member;
            client.gateway = true;
        }
    }

    pub(super) fn answer(&self, session: u32, id: u64, result: Result<Reply, Error>) {
        let frame = match result {
            Ok(reply) => FromDaemon::ok(id, reply),
            Err(error) => FromDaemon::error(id, error),
        };
        self.give(session, Frame::whole(&frame));
    }

    pub(super) fn give(&self, session: u32, frame: Frame) {
        if let Some(client) = self.clients.get(&session) {
            client.outbox.push(frame);
        }
    }

    fn welcome(&self, user: &str, access: Access) -> Welcome {
        Welcome {
            version: VERSION,
            software: crate::SOFTWARE.into(),
            node: self.node.id(),
            name: self.node.name(),
            person: self.node.person_name(user),
            admin: access == Access::Admin,
        }
    }
}
