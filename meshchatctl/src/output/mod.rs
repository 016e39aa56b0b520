//! Everything that is printed.

pub(crate) mod diagram;
pub(crate) mod escape;
pub(crate) mod feed;
pub(crate) mod json;
pub(crate) mod partition;
pub(crate) mod qr;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod time;
pub(crate) mod tree;

use std::env;
use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write as _};

use serde::Serialize;

use crate::args::{Color, Global};
use crate::failure::Failure;
use table::Table;

/// How to print.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    pub(crate) json: bool,
    pub(crate) color: bool,
    /// What `--color` says.
    pub(crate) wanted: Color,
    pub(crate) legend: bool,
    pub(crate) terse: bool,
    pub(crate) fields: Vec<String>,
    /// Standard output is a terminal.
    pub(crate) terminal: bool,
    /// Columns of the terminal; unlimited when there is none.
    pub(crate) width: Option<usize>,
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
        let width = terminal_size::terminal_size_of(io::stdout())
            .map(|(terminal_size::Width(width), _)| usize::from(width))
            .filter(|width| *width > 0);
        Self {
            json: global.json,
            color: color && !global.json,
            wanted: global.color,
            legend: !global.no_legend && !global.terse,
            terse: global.terse,
            fields: global.fields.clone(),
            terminal,
            width,
        }
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
        Self { view: View::new(global), to }
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

    pub(crate) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        self.to.write_all(json::line(value).as_bytes())
    }

    /// Prints a list: as JSON lines of the items, or as a table with `row` for each.
    pub(crate) fn list<T: Serialize>(
        &mut self,
        items: &[T],
        table: impl FnOnce(&[T]) -> Table,
    ) -> Result<(), Failure> {
        if self.view.json {
            return Ok(items.iter().try_for_each(|item| self.json(item))?);
        }
        let text = table(items).render(&self.view).map_err(Failure::usage)?;
        Ok(self.text(&text)?)
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Says something beside the data.
pub(crate) fn note(line: &str) {
    // There is nowhere to tell that standard error is closed.
    let _ = writeln!(io::stderr(), "meshchatctl: {line}");
}

const BUFFER: usize = 64 * 1024;
