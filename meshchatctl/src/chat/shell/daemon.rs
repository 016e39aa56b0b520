//! The connection to the daemon: one for the stream of events, one for requests.

use std::path::PathBuf;

use meshchat_client::proto::control::{Dm, Reply, Request, Start, Welcome};
use meshchat_client::proto::name::RoomName;
use meshchat_client::{Client, RequestError, Tail, TailItem, TailRequest};
use tokio::sync::mpsc;

use crate::chat::seam::{AskId, Input, Link};
use crate::failure::Failure;

/// See the module.
#[derive(Debug)]
pub(crate) struct Daemon {
    paths: Vec<PathBuf>,
    client: Client,
    tail: Tail,
    answers: mpsc::UnboundedReceiver<(AskId, Result<Reply, RequestError>)>,
    answer: mpsc::UnboundedSender<(AskId, Result<Reply, RequestError>)>,
}

impl Daemon {
    pub(crate) async fn connect(paths: Vec<PathBuf>) -> Result<(Self, Input), Failure> {
        let client = Client::connect_any(&paths).await?;
        let request = TailRequest::Messages {
            room: None,
            start: Start::Last(500),
            follow: true,
            presence: true,
            dm: Dm::Also,
            cursor: None,
        };
        let tail = Tail::open(paths.clone(), request).await?;
        let (answer, answers) = mpsc::unbounded_channel();
        let welcome = Box::new(client.welcome().clone());
        let this = Self { paths, client, tail, answers, answer };
        Ok((this, Input::Link(Link::Up { welcome, restarted: false })))
    }

    pub(crate) fn welcome(&self) -> &Welcome {
        self.client.welcome()
    }

    pub(crate) fn ask(&self, id: AskId, request: Request) {
        let (client, answer) = (self.client.clone(), self.answer.clone());
        tokio::spawn(async move {
            let result = client.request(request).await;
            answer.send((id, result)).ok();
        });
    }

    pub(crate) fn past(&self, _room: RoomName, _many: u32) {}

    pub(crate) async fn next(&mut self) -> Result<Input, Failure> {
        loop {
            tokio::select! {
                Some((id, result)) = self.answers.recv() => return Ok(Input::Answer(id, result)),
                item = self.tail.next() => match item {
                    Some(Ok(TailItem::Event(event))) => return Ok(Input::Event(Box::new(event))),
                    Some(Ok(TailItem::Lost(why))) => return Ok(Input::Link(Link::Lost(why))),
                    Some(Ok(TailItem::Back { restarted })) => {
                        self.client = Client::connect_any(&self.paths).await?;
                        let welcome = Box::new(self.client.welcome().clone());
                        return Ok(Input::Link(Link::Up { welcome, restarted }));
                    }
                    Some(Err(error)) => return Err(error.into()),
                    None => {}
                },
            }
        }
    }
}
