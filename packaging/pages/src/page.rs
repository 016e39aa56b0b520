//! One manual page: paragraphs, lists and examples, as input of roff.

use clap_mangen::roff::{Inline, Roff, bold, roman};

use crate::prose::{Block, Word, blocks, words};

/// A page that is being written.
pub(crate) struct Page {
    name: String,
    section: &'static str,
    roff: Roff,
    /// Nothing stands behind the last heading yet.
    fresh: bool,
}

impl Page {
    /// Begins a page; `date` may be empty.
    pub(crate) fn new(name: &str, section: &'static str, date: &str) -> Self {
        let manual = match section {
            "5" => "File Formats",
            "7" => "Miscellaneous",
            "8" => "System Administration",
            _ => "User Commands",
        };
        let source = concat!("meshchat ", env!("CARGO_PKG_VERSION"));
        let mut roff = Roff::new();
        let quoted = |text: &str| if text.is_empty() { "\"\"".to_owned() } else { text.to_owned() };
        let title = name.to_uppercase().replace('-', "\\-");
        roff.control("TH", [&*title, section, &*quoted(date), source, manual]);
        // Words are not broken and lines are not stretched: commands stay as they are typed.
        roff.control("nh", []).control("ad", ["l"]);
        Self { name: name.to_owned(), section, roff, fresh: true }
    }

    /// The file that it belongs into, below the folder of all manual pages.
    pub(crate) fn path(&self) -> String {
        format!("man{}/{}.{}", self.section, self.name, self.section)
    }

    pub(crate) fn render(&self) -> String {
        self.roff.render()
    }

    pub(crate) fn name_section(&mut self, about: &str) {
        self.heading("NAME");
        let about = about.trim().trim_end_matches('.');
        self.fill(vec![Word::plain(&self.name), Word::plain("-")], about);
    }

    pub(crate) fn heading(&mut self, text: &str) {
        self.roff.control("SH", [text]);
        self.fresh = true;
    }

    pub(crate) fn subheading(&mut self, text: &str) {
        self.roff.control("SS", [&*text.replace('-', "\\-")]);
        self.fresh = true;
    }

    pub(crate) fn paragraph(&mut self, text: &str) {
        self.part();
        self.fill(Vec::new(), text);
    }

    /// Paragraphs, lists and examples as they stand in a plain text.
    pub(crate) fn prose(&mut self, text: &str) {
        for block in blocks(text) {
            match block {
                Block::Paragraph(text) => self.paragraph(&text),
                Block::Item(tag, text) => self.item(&tag, &text),
                Block::Literal(lines) => self.literal(&lines),
            }
        }
    }

    /// An entry of a list: what it is about, and the words about it.
    pub(crate) fn item(&mut self, tag: &str, text: &str) {
        self.roff.control("TP", []);
        self.roff.text([bold(tag)]);
        self.within_item(text, true);
    }

    /// The same with a value behind the tag, not bold.
    pub(crate) fn item_with(&mut self, tag: &str, value: &str, text: &str) {
        self.roff.control("TP", []);
        self.roff.text([bold(tag), roman(value)]);
        self.within_item(text, true);
    }

    /// More words in the last entry.
    pub(crate) fn more(&mut self, text: &str) {
        self.within_item(text, false);
    }

    fn within_item(&mut self, text: &str, mut first: bool) {
        for block in blocks(text) {
            match block {
                Block::Paragraph(text) => {
                    if !first {
                        self.roff.control("IP", []);
                    }
                    self.fill(Vec::new(), &text);
                }
                Block::Item(tag, text) => {
                    self.roff.control("RS", []).control("TP", []);
                    self.roff.text([bold(tag)]);
                    self.fill(Vec::new(), &text);
                    self.roff.control("RE", []);
                }
                Block::Literal(lines) => {
                    // What is too long for where the words stand begins where the page does.
                    let fits = lines.iter().all(|line| line.chars().count() <= LITERAL);
                    self.roff.control(if fits { "IP" } else { "PP" }, []);
                    self.lines(&lines);
                }
            }
            first = false;
        }
        self.fresh = false;
    }

    /// Lines as they are, to be pasted.
    pub(crate) fn literal(&mut self, lines: &[String]) {
        self.part();
        self.roff.control("RS", ["4"]);
        self.lines(lines);
        self.roff.control("RE", []);
    }

    fn lines(&mut self, lines: &[String]) {
        self.roff.control("nf", []);
        for line in lines {
            // An empty line would be a mistake of its own.
            let line = if line.is_empty() { " " } else { line };
            self.roff.text([roman(line)]);
        }
        self.roff.control("fi", []);
        self.fresh = false;
    }

    /// Each line on its own: what can be typed, with what is fixed in bold.
    pub(crate) fn synopsis(&mut self, usage: &str, fixed: &str) {
        self.heading("SYNOPSIS");
        for (index, line) in
            usage.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate()
        {
            if index > 0 {
                self.roff.control("br", []);
            }
            match line.strip_prefix(fixed) {
                Some(rest) => self.roff.text([bold(fixed), roman(rest)]),
                None => self.roff.text([roman(line)]),
            };
        }
        self.fresh = false;
    }

    pub(crate) fn see_also(&mut self, pages: &[&str]) {
        self.heading("SEE ALSO");
        let others: Vec<_> = pages
            .iter()
            .filter(|page| **page != format!("{}({})", self.name, self.section))
            .copied()
            .collect();
        self.paragraph(&others.join(", "));
    }

    /// A new paragraph, unless a heading has just made one.
    fn part(&mut self) {
        if !self.fresh {
            self.roff.control("PP", []);
        }
        self.fresh = false;
    }

    /// Text in lines that editors and checkers of roff like.
    fn fill(&mut self, first: Vec<Word>, text: &str) {
        let mut line: Vec<Inline> = Vec::new();
        let mut width = 0;
        for word in first.into_iter().chain(words(text)) {
            let cost = word.cost();
            if width > 0 && width + 1 + cost > WIDTH {
                self.roff.text(std::mem::take(&mut line));
                width = 0;
            }
            if width > 0 {
                line.push(roman(" "));
            }
            width += 1 + cost;
            line.extend(word.inlines());
        }
        if !line.is_empty() {
            self.roff.text(line);
        }
        self.fresh = false;
    }
}

/// Letters of a line that stays as it is, within a list.
const LITERAL: usize = 64;

/// Bytes of a line of input; longer ones are frowned upon.
const WIDTH: usize = 76;
