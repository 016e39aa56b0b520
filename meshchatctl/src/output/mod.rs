//! Everything that is printed.

pub(crate) mod advice;
pub(crate) mod diagram;
pub(crate) mod drops;
pub(crate) mod escape;
pub(crate) mod event;
pub(crate) mod feed;
pub(crate) mod json;
pub(crate) mod partition;
pub(crate) mod qr;
pub(crate) mod screen;
pub(crate) mod spinner;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod template;
pub(crate) mod time;
pub(crate) mod tree;

use std::env;
use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write as _};
use std::os::fd::AsFd as _;

use serde::Serialize;
use tokio::io::Interest;
use tokio::net::unix::pipe::Sender;

use crate::args::{Color, Global};
use crate::failure::Failure;
use advice::advise;
use table::Table;
use template::Template;

/// How to print.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    /// Objects for programs, not words for people.
    pub(crate) json: bool,
    /// How each of those objects is written; as JSON without.
    pub(crate) template: Option<Template>,
    pub(crate) color: bool,
    /// What `--color` says.
    pub(crate) wanted: Color,
    pub(crate) legend: bool,
    pub(crate) terse: bool,
    pub(crate) fields: Vec<String>,
    /// The node of several on this machine that commands in advice are for.
    pub(crate) instance: Option<String>,
    /// Standard output is a terminal.
    pub(crate) terminal: bool,
    /// Columns of the terminal; unlimited when there is none.
    pub(crate) width: Option<usize>,
    /// Lines of the terminal; unlimited when there is none.
    pub(crate) height: Option<usize>,
}

impl View {
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self { legend: true, ..Self::default() }
    }

    fn new(global: &Global) -> Self {
        let terminal = io::stdout().is_terminal();
        let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        let color = match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !dumb && !set("NO_COLOR"),
        };
        // A template that is wrong was refused with the command line.
        let template = global.template.as_deref().and_then(|text| Template::parse(text).ok());
        let json = global.json || template.is_some();
        let mut view = Self {
            json,
            template,
            color: color && !json,
            wanted: global.color,
            legend: !global.no_legend && !global.terse,
            terse: global.terse,
            fields: global.fields.clone(),
            instance: global.instance.clone(),
            terminal,
            width: None,
            height: None,
        };
        view.measure();
        view
    }

    /// Whether failures are objects too.
    pub(crate) const fn json_failures(&self) -> bool {
        self.json && self.template.is_none()
    }

    /// Asks the terminal for its size, which changes.
    pub(crate) fn measure(&mut self) {
        let size = terminal_size::terminal_size_of(io::stdout());
        let some = |size: u16| Some(usize::from(size)).filter(|size| *size > 0);
        self.width = size.and_then(|(terminal_size::Width(columns), _)| some(columns));
        self.height = size.and_then(|(_, terminal_size::Height(lines))| some(lines));
    }
}

/// Standard output, buffered: `flush` before waiting for anything.
pub(crate) struct Out {
    pub(crate) view: View,
    to: BufWriter<Stdout>,
}

impl Out {
    pub(crate) fn new(global: &Global) -> Self {
        let to = BufWriter::with_capacity(BUFFER, io::stdout());
        let view = View::new(global);
        if !view.json {
            spinner::allow();
        }
        Self { view, to }
    }

    /// Prints text as it is; what is in it must be escaped already.
    pub(crate) fn text(&mut self, text: &str) -> io::Result<()> {
        self.to.write_all(text.as_bytes())
    }

    /// Prints one line for people, nothing with `--json`.
    pub(crate) fn say(&mut self, line: &str) -> io::Result<()> {
        match self.view.json {
            true => Ok(()),
            false => writeln!(self.to, "{line}"),
        }
    }

    /// The same with commands in it that are for this daemon.
    pub(crate) fn advise(&mut self, line: &str) -> io::Result<()> {
        let line = advise(self.view.instance.as_deref(), line).into_owned();
        self.say(&line)
    }

    /// Prints an object for programs.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = match &self.view.template {
            None => json::line(value),
            Some(template) => template.render(&json::object(value)).map_err(Failure::usage)?,
        };
        Ok(self.to.write_all(text.as_bytes())?)
    }

    /// Prints a list: as JSON lines of the items, or as a table with `row` for each.
    pub(crate) fn list<T: Serialize>(
        &mut self,
        items: &[T],
        table: impl FnOnce(&[T]) -> Table,
    ) -> Result<(), Failure> {
        if self.view.json {
            return items.iter().try_for_each(|item| self.json(item));
        }
        let text = table(items).render(&self.view).map_err(Failure::usage)?;
        Ok(self.text(&text)?)
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if !self.to.buffer().is_empty() {
            spinner::clear();
        }
        self.to.flush()
    }
}

/// Says something beside the data.
pub(crate) fn note(line: &str) {
    spinner::clear();
    // There is nowhere to tell that standard error is closed.
    let _ = writeln!(io::stderr(), "meshchatctl: {line}");
}

/// Comes back when nobody reads standard output any more; never, where that cannot be told.
pub(crate) async fn reader_gone() {
    let copy = io::stdout().as_fd().try_clone_to_owned();
    // Nothing is written through it, so that it may block.
    match copy.and_then(Sender::from_owned_fd_unchecked) {
        Ok(stdout) if stdout.ready(Interest::ERROR).await.is_ok() => {}
        Ok(_) | Err(_) => std::future::pending().await,
    }
}

const BUFFER: usize = 64 * 1024;
