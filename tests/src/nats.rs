//! A real NATS server, and a client of it that speaks the bare protocol.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::{Limit, Process, own_address, wait_for, wait_some};

/// A running `nats-server`; killed when dropped.
#[derive(Debug)]
pub struct NatsServer {
    args: Vec<String>,
    port: u16,
    process: Process,
}

/// Subscribed to one subject, and all that was said on it.
#[derive(Debug)]
pub struct NatsClient {
    subject: String,
    stream: TcpStream,
    heard: Arc<Mutex<Vec<String>>>,
}

impl NatsServer {
    /// Starts one at an address of its own. None, after saying so, where there is none.
    pub fn or_skip(args: &[&str]) -> Option<Self> {
        let found = ["/usr/sbin/nats-server", "/usr/bin/nats-server", "/usr/local/bin/nats-server"]
            .iter()
            .any(|path| Path::new(path).exists());
        if !found {
            eprintln!("skipped: no nats-server here; install the package nats-server");
            return None;
        }
        let port = TcpListener::bind((own_address(), 0)).unwrap().local_addr().unwrap().port();
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let process = spawn(port, &args);
        let server = Self { args, port, process };
        server.wait_ready();
        Some(server)
    }

    /// Its address as the settings of a bridge.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address())
    }

    /// Starts it again at the same place; kills it before, if it still runs.
    pub fn start_again(&mut self) {
        self.process.kill();
        self.process = spawn(self.port, &self.args);
        self.wait_ready();
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// A client that has subscribed.
    pub fn subscribe(&self, subject: &str) -> NatsClient {
        NatsClient::new(self.address(), subject)
    }

    fn address(&self) -> SocketAddr {
        (own_address(), self.port).into()
    }

    fn wait_ready(&self) {
        wait_for("the NATS server", Limit::default(), || {
            TcpStream::connect(self.address()).is_ok()
        });
    }
}

impl NatsClient {
    fn new(address: SocketAddr, subject: &str) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert!(line.starts_with("INFO "), "{line}");
        // No word of headers: as old clients do.
        let hello = format!("CONNECT {{\"verbose\":false}}\r\nSUB {subject} 1\r\nPING\r\n");
        stream.write_all(hello.as_bytes()).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let client = Self { subject: subject.to_owned(), stream, heard: Arc::clone(&heard) };
        let ready = Arc::new(Mutex::new(false));
        let (answers, is_ready) = (client.stream.try_clone().unwrap(), Arc::clone(&ready));
        thread::spawn(move || read(reader, answers, &heard, &is_ready));
        wait_for("the NATS server to answer", Limit::default(), || *ready.lock().unwrap());
        client
    }

    /// Says something on the subject.
    pub fn publish(&mut self, payload: &str) {
        let head = format!("PUB {} {}\r\n", self.subject, payload.len());
        self.stream.write_all(format!("{head}{payload}\r\n").as_bytes()).unwrap();
    }

    /// All that was said so far, signs of life left out.
    pub fn heard(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        heard.iter().filter(|payload| !payload.contains("\"pong\":true")).cloned().collect()
    }

    /// How often something was said with this in it.
    pub fn count(&self, part: &str) -> usize {
        self.heard().iter().filter(|payload| payload.contains(part)).count()
    }

    /// Waits until something was said with this in it, signs of life included.
    pub fn wait_for(&self, part: &str) -> String {
        wait_some(&format!("{part} on {}", self.subject), Limit::default(), || {
            let heard = self.heard.lock().unwrap();
            heard.iter().find(|payload| payload.contains(part)).cloned()
        })
    }
}

fn read(
    mut reader: BufReader<TcpStream>,
    mut answers: TcpStream,
    heard: &Mutex<Vec<String>>,
    ready: &Mutex<bool>,
) {
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|count| count > 0) {
        let words: Vec<_> = line.split_whitespace().collect();
        match words.first().copied() {
            Some("PING") => answers.write_all(b"PONG\r\n").unwrap(),
            Some("PONG") => *ready.lock().unwrap() = true,
            Some("MSG") => {
                let length: usize = words.last().unwrap().parse().unwrap();
                let mut payload = vec![0; length + 2];
                if reader.read_exact(&mut payload).is_err() {
                    return;
                }
                payload.truncate(length);
                heard.lock().unwrap().push(String::from_utf8_lossy(&payload).into_owned());
            }
            _ => {}
        }
        line.clear();
    }
}

fn spawn(port: u16, args: &[String]) -> Process {
    let mut command = Command::new("nats-server");
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/usr/local/bin"));
    command.args(["-a", &own_address().to_string(), "-p", &port.to_string()]).args(args);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Process::spawn(&mut command)
}
