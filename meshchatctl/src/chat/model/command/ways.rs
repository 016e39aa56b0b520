//! Who comes in, and where messages go.

use meshchat_client::proto::control::{DeliveryRequest, PrivateRequest, Request};

use super::run::PATIENCE_MS;
use crate::chat::model::Model;
use crate::chat::model::ask::Wish;
use crate::chat::model::log::{Name, Said};
use crate::output::escape::escape;
use crate::output::style::Paint;
use crate::output::time::Clock;

impl Model {
    /// Into the private room that is open, or into the network.
    pub(super) fn invite(&mut self, rest: &str, clock: &Clock) {
        let sealed = self.places.open().room().filter(|room| room.is_sealed()).cloned();
        match sealed {
            Some(room) if !rest.is_empty() => {
                let words = format!("{} is invited to {room}.", escape(rest));
                let (room, person) = (room.to_string(), rest.to_owned());
                let request = PrivateRequest::Invite { room, person };
                self.ask(Request::Private(request), Wish::Done(words), clock);
            }
            Some(room) => {
                let words = format!("/invite PERSON lets somebody into {room}");
                self.tell(&words, Paint::Warn, clock);
            }
            None if !rest.is_empty() => {
                let words = "/invite PERSON lets somebody into a private room: open that first; \
                             /invite alone makes a ticket for a node to join the network";
                self.tell(words, Paint::Warn, clock);
            }
            None => self.ask(Self::ticket(), Wish::Show, clock),
        }
    }

    pub(super) fn trace(&mut self, rest: &str, clock: &Clock) {
        let is_node = self.people.nodes().contains(rest);
        let message = match rest {
            "" => self.newest(|said| !said.mine).or_else(|| self.newest(|_| true)),
            rest if !is_node && crate::commands::trail::may_be_message(rest) => {
                Some(rest.to_owned())
            }
            node => {
                let request = Request::Ping { node: node.to_owned(), timeout_ms: PATIENCE_MS };
                return self.ask(request, Wish::Show, clock);
            }
        };
        match message {
            Some(message) => {
                let request = DeliveryRequest::Trace { message, timeout_ms: HOP_MS };
                self.ask(Request::Delivery(request), Wish::Show, clock);
            }
            None => self.tell("no message of a room here; /trace NODE", Paint::Warn, clock),
        }
    }

    pub(super) fn show_delivery(&mut self, rest: &str, clock: &Clock) {
        let message = match rest {
            "" => self.newest(|said| said.mine),
            rest => Some(rest.to_owned()),
        };
        match message {
            Some(message) => {
                let request = DeliveryRequest::Show { message };
                self.ask(Request::Delivery(request), Wish::Show, clock);
            }
            None => self.tell("you said nothing in this room yet", Paint::Warn, clock),
        }
    }

    /// The id of the newest message here that fits.
    fn newest(&self, fits: impl Fn(&Said) -> bool) -> Option<String> {
        let said = self.places.current()?.log.said().filter(|said| fits(said));
        said.filter_map(|said| match said.name {
            Name::Message(id) => Some(id.to_string()),
            Name::Letter(_) => None,
        })
        .next()
    }
}

/// How long each node on the way of a message may take.
const HOP_MS: u32 = 1_000;
