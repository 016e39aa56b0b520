//! One connection: lets it register, then moves lines, events and answers between the client, its
//! session and the daemon.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use irc_proto::Response;
use meshchat_client::proto::control::{Dm, ErrorCode, Reply, Request, Start, Status};
use meshchat_client::{Guest, Identity, RequestError, Speaker, TailError, TailItem, TailRequest};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{self, Instant};

use super::errand::{Answer, Errand, Trouble, What};
use super::hello::{self, Registration};
use super::keys::{Keys, Refusal};
use super::nicks::Who;
use super::session::{Hello, Moment, Session};
use super::wire::INPUT_BYTES;
use crate::door::{Conn, Door, House, Line, Lines, Pace, Seat};

/// Serves one client to its end.
pub(super) async fn serve(house: House, keys: Arc<Keys>, stream: TcpStream, conn: Conn) {
    let (read, write) = stream.into_split();
    let mut wire =
        Wire { lines: Lines::new(read, Vec::new(), INPUT_BYTES), write, door: conn.door.clone() };
    // Boxed, as it is large and soon over.
    let registering = Box::pin(register(&house, &keys, &conn, &mut wire));
    let entered = match conn.greet(registering).await {
        Ok(entered) => entered,
        Err(late) => Err(Bye::Told(late.to_string())),
    };
    let bye = match entered {
        Ok(Entered { _seat, guest, session }) => {
            let pace = Pace::new(&house.limits);
            Box::pin(Client::new(session, guest, pace).run(&mut wire)).await
        }
        Err(bye) => bye,
    };
    if let Bye::Told(why) = bye {
        wire.send(&hello::error(&why)).await.ok();
    }
    wire.write.shutdown().await.ok();
}

/// A client that is in.
struct Entered {
    _seat: Seat,
    guest: Guest,
    session: Session,
}

/// How a connection ends.
enum Bye {
    /// The client is gone, or was told already.
    Gone,
    /// The client is to be told why.
    Told(String),
}

/// The connection itself.
struct Wire {
    lines: Lines<OwnedReadHalf>,
    write: OwnedWriteHalf,
    door: Door,
}

impl Wire {
    /// Writes lines; a client that takes none of them for a minute is gone.
    async fn send(&mut self, lines: &str) -> Result<(), Bye> {
        if lines.is_empty() {
            return Ok(());
        }
        match time::timeout(WRITE, self.write.write_all(lines.as_bytes())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Bye::Gone),
            Err(_) => {
                self.door.count("write_late");
                Err(Bye::Gone)
            }
        }
    }
}

async fn register(
    house: &House,
    keys: &Keys,
    conn: &Conn,
    wire: &mut Wire,
) -> Result<Entered, Bye> {
    let mut said = Registration::default();
    let mut seat = None;
    for _ in 0..HELLO_LINES {
        let line = wire.lines.next().await.ok().flatten().ok_or(Bye::Gone)?;
        if line.is_http() {
            wire.door.count("http_refused");
            return Err(Bye::Told("this door is not for browsers".to_owned()));
        }
        let text = match &line {
            Line::Text(text) => Some(text.as_str()),
            Line::TooLong | Line::NotUtf8 => None,
        };
        said.input(text);
        if said.has_quit() {
            return Err(Bye::Told("you left".to_owned()));
        }
        if let Some(nick) = said.is_ready().map(str::to_owned) {
            let key = match keys.admit(said.pass.as_deref(), &nick) {
                Ok(key) => key,
                Err(refusal) => return Err(refuse(wire, &mut said, refusal).await),
            };
            let seat_taken = match seat.take() {
                Some(seat) => seat,
                None => conn.sit().map_err(|full| Bye::Told(full.to_string()))?,
            };
            match enter(house, &said, (&nick, key)).await {
                Ok((guest, session)) => {
                    wire.send(&said.take_lines()).await?;
                    return Ok(Entered { _seat: seat_taken, guest, session });
                }
                Err(Denied::Nick(code, why)) => said.deny(code, &why),
                Err(Denied::Daemon(why)) => return Err(Bye::Told(why)),
            }
            seat = Some(seat_taken);
        }
        wire.send(&said.take_lines()).await?;
    }
    wire.door.count("hello_long");
    Err(Bye::Told("too many lines before NICK and USER".to_owned()))
}

async fn refuse(wire: &mut Wire, said: &mut Registration, refusal: Refusal) -> Bye {
    wire.door.count("bad_password");
    // Guessing takes time.
    time::sleep(WRONG_PASSWORD).await;
    said.refuse(Response::ERR_PASSWDMISMATCH, None, &refusal.to_string());
    match wire.send(&said.take_lines()).await {
        Ok(()) => Bye::Told(refusal.to_string()),
        Err(bye) => bye,
    }
}

/// Why the daemon did not let a client in.
enum Denied {
    /// It may choose another nick.
    Nick(Response, String),
    /// Nothing helps now.
    Daemon(String),
}

async fn enter(
    house: &House,
    said: &Registration,
    (nick, key): (&str, String),
) -> Result<(Guest, Session), Denied> {
    let identity = Identity {
        name: nick.to_owned(),
        via: "irc".to_owned(),
        key,
        rooms: Some(Vec::new()),
        away: None,
    };
    let request = TailRequest::Messages {
        room: None,
        start: Start::Now,
        follow: true,
        presence: true,
        dm: Dm::Also,
        cursor: None,
    };
    let guest = Guest::enter(house.sockets.clone(), identity, request).await.map_err(denied)?;
    let status =
        status(guest.speaker()).await.map_err(|trouble| Denied::Daemon(trouble.words()))?;
    let name = nick.parse().map_err(|_error| Denied::Daemon("bad name".to_owned()))?;
    let who = Who { node: status.node, name };
    let caps = said.caps.clone();
    let hello = Hello { nick: nick.to_owned(), caps, who, node_name: status.name.to_string() };
    Ok((guest, Session::new(hello, &status)))
}

fn denied(error: TailError) -> Denied {
    match error {
        TailError::Request(RequestError::Daemon(error)) => {
            let code = error.code;
            let trouble = Trouble::Refused(error);
            match code {
                ErrorCode::NameTaken => Denied::Nick(Response::ERR_NICKNAMEINUSE, trouble.words()),
                ErrorCode::BadArgument => {
                    Denied::Nick(Response::ERR_ERRONEOUSNICKNAME, trouble.words())
                }
                _ => Denied::Daemon(trouble.words()),
            }
        }
        other => Denied::Daemon(format!("the node cannot be used now: {other}")),
    }
}

async fn status(speaker: &Speaker) -> Result<Status, Trouble> {
    match speaker.ask(Request::Status {}).await? {
        Reply::Status(status) => Ok(*status),
        _ => Err(Trouble::Away("it answered something else".to_owned())),
    }
}

type Flying = Pin<Box<dyn Future<Output = Result<Answer, Trouble>> + Send>>;

/// A session and what keeps it going.
struct Client {
    session: Session,
    guest: Guest,
    pace: Pace,
    started: Instant,
    /// What the daemon is asked now.
    flying: Option<(Errand, Flying)>,
    /// The client is read again from here on.
    resume_at: Instant,
    /// The daemon is away: errands wait until here before they fail.
    hold_until: Option<Instant>,
    /// Errands are tried again from here on.
    retry_at: Instant,
    refresh_at: Instant,
    heard_at: Instant,
    pinged: bool,
}

impl Client {
    fn new(session: Session, guest: Guest, pace: Pace) -> Self {
        let now = Instant::now();
        Self {
            session,
            guest,
            pace,
            started: now,
            flying: None,
            resume_at: now,
            hold_until: None,
            retry_at: now,
            refresh_at: now + REFRESH,
            heard_at: now,
            pinged: false,
        }
    }

    async fn run(mut self, wire: &mut Wire) -> Bye {
        loop {
            self.session.set_time(self.moment());
            let lines = self.session.take_lines();
            if let Err(bye) = wire.send(&lines).await {
                return bye;
            }
            if self.session.has_ended() {
                return Bye::Gone;
            }
            if let Some(bye) = self.step(wire).await {
                return bye;
            }
        }
    }

    /// Waits for one thing to happen and deals with it.
    async fn step(&mut self, wire: &mut Wire) -> Option<Bye> {
        let now = Instant::now();
        self.start_errand(now);
        // A client is read when what it said before is done: so order is kept, and it waits
        // with what it says while the daemon is away.
        let reading = self.flying.is_none() && !self.session.is_busy() && now >= self.resume_at;
        if !reading {
            self.heard_at = now;
        }
        let wake = self.wake(now);
        tokio::select! {
            result = landed(&mut self.flying) => self.finished(result),
            item = self.guest.next() => match item {
                Some(Ok(item)) => self.item(item),
                Some(Err(error)) => return Some(Bye::Told(format!("the node ended it: {error}"))),
                None => return Some(Bye::Told("the node ended it".to_owned())),
            },
            line = wire.lines.next(), if reading => return self.line(&wire.door, line),
            () = time::sleep_until(wake) => return self.tick(&wire.door),
        }
        None
    }

    fn start_errand(&mut self, now: Instant) {
        if self.flying.is_some() || now < self.retry_at {
            return;
        }
        self.session.set_time(self.moment());
        if let Some(errand) = self.session.next_errand() {
            let flying =
                fly(self.guest.speaker().clone(), errand.what.clone(), self.session.wall_ms());
            self.flying = Some((errand, flying));
        }
    }

    fn finished(&mut self, result: Result<Answer, Trouble>) {
        let Some((errand, _)) = self.flying.take() else { return };
        let now = Instant::now();
        let again = match &result {
            Err(Trouble::Away(_)) => true,
            Err(Trouble::Unsure) => errand.may_repeat(),
            Err(Trouble::Refused(_)) | Ok(_) => {
                self.hold_until = None;
                false
            }
        };
        if again && now < *self.hold_until.get_or_insert(now + HOLD) {
            self.retry_at = now + RETRY;
            self.session.put_back(errand);
            return;
        }
        self.session.set_time(self.moment());
        self.session.answer(errand, result);
    }

    fn item(&mut self, item: TailItem) {
        match &item {
            TailItem::Lost(_) => self.hold_until = Some(Instant::now() + HOLD),
            TailItem::Back { .. } => {
                self.hold_until = None;
                self.retry_at = Instant::now();
            }
            TailItem::Event(_) => {}
        }
        self.session.set_time(self.moment());
        self.session.item(item);
    }

    fn line(&mut self, door: &Door, line: io::Result<Option<Line>>) -> Option<Bye> {
        let now = Instant::now();
        (self.heard_at, self.pinged) = (now, false);
        self.resume_at = now + self.pace.take();
        self.session.set_time(self.moment());
        match line {
            Ok(Some(Line::Text(text))) => self.session.input(&text),
            Ok(Some(Line::TooLong)) => {
                door.count("line_too_long");
                self.session.too_long();
            }
            Ok(Some(Line::NotUtf8)) => {
                door.count("not_utf8");
                self.session.not_utf8();
            }
            Ok(None) | Err(_) => return Some(Bye::Gone),
        }
        None
    }

    fn tick(&mut self, door: &Door) -> Option<Bye> {
        let now = Instant::now();
        if now >= self.refresh_at {
            self.refresh_at = now + REFRESH;
            self.session.refresh();
        }
        if now >= self.heard_at + DEAD {
            door.count("silent");
            return Some(Bye::Told("ping timeout".to_owned()));
        }
        if now >= self.heard_at + SILENT && !std::mem::replace(&mut self.pinged, true) {
            self.session.ping();
        }
        None
    }

    /// When there is something to do though nothing happens.
    fn wake(&self, now: Instant) -> Instant {
        let silence = if self.pinged { DEAD } else { SILENT };
        let mut wake = self.refresh_at.min(self.heard_at + silence);
        if self.flying.is_none() {
            let waiting = self.session.is_busy() || self.session.is_stale();
            let soon = if waiting { self.retry_at.max(now + COALESCE) } else { wake };
            wake = wake.min(soon);
            if self.resume_at > now {
                wake = wake.min(self.resume_at);
            }
        }
        wake
    }

    fn moment(&self) -> Moment {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment { wall_ms: millis(wall), mono_ms: millis(self.started.elapsed()) }
    }
}

/// What came of the errand that is on its way; never, if there is none.
async fn landed(flying: &mut Option<(Errand, Flying)>) -> Result<Answer, Trouble> {
    match flying {
        Some((_, flying)) => flying.await,
        None => std::future::pending().await,
    }
}

fn fly(speaker: Speaker, what: What, wall_ms: u64) -> Flying {
    Box::pin(async move {
        match what {
            What::Ask(request) => {
                let reply = speaker.ask(request).await?;
                Ok(Answer::Reply(Box::new(reply)))
            }
            What::Read(query) => Ok(Answer::Read(query.read(&speaker, wall_ms).await?)),
        }
    })
}

/// Lines within which a client must say who it is.
const HELLO_LINES: usize = 64;
/// A client that was silent for so long is asked whether it is there.
const SILENT: Duration = Duration::from_secs(60);
/// A client that was silent for so long is gone.
const DEAD: Duration = Duration::from_secs(120);
/// How long a client may take to take what is written to it.
const WRITE: Duration = Duration::from_secs(60);
/// How long a wrong password costs.
const WRONG_PASSWORD: Duration = Duration::from_secs(1);
/// How often rooms are looked through for who entered or left silently.
const REFRESH: Duration = Duration::from_secs(3);
/// Changes within such a time are asked for together.
const COALESCE: Duration = Duration::from_millis(200);
/// How long what a client says waits for a daemon that is away.
const HOLD: Duration = Duration::from_secs(15);
const RETRY: Duration = Duration::from_millis(250);
