//! People who come through a gateway, as the daemon and other nodes see them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use meshchat_client::proto::control::{
    Dm, DmRequest, ErrorCode, Event, Message, Reply, Request, Start,
};
use meshchat_client::{
    Guest, Identity, RequestError, SpeakError, TailError, TailItem, TailRequest,
};
use meshchat_tests::{Daemon, Limit, wait_for};

fn ann(key: &str) -> Identity {
    let rooms = Some(vec!["#dev".to_owned()]);
    Identity { name: "ann".into(), via: "irc".into(), key: key.into(), rooms, away: None }
}

fn all() -> TailRequest {
    TailRequest::Messages {
        room: None,
        start: Start::Last(100),
        follow: true,
        presence: false,
        dm: Dm::Also,
        cursor: None,
    }
}

async fn enter(daemon: &Daemon, identity: Identity) -> Result<Guest, TailError> {
    Guest::enter(vec![daemon.socket()], identity, all()).await
}

async fn say(guest: &Guest, room: &str, text: &str) {
    let request = Request::Send { room: Some(room.into()), text: text.into(), kind: 0.into() };
    guest.speaker().ask(request).await.unwrap();
}

/// The next message, whatever comes before it.
async fn message(guest: &mut Guest) -> Message {
    loop {
        match guest.next().await.unwrap().unwrap() {
            TailItem::Event(Event::Message(message)) => return message,
            TailItem::Event(Event::Direct(direct)) => panic!("{direct:?}"),
            TailItem::Event(_) | TailItem::Lost(_) | TailItem::Back { .. } => {}
        }
    }
}

fn people(daemon: &Daemon) -> Vec<(String, String)> {
    let people = daemon.ctl().json(["who"]);
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    people.iter().map(|person| (text(&person["name"]), text(&person["state"]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_is_one_person_who_goes_with_the_last_connection() {
    let a = Daemon::start("a");
    let b = Daemon::builder("b").peer(a.listen()).start();
    let first = enter(&a, ann("k1")).await.unwrap();
    let mut second = enter(&a, ann("k1")).await.unwrap();
    let taken = enter(&a, ann("k2")).await.unwrap_err();
    assert!(
        matches!(&taken, TailError::Request(RequestError::Daemon(error))
            if error.code == ErrorCode::NameTaken),
        "{taken:?}"
    );
    let there = |daemon: &Daemon| people(daemon).contains(&("ann".into(), "online".into()));
    wait_for("ann on the other node", Limit::default(), || there(&b));
    say(&first, "dev", "hello").await;
    let heard = message(&mut second).await;
    assert_eq!((heard.text.as_str(), heard.room.as_str()), ("hello", "#dev"));
    b.ctl().ok(["join", "dev"]);
    let tail = b.ctl().tail(["tail", "dev", "-n", "all"]);
    let line =
        tail.wait_for("hello with its door", Limit::default(), |line| line["text"] == "hello");
    assert_eq!(line["via"], "irc");
    drop(first);
    say(&second, "dev", "still here").await;
    assert!(there(&b));
    drop(second);
    wait_for("ann to be gone", Limit::default(), || !there(&b));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_is_back_after_a_restart_as_before() {
    let mut a = Daemon::start("a");
    let mut guest = enter(&a, ann("k1")).await.unwrap();
    guest.speaker().ask(Request::Join { room: "ops".into() }).await.unwrap();
    guest.speaker().ask(Request::Leave { room: "#dev".into() }).await.unwrap();
    guest.speaker().ask(Request::Nick { name: "Anna".into() }).await.unwrap();
    a.start_again();
    while !matches!(guest.next().await.unwrap().unwrap(), TailItem::Back { .. }) {}
    // The first request may still find the old connection.
    let rooms = loop {
        match guest.speaker().ask(Request::Rooms {}).await {
            Ok(Reply::Rooms(rooms)) => break rooms,
            Ok(other) => panic!("{other:?}"),
            Err(_) => {}
        }
    };
    let joined: Vec<_> =
        rooms.iter().filter(|room| room.joined).map(|room| room.room.as_str()).collect();
    assert_eq!(joined, ["#ops"]);
    assert!(people(&a).contains(&("Anna".into(), "online".into())));
    say(&guest, "ops", "back").await;
    assert_eq!(message(&mut guest).await.author.as_str(), "Anna");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_a_name_later_does_not_read_its_direct_messages() {
    let a = Daemon::start("a");
    let mut guest = enter(&a, ann("k1")).await.unwrap();
    let ben = Identity { name: "ben".into(), key: "k2".into(), ..ann("") };
    let ben = enter(&a, ben).await.unwrap();
    let dm = DmRequest::Send { to: "ann".into(), text: "secret".into(), kind: 0.into() };
    ben.speaker().ask(Request::Dm(dm)).await.unwrap();
    loop {
        if let TailItem::Event(Event::Direct(direct)) = guest.next().await.unwrap().unwrap() {
            assert_eq!(direct.text.as_str(), "secret");
            break;
        }
    }
    drop(guest);
    wait_for("ann to be gone", Limit::default(), || {
        !people(&a).iter().any(|(name, _)| name == "ann")
    });
    let mut other = enter(&a, ann("k3")).await.unwrap();
    say(&other, "dev", "mine").await;
    assert_eq!(message(&mut other).await.text.as_str(), "mine");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_cannot_take_the_name_of_a_member_by_changing_its_own() {
    let a = Daemon::start("a");
    let b = Daemon::builder("b").peer(a.listen()).start();
    b.ctl().ok(["nick", "Carol"]);
    let known = || people(&a).iter().any(|(name, _)| name == "Carol");
    wait_for("Carol on the other node", Limit::default(), known);
    let guest = enter(&a, ann("k1")).await.unwrap();
    let refused = guest.speaker().ask(Request::Nick { name: "carol".into() }).await;
    assert!(
        matches!(&refused, Err(SpeakError::Request(RequestError::Daemon(error)))
            if error.code == ErrorCode::NameTaken),
        "{refused:?}"
    );
}
