//! Whatever a local program writes to the control socket, others go on being served.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use meshchat_proto::codec;
use meshchat_proto::control::{
    Error, ErrorCode, FromDaemon, Hello, Reply, Request, ToDaemon, VERSION, Welcome,
};
use meshchat_tests::Daemon;
use serde_json::json;

#[test]
fn what_cannot_be_read_gets_an_error_and_the_connection_goes_on() {
    let daemon = Daemon::start("a");
    let mut client = Client::greeted(&daemon);
    let mut deep = vec![0x91; 60_000];
    deep.push(0);
    let nested = {
        let mut bytes = codec::encode(&json!({"id": 5, "request": {"status": {}}}));
        bytes[0] += 1; // a map of three
        bytes.extend(b"\xa4deep");
        bytes.extend(&deep);
        bytes
    };
    let unreadable: &[(&[u8], u64)] = &[
        (b"", 0),
        (b"\xc1\xc1\xc1\xc1", 0),
        (b"GET / HTTP/1.1\r\n\r\n", 0),
        (b"\xdd\xff\xff\xff\xff", 0),
        (b"\xdf\xff\xff\xff\xff\xa2id\x01", 0),
        (&deep, 0),
        (&nested, 0),
        (&codec::encode(&json!({"id": 6})), 6),
        (&codec::encode(&json!({"id": 7, "request": {"send": {"text": 7}}})), 7),
        (&codec::encode(&json!({"id": 8, "request": {"send": {}}})), 8),
        (&codec::encode(&json!({"id": -1, "request": {"status": {}}})), 0),
        (&[codec::encode(&json!({"id": 9, "request": {"status": {}}})), vec![0]].concat(), 0),
    ];
    for (bytes, id) in unreadable {
        client.write_frame(bytes);
        let answer = client.read();
        let error = answer.error.clone().unwrap_or_else(|| panic!("{answer:?} for {bytes:?}"));
        assert_eq!(error.code, ErrorCode::BadFrame, "{error:?}");
        assert!([0, *id].contains(&answer.id), "{answer:?} for {bytes:?}");
        assert!(!error.message.contains(char::is_control), "{error:?}");
        client.assert_served();
    }
}

#[test]
fn an_unknown_request_is_named_as_such() {
    let daemon = Daemon::start("a");
    let mut client = Client::greeted(&daemon);
    client.write(&json!({"id": 7, "request": {"dance": {"with": "me"}}}));
    let answer = client.read();
    assert_eq!(answer.id, 7);
    assert_eq!(answer.error.unwrap().code, ErrorCode::UnknownRequest);
    client.write(&json!({"id": 8, "later": [1], "request": {"send": {"text": "x", "loud": true}}}));
    assert!(matches!(client.read().ok, Some(Reply::Sent(_))), "unknown fields are ignored");
    client.assert_served();
}

#[test]
fn an_absurd_length_ends_the_connection_with_a_word() {
    let daemon = Daemon::start("a");
    for length in [u32::MAX, 65_537] {
        let mut client = Client::greeted(&daemon);
        client.stream.write_all(&length.to_be_bytes()).unwrap();
        let answer = client.read();
        assert_eq!((answer.id, answer.error.unwrap().code), (0, ErrorCode::BadFrame));
        client.assert_closed();
    }
    let mut client = Client::connect(&daemon);
    client.stream.write_all(&u32::MAX.to_be_bytes()).unwrap();
    assert_eq!(client.read().error.unwrap().code, ErrorCode::BadFrame);
    client.assert_closed();
    Client::greeted(&daemon).assert_served();
}

#[test]
fn a_greeting_must_be_one_and_of_a_known_version() {
    let daemon = Daemon::start("a");
    let mut client = Client::connect(&daemon);
    client.write(&json!({"hello": "there"}));
    assert_eq!(client.read().error.unwrap().code, ErrorCode::BadFrame);
    client.assert_closed();
    for (min, max) in [(VERSION + 1, VERSION + 9), (0, 0)] {
        let mut client = Client::connect(&daemon);
        client.write(&Hello { min, max, client: "test".into() });
        let error: Error = client.read().error.unwrap();
        assert_eq!(error.code, ErrorCode::Version);
        assert!(!error.hint.is_empty());
        client.assert_closed();
    }
}

#[test]
fn clients_that_break_off_leave_nothing_behind() {
    let daemon = Daemon::start("a");
    let own = daemon.status()["clients"].clone();
    for _ in 0..20 {
        let mut client = Client::greeted(&daemon);
        client.stream.write_all(&[0, 0, 0, 40, 0x82]).unwrap();
        drop(client);
        let mut silent = Client::connect(&daemon);
        silent.stream.write_all(&[0, 0]).unwrap();
    }
    meshchat_tests::wait_for("the clients to go", Default::default(), || {
        daemon.status()["clients"] == own
    });
}

#[test]
fn a_client_that_only_ended_its_sending_gets_its_answers() {
    let daemon = Daemon::start("a");
    let mut client = Client::greeted(&daemon);
    for id in 1..=200 {
        let request = Request::Send { room: None, text: "x".into(), kind: 0.into() };
        client.write(&ToDaemon { id, request });
    }
    client.stream.shutdown(Shutdown::Write).unwrap();
    for id in 1..=200 {
        let answer = client.read();
        assert_eq!(answer.id, id);
        assert!(matches!(answer.ok, Some(Reply::Sent(_))), "{answer:?}");
    }
    client.assert_closed();
}

#[test]
fn more_clients_than_places_are_turned_away_with_a_word() {
    let daemon = Daemon::start("a");
    let mut clients: Vec<Client> = (0..512).map(|_| Client::greeted(&daemon)).collect();
    let mut more = Client::connect(&daemon);
    assert_eq!(more.read().error.unwrap().code, ErrorCode::TooMany);
    more.assert_closed();
    let refused = daemon.ctl().run(["status"]);
    refused.assert_code(1);
    assert!(refused.stderr.contains("too many clients"), "{refused:?}");
    clients.iter_mut().for_each(Client::assert_served);
    drop(clients);
    meshchat_tests::wait_for("a place", Default::default(), || {
        daemon.ctl().run(["status"]).code == Some(0)
    });
}

/// A client that may say anything.
struct Client {
    stream: UnixStream,
    last: u64,
}

impl Client {
    fn connect(daemon: &Daemon) -> Self {
        let stream = UnixStream::connect(daemon.socket()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, last: 1 << 32 }
    }

    fn greeted(daemon: &Daemon) -> Self {
        let mut client = Self::connect(daemon);
        client.write(&Hello { min: 1, max: VERSION + 3, client: "test".into() });
        let welcome: Welcome = codec::decode(&client.read_frame()).unwrap();
        assert_eq!(welcome.version, VERSION);
        client
    }

    fn write(&mut self, value: &impl serde::Serialize) {
        self.write_frame(&codec::encode(value));
    }

    fn write_frame(&mut self, body: &[u8]) {
        self.stream.write_all(&u32::try_from(body.len()).unwrap().to_be_bytes()).unwrap();
        self.stream.write_all(body).unwrap();
    }

    fn read(&mut self) -> FromDaemon {
        codec::decode(&self.read_frame()).unwrap()
    }

    fn read_frame(&mut self) -> Vec<u8> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).unwrap();
        let mut body = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut body).unwrap();
        body
    }

    fn assert_served(&mut self) {
        self.last += 1;
        self.write(&ToDaemon { id: self.last, request: Request::Status {} });
        let answer = self.read();
        assert_eq!(answer.id, self.last);
        assert!(matches!(answer.ok, Some(Reply::Status(_))), "{answer:?}");
    }

    fn assert_closed(&mut self) {
        assert_eq!(self.stream.read(&mut [0; 16]).unwrap(), 0, "the connection is still open");
    }
}

/// Far more than anything here takes; reached only by a test that fails.
const PATIENCE: Duration = Duration::from_secs(30);
