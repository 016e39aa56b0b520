//! Plain text as people write it in help and comments, taken apart.

use clap_mangen::roff::{Inline, bold, roman};

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Block {
    /// Words that flow.
    Paragraph(String),
    /// Something and what is said of it: a line that is indented, with both in columns.
    Item(String, String),
    /// Lines that stay as they are, indented by four and more.
    Literal(Vec<String>),
}

/// Takes a text apart. Blank lines end what stands before them.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let mut all: Vec<Block> = Vec::new();
    let mut open = false;
    for line in text.lines().map(str::trim_end) {
        let bare = line.trim_start();
        let indent = line.len() - bare.len();
        match (all.last_mut(), columns(bare)) {
            _ if bare.is_empty() => {
                if let (Some(Block::Literal(lines)), true) = (all.last_mut(), open) {
                    lines.push(String::new());
                }
                open = open && matches!(all.last(), Some(Block::Literal(_)));
                continue;
            }
            (Some(Block::Literal(lines)), _) if open && indent >= LITERAL => {
                lines.push(line.get(LITERAL..).unwrap_or_default().to_owned());
            }
            (Some(Block::Item(_, words)), None) if open && indent > ITEM => append(words, bare),
            (_, Some((tag, words))) if (ITEM..LITERAL).contains(&indent) => {
                all.push(Block::Item(tag.to_owned(), words.to_owned()));
            }
            _ if indent >= LITERAL => {
                all.push(Block::Literal(vec![line.get(LITERAL..).unwrap_or_default().to_owned()]));
            }
            (Some(Block::Paragraph(words)), _) if open => append(words, bare),
            _ => all.push(Block::Paragraph(bare.to_owned())),
        }
        open = true;
    }
    for block in &mut all {
        if let Block::Literal(lines) = block {
            while lines.last().is_some_and(String::is_empty) {
                lines.pop();
            }
        }
    }
    all
}

/// Two columns, with two blanks or more between them.
pub(crate) fn columns(line: &str) -> Option<(&str, &str)> {
    let (left, right) = line.trim_start().split_once("  ")?;
    Some((left.trim_end(), right.trim())).filter(|(_, right)| !right.is_empty())
}

fn append(words: &mut String, more: &str) {
    words.push(' ');
    words.push_str(more);
}

/// A word, of which parts may be set off.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Word(Vec<(bool, String)>);

impl Word {
    pub(crate) fn plain(text: &str) -> Self {
        Self(vec![(false, text.to_owned())])
    }

    pub(crate) fn inlines(self) -> Vec<Inline> {
        self.0
            .into_iter()
            .map(|(strong, text)| if strong { bold(text) } else { roman(text) })
            .collect()
    }

    /// About the bytes that it takes as input of roff.
    pub(crate) fn cost(&self) -> usize {
        let piece = |(strong, text): &(bool, String)| {
            let marked = text.matches(['-', '\\']).count() + 4 * text.matches('\'').count();
            text.len() + marked + if *strong { 6 } else { 0 }
        };
        self.0.iter().map(piece).sum()
    }
}

/// The words of a text. What stands in backticks is set off, and so are options and the names of
/// pages.
pub(crate) fn words(text: &str) -> Vec<Word> {
    let mut all = Vec::new();
    let mut strong = false;
    for raw in text.split_whitespace() {
        let mut pieces: Vec<(bool, String)> = Vec::new();
        for (index, piece) in raw.split('`').enumerate() {
            strong ^= index > 0;
            if !piece.is_empty() {
                pieces.push((strong, piece.to_owned()));
            }
        }
        if let [(false, word)] = pieces.as_slice() {
            pieces = set_off(word);
        }
        if !pieces.is_empty() {
            all.push(Word(pieces));
        }
    }
    all
}

/// An option or the name of a page in bold, what stands around it not.
fn set_off(word: &str) -> Vec<(bool, String)> {
    let plain = |text: &str| (false, text.to_owned());
    let end = |c: char| !(c.is_ascii_alphanumeric() || c == '-');
    if word.starts_with("--") && word.len() > 2 {
        let at = word.find(end).unwrap_or(word.len());
        let (option, rest) = word.split_at(at);
        let parts = [(true, option.to_owned()), plain(rest)];
        return parts.into_iter().filter(|(_, text)| !text.is_empty()).collect();
    }
    if let Some((name, rest)) = word.split_once('(')
        && rest.len() >= 2
        && rest.starts_with(|c: char| c.is_ascii_digit())
        && rest.chars().nth(1) == Some(')')
    {
        return vec![(true, name.to_owned()), plain(&format!("({rest}"))];
    }
    vec![plain(word)]
}

/// Where a list stands, and where lines that stay as they are.
const ITEM: usize = 2;
const LITERAL: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_taken_apart() {
        let text = "One\ntwo.\n\n  \"a\"  first\n       goes on\n  b    second\n\nThree.\n\n    code\n\n      more\n";
        let item = |tag: &str, words: &str| Block::Item(tag.into(), words.into());
        let wanted = [
            Block::Paragraph("One two.".into()),
            item("\"a\"", "first goes on"),
            item("b", "second"),
            Block::Paragraph("Three.".into()),
            Block::Literal(vec!["code".into(), String::new(), "  more".into()]),
        ];
        assert_eq!(blocks(text), wanted);
    }

    #[test]
    fn what_is_typed_is_set_off() {
        let strong = |text: &str| {
            let all = words(text).into_iter().flat_map(|word| word.0);
            all.filter(|(strong, _)| *strong).map(|(_, text)| text).collect::<Vec<_>>()
        };
        assert_eq!(strong("see `a b`, --yes. and x(5), not f(x)"), ["a", "b", "--yes", "x"]);
    }
}
