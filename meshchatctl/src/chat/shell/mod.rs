//! Runs the chat: the terminal, the connection to the daemon, the files.

mod daemon;
mod memory;
mod taste;
mod terminal;

use std::io;
use std::ops::ControlFlow;
use std::time::Duration;

use crossterm::event::{Event as Press, EventStream, KeyEventKind};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::signal::unix::{Signal, SignalKind, signal};
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
    let (daemon, first) = Daemon::connect(session.paths.clone()).await?;
    let memory = Memory::open(&daemon);
    let model = Model::new(args.room, memory.kept(), taste.clone());
    let (columns, lines) = crossterm::terminal::size()?;
    let terminal = Terminal::open(&taste)?;
    let mut sources = Sources {
        daemon,
        keys: EventStream::new(),
        end: signal(SignalKind::terminate())?,
        hang_up: signal(SignalKind::hangup())?,
    };
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

/// Where inputs come from.
struct Sources {
    daemon: Daemon,
    keys: EventStream,
    end: Signal,
    hang_up: Signal,
}

impl Sources {
    /// Waits for something, at most until `wake`, and takes all that has come meanwhile with it.
    async fn wait(&mut self, inputs: &mut Vec<Input>, wake: Wake) -> io::Result<()> {
        tokio::select! {
            press = self.keys.next() => inputs.extend(input(press)?),
            input = self.daemon.next() => inputs.push(input),
            _ = self.end.recv() => inputs.push(Input::Leave),
            _ = self.hang_up.recv() => inputs.push(Input::Leave),
            () = time::sleep_until(wake.at) => inputs.extend(wake.tick.then_some(Input::Tick)),
        }
        while inputs.len() < AT_ONCE {
            if let Some(press) = self.keys.next().now_or_never() {
                inputs.extend(input(press)?);
            } else if let Some(input) = self.daemon.next().now_or_never() {
                inputs.push(input);
            } else {
                break;
            }
        }
        Ok(())
    }
}

/// When to go on if nothing happens, and whether the model is to hear of it.
struct Wake {
    at: Instant,
    tick: bool,
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

/// What the terminal says; at its end there is nobody to talk with.
fn input(press: Option<io::Result<Press>>) -> io::Result<Option<Input>> {
    let Some(press) = press else { return Ok(Some(Input::Leave)) };
    Ok(match press? {
        Press::Key(key) if key.kind != KeyEventKind::Release => Some(Input::Key(key)),
        Press::Paste(text) => Some(Input::Paste(text)),
        Press::Mouse(mouse) => Some(Input::Mouse(mouse)),
        Press::Resize(columns, lines) => Some(Input::Resize(columns, lines)),
        Press::Key(_) | Press::FocusGained | Press::FocusLost => None,
    })
}

const TICK: Duration = Duration::from_secs(1);
/// At most thirty pictures a second.
const FRAME: Duration = Duration::from_millis(33);
/// Inputs that are taken before anything is drawn.
const AT_ONCE: usize = 1_024;
