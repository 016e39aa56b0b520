use clap::{Args as ClapArgs, ValueEnum};

use crate::chat::Notify;

#[derive(Debug, ClapArgs)]
pub(crate) struct Chat {
    /// The room to begin with [default: where you were the last time, else #lobby]
    pub(crate) room: Option<String>,
    /// Catch the mouse, so that a click opens a room; marking text needs Shift then
    #[arg(
        long,
        value_name = "on|off",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "on",
        hide_possible_values = true
    )]
    pub(crate) mouse: Option<Switch>,
    /// When to ring the bell: off, on mentions, or on all messages
    #[arg(long, value_name = "WHEN", hide_possible_values = true)]
    pub(crate) notify: Option<Notify>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    On,
    Off,
}
