//! Raw HTTP, as no library would send it.

use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::{Gateway, Limit, wait_some};

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    /// What comes after them.
    pub body: String,
}

impl Answer {
    /// Reads until the other side closes.
    pub fn read(from: &mut impl Read) -> Self {
        let mut bytes = Vec::new();
        // A reset after the answer is an end, too.
        from.read_to_end(&mut bytes).ok();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// The value of a header, if there is exactly one.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.head.lines().filter_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        });
        let first = found.next();
        first.filter(|_| found.next().is_none())
    }
}

impl Gateway {
    /// Address and port of the web page on this machine, which is told last.
    pub fn web_host(&self) -> String {
        let url = wait_some("the address of the page", Limit::default(), || {
            let door = self.door("web")?;
            Some(door["addresses"].as_array()?.last()?.as_str()?.to_owned())
        });
        url.split('/').nth(2).unwrap().to_owned()
    }

    /// A fresh connection to the web page.
    pub fn dial_web(&self) -> TcpStream {
        let stream = TcpStream::connect(self.web_host()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
        stream
    }

    /// Sends a request line and headers as they are, each line without its end, and a body.
    pub fn ask_web(&self, lines: &[&str], body: &str) -> Answer {
        let mut stream = self.dial_web();
        let mut request = lines.join("\r\n");
        request.push_str("\r\nConnection: close\r\n");
        if !body.is_empty() {
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        stream.write_all(format!("{request}\r\n{body}").as_bytes()).unwrap();
        Answer::read(&mut stream)
    }
}
