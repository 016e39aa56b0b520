use std::time::Duration;

use meshchat_client::proto::control::{Event, PeerInfo, PeerState, Request};
use meshchat_client::{Client, EventStream};
use tokio::time::{self, Instant};

use super::expect_reply;
use super::invite::is_ticket;
use crate::args::Connect;
use crate::failure::{Exit, Failure};
use crate::output::escape::escape;
use crate::output::spinner::{self, Words};
use crate::output::time::round_trip;
use crate::session::{PATIENCE, Session, ask};

pub(crate) async fn connect(session: &mut Session, args: Connect) -> Result<u8, Failure> {
    if is_ticket(&args.address) {
        return Err(Failure::usage("that is a ticket, which holds addresses and more")
            .hint(format!("use it:   meshchatctl join {}", escape(args.address.trim()))));
    }
    let client = session.connect().await?;
    // Opened first, so that no change is missed.
    let changes = client.stream(Request::WatchPeers {}).await?;
    let Connect { address, once, key, .. } = args;
    ask(&client, Request::Connect { address: address.clone(), once, key }, PATIENCE).await?;
    if args.no_wait {
        session.out.advise(&format!("Dialling {}. See: meshchatctl peers", escape(&address)))?;
        return Ok(0);
    }
    let wait = Wait { address, key, error: String::new() };
    let words = Words::new(format!("waiting for {}", wait.address));
    let linked = wait.until_linked(&client, changes, args.timeout, &words);
    let peer = spinner::patiently(&words, linked).await?;
    if session.out.view.json {
        session.out.json(&peer)?;
    }
    let name = peer.name.map_or(peer.address, |name| name.to_string());
    let rtt = peer.rtt_us.map(|rtt| format!(" ({})", round_trip(rtt))).unwrap_or_default();
    let line = format!("Connected to {}{rtt}. Say hello: meshchatctl send hi", escape(&name));
    session.out.advise(&line)?;
    Ok(0)
}

pub(crate) async fn disconnect(session: &mut Session, peer: String) -> Result<u8, Failure> {
    session.ask(Request::Disconnect { peer: peer.clone() }).await?;
    session
        .out
        .say(&format!("Disconnected from {}; it is not dialled any more.", escape(&peer)))?;
    Ok(0)
}

/// What is being waited for, and the last thing that went wrong.
struct Wait {
    address: String,
    key: Option<meshchat_client::proto::id::NodeId>,
    error: String,
}

impl Wait {
    async fn until_linked(
        mut self,
        client: &Client,
        mut changes: EventStream,
        patience: Duration,
        words: &Words,
    ) -> Result<PeerInfo, Failure> {
        let deadline = Instant::now() + patience;
        let mut peers = expect_reply!(ask(client, Request::Peers {}, PATIENCE).await?, Peers);
        loop {
            if let Some(peer) = self.check(&peers)? {
                return Ok(peer);
            }
            if !self.error.is_empty() {
                words.change(format!("waiting for {}: {}", self.address, self.error));
            }
            match time::timeout_at(deadline, changes.next()).await {
                Ok(Some(Ok(Event::Peers(now)))) => peers = now,
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(error))) => return Err(error.into()),
                Ok(None) | Err(_) => return Err(self.timed_out(patience)),
            }
        }
    }

    /// The peer when it is linked; a failure when waiting longer is of no use.
    fn check(&mut self, peers: &[PeerInfo]) -> Result<Option<PeerInfo>, Failure> {
        let ours = |peer: &&PeerInfo| {
            is_same_address(&peer.address, &self.address)
                || (self.key.is_some() && peer.node == self.key)
        };
        let mine: Vec<&PeerInfo> = peers.iter().filter(ours).collect();
        // The node may be linked already over another address.
        let nodes: Vec<_> = mine.iter().filter_map(|peer| peer.node).collect();
        let also =
            |peer: &&PeerInfo| ours(peer) || peer.node.is_some_and(|node| nodes.contains(&node));
        let linked = |peer: &&PeerInfo| also(peer) && peer.state == PeerState::Linked;
        if let Some(peer) = peers.iter().find(linked) {
            return Ok(Some(peer.clone()));
        }
        for peer in mine {
            if !peer.error.is_empty() {
                self.error.clone_from(&peer.error);
            }
            if peer.state == PeerState::Refused {
                return Err(self.unreached(""));
            }
        }
        Ok(None)
    }

    fn timed_out(&self, patience: Duration) -> Failure {
        if !self.error.is_empty() {
            return self.unreached("; meshchatd keeps trying");
        }
        let seconds = patience.as_secs();
        let message =
            format!("no link to {} within {seconds} s; meshchatd keeps trying", self.address);
        Failure::new(Exit::TimedOut, "timed_out", message).hint("watch it:   meshchatctl peers -w")
    }

    fn unreached(&self, outlook: &str) -> Failure {
        let message = format!("cannot link to {}: {}{outlook}", self.address, self.error);
        Failure::new(Exit::Unreached, "unreachable", message)
            .hint("watch it:   meshchatctl peers -w")
            .hint(format!("give up:    meshchatctl disconnect {}", self.address))
    }
}

/// Whether a peer's address is the one that was typed, whose port may be missing.
fn is_same_address(address: &str, typed: &str) -> bool {
    let bare = typed.trim_matches(['[', ']']);
    let host = address.rsplit_once(':').map(|(host, _)| host.trim_matches(['[', ']']));
    address.eq_ignore_ascii_case(typed) || host.is_some_and(|host| host.eq_ignore_ascii_case(bare))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_port_is_any_port() {
        for (address, typed) in [
            ("barn:7117", "barn"),
            ("Barn:7117", "barn:7117"),
            ("barn", "barn"),
            ("[fe80::1]:7117", "fe80::1"),
            ("[fe80::1]:7117", "[fe80::1]"),
            ("192.0.2.1:9", "192.0.2.1"),
        ] {
            assert!(is_same_address(address, typed), "{address} {typed}");
        }
        for (address, typed) in [("barn:7117", "barn:7118"), ("barn2:7117", "barn"), ("x", "")] {
            assert!(!is_same_address(address, typed), "{address} {typed}");
        }
    }
}
