//! A client of the control socket that costs next to nothing, so that the daemons are measured and
//! not their clients.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use meshchat_proto::codec;
use meshchat_proto::control::{Dm, FromDaemon, Hello, Request, Start, ToDaemon, VERSION};
use meshchat_proto::message::MessageKind;

/// Bytes of every text that is sent.
pub(crate) const TEXT: usize = 256;

/// One connection, past its greeting.
#[derive(Debug)]
pub(crate) struct Control {
    stream: UnixStream,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    next_id: u64,
    /// Where the text began in the last message.
    hint: usize,
}

impl Control {
    /// Connects and greets.
    pub(crate) fn connect(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket)
            .unwrap_or_else(|error| panic!("cannot connect to {}: {error}", socket.display()));
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let buffer = vec![0; SMALL];
        let mut control = Self { stream, buffer, start: 0, end: 0, next_id: 1, hint: 0 };
        let hello = Hello { min: VERSION, max: VERSION, client: "meshchat-bench".into() };
        control.stream.write_all(&framed(&codec::encode(&hello))).unwrap();
        assert!(control.frame().is_some(), "no welcome");
        control
    }

    /// A connection that follows the lobby.
    pub(crate) fn tail(socket: &Path) -> Self {
        let mut control = Self::connect(socket);
        let tail = Request::Tail {
            room: None,
            start: Start::Now,
            follow: true,
            presence: false,
            dm: Dm::No,
            cursor: None,
        };
        let reply = control.ask(tail);
        assert!(reply.error.is_none(), "no tail: {reply:?}");
        control.buffer.resize(LARGE, 0);
        control
    }

    /// Asks and waits for the answer.
    pub(crate) fn ask(&mut self, request: Request) -> FromDaemon {
        let bytes = self.request(request);
        self.stream.write_all(&bytes).unwrap();
        codec::decode(self.frame().unwrap_or_else(|| panic!("no answer"))).unwrap()
    }

    /// The bytes of a request.
    pub(crate) fn request(&mut self, request: Request) -> Vec<u8> {
        let id = self.next_id;
        self.next_id += 1;
        framed(&codec::encode(&ToDaemon { id, request }))
    }

    /// The bytes of a request that says `number`, filled up to [`TEXT`] bytes.
    pub(crate) fn say(&mut self, number: u64) -> Vec<u8> {
        let text = format!("{number:016} {:x<1$}", "", TEXT - DIGITS - 1);
        self.request(Request::Send { room: None, text, kind: MessageKind::Text })
    }

    /// A second handle for writing, so that one thread can write while another reads.
    pub(crate) fn writer(&self) -> UnixStream {
        self.stream.try_clone().unwrap()
    }

    /// The next frame; `None` when nothing comes for a while.
    pub(crate) fn frame(&mut self) -> Option<&[u8]> {
        let length = loop {
            let waiting = &self.buffer[self.start..self.end];
            let length = waiting.first_chunk().map(|prefix| u32::from_be_bytes(*prefix) as usize);
            match length {
                Some(length) if waiting.len() >= 4 + length => break length,
                _ => self.fill()?,
            }
        };
        let body = self.start + 4;
        self.start = body + length;
        Some(&self.buffer[body..self.start])
    }

    /// The number in the next message; `None` when nothing comes for a while.
    pub(crate) fn heard(&mut self) -> Option<u64> {
        loop {
            let mut hint = self.hint;
            let frame = self.frame()?;
            if !frame[hint.min(frame.len())..].starts_with(MARK) {
                match frame.windows(MARK.len()).position(|window| window == MARK) {
                    Some(at) => hint = at,
                    // Not a message.
                    None => continue,
                }
            }
            let digits = &frame[hint + MARK.len()..][..DIGITS];
            let number = digits.iter().fold(0, |n, digit| n * 10 + u64::from(digit - b'0'));
            self.hint = hint;
            return Some(number);
        }
    }

    fn fill(&mut self) -> Option<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.end == self.buffer.len() {
            self.buffer.resize(2 * self.end, 0);
        }
        let read = self.stream.read(&mut self.buffer[self.end..]).ok()?;
        self.end += read;
        (read > 0).then_some(())
    }
}

/// Sends the messages `numbers` as fast as the daemon takes them and waits for all answers.
/// Returns how many were refused.
pub(crate) fn send_all(control: &mut Control, numbers: std::ops::Range<u64>) -> u64 {
    let mut writer = control.writer();
    let count = numbers.end - numbers.start;
    let mut requests = Vec::new();
    for number in numbers {
        requests.extend(control.say(number));
    }
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for chunk in requests.chunks(CHUNK) {
                writer.write_all(chunk).unwrap();
            }
        });
        let refused = |frame: &[u8]| frame.windows(6).take(24).any(|window| window == b"\xa5error");
        (0..count).filter(|_| control.frame().is_none_or(refused)).count() as u64
    })
}

fn framed(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap();
    [&length.to_be_bytes(), body].concat()
}

/// How a text of [`TEXT`] bytes begins in an event.
const MARK: &[u8] = b"\xa4text\xda\x01\x00";
const _: () = assert!(TEXT == 0x100);
const DIGITS: usize = 16;
const PATIENCE: Duration = Duration::from_secs(10);
const SMALL: usize = 4 * 1024;
const LARGE: usize = 256 * 1024;
/// What a client that reads a file would write at once.
const CHUNK: usize = 32 * 1024;
