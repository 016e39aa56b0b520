//! The same shape of work done by another program, for scale: nats-server, if it is installed.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use meshchat_tests::{Limit, Process, TestDir, wait_some};

use crate::stats::{float, median};
use crate::table::{Table, Target};
use crate::{control, mesh, proc};

pub(crate) fn measure(quick: bool, table: &mut Table) {
    if Command::new(PROGRAM).arg("--version").stdout(Stdio::null()).status().is_err() {
        return table
            .skipped("nats-server", "it is not installed (Debian: apt install nats-server)");
    }
    let count: usize = if quick { 50_000 } else { 100_000 };
    let dir = TestDir::new();
    let [one, other] = servers(&dir);
    let mut receiver = client(other.client);
    receiver.write_all(b"SUB lobby 1\r\nPING\r\n").unwrap();
    await_pong(&mut receiver);
    let mut sender = client(one.client);
    // The subscription has reached the first server when its message comes through.
    wait_some("the route", Limit::default(), || {
        sender.write_all(b"PUB lobby 1\r\nx\r\n").unwrap();
        receiver.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        receiver.read(&mut [0; 4096]).ok()
    });
    receiver.set_read_timeout(Some(PATIENCE)).unwrap();
    let line = format!("PUB lobby {0}\r\n{1:x<0$}\r\n", control::TEXT, "");
    let want = count * format!("MSG lobby 1 {0}\r\n{1:x<0$}\r\n", control::TEXT, "").len();
    let (mut cost, mut rate) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let used = || [&one, &other].map(|s| proc::cpu_us(s.process.pid())).iter().sum::<f64>();
        let (before, began) = (used(), Instant::now());
        std::thread::scope(|scope| {
            let sending = scope.spawn(|| sender.write_all(line.repeat(count).as_bytes()).unwrap());
            let (mut got, mut buffer) = (0, vec![0; 256 * 1024]);
            while got < want {
                match receiver.read(&mut buffer) {
                    Ok(read) if read > 0 => got += read,
                    _ => panic!("{got} of {want} bytes came through nats-server"),
                }
            }
            sending.join().unwrap();
        });
        cost.push((used() - before) / 2.0 / float(count));
        rate.push(float(count) / began.elapsed().as_secs_f64());
    }
    let note = "client, server, plain route, server, client; nothing signed or sealed";
    table.row("nats-server, CPU per message and node", median(&cost), "us", Target::None, note);
    table.row("nats-server, delivered", median(&rate), "/s", Target::None, "");
}

struct Server {
    process: Process,
    client: SocketAddr,
}

/// Two servers that name each other.
fn servers(dir: &TestDir) -> [Server; 2] {
    let free: Vec<_> = (0..4).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let ports: Vec<_> = free.iter().map(|socket| socket.local_addr().unwrap()).collect();
    drop(free);
    [(0, ports[0], ports[1], ports[3]), (1, ports[2], ports[3], ports[1])].map(
        |(n, client, cluster, other)| {
            let config = dir.join(&format!("nats{n}.conf"));
            let text = format!(
                "listen: \"{client}\"\nserver_name: n{n}\ncluster {{ name: c, listen: \"{cluster}\", \
                 routes: [\"nats-route://{other}\"] }}\n"
            );
            fs::write(&config, text).unwrap();
            let mut command = Command::new(PROGRAM);
            command.arg("-c").arg(config).stdout(Stdio::null()).stderr(Stdio::null());
            let process = Process::spawn(&mut command);
            mesh::watch(process.pid());
            Server { process, client }
        },
    )
}

fn client(address: SocketAddr) -> TcpStream {
    let mut stream =
        wait_some("nats-server", Limit::default(), || TcpStream::connect(address).ok());
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"CONNECT {\"verbose\":false}\r\nPING\r\n").unwrap();
    await_pong(&mut stream);
    stream
}

fn await_pong(stream: &mut TcpStream) {
    let mut heard = Vec::new();
    let mut buffer = [0; 4096];
    while !heard.ends_with(b"PONG\r\n") {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "nats-server hung up");
        heard.extend_from_slice(&buffer[..read]);
    }
}

const PROGRAM: &str = "nats-server";
const PATIENCE: Duration = Duration::from_secs(10);
