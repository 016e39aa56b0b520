//! Options of every command.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use crate::output::template::Template;

/// Options of every command.
#[derive(Debug, Clone, Default, ClapArgs)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Control socket of the daemon [default: your own daemon's, then the system's]
    #[arg(long, value_name = "PATH", global = true)]
    pub(crate) socket: Option<PathBuf>,
    /// Talk to the daemon that was started with the same --instance
    #[arg(long, value_name = "NAME", global = true, conflicts_with = "socket")]
    pub(crate) instance: Option<String>,
    /// Print JSON, one object per line; errors too, on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Colours: on a terminal only, always, or never (NO_COLOR is respected)
    #[arg(
        long,
        value_name = "WHEN",
        global = true,
        default_value = "auto",
        hide_possible_values = true
    )]
    pub(crate) color: Color,
    /// Leave out table headers and summaries
    #[arg(long, global = true)]
    pub(crate) no_legend: bool,
    /// Print tables for scripts: values as they are, separated by tabs, no header
    #[arg(short, long, global = true, conflicts_with = "json")]
    pub(crate) terse: bool,
    /// Print each object of --json as TEMPLATE says: '{name} {state}\n'
    ///
    /// A field is named as in --json, with dots for what is inside: {history.messages}, {path.0.name}.
    /// {{ is a brace; \t, \n and \\ are a tab, a new line and a backslash. Nothing is added at the
    /// end. A value that is missing is empty; an event without any of the fields is left out.
    #[arg(
        long = "format",
        id = "template",
        value_name = "TEMPLATE",
        global = true,
        conflicts_with_all = ["json", "terse", "fields"],
        allow_hyphen_values = true,
        value_parser = parse_template
    )]
    pub(crate) template: Option<String>,
    /// Show only these columns of a table
    #[arg(long, value_name = "A,B", global = true, value_delimiter = ',', conflicts_with = "json")]
    pub(crate) fields: Vec<String>,
}

/// Kept as text, so that a command may have a --format of its own.
fn parse_template(text: &str) -> Result<String, String> {
    Template::parse(text).map(|_| text.to_owned())
}

/// When to use colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Color {
    #[default]
    Auto,
    Always,
    Never,
}
