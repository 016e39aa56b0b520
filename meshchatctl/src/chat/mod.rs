//! The terminal chat: `meshchatctl chat`.
//!
//! The [`model`] knows everything and does nothing; [`draw`] turns it into a screen; the [`shell`]
//! brings it keys and events and carries out its effects. The model has no clock, no terminal and
//! no connection, so tests can drive it and look at the screen.

mod draw;
mod editor;
mod model;
mod seam;
mod shell;

pub(crate) use seam::Notify;
pub(crate) use shell::chat;
