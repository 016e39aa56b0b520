//! Lines as they are on the wire: RFC 2812, with the tags of IRCv3. The grammar is irc-proto's;
//! what may be in a parameter is decided here, so that nothing can end one early.

use irc_proto::message::Tag;
use irc_proto::{Command, Message, Response};

/// Most bytes of a line of ours, its end included, tags not: RFC 2812, section 2.3.
pub(super) const LINE_BYTES: usize = 512;
/// Most bytes of a client's tags, IRCv3 message-tags.
const TAG_BYTES: usize = 4096;
/// Most bytes of a client's line without its tags: more than RFC 2812 demands, as whole messages
/// fit into it.
const BODY_BYTES: usize = crate::door::LINE_BYTES;
/// Most bytes of all that.
pub(super) const INPUT_BYTES: usize = TAG_BYTES + BODY_BYTES;

/// A line of a client.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Input {
    /// The first word in capitals.
    pub(super) verb: String,
    /// What the grammar makes of the line. [`Command::Raw`] when the number of parameters is not
    /// what it expects.
    pub(super) command: Command,
}

/// Why a line is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadLine {
    /// Nothing in it.
    Empty,
    /// More bytes than allowed.
    Long,
}

impl Input {
    /// Reads a line without its end.
    pub(super) fn parse(line: &str) -> Result<Self, BadLine> {
        // Neither may be in a line; what a client sends must not get around later checks.
        let line = line.replace(['\r', '\n', '\0'], "");
        let line = line.trim_start();
        let body = match line.strip_prefix('@') {
            Some(tagged) => tagged.split_once(' ').map_or("", |(_, body)| body),
            None => line,
        };
        if body.len() > BODY_BYTES || line.len() - body.len() > TAG_BYTES {
            return Err(BadLine::Long);
        }
        let mut words = body.split(' ').filter(|word| !word.is_empty());
        let first = words.next().unwrap_or_default();
        let verb = if first.starts_with(':') { words.next().unwrap_or_default() } else { first };
        if verb.is_empty() {
            return Err(BadLine::Empty);
        }
        let verb = verb.to_ascii_uppercase();
        // What the grammar refuses is a line whose parameters make no sense.
        let command = body
            .trim_start()
            .parse::<Message>()
            .map_or_else(|_| Command::Raw(verb.clone(), Vec::new()), |message| message.command);
        Ok(Self { verb, command })
    }
}

/// A line for a client.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    tags: Vec<Tag>,
    source: String,
    verb: String,
    params: Vec<String>,
    text: Option<String>,
}

impl Line {
    /// A line of this source: a server, or `nick!user@host`.
    pub(super) fn new(source: &str, verb: &str) -> Self {
        let (source, verb) = (word(source), word(verb));
        Self { tags: Vec::new(), source, verb, params: Vec::new(), text: None }
    }

    /// A numeric reply to somebody called so.
    pub(super) fn numeric(source: &str, code: Response, nick: &str) -> Self {
        Self::new(source, &format!("{:03}", code as u16)).word(nick)
    }

    /// One parameter that ends at the next space: what cannot be in it becomes `_`.
    pub(super) fn word(mut self, param: impl AsRef<str>) -> Self {
        self.params.push(word(param.as_ref()));
        self
    }

    /// The last parameter, in which anything but the end of a line may be.
    pub(super) fn text(mut self, param: impl AsRef<str>) -> Self {
        self.text = Some(param.as_ref().replace(['\r', '\n', '\0'], " "));
        self
    }

    /// A tag, for clients that asked for such.
    pub(super) fn tag(mut self, key: &str, value: impl Into<String>) -> Self {
        self.tags.push(Tag(key.to_owned(), Some(value.into().replace('\0', ""))));
        self
    }

    /// Bytes that are left for what follows the parameters so far.
    pub(super) fn room(&self) -> usize {
        let params: usize = self.params.iter().map(|param| param.len() + 1).sum();
        // Colons before source and text, spaces, and the end of the line.
        LINE_BYTES.saturating_sub(self.source.len() + self.verb.len() + params + 6)
    }

    /// The line with its end. What does not fit is cut off: texts are split before.
    pub(super) fn render(self) -> String {
        let tags = if self.tags.is_empty() { String::new() } else { render_tags(self.tags) };
        let mut body = format!(":{} {}", self.source, self.verb);
        for param in &self.params {
            body.push(' ');
            body.push_str(param);
        }
        // The colon stands also where it is not needed: simple clients look for it.
        if let Some(text) = self.text {
            body.push_str(" :");
            body.push_str(&text);
        }
        body.push_str("\r\n");
        if body.len() > LINE_BYTES {
            body.truncate(super::nicks::clip(&body, LINE_BYTES - 2).len());
            body.push_str("\r\n");
        }
        format!("{tags}{body}")
    }
}

fn render_tags(tags: Vec<Tag>) -> String {
    let command = Command::Raw(String::new(), Vec::new());
    let mut text = Message { tags: Some(tags), prefix: None, command }.to_string();
    text.truncate(text.len().saturating_sub(2));
    text
}

/// A parameter without what would end it, or make another of it.
pub(super) fn word(text: &str) -> String {
    let bad = |c: char| c.is_whitespace() || c.is_control();
    let mut word: String = text.chars().map(|c| if bad(c) { '_' } else { c }).collect();
    if word.starts_with(':') {
        word.replace_range(..1, "_");
    }
    if word.is_empty() { "*".to_owned() } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_clients_are_read() {
        let parse = |line: &str| Input::parse(line).unwrap();
        let said = Command::PRIVMSG("#dev".into(), "hello  there :)".into());
        let input = parse("@+typing=done :me!x@y privmsg #dev :hello  there :)");
        assert_eq!((input.verb.as_str(), input.command), ("PRIVMSG", said));
        assert_eq!(parse("ison a b").verb, "ISON");
        assert_eq!(parse("NICK").command, Command::Raw("NICK".into(), Vec::new()));
        assert_eq!(Input::parse("  \0"), Err(BadLine::Empty));
        assert_eq!(Input::parse("@tags"), Err(BadLine::Empty));
        let long = format!("PRIVMSG #dev :{}", "x".repeat(BODY_BYTES));
        assert_eq!(Input::parse(&long), Err(BadLine::Long));
        let tagged = format!("@{} PING x", "x".repeat(TAG_BYTES));
        assert_eq!(Input::parse(&tagged), Err(BadLine::Long));
        assert_eq!(parse("PRIVMSG #dev :a\rQUIT\0").command, {
            Command::PRIVMSG("#dev".into(), "aQUIT".into())
        });
    }

    #[test]
    fn whatever_a_client_sends_is_read_without_harm() {
        let words = [
            "", " ", ":", "@", ";", "=", "\\", "é", "NICK", "USER", "MODE", "#a", "+o-", "CAP",
            "LS", "BATCH", "METADATA", "NICKSERV", "ISON", "001", "*", ",", "\x01", "a b", " :",
        ];
        for a in words {
            for b in words {
                for c in words {
                    for line in
                        [format!("{a} {b} {c}"), format!("{a}{b}{c}"), format!("{a} :{b}{c}")]
                    {
                        Input::parse(&line).ok();
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_ends_a_line_or_a_parameter_early() {
        for evil in ["a\r\nQUIT", "a b", ":a", "", "a\0", "\u{2028}x y", "a\tb", "\n"] {
            let line = Line::new(evil, "PRIVMSG").word(evil).word(evil).text(evil);
            let line = line.tag("msgid", evil).render();
            assert!(line.ends_with("\r\n"), "{line:?}");
            let bare = &line[..line.len() - 2];
            assert!(!bare.contains(['\r', '\n', '\0']), "{line:?}");
            let parts: Vec<&str> = bare.split(' ').collect();
            assert!(parts[0].starts_with("@msgid=") && parts[1].starts_with(':'), "{line:?}");
            assert_eq!(parts[2], "PRIVMSG", "{line:?}");
            assert!(!parts[3].starts_with(':') && !parts[3].is_empty(), "{line:?}");
            assert!(!parts[4].starts_with(':') && !parts[4].is_empty(), "{line:?}");
        }
    }

    #[test]
    fn no_line_is_too_long() {
        let line = Line::new("a!b@c", "PRIVMSG").word("#dev");
        let room = line.room();
        let whole = line.clone().text(" ".repeat(room)).render();
        assert_eq!(whole.len(), LINE_BYTES);
        let cut = line.tag("time", "x").text("é".repeat(LINE_BYTES)).render();
        let (_, body) = cut.split_once(' ').unwrap();
        assert!(body.len() <= LINE_BYTES && cut.ends_with("é\r\n"), "{}", body.len());
    }
}
