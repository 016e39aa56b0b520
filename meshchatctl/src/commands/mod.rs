//! One small file for each group of commands.

mod config;
mod connect;
mod dm;
mod doctor;
mod graph;
mod nodes;
mod peers;
mod people;
mod ping;
mod private;
mod rooms;
mod send;
mod status;
mod tail;
mod trace;
mod version;
mod wait;

use crate::args::{Args, Command, Peers};
use crate::failure::Failure;
use crate::session::Session;

/// Runs what was asked for; gives the exit code.
pub(crate) async fn run(session: &mut Session, args: Args) -> Result<u8, Failure> {
    let Some(command) = args.command else {
        return status::overview(session).await;
    };
    match command {
        Command::Status { limits: false } => status::status(session).await,
        Command::Status { limits: true } => status::limits(session).await,
        Command::Connect(connect) => connect::connect(session, connect).await,
        Command::Disconnect { peer } => connect::disconnect(session, peer).await,
        Command::Peers { command: Some(Peers::List), .. } => peers::list(session).await,
        Command::Peers { command: Some(Peers::Graph { format }), .. } => {
            graph::graph(session, format).await
        }
        Command::Peers { watch: true, .. }
        | Command::Peers { command: Some(Peers::Status { watch: true }), .. } => {
            peers::watch(session).await
        }
        Command::Peers { .. } => peers::status(session).await,
        Command::Nodes => nodes::nodes(session).await,
        Command::Who { room } => people::who(session, room).await,
        Command::Nick { name } => people::nick(session, name).await,
        Command::Away { note, back } => people::away(session, &note.join(" "), back).await,
        Command::Rooms => rooms::rooms(session).await,
        Command::Join { room } => rooms::join(session, room).await,
        Command::Leave { room } => rooms::leave(session, room).await,
        Command::Room(room) => private::room(session, room).await,
        Command::Send(send) => send::send(session, send).await,
        Command::Dm(dm) => dm::dm(session, dm).await,
        Command::Tail(tail) => tail::tail(session, tail).await,
        Command::Ping(ping) => ping::ping(session, ping).await,
        Command::Trace(trace) => trace::trace(session, trace).await,
        Command::Config(config) => config::config(session, config).await,
        Command::Doctor { problems } => {
            doctor::doctor(session, args.global.instance.as_deref(), problems).await
        }
        Command::Wait { peers, timeout } => wait::wait(session, peers, timeout).await,
        Command::Version => version::version(session).await,
    }
}

/// The content of the one reply that fits, or the failure that it did not.
macro_rules! expect_reply {
    ($reply:expr, $kind:ident) => {
        match $reply {
            meshchat_client::proto::control::Reply::$kind(content) => content,
            _ => return Err(meshchat_client::RequestError::NotUnderstood.into()),
        }
    };
}
use expect_reply;
