//! The connection to NATS. It comes back by itself; nothing waits in it while it is away.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_nats::client::PublishErrorKind;
use async_nats::{Client, ConnectOptions, Event, HeaderMap, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, SelectAll};
use meshchat_client::proto::id::MessageId;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time;

use crate::config::NatsConfig;

/// What the connection tells.
#[derive(Debug)]
pub(super) enum FromWire {
    /// It stands, and all subjects are subscribed.
    Up {
        /// The server carries headers.
        headers: bool,
        /// Bytes that it takes at once.
        most: usize,
    },
    /// It is gone, or did not come to be, for this reason.
    Down(String),
    /// Something was said on a subject.
    Heard {
        /// The place of the subject in the list of those that were asked for.
        place: usize,
        /// What.
        payload: Bytes,
        /// The message of the mesh that it is, as its header says.
        id: Option<MessageId>,
    },
}

/// Something to say.
#[derive(Debug)]
pub(super) struct Saying {
    pub(super) subject: String,
    pub(super) payload: Bytes,
    pub(super) id: Option<MessageId>,
}

/// How to get there.
#[derive(Debug, Clone)]
pub(super) struct Way {
    url: String,
    user: Option<(String, Option<String>)>,
    ca: Option<std::path::PathBuf>,
}

impl Way {
    /// Reads the credentials.
    pub(super) fn new(config: &NatsConfig) -> anyhow::Result<Self> {
        let user = config.credentials_file.as_deref().map(credentials).transpose()?;
        Ok(Self { url: config.url.clone(), user, ca: config.ca_file.clone() })
    }

    fn options(&self) -> ConnectOptions {
        let options = match self.user.clone() {
            None => ConnectOptions::new(),
            Some((user, Some(password))) => ConnectOptions::with_user_and_password(user, password),
            Some((token, None)) => ConnectOptions::with_token(token),
        };
        let options = match &self.ca {
            Some(path) => options.add_root_certificates(path.clone()),
            None => options,
        };
        options
            .name(crate::SOFTWARE)
            .connection_timeout(PATIENCE)
            .ping_interval(PING)
            .max_reconnects(1)
            .subscription_capacity(SUBSCRIBED)
    }
}

/// Keeps the connection, with the subjects that are wanted, for ever.
pub(super) async fn run(
    way: Way,
    mut subjects: watch::Receiver<Vec<String>>,
    mut sayings: mpsc::Receiver<Saying>,
    tell: mpsc::Sender<FromWire>,
) {
    let mut pause = SHORTEST;
    loop {
        let wanted = subjects.borrow_and_update().clone();
        let began = time::Instant::now();
        let why = if wanted.is_empty() {
            subjects.changed().await.ok();
            continue;
        } else {
            // What was to be said before is stale, or waits to be said again.
            while sayings.try_recv().is_ok() {}
            match connect(&way, &wanted).await {
                Ok(wire) => wire.serve(&mut subjects, &mut sayings, &tell).await,
                Err(error) => format!("{error:#}"),
            }
        };
        if tell.send(FromWire::Down(why)).await.is_err() {
            return;
        }
        pause = if began.elapsed() > STEADY { SHORTEST } else { (pause * 2).min(LONGEST) };
        time::sleep(pause).await;
    }
}

struct Wire {
    client: Client,
    heard: SelectAll<stream::BoxStream<'static, FromWire>>,
    gone: Arc<Notify>,
}

async fn connect(way: &Way, subjects: &[String]) -> anyhow::Result<Wire> {
    let gone = Arc::new(Notify::new());
    let notify = Arc::clone(&gone);
    let options = way.options().event_callback(move |event| {
        let notify = Arc::clone(&notify);
        async move {
            if matches!(event, Event::Disconnected | Event::Closed) {
                notify.notify_one();
            } else if let Event::ServerError(error) = event {
                tracing::warn!("NATS says: {error}");
            }
        }
    });
    let client = options.connect(&way.url).await?;
    let mut heard = SelectAll::new();
    for (place, subject) in subjects.iter().enumerate() {
        let subscriber = client.subscribe(subject.clone()).await?;
        heard.push(told(place, subscriber));
    }
    time::timeout(PATIENCE, client.flush()).await.context("it does not answer")??;
    Ok(Wire { client, heard, gone })
}

fn told(place: usize, subscriber: Subscriber) -> stream::BoxStream<'static, FromWire> {
    let heard = subscriber.map(move |message| {
        let header = message.headers.as_ref().and_then(|headers| headers.get(ID_HEADER));
        let id = header.and_then(|value| value.as_str().parse().ok());
        FromWire::Heard { place, payload: message.payload, id }
    });
    heard.boxed()
}

impl Wire {
    /// Serves the connection for as long as it lasts; returns why it ended.
    async fn serve(
        mut self,
        subjects: &mut watch::Receiver<Vec<String>>,
        sayings: &mut mpsc::Receiver<Saying>,
        tell: &mpsc::Sender<FromWire>,
    ) -> String {
        let info = self.client.server_info();
        let (headers, most) = (info.headers, info.max_payload);
        if tell.send(FromWire::Up { headers, most }).await.is_err() {
            return String::new();
        }
        loop {
            tokio::select! {
                () = self.gone.notified() => return "it has closed the connection".to_owned(),
                _ = subjects.changed() => return "other subjects are wanted".to_owned(),
                heard = self.heard.next() => {
                    let Some(heard) = heard else { return "the subscription has ended".to_owned() };
                    if tell.send(heard).await.is_err() {
                        return String::new();
                    }
                }
                Some(saying) = sayings.recv() => {
                    if let Err(error) = publish(&self.client, saying, headers).await {
                        return error;
                    }
                }
            }
        }
    }
}

async fn publish(client: &Client, saying: Saying, headers: bool) -> Result<(), String> {
    let Saying { subject, payload, id } = saying;
    let said = match id.filter(|_| headers) {
        Some(id) => {
            let mut map = HeaderMap::new();
            map.insert(ID_HEADER, id.to_string());
            client.publish_with_headers(subject, map, payload).await
        }
        None => client.publish(subject, payload).await,
    };
    match said {
        // Another connection would not take it either.
        Err(error) if error.kind() == PublishErrorKind::MaxPayloadExceeded => Ok(()),
        said => said.map_err(|error| error.to_string()),
    }
}

/// `user:password`, or a token.
fn credentials(path: &Path) -> anyhow::Result<(String, Option<String>)> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read credentials-file {} of [nats]", path.display()))?;
    let line = text.trim();
    anyhow::ensure!(
        !line.is_empty() && line.lines().count() == 1,
        "credentials-file {} of [nats] must have one line: user:password, or a token",
        path.display()
    );
    Ok(match line.split_once(':') {
        Some((user, password)) => (user.to_owned(), Some(password.to_owned())),
        None => (line.to_owned(), None),
    })
}

/// Carries the id of the message of the mesh that a foreign payload is.
const ID_HEADER: &str = "Meshchat-Message";
/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often it is asked for a sign of life; it is gone when it has missed two.
const PING: Duration = Duration::from_secs(3);
/// A connection that lasted so long was a good one.
const STEADY: Duration = Duration::from_secs(10);
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);
/// Messages of one subject that may wait; the server drops further ones.
const SUBSCRIBED: usize = 4096;
