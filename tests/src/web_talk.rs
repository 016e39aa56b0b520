//! A WebSocket client that says exact frames and keeps what it hears.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Error, Message, WebSocket};

use crate::wait::POLL;
use crate::{Limit, wait_some};

/// A connection; closed when dropped.
#[derive(Debug)]
pub struct WebTalk {
    say: Sender<Message>,
    heard: Arc<Mutex<Heard>>,
}

#[derive(Debug, Default)]
struct Heard {
    texts: Vec<(Instant, String)>,
    pings: usize,
    binary: usize,
    over: Option<(u16, String)>,
}

impl WebTalk {
    /// Opens a path; panics when that is refused.
    pub fn open(address: &str, path: &str) -> Self {
        Self::try_open(address, path, None).unwrap()
    }

    /// The same as a page of an origin.
    ///
    /// # Errors
    ///
    /// The status of the answer that refuses it.
    pub fn try_open(address: &str, path: &str, origin: Option<&str>) -> Result<Self, u16> {
        let host = address.trim_start_matches("ws://").trim_end_matches('/');
        let stream = TcpStream::connect(host).unwrap();
        let mut request = format!("ws://{host}{path}").into_client_request().unwrap();
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        let socket = match tungstenite::client(request, stream) {
            Ok((socket, _)) => socket,
            Err(tungstenite::HandshakeError::Failure(Error::Http(response))) => {
                return Err(response.status().as_u16());
            }
            Err(error) => panic!("{error}"),
        };
        socket.get_ref().set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        let (say, said) = mpsc::channel();
        let heard = Arc::<Mutex<Heard>>::default();
        let to = Arc::clone(&heard);
        thread::spawn(move || talk(socket, &said, &to));
        Ok(Self { say, heard })
    }

    /// Sends a text frame.
    pub fn say(&self, text: &str) {
        self.send(Message::text(text));
    }

    /// Sends any frame.
    pub fn send(&self, message: Message) {
        self.say.send(message).ok();
    }

    /// The text frames that were heard, and when.
    pub fn texts(&self) -> Vec<(Instant, String)> {
        self.heard.lock().unwrap().texts.clone()
    }

    /// How many pings were heard.
    pub fn pings(&self) -> usize {
        self.heard.lock().unwrap().pings
    }

    /// How many binary frames were heard.
    pub fn binaries(&self) -> usize {
        self.heard.lock().unwrap().binary
    }

    /// Waits for a text frame, past or future, and returns the first; panics with all of them.
    pub fn wait_for(&self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        let deadline = Limit::default().deadline();
        loop {
            let texts = self.texts();
            if let Some((_, text)) = texts.iter().find(|(_, text)| fits(text)) {
                return text.clone();
            }
            assert!(Instant::now() < deadline, "not heard: {what}\n{texts:#?}");
            thread::sleep(POLL);
        }
    }

    /// Waits until the other side has closed it; the code and the reason, 0 without any.
    pub fn wait_over(&self) -> (u16, String) {
        wait_some("the WebSocket to be closed", Limit::default(), || {
            self.heard.lock().unwrap().over.clone()
        })
    }
}

fn talk(mut socket: WebSocket<TcpStream>, said: &Receiver<Message>, to: &Mutex<Heard>) {
    let mut reason = (0, String::new());
    loop {
        loop {
            match said.try_recv() {
                Ok(message) => drop(socket.send(message)),
                Err(mpsc::TryRecvError::Empty) => break,
                Err(mpsc::TryRecvError::Disconnected) => return,
            }
        }
        let mut heard = match socket.read() {
            Err(Error::Io(error))
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
            {
                continue;
            }
            Err(_) => {
                to.lock().unwrap().over = Some(reason);
                return;
            }
            Ok(Message::Close(frame)) => {
                if let Some(frame) = frame {
                    reason = (frame.code.into(), frame.reason.to_string());
                }
                continue;
            }
            Ok(message) => (to.lock().unwrap(), message),
        };
        match heard.1 {
            Message::Text(text) => heard.0.texts.push((Instant::now(), text.to_string())),
            Message::Binary(_) => heard.0.binary += 1,
            Message::Ping(_) => heard.0.pings += 1,
            Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {}
        }
    }
}

/// Sends the exact bytes of an HTTP request and returns what comes of the answer.
pub fn http(address: &str, request: &str) -> String {
    let host = address.split("//").last().unwrap().trim_end_matches('/');
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(Limit::default().0)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A server that has not read all of it may reset the connection behind its answer.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}
