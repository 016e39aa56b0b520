//! Who holds a message, who does not and why, and waiting until enough do.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use meshchat_proto::control::{
    DeliveryInfo, DeliveryRequest, DeliveryState, Error, ErrorCode, HolderInfo, NodeState, Reply,
    Wait,
};
use meshchat_proto::holding::origin_tag;
use meshchat_proto::id::{MessageId, NodeId};
use meshchat_proto::message::Body;
use meshchat_proto::name::{NodeName, PersonName, RoomName};

use crate::env::Env;
use crate::history::Entry;
use crate::holdings::Proof;
use crate::io::SessionId;
use crate::limits;
use crate::node::Node;
use crate::nodes::Known;
use crate::replies::narrow;
use crate::seen::Origin;
use crate::time::{Mono, Now, millis};

/// The longest wait for a delivery.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// The fewest characters that may stand for an id.
const ID_CHARS: usize = 6;
/// Missing nodes that are named when a wait was in vain.
const NAMED: usize = 3;

/// Waits under way, and messages that are known without history.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    waits: Vec<Waiting>,
    sent: VecDeque<Found>,
    /// Somebody came to hold something, or came or went.
    pub(crate) changed: bool,
}

#[derive(Debug)]
struct Waiting {
    session: SessionId,
    id: u64,
    message: Found,
    wait: Wait,
    /// Who could be reached when the wait began.
    reachable: BTreeSet<NodeId>,
    until: Mono,
}

/// A message that a client means.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) id: MessageId,
    pub(crate) origin: Origin,
    pub(crate) seq: u64,
    pub(crate) late: bool,
    room: RoomName,
    author: PersonName,
    at: Mono,
}

impl Deliveries {
    pub(crate) fn waits(&self) -> usize {
        self.waits.len()
    }

    pub(crate) fn sent(&self) -> usize {
        self.sent.len()
    }

    pub(crate) fn due(&self) -> Option<Mono> {
        self.waits.iter().map(|wait| wait.until).min()
    }

    /// Remembers a message of this node that history does not keep.
    pub(crate) fn remember(&mut self, entry: &Entry, body: &Body<'_>) {
        if self.sent.len() == limits::SENT_IDS {
            self.sent.pop_front();
        }
        self.sent.extend(found(entry, body));
    }

    /// Ends the waits of a client that is gone, or one of them. Returns whether there was one.
    pub(crate) fn cancel(&mut self, session: SessionId, id: Option<u64>) -> bool {
        let before = self.waits.len();
        self.waits.retain(|wait| wait.session != session || id.is_some_and(|id| id != wait.id));
        self.waits.len() < before
    }
}

impl<E: Env> Node<E> {
    /// Answers at once, or later when others are to be waited for.
    pub(crate) fn on_delivery_request(
        &mut self,
        now: Now,
        at: (SessionId, u64),
        request: DeliveryRequest,
    ) -> Result<Option<Reply>, Error> {
        match request {
            DeliveryRequest::Show { message } => {
                self.delivery(now, &message).map(|info| Some(Reply::Delivery(info)))
            }
            DeliveryRequest::Await { message, wait, timeout_ms } => {
                let message = self.find_message(&message)?;
                let timeout = Duration::from_millis(timeout_ms.into()).min(LONGEST_WAIT);
                self.wait_for(now, at, message, (wait, timeout)).map(|()| None)
            }
            DeliveryRequest::Trace { message, timeout_ms } => {
                let message = self.find_message(&message)?;
                self.trace_message(now, at, message, timeout_ms).map(|()| None)
            }
        }
    }

    /// Who holds a message, named by the beginning of its id.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::NotFound`], [`ErrorCode::Ambiguous`] or [`ErrorCode::BadArgument`].
    pub fn delivery(&self, now: Now, message: &str) -> Result<DeliveryInfo, Error> {
        let message = self.find_message(message)?;
        Ok(self.delivery_of(now.mono, &message))
    }

    /// Whether this node has provably taken in a message, named by its node, the number of that
    /// node's run, and its own number.
    pub fn has_taken(&self, node: &NodeId, boot: u64, seq: u64) -> bool {
        let of_run = |origin: &Origin| origin.0 == *node && origin.1.count() == boot;
        let mut windows = self.seen.iter().filter(|(origin, _)| of_run(origin));
        windows.any(|(_, window)| window.has_taken(seq))
    }

    /// Replies to waits that are over.
    pub(crate) fn tick_waits(&mut self, now: Now) {
        let due = self.deliveries.due().is_some_and(|due| due <= now.mono);
        if self.deliveries.waits.is_empty() || !(self.deliveries.changed || due) {
            self.deliveries.changed = false;
            return;
        }
        self.deliveries.changed = false;
        for wait in core::mem::take(&mut self.deliveries.waits) {
            let info = self.delivery_of(now.mono, &wait.message);
            let missing = wait.missing(&info);
            if missing.is_none() {
                self.reply(wait.session, wait.id, Ok(Reply::Delivery(info)));
            } else if wait.until <= now.mono {
                let error = in_vain(&info, &missing.unwrap_or_default());
                self.reply(wait.session, wait.id, Err(error));
            } else {
                self.deliveries.waits.push(wait);
            }
        }
    }

    fn wait_for(
        &mut self,
        now: Now,
        (session, id): (SessionId, u64),
        message: Found,
        (wait, timeout): (Wait, Duration),
    ) -> Result<(), Error> {
        if self.deliveries.waits.len() >= limits::AWAITS {
            return Err(Error::new(ErrorCode::TooMany, "too many clients wait for deliveries"));
        }
        let nodes = self.nodes.iter();
        let reachable = nodes.filter(|(_, known)| known.state == NodeState::Reachable);
        let reachable = reachable.map(|(node, _)| *node).collect();
        if self.nodes.len() < 2 && wait != Wait::Reached(0) {
            let error = Error::new(ErrorCode::Unreachable, "no other node is known, none gets it");
            return Err(error.hint("link to one: meshchatctl connect HOST"));
        }
        let until = now.mono + timeout;
        self.deliveries.waits.push(Waiting { session, id, message, wait, reachable, until });
        self.deliveries.changed = true;
        Ok(())
    }

    fn delivery_of(&self, now: Mono, message: &Found) -> DeliveryInfo {
        let tag = origin_tag(&message.origin.0, &message.origin.1);
        let forgotten = self.arrivals.forgotten();
        let arrival = self.arrivals.find(&message.origin, message.seq);
        let arrival = arrival.map_or(forgotten, |(number, _)| number);
        let info = |(node, known): (&NodeId, &Known)| {
            let (state, since, via) = self.standing(message, (tag, arrival), known);
            HolderInfo {
                node: *node,
                name: known.record.name.clone(),
                state,
                holds: state.holds(),
                since_ms: since.map(|since| millis(now.since(since))),
                via,
            }
        };
        let mut nodes: Vec<HolderInfo> = self.nodes.iter().map(info).collect();
        nodes.sort_by(|a, b| (rank(a), a.name.as_str()).cmp(&(rank(b), b.name.as_str())));
        let reached = nodes.iter().filter(|node| node.holds).count();
        let known = nodes.iter().filter(|node| node.state.counts()).count();
        DeliveryInfo {
            id: message.id,
            room: message.room.clone(),
            author: message.author.clone(),
            node: message.origin.0,
            node_name: self.nodes.name(&message.origin.0),
            age_ms: millis(now.since(message.at)),
            reached: narrow(reached),
            known: narrow(known),
            nodes,
        }
    }

    /// Whether a node holds a message: how that is known or why not, since when, and which
    /// neighbour it waits for.
    fn standing(
        &self,
        message: &Found,
        (tag, arrival): (u64, u64),
        known: &Known,
    ) -> (DeliveryState, Option<Mono>, Option<NodeName>) {
        let (node, boot) = (&known.record.node, known.record.boot);
        if *node == self.me.id {
            return (DeliveryState::Here, Some(message.at), None);
        }
        if *node == message.origin.0 {
            return (DeliveryState::Wrote, Some(message.at), None);
        }
        match self.claims.proof((node, boot), (tag, message.seq), arrival) {
            Some(Proof::Told(at)) => return (DeliveryState::Told, Some(at), None),
            Some(Proof::Equal(at)) => return (DeliveryState::Equal, Some(at), None),
            None => {}
        }
        let since = Some(known.since);
        if !self.belongs(node) {
            return (DeliveryState::NotMember, None, None);
        }
        match known.state {
            NodeState::Left => (DeliveryState::Left, since, None),
            NodeState::Unreachable if self.clock.mono.since(known.since) > limits::MISSED => {
                (DeliveryState::Lost, since, None)
            }
            NodeState::Unreachable | NodeState::Unknown => {
                (DeliveryState::Unreachable, since, None)
            }
            NodeState::Here | NodeState::Reachable => {
                let link = self.first_link_to(node).and_then(|link| self.links.get(link));
                match link.filter(|link| link.behind || link.asking.is_asking()) {
                    Some(link) => {
                        let via = Some(self.nodes.name(&link.peer));
                        (DeliveryState::Behind, None, via)
                    }
                    None if !self.claims.tells(node, boot) => (DeliveryState::Silent, None, None),
                    None => (DeliveryState::Waiting, None, None),
                }
            }
        }
    }

    /// Whether a node is to get messages at all. In the open network everyone is.
    const fn belongs(&self, _node: &NodeId) -> bool {
        true
    }

    /// The message that a client means by the beginning of its id.
    fn find_message(&self, text: &str) -> Result<Found, Error> {
        let letters = text.chars().filter(|letter| *letter != '-').count();
        if letters < ID_CHARS {
            let words = format!("{text:?} is too short for the id of a message");
            return Err(Error::new(ErrorCode::BadArgument, words)
                .hint(format!("write at least {ID_CHARS} characters of it")));
        }
        let waiting = self.seen.iter().flat_map(|(_, window)| window.held.values());
        let entries = self.history.iter().rev().chain(waiting);
        let entries = entries.filter(|entry| entry.id.begins_with(text)).filter_map(|entry| {
            // Bodies are checked when they are taken in.
            Body::parse(&entry.body).ok().and_then(|body| found(entry, &body))
        });
        let sent = self.deliveries.sent.iter().filter(|sent| sent.id.begins_with(text)).cloned();
        let mut all = entries.chain(sent);
        let Some(first) = all.next() else {
            let words = format!("no message {text:?} is held here");
            return Err(Error::new(ErrorCode::NotFound, words)
                .hint("see the ids of messages: meshchatctl tail --ids"));
        };
        match all.find(|other| other.id != first.id) {
            None => Ok(first),
            Some(_) => Err(Error::new(
                ErrorCode::Ambiguous,
                format!("the ids of several messages begin with {text:?}"),
            )
            .hint("write more of it")),
        }
    }
}

impl Waiting {
    /// Who is waited for in vain so far; none when the wait is over.
    fn missing<'a>(&self, info: &'a DeliveryInfo) -> Option<Vec<&'a HolderInfo>> {
        let held = info.nodes.iter().filter(|node| node.holds).count().saturating_sub(1);
        let lacking = |node: &&HolderInfo| !node.holds && node.state.counts();
        let missing: Vec<_> = info.nodes.iter().filter(lacking).collect();
        let most = usize::try_from(match self.wait {
            Wait::Neighbour => 1,
            Wait::Reached(nodes) => nodes,
            Wait::Reachable if self.reachable.is_empty() => 1,
            Wait::Reachable | Wait::All => 0,
        });
        let of_wait = match self.wait {
            Wait::Neighbour | Wait::Reached(_) => Vec::new(),
            Wait::Reachable => {
                let then = |node: &&HolderInfo| self.reachable.contains(&node.node);
                missing.iter().copied().filter(then).collect()
            }
            Wait::All => missing.clone(),
        };
        let enough = held >= most.unwrap_or(usize::MAX);
        match of_wait.is_empty() {
            true if enough => None,
            true => Some(missing),
            false => Some(of_wait),
        }
    }
}

fn found(entry: &Entry, body: &Body<'_>) -> Option<Found> {
    Some(Found {
        id: entry.id,
        origin: (entry.node, entry.boot),
        seq: entry.seq,
        late: entry.late,
        room: entry.room.clone(),
        author: body.author().parse().ok()?,
        at: entry.at,
    })
}

/// Holders first, this node before all, then those that may still get it.
const fn rank(node: &HolderInfo) -> u8 {
    match node.state {
        DeliveryState::Here => 0,
        DeliveryState::Wrote => 1,
        DeliveryState::Told | DeliveryState::Equal => 2,
        DeliveryState::Behind | DeliveryState::Waiting | DeliveryState::Silent => 3,
        DeliveryState::Unreachable => 4,
        DeliveryState::Left
        | DeliveryState::Lost
        | DeliveryState::NotMember
        | DeliveryState::Unknown => 5,
    }
}

fn in_vain(info: &DeliveryInfo, missing: &[&HolderInfo]) -> Error {
    let mut names: Vec<String> = missing.iter().take(NAMED).map(|node| excuse(node)).collect();
    if missing.len() > NAMED {
        names.push(format!("{} more", missing.len() - NAMED));
    }
    let (reached, known) = (info.reached, info.known);
    let whom = if names.is_empty() {
        "; no other node is known".to_string()
    } else {
        format!(", not {}", names.join(", "))
    };
    let words = format!("reached {reached}/{known} in time{whom}");
    Error::new(ErrorCode::TimedOut, words).hint(format!(
        "it was accepted and goes on being delivered: meshchatctl delivery {}",
        info.id.short()
    ))
}

fn span(ms: u64) -> String {
    match ms / 1000 {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// A missing node and why.
fn excuse(node: &HolderInfo) -> String {
    let why = match node.state {
        DeliveryState::Unreachable | DeliveryState::Lost => {
            format!("unreachable for {}", span(node.since_ms.unwrap_or(0)))
        }
        DeliveryState::Behind => match &node.via {
            Some(via) if *via == node.name => "its link is behind".into(),
            Some(via) => format!("the link to {via} is behind"),
            None => "behind".into(),
        },
        DeliveryState::Silent => "its older software does not tell".into(),
        DeliveryState::Left => "left".into(),
        DeliveryState::NotMember => "not a member".into(),
        DeliveryState::Here
        | DeliveryState::Wrote
        | DeliveryState::Told
        | DeliveryState::Equal
        | DeliveryState::Waiting
        | DeliveryState::Unknown => "has not told yet".into(),
    };
    format!("{} ({why})", node.name)
}
