//! Who is there, for pages that want to be told every few seconds: asked once for all of them.

use std::sync::Arc;
use std::time::Duration;

use meshchat_client::Speaker;
use meshchat_client::proto::control::{PersonInfo, PersonStatus, Reply, Request};
use meshchat_client::proto::name::PersonName;
use tokio::sync::Mutex;
use tokio::time::{self, Instant};

use crate::dialect::{View, pong};

/// People of the lobby who are there. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Crowd(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    asked: Option<Instant>,
    people: Arc<[Somebody]>,
}

#[derive(Debug)]
struct Somebody {
    name: PersonName,
    id: String,
    /// On this node.
    near: bool,
}

impl Crowd {
    /// One line for each of them; whoever looks goes by their own id.
    pub async fn pongs(&self, speaker: &Speaker, view: &View) -> Vec<String> {
        let people = self.people(speaker).await;
        let pongs = people.iter().map(|somebody| {
            let me = somebody.near && somebody.name == view.me;
            pong(somebody.name.as_str(), if me { &view.id } else { &somebody.id })
        });
        pongs.collect()
    }

    /// Who is there; nobody while the daemon does not tell.
    async fn people(&self, speaker: &Speaker) -> Arc<[Somebody]> {
        let mut state = self.0.lock().await;
        if state.asked.is_none_or(|asked| asked.elapsed() >= FRESH) {
            let room = Some("#lobby".to_owned());
            let answer = time::timeout(PATIENCE, speaker.ask(Request::Who { room })).await;
            state.people = match answer {
                Ok(Ok(Reply::People(people))) => present(&people),
                _ => Arc::default(),
            };
            state.asked = Some(Instant::now());
        }
        Arc::clone(&state.people)
    }
}

fn present(people: &[PersonInfo]) -> Arc<[Somebody]> {
    let here = people.iter().find(|info| info.me).map(|info| info.node);
    let there =
        |info: &&PersonInfo| matches!(info.state, PersonStatus::Online | PersonStatus::Away);
    let people = people.iter().filter(there).take(MOST).map(|info| Somebody {
        name: info.name.clone(),
        id: crate::dialect::page_id(&info.name, &info.node),
        near: Some(info.node) == here,
    });
    people.collect()
}

/// How old an answer may be.
const FRESH: Duration = Duration::from_millis(1500);
/// How long the daemon may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// People that a page is told of.
const MOST: usize = 200;
