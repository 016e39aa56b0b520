//! The bridge itself as somebody in the rooms: reads along, and speaks for those who have no guest.

use meshchat_client::proto::control::{Dm, Event, Message, Start};
use meshchat_client::{Guest, Identity, TailItem, TailRequest};
use tokio::sync::{mpsc, watch};

use super::people::{Tries, VIA, Words, enter, say};
use crate::door::{Door, House, fresh_key};

/// Reads and speaks for ever; says in `trouble` why it cannot.
pub(super) async fn run(
    house: House,
    door: Door,
    (name, rooms): (String, Vec<String>),
    queue: mpsc::Receiver<Words>,
    (tell, trouble): (mpsc::Sender<Message>, watch::Sender<String>),
) {
    let Ok(key) = fresh_key() else { return };
    let away = Some(NOTE.to_owned());
    let identity =
        Identity { name: name.clone(), via: VIA.to_owned(), key, rooms: Some(rooms), away };
    let all = TailRequest::Messages {
        room: None,
        start: Start::Now,
        follow: true,
        presence: false,
        dm: Dm::No,
        cursor: None,
    };
    let mut queue = Some(queue);
    loop {
        let Some(guest) = enter(&house, identity.clone(), all.clone(), Tries::All).await else {
            let words = format!("no free name like {name}; choose another name in [nats]");
            trouble.send_replace(words);
            return;
        };
        if let Some(mut queue) = queue.take() {
            let (door, speaker) = (door.clone(), guest.speaker().clone());
            house.tasks.spawn(async move {
                while let Some(words) = queue.recv().await {
                    say(&door, &speaker, words).await;
                }
            });
        }
        if read(guest, &door, &tell).await.is_none() {
            return;
        }
    }
}

/// Reads until the guest is refused; none when nobody wants to know any more.
async fn read(mut guest: Guest, door: &Door, tell: &mpsc::Sender<Message>) -> Option<()> {
    while let Some(Ok(item)) = guest.next().await {
        match item {
            TailItem::Event(Event::Message(message)) => tell.send(message).await.ok()?,
            TailItem::Event(Event::Missed(missed)) => door.count_many("missed", missed.messages),
            TailItem::Event(_) | TailItem::Lost(_) | TailItem::Back { .. } => {}
        }
    }
    Some(())
}

/// What people see beside the name of the bridge.
pub(super) const NOTE: &str = "bridge to NATS";
