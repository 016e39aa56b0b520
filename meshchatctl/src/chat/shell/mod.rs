//! Runs the chat: the terminal, the connection to the daemon, the files.

mod daemon;
mod memory;
mod terminal;

use std::time::Duration;

use crossterm::event::{Event as Press, EventStream, KeyEventKind};
use futures_util::StreamExt as _;
use tokio::time::{self, Instant};

use self::daemon::Daemon;
use self::memory::Memory;
use self::terminal::Terminal;
use super::draw::draw;
use super::model::Model;
use super::seam::{Effect, Input, Now};
use crate::args::Chat;
use crate::failure::Failure;
use crate::output::time::Clock;
use crate::session::Session;

/// Runs until the person leaves.
pub(crate) async fn chat(session: &mut Session, args: Chat) -> Result<u8, Failure> {
    let taste = terminal::taste(&session.out.view, &args)?;
    let (mut daemon, first) = Daemon::connect(session.paths.clone()).await?;
    let mut memory = Memory::open(&daemon);
    let mut model = Model::new(args.room, memory.kept(), taste.clone());
    let mut terminal = Terminal::open(&taste)?;
    let mut keys = EventStream::new();
    let begin = Instant::now();
    let now = || Now { clock: Clock::now(), running: begin.elapsed() };
    let mut inputs = vec![first];
    loop {
        for input in inputs.drain(..).collect::<Vec<_>>() {
            for effect in model.handle(&now(), input) {
                match effect {
                    Effect::Ask(id, request) => daemon.ask(id, request),
                    Effect::Past(room, many) => daemon.past(room, many),
                    Effect::Keep(keep) => inputs.extend(memory.keep(keep)),
                    Effect::Quit => return Ok(0),
                    other @ (Effect::Notify { .. }
                    | Effect::Copy(_)
                    | Effect::Mouse(_)
                    | Effect::Repaint
                    | Effect::Suspend) => terminal.apply(other)?,
                }
            }
        }
        terminal.draw(|frame| draw(frame, &model, &now()))?;
        let pause = model.due().unwrap_or(TICK).min(TICK);
        tokio::select! {
            press = keys.next() => match press {
                Some(press) => inputs.extend(input(press?)),
                None => return Ok(0),
            },
            input = daemon.next() => inputs.push(input?),
            () = time::sleep(pause) => inputs.push(Input::Tick),
        }
    }
}

fn input(press: Press) -> Option<Input> {
    match press {
        Press::Key(key) if key.kind != KeyEventKind::Release => Some(Input::Key(key)),
        Press::Paste(text) => Some(Input::Paste(text)),
        Press::Mouse(mouse) => Some(Input::Mouse(mouse)),
        Press::Resize(columns, lines) => Some(Input::Resize(columns, lines)),
        Press::Key(_) | Press::FocusGained | Press::FocusLost => None,
    }
}

const TICK: Duration = Duration::from_secs(1);
