//! Strangers that begin handshakes and never end them, and an honest peer among them.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use meshchat_tests::{Daemon, Limit, wait_for};
use quinn_proto::crypto::rustls::QuicClientConfig;
use quinn_proto::{ClientConfig, DatagramEvent, Endpoint, EndpointConfig};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use crate::stats::float;
use crate::table::{Table, Target};
use crate::{mesh, proc};

pub(crate) fn measure(quick: bool, table: &mut Table) {
    let count = if quick { 2_000 } else { 10_000 };
    for (proven, what) in [(false, "never answer Retry"), (true, "answer Retry, then fall silent")]
    {
        let mut victim = mesh::start(Daemon::builder("victim"));
        let (pid, address) = (victim.process().pid(), victim.listen());
        // What every node that was ever linked has, so that only the strangers count.
        link(&mut victim);
        let (before, cpu) = (proc::rss_kib(pid), proc::cpu_us(pid));
        let mut most = before;
        let mut honest = 0.0;
        for n in 0..count {
            stranger(n, address, proven);
            if n % 100 == 99 {
                most = most.max(proc::rss_kib(pid));
            }
            // In the middle of it.
            if n == count / 2 {
                honest = link(&mut victim);
            }
        }
        let cpu = (proc::cpu_us(pid) - cpu) / float(count);
        let note = format!("{count} strangers that {what}; {cpu:.0} us of CPU each");
        table.row("memory growth", (most - before) / 1024.0, "MiB", Target::Below(8.0), note);
        let note = "start of its daemon included";
        table.row("an honest peer links in", honest, "s", Target::Below(1.0), note);
    }
}

/// Seconds until a new honest peer is linked.
fn link(victim: &mut Daemon) -> f64 {
    let before = mesh::status(victim, "links");
    let began = Instant::now();
    let friend = mesh::start(Daemon::builder("friend").peer(victim.listen()));
    mesh::await_links(&friend, 1);
    let took = began.elapsed().as_secs_f64();
    drop(friend);
    wait_for("the friend to be gone", Limit::default(), || mesh::status(victim, "links") == before);
    took
}

/// One handshake from an address of its own, as far as it goes.
fn stranger(number: u32, victim: SocketAddr, proven: bool) {
    let [_, high, mid, low] = (number + 256).to_be_bytes();
    let source = Ipv4Addr::new(127, 1 + high, mid, low.max(1));
    let socket = UdpSocket::bind((source, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut endpoint = Endpoint::new(Arc::new(EndpointConfig::default()), None, false, None);
    let now = Instant::now();
    let (handle, mut connection) = endpoint.connect(now, client(), victim, "n").unwrap();
    let send = |connection: &mut quinn_proto::Connection| {
        let mut bytes = Vec::new();
        while let Some(transmit) = connection.poll_transmit(now, 1, &mut bytes) {
            socket.send_to(&bytes[..transmit.size], victim).unwrap();
            bytes.clear();
        }
    };
    send(&mut connection);
    if !proven {
        return;
    }
    let mut buffer = [0; 2048];
    let Ok(length) = socket.recv(&mut buffer) else { return };
    let retry = BytesMut::from(&buffer[..length]);
    let event = endpoint.handle(now, victim, None, None, retry, &mut Vec::new());
    if let Some(DatagramEvent::ConnectionEvent(to, event)) = event {
        assert_eq!(to, handle);
        connection.handle_event(event);
        send(&mut connection);
    }
}

fn client() -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Deaf))
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"meshchat/1".to_vec()];
    ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()))
}

/// Asks for a raw key and never gets as far as looking at it.
#[derive(Debug)]
struct Deaf;

impl ServerCertVerifier for Deaf {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Err(Error::HandshakeNotComplete)
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::HandshakeNotComplete)
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::HandshakeNotComplete)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
