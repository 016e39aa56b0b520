//! One small file for each group of commands.

mod bugreport;
mod check;
mod config;
mod confirm;
mod connect;
mod cursors;
pub(crate) mod delivery;
mod dm;
mod doctor;
mod doors;
mod events;
mod graph;
pub(crate) mod invite;
mod log_level;
mod logs;
mod members;
mod metrics;
mod names;
mod network;
mod nodes;
pub(crate) mod peers;
mod people;
pub(crate) mod ping;
mod private;
mod rollcall;
mod rooms;
mod root_key;
mod send;
pub(crate) mod status;
mod tail;
mod top;
mod trace;
pub(crate) mod trail;
mod version;
mod wait;
mod watch;

pub(crate) use self::check::not_checked;
use self::watch::Subject;
use crate::args::{Args, Command, Cursors, Peers, Status, Who};
use crate::failure::Failure;
use crate::session::Session;

/// Runs what was asked for; gives the exit code.
pub(crate) async fn run(session: &mut Session, args: Args) -> Result<u8, Failure> {
    let Some(command) = args.command else {
        return status::overview(session).await;
    };
    match command {
        Command::Status(Status { limits: true, .. }) | Command::Limits => {
            status::limits(session).await
        }
        Command::Status(Status { watch: true, .. }) => watch::watch(session, Subject::Status).await,
        Command::Status(args) if args.check => check::check(session, args).await,
        Command::Status(_) => status::status(session).await,
        Command::Top(args) => top::top(session, args).await,
        Command::Events(args) => events::events(session, args).await,
        Command::Rollcall(args) => rollcall::rollcall(session, args).await,
        Command::Bugreport(args) => bugreport::bugreport(session, args).await,
        Command::Connect(connect) => connect::connect(session, connect).await,
        Command::Disconnect { peer } => connect::disconnect(session, peer).await,
        Command::Peers { command: Some(Peers::List), .. } => peers::list(session).await,
        Command::Peers { command: Some(Peers::Graph { format }), .. } => {
            graph::graph(session, &format).await
        }
        Command::Peers { watch: true, .. }
        | Command::Peers { command: Some(Peers::Status { watch: true }), .. } => {
            peers::watch(session).await
        }
        Command::Peers { .. } => peers::status(session).await,
        Command::Nodes { watch: true } => watch::watch(session, Subject::Nodes).await,
        Command::Nodes { watch: false } => nodes::nodes(session).await,
        Command::Who { room, watch: true } => watch::watch(session, Subject::Who(room)).await,
        Command::Who { room, watch: false } => people::who(session, room).await,
        Command::Nick { name } => people::nick(session, name).await,
        Command::Away { note, back } => people::away(session, &note.join(" "), back).await,
        Command::Alias(args) => names::alias(session, args).await,
        Command::Verify(args) => names::verify(session, args).await,
        Command::Mute(Who { who }) => names::mute(session, who, false).await,
        Command::Block(Who { who }) => names::mute(session, who, true).await,
        Command::Unmute(Who { who }) | Command::Unblock(Who { who }) => {
            names::unmute(session, who).await
        }
        Command::Mutes => names::mutes(session).await,
        Command::Rooms { watch: true } => watch::watch(session, Subject::Rooms).await,
        Command::Rooms { watch: false } => rooms::rooms(session).await,
        Command::Join { target, yes } if invite::is_ticket(&target) => {
            network::join(session, target, yes).await
        }
        Command::Join { target, .. } => rooms::join(session, target).await,
        Command::Leave { room } => rooms::leave(session, room).await,
        Command::Network { command } => network::network(session, command).await,
        Command::Invite(args) => invite::invite(session, args).await,
        Command::Members { command } => members::members(session, command).await,
        Command::Room(room) => private::room(session, room).await,
        Command::Send(send) => send::send(session, send).await,
        Command::Dm(dm) => dm::dm(session, dm).await,
        Command::Chat(chat) => crate::chat::chat(session, chat).await,
        Command::Tail(tail) => tail::tail(session, tail).await,
        Command::Cursors { command: None } => cursors::list(session).await,
        Command::Cursors { command: Some(Cursors::Remove { name }) } => {
            cursors::remove(session, name).await
        }
        Command::Doors => doors::doors(session).await,
        Command::Pair { qr } => doors::pair(session, qr).await,
        Command::Ping(ping) => ping::ping(session, ping).await,
        Command::Trace(trace) => trace::trace(session, trace).await,
        Command::Delivery(delivery) => delivery::delivery(session, delivery).await,
        Command::Config(config) => config::config(session, config).await,
        Command::Logs(logs) => logs::logs(session, logs).await,
        Command::LogLevel(level) => log_level::log_level(session, level).await,
        Command::Metrics(metrics) => metrics::metrics(session, metrics).await,
        Command::Doctor { problems } => doctor::doctor(session, problems).await,
        Command::Wait { peers, timeout } => wait::wait(session, peers, timeout).await,
        Command::Completions { shell } => {
            session.out.text(shell.script())?;
            Ok(0)
        }
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
