//! A bare IRC client: sends lines and waits for lines.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::{Gateway, Limit, wait_some};

/// A connection to the IRC door of a gateway.
#[derive(Debug)]
pub struct Irc {
    stream: TcpStream,
    unread: Vec<u8>,
    /// All lines so far, without their ends.
    lines: Vec<String>,
    /// How many of them a wait has passed.
    passed: usize,
}

impl Irc {
    /// Connects and says nothing.
    pub fn connect(gateway: &Gateway) -> Self {
        let stream = TcpStream::connect(gateway.address("irc")).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        Self { stream, unread: Vec::new(), lines: Vec::new(), passed: 0 }
    }

    /// Connects and registers, with these capabilities.
    pub fn enter(gateway: &Gateway, nick: &str, caps: &str) -> Self {
        let mut irc = Self::connect(gateway);
        irc.send(&format!("CAP LS 302\r\nNICK {nick}\r\nUSER {nick} 0 * :{nick}"));
        irc.send(&format!("CAP REQ :{caps}\r\nCAP END"));
        irc.wait(" 376 ");
        irc
    }

    /// Sends one or more lines and an end.
    pub fn send(&mut self, line: &str) {
        self.send_bytes(format!("{line}\r\n").as_bytes());
    }

    /// Sends bytes as they are.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Joins a room and waits until it is told who is there.
    pub fn join(&mut self, room: &str) {
        self.send(&format!("JOIN {room}"));
        self.wait(&format!(" {room} :End of /NAMES"));
    }

    /// Waits for a line with this in it, behind those that were waited for before.
    pub fn wait(&mut self, part: &str) -> String {
        self.wait_until(part, |line| line.contains(part))
    }

    /// Waits for a line of which this holds, behind those that were waited for before.
    pub fn wait_until(&mut self, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        wait_quietly(self, is_it).unwrap_or_else(|| {
            panic!("waited in vain for {what:?} among:\n{}", self.lines.join("\n"))
        })
    }

    /// All lines so far that have this in them.
    pub fn all(&mut self, part: &str) -> Vec<String> {
        self.read();
        self.lines.iter().filter(|line| line.contains(part)).cloned().collect()
    }

    /// Sends a PING and waits for its answer: what was said before is dealt with by then.
    pub fn sync(&mut self) {
        self.send("PING sync");
        self.wait(" PONG ");
    }

    /// Waits until the other side has closed the connection.
    pub fn wait_closed(&mut self) {
        wait_some("the end of the connection", Limit::default(), || (!self.read()).then_some(()));
    }

    /// Closes it without a word.
    pub fn close(self) {
        self.stream.shutdown(Shutdown::Both).unwrap();
    }

    /// Reads what is there; false at the end.
    fn read(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => return false,
            Ok(count) => self.unread.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return false,
        }
        while let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.unread.drain(..=end).collect();
            let line = String::from_utf8(line).unwrap();
            let line = line.strip_suffix("\r\n").unwrap_or_else(|| panic!("bad end: {line:?}"));
            assert!(!line.contains(['\r', '\n', '\0']), "{line:?}");
            let body = if line.starts_with('@') { line.split_once(' ').unwrap().1 } else { line };
            assert!(body.len() <= 510, "{} bytes: {line}", body.len());
            self.lines.push(line.to_owned());
        }
        true
    }
}

fn wait_quietly(irc: &mut Irc, is_it: impl Fn(&str) -> bool) -> Option<String> {
    let deadline = Limit::default().deadline();
    loop {
        let new = irc.lines.get(irc.passed..).unwrap_or_default();
        if let Some(place) = new.iter().position(|line| is_it(line)) {
            irc.passed += place + 1;
            return Some(irc.lines[irc.passed - 1].clone());
        }
        let before = irc.lines.len();
        let open = irc.read();
        if std::time::Instant::now() >= deadline || (!open && irc.lines.len() == before) {
            return None;
        }
    }
}
