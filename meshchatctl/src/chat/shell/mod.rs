//! Runs the chat: the terminal, the connection to the daemon, the files.

mod daemon;
mod memory;
mod sources;
mod taste;
mod terminal;

use std::io;
use std::ops::ControlFlow;
use std::time::Duration;

use tokio::time::Instant;

use self::daemon::Daemon;
use self::memory::Memory;
use self::sources::{Sources, Wake};
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
    let (daemon, first) = Daemon::connect(session.paths.clone()).await?;
    let memory = Memory::open(&daemon);
    let model = Model::new(args.room, memory.kept(), taste.clone());
    let (columns, lines) = terminal::size();
    let terminal = Terminal::open(&taste)?;
    let mut sources = Sources::new(daemon)?;
    let mut screen = Screen { model, memory, terminal, begin: Instant::now(), drawn: None };
    let mut inputs = vec![Input::Resize(columns, lines), first];
    loop {
        if screen.take(std::mem::take(&mut inputs), &mut sources.daemon)?.is_break() {
            return Ok(0);
        }
        let wake = screen.draw()?;
        sources.wait(&mut inputs, wake).await?;
    }
}

/// The model, and what it acts on.
struct Screen {
    model: Model,
    memory: Memory,
    terminal: Terminal,
    begin: Instant,
    /// When it was drawn last; the model has changed since when it is `false`.
    drawn: Option<(Instant, bool)>,
}

impl Screen {
    fn now(&self) -> Now {
        Now { clock: Clock::now(), running: self.begin.elapsed() }
    }

    /// Tells the model what happened and carries out what it wants.
    fn take(&mut self, inputs: Vec<Input>, daemon: &mut Daemon) -> io::Result<ControlFlow<()>> {
        let now = self.now();
        let mut inputs = std::collections::VecDeque::from(inputs);
        while let Some(input) = inputs.pop_front() {
            self.drawn = self.drawn.map(|(at, _)| (at, false));
            for effect in self.model.handle(&now, input) {
                match effect {
                    Effect::Ask(id, request) => daemon.ask(id, request),
                    Effect::Past(room, many) => daemon.past(room, many),
                    Effect::Keep(keep) => inputs.extend(self.memory.keep(keep)),
                    Effect::Quit => return Ok(ControlFlow::Break(())),
                    other @ (Effect::Notify { .. }
                    | Effect::Copy(_)
                    | Effect::Mouse(_)
                    | Effect::Repaint
                    | Effect::Suspend) => self.terminal.apply(other)?,
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Draws if something changed and it was not drawn just now.
    fn draw(&mut self) -> io::Result<Wake> {
        let now = Instant::now();
        let due = self.drawn.map_or(now, |(at, _)| at + FRAME);
        if self.drawn.is_some_and(|(_, same)| same) {
            let pause = self.model.due().unwrap_or(TICK).min(TICK);
            return Ok(Wake { at: now + pause, tick: true });
        }
        if now < due {
            return Ok(Wake { at: due, tick: false });
        }
        let moment = self.now();
        let Self { terminal, model, .. } = self;
        terminal.draw(|frame| draw(frame, model, &moment))?;
        // A slow line takes its time; it is not drawn anew before it had some rest.
        self.drawn = Some((Instant::now(), true));
        let pause = self.model.due().unwrap_or(TICK).min(TICK);
        Ok(Wake { at: now + pause, tick: true })
    }
}

const TICK: Duration = Duration::from_secs(1);
/// At most thirty pictures a second.
const FRAME: Duration = Duration::from_millis(33);
