//! Runs the chat: the terminal, the connection to the daemon, the files.

mod daemon;
mod last_words;
mod memory;
mod sources;
mod taste;
mod terminal;

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use tokio::time::Instant;

use self::daemon::Daemon;
use self::memory::Memory;
use self::sources::{Sources, Wake};
use self::terminal::Terminal;
use super::draw::draw;
use super::model::{Model, Place};
use super::seam::{Effect, Input, Now};
use crate::args::Chat;
use crate::failure::Failure;
use crate::output::time::Clock;
use crate::session::Session;

/// Runs until the person leaves.
pub(crate) async fn chat(session: &mut Session, args: Chat) -> Result<u8, Failure> {
    if let Some(room) = args.room.as_deref().filter(|room| Place::parse(room).is_none()) {
        return Err(Failure::usage(format!("{room:?} is neither a room nor a person"))
            .hint("a room:     meshchatctl chat '#ops'")
            .hint("a person:   meshchatctl chat @anna@barn"));
    }
    let taste = terminal::taste(&session.out.view, &args)?;
    let (daemon, first) = Daemon::connect(session.paths.clone()).await?;
    let memory = Memory::open(&daemon);
    let model = Model::new(args.room, memory.kept(), taste.clone());
    let (columns, lines) = terminal::size();
    let terminal = Terminal::open(&taste)?;
    let sources = Sources::new(daemon)?;
    let begin = Instant::now();
    let mut screen = Screen { model, memory, terminal, begin, drawn: None, leaving: None };
    let ended = screen.run(sources, vec![Input::Resize(columns, lines), first]).await;
    screen.close(ended)
}

/// The model, and what it acts on.
struct Screen {
    model: Model,
    memory: Memory,
    terminal: Terminal,
    begin: Instant,
    /// When it was drawn last; the model has changed since when it is `false`.
    drawn: Option<(Instant, bool)>,
    /// The person leaves; until when words may still go out.
    leaving: Option<Instant>,
}

impl Screen {
    fn now(&self) -> Now {
        Now { clock: Clock::now(), running: self.begin.elapsed() }
    }

    async fn run(&mut self, mut sources: Sources, mut inputs: Vec<Input>) -> io::Result<()> {
        loop {
            inputs.extend(self.memory.trouble());
            let quit = self.take(std::mem::take(&mut inputs), &mut sources.daemon)?;
            if self.ends(quit) {
                return Ok(());
            }
            let mut wake = self.draw()?;
            wake.at = self.leaving.map_or(wake.at, |until| wake.at.min(until));
            sources.wait(&mut inputs, wake).await?;
        }
    }

    /// Tells the model what happened and carries out what it wants. Whether it wants to end.
    fn take(&mut self, inputs: Vec<Input>, daemon: &mut Daemon) -> io::Result<bool> {
        let now = self.now();
        let mut inputs = VecDeque::from(inputs);
        let mut quit = false;
        while let Some(input) = inputs.pop_front() {
            self.drawn = self.drawn.map(|(at, _)| (at, false));
            for effect in self.model.handle(&now, input) {
                match effect {
                    Effect::Ask(id, request) => daemon.ask(id, request),
                    Effect::Past(room, many) => daemon.past(room, many),
                    Effect::Keep(keep) => inputs.extend(self.memory.keep(keep)),
                    Effect::Quit => quit = true,
                    other @ (Effect::Notify { .. }
                    | Effect::Copy(_)
                    | Effect::Mouse(_)
                    | Effect::Repaint
                    | Effect::Suspend) => self.terminal.apply(other)?,
                }
            }
        }
        Ok(quit)
    }

    /// Whether it is time to end: words on their way to the node are worth a moment, unless the
    /// person asks again.
    fn ends(&mut self, quit: bool) -> bool {
        let now = Instant::now();
        let again = quit && self.leaving.is_some();
        if quit {
            self.leaving.get_or_insert(now + LAST_WORDS);
        }
        let waits = self.model.standing.is_up() && self.model.outbox.is_under_way();
        self.leaving.is_some_and(|until| again || now >= until || !waits)
    }

    /// Gives the terminal back, and says what became of words that were not sent.
    fn close(self, ended: io::Result<()>) -> Result<u8, Failure> {
        let Self { model, memory, terminal, .. } = self;
        drop(terminal);
        let kept = memory.close();
        last_words::report(&model.outbox.unsent(), kept)?;
        Ok(ended.map(|()| 0)?)
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

/// How long words that were just said may take to reach the node when the person leaves.
const LAST_WORDS: Duration = Duration::from_secs(2);
const TICK: Duration = Duration::from_secs(1);
/// At most thirty pictures a second.
const FRAME: Duration = Duration::from_millis(33);
