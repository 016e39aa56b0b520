//! What the chat knows: conversations, people, the state of the node and of what was said.
//!
//! [`Model::handle`] takes what happened and gives what is to be done. Nothing here asks for the
//! time, waits, or draws.

pub(crate) mod ask;
mod changes;
pub(crate) mod command;
pub(crate) mod conversation;
mod delivery;
mod events;
mod keys;
pub(crate) mod log;
mod membership;
pub(crate) mod mode;
pub(crate) mod outbox;
pub(crate) mod people;
pub(crate) mod place;
pub(crate) mod places;
mod refresh;
mod replies;
pub(crate) mod scroll;
mod sending;
pub(crate) mod standing;
#[cfg(test)]
pub(crate) mod tests;
mod words;

use std::collections::BTreeSet;
use std::time::Duration;

use meshchat_client::proto::name::RoomName;

use self::ask::Asks;
use self::conversation::Conversation;
use self::delivery::Deliveries;
pub(crate) use self::events::PAST_OF_ALL;
use self::log::What;
use self::mode::{Mode, Panes};
use self::outbox::Outbox;
use self::people::People;
pub(crate) use self::place::Place;
use self::places::Places;
use self::refresh::Refresh;
use self::standing::Standing;
use super::editor::Editor;
use super::seam::{Effect, Input, Keep, Kept, Now, Taste, Typed};
use crate::output::style::Paint;
use crate::output::time::Clock;

/// See the module.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) editor: Editor,
    pub(crate) taste: Taste,
    pub(crate) places: Places,
    pub(crate) people: People,
    pub(crate) standing: Standing,
    pub(crate) outbox: Outbox,
    pub(crate) mode: Mode,
    pub(crate) panes: Panes,
    /// Columns and lines of the screen.
    pub(crate) size: (u16, u16),
    deliveries: Deliveries,
    refresh: Refresh,
    asks: Asks,
    /// The room that was asked for on the command line, until the node knows.
    wanted: Option<Place>,
    introduced: bool,
    /// Messages that the stream has brought before it was caught up.
    replayed: usize,
    running: Duration,
    flags: Flags,
    effects: Vec<Effect>,
}

/// What is to be remembered for a moment.
#[derive(Debug, Default)]
struct Flags {
    unsent_changed: bool,
    /// When reading was kept last, and when attention was drawn last.
    kept_at: Duration,
    notified_at: Option<Duration>,
    /// Until when a second Ctrl-C leaves.
    leaving_until: Duration,
    /// Whose members were asked for last, of private rooms, and when.
    members_of: Option<(Place, Duration)>,
    /// What could not be kept, as it was told.
    not_kept: BTreeSet<String>,
    /// The chat ends once all else of this moment is done.
    leaving: bool,
}

impl Model {
    pub(crate) fn new(room: Option<String>, kept: Kept, taste: Taste) -> Self {
        let wanted = room.as_deref().and_then(Place::parse);
        let last = kept.last.as_deref().and_then(Place::parse);
        let lobby = Place::Room(RoomName::lobby());
        let open = wanted.clone().or(last).unwrap_or(lobby);
        let mut editor = Editor::new(kept.typed);
        editor.enter(&open.key());
        Self {
            editor,
            places: Places::new(open, kept.read, kept.muted),
            people: People::default(),
            standing: Standing::default(),
            outbox: Outbox::new(kept.unsent),
            mode: Mode::Chat,
            panes: Panes::default(),
            size: (80, 24),
            deliveries: Deliveries::default(),
            refresh: Refresh::default(),
            asks: Asks::default(),
            wanted,
            introduced: kept.introduced,
            replayed: 0,
            running: Duration::ZERO,
            flags: Flags::default(),
            effects: Vec::new(),
            taste,
        }
    }

    /// When [`Input::Tick`] is wanted next, if sooner than in a second.
    pub(crate) fn due(&self) -> Option<Duration> {
        if !self.standing.is_up() {
            return None;
        }
        let sending = self.outbox.due().filter(|_| self.standing.caught_up);
        let next = [sending, self.deliveries.due(), self.refresh.due()].into_iter().flatten().min();
        next.map(|at| at.saturating_sub(self.running).max(SHORTEST))
    }

    /// Takes what happened; gives what is to be done.
    pub(crate) fn handle(&mut self, now: &Now, input: Input) -> Vec<Effect> {
        self.running = now.running;
        match input {
            Input::Key(key) => self.key(key, &now.clock),
            Input::Paste(text) => self.paste(&text, &now.clock),
            Input::Mouse(mouse) => self.mouse(mouse),
            Input::Resize(columns, lines) => self.size = (columns, lines),
            Input::Tick => {}
            Input::Leave => self.quit(),
            Input::Link(link) => self.link(link, &now.clock),
            Input::Event(event) => self.event(*event, &now.clock),
            Input::Past(room, event) => self.past(&room, event.map(|event| *event), &now.clock),
            Input::NoPast(room) => self.no_past(&room),
            Input::Answer(id, result) => self.answer(id, result, &now.clock),
            Input::NotKept(why) => self.not_kept(&why, &now.clock),
        }
        self.go_on(&now.clock);
        if std::mem::take(&mut self.flags.leaving) {
            self.effects.push(Effect::Quit);
        }
        std::mem::take(&mut self.effects)
    }

    /// Asks what is due, sends what waits, keeps what changed.
    fn go_on(&mut self, clock: &Clock) {
        if self.standing.is_ready() {
            self.send(clock);
        }
        if self.standing.is_up() {
            self.ask_what_is_due();
        }
        self.tell_of_words(clock);
        if std::mem::take(&mut self.flags.unsent_changed) {
            self.effects.push(Effect::Keep(Keep::Unsent(self.outbox.unsent())));
        }
        if self.running >= self.flags.kept_at + KEEP_READ {
            self.flags.kept_at = self.running;
            self.keep_read();
        }
        self.places.trim();
    }

    /// Keeps how far was read, where that changed.
    fn keep_read(&mut self) {
        for one in self.places.iter_mut().filter(|one| one.read_changed) {
            one.read_changed = false;
            if let Some(cursor) = one.read {
                let conversation = one.place.key();
                self.effects.push(Effect::Keep(Keep::Read { conversation, cursor }));
            }
        }
    }

    fn quit(&mut self) {
        self.keep_read();
        self.effects.push(Effect::Keep(Keep::Last(self.places.open().key())));
        self.flags.leaving = true;
    }

    /// Goes to a conversation.
    pub(crate) fn enter(&mut self, place: &Place) {
        if !self.places.is_open(place) {
            self.places.current_mut().draft = !self.editor.is_empty();
            self.places.enter(place);
            self.places.current_mut().draft = false;
            self.editor.enter(&place.key());
            self.keep_read();
            self.effects.push(Effect::Keep(Keep::Last(place.key())));
        }
        self.panes.shown = None;
    }

    /// Tells the person something, where they are.
    fn tell(&mut self, words: &str, paint: Paint, clock: &Clock) {
        let place = self.places.open().clone();
        self.tell_in(&place, words, paint, clock);
    }

    fn tell_in(&mut self, place: &Place, words: &str, paint: Paint, clock: &Clock) {
        let lines = words.trim_end().lines().map(str::to_owned).collect();
        let now = Some(clock.now.datetime());
        self.add(place, |one| one.log.add(now, What::Answer(lines, paint)));
        if self.places.is_open(place) {
            self.show_whole();
        }
    }

    fn add(&mut self, place: &Place, add: impl FnOnce(&mut Conversation) -> u64) -> u64 {
        let running = self.running;
        let one = self.places.get(place);
        let id = add(one);
        one.touched = running;
        one.added();
        id
    }

    fn not_kept(&mut self, why: &str, clock: &Clock) {
        let told = &mut self.flags.not_kept;
        if told.len() < NOT_KEPT && told.insert(why.to_owned()) {
            let words = format!(
                "cannot keep what is read and typed: {}",
                crate::output::escape::escape(why)
            );
            self.tell(&words, Paint::Warn, clock);
        }
    }

    fn typed(&mut self, typed: Typed, clock: &Clock) {
        match typed {
            Typed::Edited => {}
            Typed::Submit(line) => self.submit(&line, clock),
            Typed::Pass(key) => self.passed(key, clock),
        }
    }
}

/// A flood of messages rings once in this time.
const RINGS_APART: Duration = Duration::from_secs(2);
/// Reasons for not keeping things that are told, each once.
const NOT_KEPT: usize = 8;
/// No tick sooner than this after another.
const SHORTEST: Duration = Duration::from_millis(20);
/// How often it is kept how far was read.
const KEEP_READ: Duration = Duration::from_secs(5);
