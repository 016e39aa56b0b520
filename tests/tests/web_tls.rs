//! The web page over TLS, with the certificate that the gateway makes.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use meshchat_tests::{Answer, Daemon, Gateway};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

const WEB: &str = "[web]\nlisten = \"127.0.0.1:0\"\ntls = \"own\"\nhosts = [\"chat.example\"]\n";

/// Asks for the page under a name, by one who trusts exactly the gateway's certificate.
fn ask(gateway: &Gateway, name: &str) -> (Answer, Option<Vec<u8>>) {
    let file = fs::read(gateway.state_dir().join("tls.crt")).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&file).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let server = ServerName::try_from(name.to_owned()).unwrap();
    let session = ClientConnection::new(Arc::new(config), server).unwrap();
    let at: SocketAddr = gateway.web_host().parse().unwrap();
    let mut stream = StreamOwned::new(session, TcpStream::connect(at).unwrap());
    let host = format!("{name}:{}", at.port());
    let origin = format!("https://{host}");
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let answer = Answer::read(&mut stream);
    (answer, stream.conn.alpn_protocol().map(<[u8]>::to_vec))
}

#[test]
fn the_page_is_served_with_a_certificate_that_lasts() {
    let daemon = Daemon::start("a");
    let mut gateway = Gateway::start(&daemon, WEB);
    assert!(gateway.address("web").starts_with("https://chat.example:"));
    for name in ["127.0.0.1", "localhost", "chat.example"] {
        let (answer, protocol) = ask(&gateway, name);
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        assert_eq!(protocol.as_deref(), Some(&b"http/1.1"[..]));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains(&format!("wss://{name}:")), "{policy}");
    }
    let files = ["tls.key", "tls.crt"].map(|name| gateway.state_dir().join(name));
    let mode = fs::metadata(&files[0]).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = files.each_ref().map(|file| fs::read(file).unwrap());
    gateway.start_again();
    assert_eq!(files.each_ref().map(|file| fs::read(file).unwrap()), before);
    assert_eq!(ask(&gateway, "localhost").0.status, 200);
}

#[test]
fn plain_http_is_shown_the_way() {
    let daemon = Daemon::start("a");
    let gateway = Gateway::start(&daemon, WEB);
    let host = gateway.web_host();
    let answer = gateway.ask_web(&["GET /x?y HTTP/1.1", &format!("Host: {host}")], "");
    let to = format!("https://{host}/x?y");
    assert_eq!((answer.status, answer.header("location")), (308, Some(to.as_str())));
    let answer = gateway.ask_web(&["GET / HTTP/1.1", "Host: evil.example"], "");
    assert_eq!(answer.status, 421, "{answer:?}");
}

#[test]
fn a_handshake_that_never_ends_is_ended() {
    let daemon = Daemon::start("a");
    let gateway = Gateway::start(&daemon, WEB);
    let mut stream = gateway.dial_web();
    stream.write_all(&[22, 3, 1]).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
    assert_eq!(Answer::read(&mut stream).status, 0);
    assert_eq!(ask(&gateway, "localhost").0.status, 200);
}
