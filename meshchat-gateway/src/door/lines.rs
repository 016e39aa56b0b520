//! Lines of a client, bounded before they are kept.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// What came up to an end of line.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// A line without its end; a carriage return before that belongs to the end.
    Text(String),
    /// Longer than allowed: all of it is skipped, and this is told once.
    TooLong,
    /// Not UTF-8.
    NotUtf8,
}

impl Line {
    /// Whether a browser said it: any web page can make one send a request to this machine, whose
    /// later lines would be taken for words of a person.
    pub fn is_http(&self) -> bool {
        let Self::Text(text) = self else { return false };
        let mut words = text.split(' ');
        let method = words.next().unwrap_or_default();
        let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
        is_method && words.next_back().is_some_and(|version| version.starts_with("HTTP/"))
    }
}

/// Reads lines.
#[derive(Debug)]
pub struct Lines<R> {
    read: R,
    buffer: Vec<u8>,
    /// Bytes of the buffer in which no end of line is.
    searched: usize,
    most: usize,
    skipping: bool,
    over: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Lines of at most `most` bytes; `first` are bytes that were read before.
    pub fn new(read: R, first: Vec<u8>, most: usize) -> Self {
        Self { read, buffer: first, searched: 0, most, skipping: false, over: false }
    }

    /// The next line; a last one without an end counts. None at the end. Safe to cancel.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub async fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            if let Some(line) = self.take_line() {
                return Ok(Some(line));
            }
            if self.over {
                return Ok(None);
            }
            if self.read.read_buf(&mut self.buffer).await? == 0 {
                self.over = true;
                if !self.buffer.is_empty() {
                    self.buffer.push(b'\n');
                }
            }
        }
    }

    fn take_line(&mut self) -> Option<Line> {
        loop {
            let rest = self.buffer.get(self.searched..).unwrap_or_default();
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                self.searched = self.buffer.len();
                // One more for a carriage return.
                if self.searched <= self.most + 1 {
                    return None;
                }
                let first = !self.skipping;
                self.skipping = true;
                self.clear();
                return first.then_some(Line::TooLong);
            };
            let end = self.searched + end;
            self.searched = 0;
            let mut line: Vec<u8> = self.buffer.drain(..=end).collect();
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            return Some(if line.len() > self.most {
                Line::TooLong
            } else {
                String::from_utf8(line).map_or(Line::NotUtf8, Line::Text)
            });
        }
    }

    fn clear(&mut self) {
        self.buffer.clear();
        self.searched = 0;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    async fn lines(pieces: &[&[u8]]) -> Vec<Line> {
        let (mut to, from) = tokio::io::duplex(7);
        let mut lines = Lines::new(from, Vec::new(), 8);
        let write = async {
            for piece in pieces {
                to.write_all(piece).await.unwrap();
            }
            drop(to);
        };
        let read = async {
            let mut all = Vec::new();
            while let Some(line) = lines.next().await.unwrap() {
                all.push(line);
            }
            all
        };
        tokio::join!(write, read).1
    }

    fn text(text: &str) -> Line {
        Line::Text(text.into())
    }

    #[tokio::test]
    async fn split_and_glued_lines() {
        let all = lines(&[b"on", b"e\ntwo\r\n", b"\nlast"]).await;
        assert_eq!(all, [text("one"), text("two"), text(""), text("last")]);
    }

    #[tokio::test]
    async fn long_lines_are_skipped_whole_and_told_once() {
        let long = [b"x".repeat(100), b"\n12345678\r\n".to_vec()].concat();
        assert_eq!(
            lines(&[&long, b"123456789\nok\n"]).await,
            [Line::TooLong, text("12345678"), Line::TooLong, text("ok")]
        );
    }

    #[test]
    fn browsers_are_told_from_people() {
        for line in ["GET / HTTP/1.1", "POST /join lobby HTTP/1.0", "OPTIONS * HTTP/1.1"] {
            assert!(text(line).is_http(), "{line}");
        }
        for line in
            ["", "hello", "GET / is not HTTP", "NICK ann", "/join lobby Ann", "What is HTTP/2"]
        {
            assert!(!text(line).is_http(), "{line}");
        }
    }

    #[tokio::test]
    async fn half_a_character_is_not_text() {
        assert_eq!(lines(&[b"\xc3\nok\n"]).await, [Line::NotUtf8, text("ok")]);
    }
}
