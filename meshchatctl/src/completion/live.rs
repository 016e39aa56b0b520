//! Values that only the daemon knows: asked for once, within a deadline, or none.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use meshchat_client::proto::control::{
    CursorRequest, NamesRequest, NetworkRequest, NodeState, Reply, Request, RoomInfo,
};
use meshchat_client::{Client, candidates};
use tokio::time;

use crate::output::style;

/// The content of the one reply that fits, or nothing.
macro_rules! reply {
    ($client:expr, $request:expr, $kind:ident) => {
        match $client.request($request).await {
            Ok(Reply::$kind(content)) => content,
            _ => return None,
        }
    };
}

/// What an argument names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Rooms,
    Joined,
    Private,
    People,
    Nodes,
    /// Both may be muted.
    PeopleAndNodes,
    Muted,
    Peers,
    Members,
    Cursors,
    Tickets,
}

/// A value, and what it is, in words of our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) text: String,
    pub(super) about: &'static str,
}

/// The daemon that the line so far names, and until when it may answer.
#[derive(Debug, Clone)]
pub(super) struct Daemon {
    paths: Vec<PathBuf>,
    until: Instant,
}

impl Daemon {
    /// The daemon that these words would talk to.
    pub(super) fn of(words: &[String]) -> Self {
        let paths = match (option(words, "--socket"), option(words, "--instance")) {
            (Some(socket), _) => vec![PathBuf::from(socket)],
            (None, instance) => candidates(instance),
        };
        Self { paths, until: Instant::now() + PATIENCE }
    }

    /// All values of a kind; none when anything at all is in the way.
    pub(super) fn values(&self, kind: Kind) -> Vec<Value> {
        let left = self.until.saturating_duration_since(Instant::now());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return Vec::new() };
        let found = runtime.block_on(async { time::timeout(left, self.ask(kind)).await });
        runtime.shutdown_background();
        let mut values = found.ok().flatten().unwrap_or_default();
        values.truncate(MOST);
        values
    }

    async fn ask(&self, kind: Kind) -> Option<Vec<Value>> {
        let client = Client::connect_any(&self.paths).await.ok()?;
        match kind {
            Kind::Rooms => rooms(&client, |_| true).await,
            Kind::Joined => rooms(&client, |room| room.joined).await,
            Kind::Private => rooms(&client, |room| room.private).await,
            Kind::People => people(&client).await,
            Kind::Nodes => nodes(&client).await,
            Kind::PeopleAndNodes => Some([people(&client).await?, nodes(&client).await?].concat()),
            Kind::Muted => muted(&client).await,
            Kind::Peers => peers(&client).await,
            Kind::Members => members(&client).await,
            Kind::Cursors => {
                let all = reply!(client, Request::Cursor(CursorRequest::List {}), Cursors);
                Some(each(all, |one| (one.name, "cursor")))
            }
            Kind::Tickets => {
                let all = reply!(client, Request::Network(NetworkRequest::Invites {}), Invites);
                Some(each(all, |one| (one.id, one.role.as_str())))
            }
        }
    }
}

async fn rooms(client: &Client, fits: impl Fn(&RoomInfo) -> bool) -> Option<Vec<Value>> {
    let rooms = reply!(client, Request::Rooms {}, Rooms);
    Some(each(rooms.into_iter().filter(fits), |room| (room.room.to_string(), of_room(&room))))
}

async fn people(client: &Client) -> Option<Vec<Value>> {
    let people = reply!(client, Request::Who { room: None }, People);
    Some(each(people.into_iter().filter(|one| !one.me), |one| {
        (format!("{}@{}", one.name, one.node_name), style::person(one.state).word)
    }))
}

async fn nodes(client: &Client) -> Option<Vec<Value>> {
    let nodes = reply!(client, Request::Nodes {}, Nodes);
    let others = nodes.into_iter().filter(|node| node.state != NodeState::Here);
    Some(each(others, |node| (node.name.to_string(), style::node(node.state).word)))
}

async fn peers(client: &Client) -> Option<Vec<Value>> {
    Some(each(reply!(client, Request::Peers {}, Peers), |peer| {
        let name = peer.name.map(|name| name.to_string());
        (name.unwrap_or(peer.address), style::peer(peer.state).word)
    }))
}

async fn members(client: &Client) -> Option<Vec<Value>> {
    let members = reply!(client, Request::Network(NetworkRequest::Members {}), Members);
    let others = members.into_iter().filter(|one| !one.removed && !one.me);
    Some(each(others, |one| (one.name.to_string(), one.role.as_str())))
}

async fn muted(client: &Client) -> Option<Vec<Value>> {
    let muted = reply!(client, Request::Names(NamesRequest::Mutes {}), Mutes);
    Some(each(muted, |one| match one.person {
        Some(person) => (format!("{person}@{}", one.node_name), "muted"),
        None => (one.node_name.to_string(), "muted"),
    }))
}

fn each<T>(
    all: impl IntoIterator<Item = T>,
    name: impl Fn(T) -> (String, &'static str),
) -> Vec<Value> {
    all.into_iter().map(name).map(|(text, about)| Value { text, about }).collect()
}

const fn of_room(room: &RoomInfo) -> &'static str {
    match (room.private, room.joined) {
        (true, _) => "private room",
        (false, true) => "you are in it",
        (false, false) => "room",
    }
}

/// The value of a global option, in either form, if the words have it.
fn option<'a>(words: &'a [String], name: &str) -> Option<&'a str> {
    let (_, given) = words.split_last()?;
    let mut given = given.iter();
    let mut found = None;
    while let Some(word) = given.next() {
        if word == "--" {
            break;
        }
        match word.strip_prefix(name) {
            Some("") => found = given.next().map(String::as_str),
            Some(rest) => found = rest.strip_prefix('=').or(found),
            None => {}
        }
    }
    found
}

/// What the daemon may take to be connected to and to answer, all in all: of the 300 ms after
/// which a person wonders, the rest is for starting this program.
const PATIENCE: Duration = Duration::from_millis(240);

/// Most values that are offered; nobody looks through more.
const MOST: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemon_is_the_one_that_the_line_names() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let socket = |line: &str| option(&words(line), "--socket").map(str::to_owned);
        assert_eq!(socket("ctl --socket /a ping x"), Some("/a".into()));
        assert_eq!(socket("ctl ping --socket=/a x"), Some("/a".into()));
        assert_eq!(socket("ctl ping -- --socket=/a x"), None);
        // The last word is still being typed.
        assert_eq!(socket("ctl --socket=/a"), None);
        assert_eq!(socket("ctl --socket"), None);
        assert_eq!(option(&[], "--socket"), None);
    }
}
