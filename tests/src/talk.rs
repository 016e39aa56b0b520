//! A TCP client that says exact bytes and keeps what it hears.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use crate::wait::POLL;
use crate::{Limit, wait_for};

/// A connection; closed when dropped.
#[derive(Debug)]
pub struct Talk {
    stream: TcpStream,
    heard: Arc<Mutex<Heard>>,
}

#[derive(Debug, Default)]
struct Heard {
    pieces: Vec<(Instant, String)>,
    over: bool,
}

impl Talk {
    /// Connects and listens from now on.
    pub fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let heard = Arc::<Mutex<Heard>>::default();
        let (reading, to) = (stream.try_clone().unwrap(), Arc::clone(&heard));
        thread::spawn(move || listen(reading, &to));
        Self { stream, heard }
    }

    /// Connects and says something.
    pub fn saying(address: &str, bytes: impl AsRef<[u8]>) -> Self {
        let talk = Self::connect(address);
        talk.say(bytes);
        talk
    }

    /// Says something; panics when the connection is gone.
    pub fn say(&self, bytes: impl AsRef<[u8]>) {
        (&self.stream).write_all(bytes.as_ref()).unwrap();
    }

    /// The same; false when the connection is gone.
    pub fn try_say(&self, bytes: impl AsRef<[u8]>) -> bool {
        (&self.stream).write_all(bytes.as_ref()).is_ok()
    }

    /// All that was heard.
    pub fn heard(&self) -> String {
        self.heard.lock().unwrap().pieces.iter().map(|(_, text)| text.as_str()).collect()
    }

    /// What was heard, as it came, and when.
    pub fn pieces(&self) -> Vec<(Instant, String)> {
        self.heard.lock().unwrap().pieces.clone()
    }

    /// Waits until something was heard; panics with all that was.
    pub fn wait_for(&self, text: &str) {
        self.wait_until(text, |heard| heard.contains(text));
    }

    /// Waits until all that was heard, taken together, fits.
    pub fn wait_until(&self, what: &str, fits: impl Fn(&str) -> bool) {
        let deadline = Limit::default().deadline();
        while !fits(&self.heard()) {
            let over = self.is_over() && !fits(&self.heard());
            assert!(!over && Instant::now() < deadline, "not heard: {what:?}\n{}", self.heard());
            thread::sleep(POLL);
        }
    }

    /// Waits until the other side has closed it.
    pub fn wait_over(&self) {
        wait_for("the connection to be closed", Limit::default(), || self.is_over());
    }

    /// Whether the other side has closed it.
    pub fn is_over(&self) -> bool {
        self.heard.lock().unwrap().over
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

fn listen(mut stream: TcpStream, to: &Mutex<Heard>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        let text = String::from_utf8(buffer[..count].to_vec()).unwrap();
        to.lock().unwrap().pieces.push((Instant::now(), text));
    }
    to.lock().unwrap().over = true;
}
