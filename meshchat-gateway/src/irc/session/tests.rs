use meshchat_client::TailItem;
use meshchat_client::proto::control::{
    DirectMessage, Error, ErrorCode, Event, Gone, HistoryStatus, PartitionChange, PartitionState,
    PersonChange, PersonInfo, PersonStatus, Reply, Sent,
};
use meshchat_client::proto::id::{LetterId, MessageId, NodeId};
use meshchat_client::proto::message::MessageKind;
use meshchat_client::proto::name::RoomName;

use super::super::errand::{Answer, Trouble};
use super::super::heard::Heard;
use super::super::tests_kit::said;
use super::*;

const HERE: NodeId = NodeId([2; 32]);
const BARN: NodeId = NodeId([1; 32]);
const NOW_MS: u64 = 1_700_000_000_000;

fn status() -> Status {
    let history =
        HistoryStatus { mode: "memory".into(), messages: 0, bytes: 0, cursor: 0, disk: None };
    Status {
        node: HERE,
        name: "attic".parse().unwrap(),
        software: "meshchatd".into(),
        network: meshchat_client::proto::id::NetworkId([0; 16]),
        network_name: None,
        role: None,
        admit: "anyone".into(),
        listen: Vec::new(),
        uptime_ms: 0,
        boot: 1,
        links: 1,
        nodes_reachable: 2,
        nodes_known: 3,
        people_present: 2,
        clients: 1,
        history,
        sent: 0,
        received: 0,
        forwarded: 0,
        duplicates: 0,
        gone: 0,
        drops: Vec::new(),
        notes: vec!["a note\r\nQUIT".into()],
        missing: None,
        process: None,
        clock_offset_ms: None,
    }
}

fn person(name: &str, node: NodeId, rooms: &[&str]) -> PersonInfo {
    PersonInfo {
        name: name.parse().unwrap(),
        node,
        node_name: if node == HERE { "attic" } else { "barn" }.parse().unwrap(),
        state: PersonStatus::Online,
        since_ms: 1000,
        rooms: rooms.iter().map(|room| room.parse().unwrap()).collect(),
        note: String::new(),
        me: node == HERE && name == "me",
        gateway: false,
        verified: false,
        muted: false,
    }
}

/// A session called `me` with these capabilities; what it was told so far is dropped.
fn session(caps: &str) -> Session {
    let mut granted = Caps::default();
    granted.answer(("s", "*"), irc_proto::CapSubCommand::REQ, Some(caps));
    let who = Who { node: HERE, name: "me".parse().unwrap() };
    let hello = Hello { nick: "me".into(), caps: granted, who, node_name: "attic".into() };
    let mut session = Session::new(hello, &status());
    session.set_time(Moment { wall_ms: NOW_MS, mono_ms: 1_000_000 });
    answer(&mut session, Reply::People(vec![person("me", HERE, &[])]));
    session
}

/// Answers the next errand; it must be there.
fn answer(session: &mut Session, reply: Reply) {
    let errand = session.next_errand().unwrap();
    session.answer(errand, Ok(Answer::Reply(Box::new(reply))));
}

fn read(session: &mut Session, all: Vec<Heard>) {
    let errand = session.next_errand().unwrap();
    assert!(matches!(errand.what, What::Read(_)), "{errand:?}");
    session.answer(errand, Ok(Answer::Read(all)));
}

fn refuse(session: &mut Session, code: ErrorCode) {
    let errand = session.next_errand().unwrap();
    session.answer(errand, Err(Trouble::Refused(Error::new(code, "no\r\nQUIT :x").hint("hint"))));
}

fn lines(session: &mut Session) -> Vec<String> {
    let all = session.take_lines();
    assert!(all.is_empty() || all.ends_with("\r\n"));
    all.split_terminator("\r\n")
        .inspect(|line| assert!(!line.contains(['\r', '\n', '\0']), "{line:?}"))
        .map(str::to_owned)
        .collect()
}

/// A session in the lobby with ann of the barn.
fn in_lobby(caps: &str) -> Session {
    let mut session = session(caps);
    session.input("JOIN #lobby");
    answer(&mut session, Reply::Done {});
    let people = vec![person("me", HERE, &["#lobby"]), person("ann", BARN, &["#lobby"])];
    answer(&mut session, Reply::People(people));
    if !caps.contains("chathistory") {
        read(&mut session, Vec::new());
    }
    session.take_lines();
    session
}

fn event(session: &mut Session, event: Event) -> Vec<String> {
    session.item(TailItem::Event(event));
    lines(session)
}

fn turn(state: PersonStatus, note: &str) -> Event {
    Event::Person(PersonChange {
        name: "ann".parse().unwrap(),
        node: BARN,
        node_name: "barn".parse().unwrap(),
        state,
        was: None,
        note: note.into(),
    })
}

#[test]
fn the_greeting_tells_what_this_is() {
    let who = Who { node: HERE, name: "me".parse().unwrap() };
    let (nick, node_name) = ("me".to_owned(), "attic".to_owned());
    let hello = Hello { nick, caps: Caps::default(), who, node_name };
    let mut session = Session::new(hello, &status());
    let all = lines(&mut session);
    for (place, code) in ["001", "002", "003", "004", "005", "005"].iter().enumerate() {
        assert!(all[place].starts_with(&format!(":attic.mesh {code} me ")), "{}", all[place]);
    }
    let text = all.join("\n");
    for part in
        ["CASEMAPPING=ascii", "CHATHISTORY=100", "NICKLEN=32", "2 of 3 known nodes", " 376 me "]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn joining_names_who_is_there_and_shows_what_was_said() {
    let mut session = session("server-time batch message-tags");
    lines(&mut session);
    session.input("JOIN #Lobby");
    answer(&mut session, Reply::Done {});
    assert_eq!(lines(&mut session), [":me!me@attic JOIN #lobby"]);
    let people = vec![person("me", HERE, &["#lobby"]), person("ann lee", BARN, &["#lobby"])];
    answer(&mut session, Reply::People(people));
    assert_eq!(
        lines(&mut session),
        [
            ":attic.mesh 353 me = #lobby :me ann_lee",
            ":attic.mesh 366 me #lobby :End of /NAMES list"
        ]
    );
    read(&mut session, vec![Heard::Room(said(1, "old", 5000))]);
    let shown = lines(&mut session);
    assert_eq!(shown[0], ":attic.mesh BATCH +h1 chathistory #lobby");
    let id = said(1, "", 0).id;
    let tags = format!("@batch=h1;time=2023-11-14T22:13:15.000Z;msgid={id}");
    assert_eq!(shown[1], format!("{tags} :ann!ann@barn PRIVMSG #lobby :old"));
    assert_eq!(shown[2], ":attic.mesh BATCH -h1");
    // The same once more, live: it was shown.
    assert!(event(&mut session, Event::Message(said(1, "old", 0))).is_empty());
}

#[test]
fn clients_without_time_get_a_short_replay_in_words() {
    let mut session = session("");
    session.input("JOIN #lobby");
    answer(&mut session, Reply::Done {});
    answer(&mut session, Reply::People(vec![person("me", HERE, &["#lobby"])]));
    lines(&mut session);
    read(&mut session, vec![Heard::Room(said(1, "old", 5000))]);
    let shown = lines(&mut session);
    assert!(shown[0].starts_with(":ann!ann@barn PRIVMSG #lobby :["), "{shown:?}");
    assert!(shown[0].ends_with("] old"), "{shown:?}");
}

#[test]
fn nothing_from_the_mesh_forges_a_line() {
    let mut session = in_lobby("server-time message-tags");
    for evil in [
        "a\r\nQUIT :x",
        "\nKICK #lobby me",
        "\0",
        "\x01DCC SEND a 1 2 3\x01",
        ":b c",
        "\u{85}x",
        "x\r",
        " :x",
        "\u{2028}:s KILL me",
    ] {
        let shown = event(&mut session, Event::Message(said(evil.len() as u64 + 70, evil, 0)));
        for line in &shown {
            let (_, rest) = line.split_once(" :ann!ann@barn ").unwrap();
            assert!(rest.starts_with("PRIVMSG #lobby "), "{line:?}");
            assert!(!line.contains('\x01'), "{line:?}");
        }
    }
    let evil = "x\r\n:s QUIT";
    let shown = event(&mut session, turn(PersonStatus::Away, evil));
    assert!(shown.is_empty(), "{shown:?}");
    session.input("PRIVMSG ann hi");
    refuse(&mut session, ErrorCode::Internal);
    let shown = lines(&mut session);
    assert!(
        shown[0].starts_with(":attic.mesh 404 me ann :not sent: no  QUIT :x (hint)"),
        "{shown:?}"
    );
}

#[test]
fn long_texts_come_whole() {
    let mut session = in_lobby("");
    let text = "é".repeat(2000);
    let shown = event(&mut session, Event::Message(said(1, &text, 0)));
    let words = shown.iter().map(|line| {
        assert!(line.len() <= 510, "{}", line.len());
        line.strip_prefix(":ann!ann@barn PRIVMSG #lobby :").unwrap()
    });
    assert_eq!(words.collect::<String>(), text);
    let mut action = said(2, "waves\nand smiles", 0);
    action.kind = MessageKind::Action;
    assert_eq!(
        event(&mut session, Event::Message(action)),
        [
            ":ann!ann@barn PRIVMSG #lobby :\x01ACTION waves\x01",
            ":ann!ann@barn PRIVMSG #lobby :\x01ACTION and smiles\x01"
        ]
    );
}

fn sent(n: u64) -> Reply {
    let room = RoomName::lobby();
    let id = said(n, "", 0).id;
    Reply::Sent(Sent { id, room, seq: 1, cursor: 1, kept: "memory".into(), links: 1 })
}

fn mine(n: u64, text: &str) -> Event {
    let mut message = said(n, text, 0);
    (message.node, message.author, message.own) = (HERE, "me".parse().unwrap(), true);
    Event::Message(message)
}

#[test]
fn own_words_come_back_to_those_who_asked_for_it() {
    for (caps, echoed) in [("", 0), ("echo-message", 1)] {
        let mut session = in_lobby(caps);
        session.input("PRIVMSG #lobby :hello\x02 there");
        let errand = session.next_errand().unwrap();
        let What::Ask(Request::Send { text, .. }) = &errand.what else { panic!("{errand:?}") };
        assert_eq!(text, "hello there");
        // The event may be faster than the answer.
        assert!(event(&mut session, mine(5, "hello")).is_empty());
        let Reply::Sent(answer) = sent(5) else { unreachable!() };
        session.answer(errand, Ok(Answer::Reply(Box::new(Reply::Sent(answer)))));
        assert_eq!(lines(&mut session).len(), echoed);
        // The same person on another connection.
        assert_eq!(event(&mut session, mine(6, "x")), [":me!me@attic PRIVMSG #lobby :x"]);
    }
}

#[test]
fn what_cannot_be_said_is_told() {
    let mut session = in_lobby("");
    let code = |session: &mut Session| lines(session)[0].split(' ').nth(1).unwrap().to_owned();
    for (line, wanted) in [
        ("PRIVMSG #dev hi", "404"),
        ("PRIVMSG #b:d hi", "403"),
        ("PRIVMSG", "411"),
        ("PRIVMSG ann", "412"),
        ("PRIVMSG #lobby :", "412"),
        ("PRIVMSG #lobby :\x02", "412"),
        ("PRIVMSG ann :\x01VERSION\x01", "NOTICE"),
        ("WHAT", "421"),
        ("JOIN", "461"),
        ("JOIN dev", "403"),
        ("PART #dev", "442"),
        ("TOPIC #lobby", "331"),
        ("TOPIC #lobby :new", "482"),
        ("MODE #lobby", "324"),
        ("MODE #lobby +b", "368"),
        ("MODE #lobby +o ann", "482"),
        ("MODE me +i", "221"),
        ("MODE ann", "502"),
        ("KICK #lobby ann", "482"),
        ("INVITE ann #lobby", "482"),
        ("OPER a b", "491"),
        ("USER a b c d", "462"),
        ("NICK", "431"),
        ("NICK a!b", "432"),
        ("NICK :a b", "432"),
        ("WHOIS nobody", "401"),
        ("ISON ann nobody", "303"),
        ("USERHOST ann", "302"),
        ("VERSION", "351"),
        ("CHATHISTORY LATEST #lobby x 5", "FAIL"),
        ("CHATHISTORY LATEST #dev * 5", "FAIL"),
        ("CHATHISTORY", "FAIL"),
    ] {
        session.input(line);
        assert_eq!(code(&mut session), wanted, "{line}");
        assert!(session.next_errand().is_none(), "{line}");
    }
    for (line, why, wanted) in [
        ("PRIVMSG ann hi", ErrorCode::NotFound, "401"),
        ("PRIVMSG #lobby hi", ErrorCode::BadArgument, "404"),
        ("NICK ann", ErrorCode::NameTaken, "433"),
        ("NICK anna", ErrorCode::BadArgument, "432"),
        ("JOIN #dev", ErrorCode::TooMany, "405"),
        ("JOIN #dev", ErrorCode::Denied, "473"),
    ] {
        session.input(line);
        refuse(&mut session, why);
        assert_eq!(code(&mut session), wanted, "{line}");
    }
    session.input("PRIVMSG #lobby hi");
    let errand = session.next_errand().unwrap();
    session.answer(errand, Err(Trouble::Unsure));
    assert!(lines(&mut session)[0].contains("nobody knows whether"));
}

#[test]
fn people_come_go_and_are_away() {
    let mut session = in_lobby("away-notify");
    assert_eq!(event(&mut session, turn(PersonStatus::Away, "tea")), [":ann!ann@barn AWAY :tea"]);
    assert_eq!(
        event(&mut session, turn(PersonStatus::Unreachable, "")),
        [":ann!ann@barn AWAY :node barn cannot be reached"]
    );
    assert_eq!(event(&mut session, turn(PersonStatus::Online, "")), [":ann!ann@barn AWAY"]);
    let gone = event(&mut session, turn(PersonStatus::Offline, ""));
    assert_eq!(gone, [":ann!ann@barn QUIT :went offline"]);
    let back = event(&mut session, turn(PersonStatus::Online, ""));
    assert_eq!(back, [":ann!ann@barn JOIN #lobby"]);
    // Rooms are left without an event: the list tells.
    session.set_time(Moment { wall_ms: NOW_MS, mono_ms: 2_000_000 });
    let me = person("me", HERE, &["#lobby"]);
    answer(&mut session, Reply::People(vec![me.clone(), person("ann", BARN, &["#dev"])]));
    assert_eq!(lines(&mut session), [":ann!ann@barn PART #lobby"]);
    session.refresh();
    session.set_time(Moment { wall_ms: NOW_MS, mono_ms: 3_000_000 });
    answer(&mut session, Reply::People(vec![me, person("ben", BARN, &["#lobby"])]));
    assert_eq!(lines(&mut session), [":ben!ben@barn JOIN #lobby"]);
}

#[test]
fn a_client_without_away_notify_is_not_told_of_it() {
    let mut session = in_lobby("");
    assert!(event(&mut session, turn(PersonStatus::Away, "tea")).is_empty());
    session.input("WHO #lobby");
    answer(&mut session, Reply::Nodes(Vec::new()));
    assert_eq!(
        lines(&mut session),
        [
            ":attic.mesh 352 me #lobby me attic attic.mesh me H :0 me@attic",
            ":attic.mesh 352 me #lobby ann barn barn.mesh ann G :0 ann@barn",
            ":attic.mesh 315 me #lobby :End of /WHO list"
        ]
    );
}

fn letter(n: u64, own: bool) -> Event {
    let (me, ann) = (("me", HERE, "attic"), ("ann", BARN, "barn"));
    let (from, to) = if own { (me, ann) } else { (ann, me) };
    Event::Direct(DirectMessage {
        cursor: n,
        id: MessageId::of(&n.to_be_bytes()),
        letter: LetterId([u8::try_from(n).unwrap(); 16]),
        from: from.0.parse().unwrap(),
        from_node: from.1,
        from_node_name: from.2.parse().unwrap(),
        to: to.0.parse().unwrap(),
        to_node: to.1,
        to_node_name: to.2.parse().unwrap(),
        kind: MessageKind::Text,
        text: "psst".parse().unwrap(),
        wall_ms: 0,
        age_ms: 0,
        late: false,
        caught_up: false,
        own,
        state: None,
    })
}

#[test]
fn direct_messages_reach_whom_a_nick_was_shown_for() {
    let mut session = in_lobby("");
    assert_eq!(event(&mut session, letter(1, false)), [":ann!ann@barn PRIVMSG me :psst"]);
    assert_eq!(event(&mut session, letter(2, true)), [":me!me@attic PRIVMSG ann :psst"]);
    for (nick, wanted) in
        [("ANN", format!("ann@{BARN}")), ("ben|barn", "ben@barn".into()), ("eve", "eve".into())]
    {
        session.input(&format!("PRIVMSG {nick} :psst"));
        let errand = session.next_errand().unwrap();
        let What::Ask(Request::Dm(meshchat_client::proto::control::DmRequest::Send { to, .. })) =
            &errand.what
        else {
            panic!("{errand:?}")
        };
        assert_eq!(*to, wanted);
        session.answer(errand, Err(Trouble::Away("x".into())));
    }
}

#[test]
fn taking_a_name_moves_who_was_shown_by_it() {
    let mut session = in_lobby("");
    session.input("NICK Ann");
    answer(&mut session, Reply::Done {});
    assert_eq!(lines(&mut session), [":ann!ann@barn NICK ann|barn", ":me!me@attic NICK Ann"]);
    assert_eq!(
        event(&mut session, Event::Message(said(1, "x", 0))),
        [":ann|barn!ann@barn PRIVMSG #lobby :x"]
    );
}

#[test]
fn splits_and_gaps_are_told_where_people_talk() {
    let mut session = in_lobby("");
    let split = PartitionChange {
        state: PartitionState::Split,
        reachable: 4,
        known: 11,
        missing: vec!["barn".parse().unwrap()],
        back: 0,
        theirs: 0,
        ours: 0,
    };
    assert_eq!(
        event(&mut session, Event::Partition(split)),
        [
            ":attic.mesh NOTICE #lobby :the mesh is split: you are with 4 of 11 nodes; out of reach: barn"
        ]
    );
    let node_name = "pi-barn".parse().unwrap();
    let gone = Gone { node: BARN, node_name, count: 3, before_start: false, refused: false };
    let shown = event(&mut session, Event::Gone(gone));
    assert!(shown[0].contains("NOTICE #lobby :3 messages from pi-barn are gone"), "{shown:?}");
}

#[test]
fn history_of_before_the_client_came_is_not_shown_after_a_restart() {
    let mut session = in_lobby("");
    session.item(TailItem::Lost("x".into()));
    session.item(TailItem::Back { restarted: true });
    assert_eq!(lines(&mut session).len(), 2);
    assert!(event(&mut session, Event::Message(said(1, "old", 500_000))).is_empty());
    assert_eq!(event(&mut session, Event::Message(said(2, "new", 100))).len(), 1);
}

#[test]
fn no_line_of_a_client_does_harm() {
    let mut session = in_lobby("server-time batch draft/chathistory");
    let words = [
        "",
        ":",
        "#lobby",
        "#",
        "ann",
        ",",
        "*",
        "0",
        "\x01",
        "timestamp=",
        "é",
        "-1",
        "999999999999",
    ];
    let verbs = [
        "JOIN",
        "PART",
        "PRIVMSG",
        "NOTICE",
        "NAMES",
        "LIST",
        "TOPIC",
        "MODE",
        "WHO",
        "WHOIS",
        "WHOWAS",
        "USERHOST",
        "ISON",
        "MOTD",
        "LUSERS",
        "VERSION",
        "TIME",
        "INVITE",
        "KICK",
        "NICK",
        "AWAY",
        "CAP",
        "PING",
        "TAGMSG",
        "CHATHISTORY LATEST",
        "CHATHISTORY BETWEEN",
        "CHATHISTORY TARGETS",
        "METADATA",
        "MONITOR",
        "BATCH",
        "AUTHENTICATE",
    ];
    for verb in verbs {
        for a in words {
            for b in words {
                session.input(&format!("{verb} {a} {b} {a} {b}"));
                session.input(&format!("{verb} {a} :{b}"));
                session.input(&format!("{verb}{a}{b}"));
                while let Some(errand) = session.next_errand() {
                    session.answer(errand, Err(Trouble::Unsure));
                }
                lines(&mut session);
            }
        }
    }
}
