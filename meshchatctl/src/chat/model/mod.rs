//! What the chat knows: conversations, people, the state of the node and of what was said.

use std::time::Duration;

use crossterm::event::{KeyCode, KeyModifiers};
use meshchat_client::proto::control::{Event, Message, Request};
use meshchat_client::proto::message::MessageKind;

use super::editor::Editor;
use super::seam::{Argument, AskId, Effect, Input, Kept, Lexicon, Link, Now, Taste, Typed};

/// See the module.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) editor: Editor,
    pub(crate) messages: Vec<Message>,
    pub(crate) link: String,
    asked: u64,
}

struct Words;

impl Lexicon for Words {
    fn people(&self) -> Vec<String> {
        Vec::new()
    }
    fn rooms(&self) -> Vec<String> {
        Vec::new()
    }
    fn nodes(&self) -> Vec<String> {
        Vec::new()
    }
    fn commands(&self) -> Vec<(&'static str, Argument)> {
        Vec::new()
    }
}

impl Model {
    pub(crate) fn new(_room: Option<String>, _kept: Kept, _taste: Taste) -> Self {
        Self {
            editor: Editor::default(),
            messages: Vec::new(),
            link: "connecting".into(),
            asked: 0,
        }
    }

    /// When [`Input::Tick`] is wanted next, if sooner than in a second.
    pub(crate) fn due(&self) -> Option<Duration> {
        None
    }

    pub(crate) fn handle(&mut self, _now: &Now, input: Input) -> Vec<Effect> {
        match input {
            Input::Key(key) => match self.editor.key(key, &Words) {
                Typed::Submit(text) => {
                    self.asked += 1;
                    let (room, kind) = (None, MessageKind::Text);
                    return vec![Effect::Ask(
                        AskId(self.asked),
                        Request::Send { room, text, kind },
                    )];
                }
                Typed::Pass(key)
                    if key.code == KeyCode::Char('c') && key.modifiers == KeyModifiers::CONTROL =>
                {
                    return vec![Effect::Quit];
                }
                Typed::Pass(_) | Typed::Edited => {}
            },
            Input::Paste(text) => {
                self.editor.paste(&text);
            }
            Input::Event(event) => {
                if let Event::Message(message) = *event {
                    self.messages.push(message);
                }
            }
            Input::Link(Link::Up { welcome, .. }) => self.link = welcome.name.to_string(),
            Input::Link(Link::Lost(why)) => self.link = why,
            Input::Mouse(_)
            | Input::Resize(..)
            | Input::Tick
            | Input::Past(..)
            | Input::Answer(..)
            | Input::NotKept(_) => {}
        }
        Vec::new()
    }
}
