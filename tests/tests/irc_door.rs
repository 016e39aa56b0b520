//! The IRC door by raw lines: registration, rooms, people, words, history, and what goes wrong.

use std::fmt::Write as _;

use meshchat_tests::{Daemon, Gateway, Irc, Limit, wait_for};

const DOOR: &str = "[irc]\nlisten = \"127.0.0.1:0\"\n[limits]\nburst = 200\nper-second = 200\n";

fn two() -> (Daemon, Daemon, Gateway, Gateway) {
    let a = Daemon::start("attic");
    let b = Daemon::builder("barn").peer(a.listen()).start();
    a.wait_links(1);
    let doors = (Gateway::start(&a, DOOR), Gateway::start(&b, DOOR));
    (a, b, doors.0, doors.1)
}

#[test]
fn registration_in_every_order_split_and_glued() {
    let a = Daemon::start("attic");
    let door = Gateway::start(&a, DOOR);
    for (place, text) in [
        "NICK ann\r\nUSER ann 0 * :Ann\r\n",
        "USER ann 0 * :Ann\r\nNICK ann\r\n",
        "CAP LS 302\r\nNICK ann\r\nUSER a 0 * :A\r\nCAP REQ :server-time\r\nCAP END\r\n",
        "\r\n\r\nnick ann\nuser ann 0 * ann\n",
    ]
    .iter()
    .enumerate()
    {
        let mut irc = Irc::connect(&door);
        if place % 2 == 0 {
            irc.send_bytes(text.as_bytes());
        } else {
            for byte in text.bytes() {
                irc.send_bytes(&[byte]);
            }
        }
        irc.wait(":attic.mesh 001 ann :Welcome");
        irc.wait(" 005 ann NETWORK=open CASEMAPPING=ascii");
        irc.wait("node attic (");
        irc.wait(" 376 ann ");
        irc.send("QUIT :bye");
        irc.wait("ERROR :Closing link");
        irc.wait_closed();
        wait_for("ann to be gone", Limit::default(), || {
            a.person_at("attic").is_none() || !there(&a, "ann")
        });
    }
    let mut stranger = Irc::connect(&door);
    stranger.send("JOIN #lobby\r\nNICK a!b");
    stranger.wait(" 451 ");
    stranger.wait(" 432 ");
}

fn there(daemon: &Daemon, name: &str) -> bool {
    daemon
        .ctl()
        .json(["who"])
        .iter()
        .any(|person| person["name"] == name && person["state"] != "offline")
}

#[test]
fn rooms_people_and_words_between_two_nodes() {
    let (a, b, door_a, door_b) = two();
    let mut ann = Irc::enter(&door_a, "ann", "server-time message-tags away-notify echo-message");
    let mut ben = Irc::enter(&door_b, "ben", "");
    ann.join("#dev");
    ben.join("#dev");
    ann.wait(":ben!ben@barn JOIN #dev");
    ben.wait_until("ann in the names or joining", |line| {
        line.contains("JOIN #dev") || line.contains("353")
    });
    ann.send("PRIVMSG #dev :hello \x02ben\x02");
    let echo = ann.wait(":ann!ann@attic PRIVMSG #dev :hello ben");
    assert!(echo.starts_with("@time=20") && echo.contains(";msgid="), "{echo}");
    ben.wait(":ann!ann@attic PRIVMSG #dev :hello ben");
    ben.send("PRIVMSG #dev :\x01ACTION waves\x01");
    ann.wait(" :ben!ben@barn PRIVMSG #dev :\x01ACTION waves\x01");
    ben.sync();
    assert!(ben.all(":ben!ben@barn PRIVMSG").is_empty());
    b.ctl().ok(["join", "dev"]);
    let tail = b.ctl().tail(["tail", "dev", "-n", "all"]);
    let line = tail.wait_for("the action", Limit::default(), |line| line["text"] == "waves");
    assert_eq!((&line["via"], &line["author"]), (&"irc".into(), &"ben".into()));
    // Names and questions.
    ann.send("NAMES #dev");
    let names = ann.wait(" 353 ann = #dev :");
    assert!(names.contains("ann") && names.contains("ben"), "{names}");
    ann.send("WHO #dev");
    ann.wait(" 352 ann #dev ben barn barn.mesh ben H :1 ben@barn");
    ann.send("WHOIS ben");
    ann.wait(" 311 ann ben ben barn * :ben@barn");
    ann.wait(" 312 ann ben barn.mesh :meshchatd");
    ann.wait(" 319 ann ben ");
    ann.wait(" 320 ann ben :is on node barn, linked directly");
    ann.wait(" 318 ann ben ");
    ann.send("LIST");
    ann.wait(" 322 ann #dev ");
    // Away and back.
    ben.send("AWAY :tea");
    ben.wait(" 306 ben ");
    ann.wait(":ben!ben@barn AWAY :tea");
    ben.send("AWAY");
    ben.wait(" 305 ben ");
    ann.wait_until("ben to be back", |line| line == ":ben!ben@barn AWAY");
    // Leaving one room, then all.
    ben.send("PART #dev :enough");
    ben.wait(":ben!ben@barn PART #dev :enough");
    ann.wait(":ben!ben@barn PART #dev");
    ben.join("#dev");
    ann.wait(":ben!ben@barn JOIN #dev");
    ben.close();
    ann.wait(":ben!ben@barn QUIT :went offline");
    drop(a);
}

#[test]
fn direct_messages_and_their_troubles() {
    let (a, b, door_a, door_b) = two();
    let mut ann = Irc::enter(&door_a, "ann", "");
    let mut ben = Irc::enter(&door_b, "ben", "echo-message");
    wait_for("ben at the attic", Limit::default(), || there(&a, "ben"));
    wait_for("ann at the barn", Limit::default(), || there(&b, "ann"));
    ann.send("PRIVMSG ben@barn :as others write it");
    ben.wait(":ann!ann@attic PRIVMSG ben :as others write it");
    ann.send("PRIVMSG ben|barn :psst");
    ben.wait(":ann!ann@attic PRIVMSG ben :psst");
    ben.send("PRIVMSG ann :\x01ACTION nods\x01");
    ben.wait(":ben!ben@barn PRIVMSG ann :\x01ACTION nods\x01");
    ann.wait(":ben!ben@barn PRIVMSG ann :\x01ACTION nods\x01");
    ann.send("PRIVMSG nobody :psst");
    ann.wait(" 401 ann nobody :not sent");
    ann.send("PRIVMSG ben :\x01VERSION\x01");
    ann.wait("NOTICE ann :CTCP VERSION was not sent");
    let ctl = b.person_at("barn").unwrap_or_default();
    assert!(!ctl.is_empty());
}

#[test]
fn nicks_of_others_cannot_be_taken() {
    let a = Daemon::start("attic");
    let door = Gateway::start(&a, DOOR);
    let mut ann = Irc::enter(&door, "annlee", "");
    let mut other = Irc::connect(&door);
    // Looks like it.
    other.send("NICK annIee\r\nUSER x 0 * :x");
    other.wait(" 433 * annIee ");
    other.send("NICK ben");
    other.wait(" 376 ben ");
    other.join("#lobby");
    ann.join("#lobby");
    other.wait(":annlee!annlee@attic JOIN #lobby");
    other.send("NICK annlee");
    other.wait(" 433 ben annlee ");
    other.send("NICK Benny");
    other.wait(":ben!ben@attic NICK Benny");
    ann.wait("JOIN #lobby");
    other.send("PRIVMSG #lobby :it is me");
    ann.wait(":Benny!Benny@attic PRIVMSG #lobby :it is me");
}

#[test]
fn history_with_times_and_as_asked_for() {
    let a = Daemon::start("attic");
    let door = Gateway::start(&a, DOOR);
    a.ctl().ok(["join", "dev"]);
    for n in 1..=60 {
        a.ctl().ok(["send", "#dev", &format!("message {n}")]);
    }
    let mut timed = Irc::enter(&door, "ann", "server-time batch message-tags");
    timed.join("#dev");
    timed.wait("BATCH +h1 chathistory #dev");
    let first = timed.wait("PRIVMSG #dev :message 11");
    assert!(first.starts_with("@batch=h1;time=20"), "{first}");
    timed.wait("PRIVMSG #dev :message 60");
    timed.wait("BATCH -h1");
    let mut plain = Irc::enter(&door, "ben", "");
    plain.join("#dev");
    let first = plain.wait("message 51");
    assert!(first.contains("PRIVMSG #dev :[") && first.contains("] message 51"), "{first}");
    let mut modern = Irc::enter(&door, "eve", "server-time batch message-tags draft/chathistory");
    modern.join("#dev");
    modern.sync();
    assert!(modern.all(" PRIVMSG #dev").is_empty());
    modern.send("CHATHISTORY LATEST #dev * 2");
    let line = modern.wait("message 59");
    let tags = line.split_once(' ').unwrap().0;
    let id = tags.split(';').find_map(|tag| tag.strip_prefix("msgid=")).unwrap().to_owned();
    modern.wait("BATCH -h1");
    modern.send(&format!("CHATHISTORY BEFORE #dev msgid={id} 2"));
    modern.wait("BATCH +h2 chathistory #dev");
    modern.wait("message 57");
    modern.wait("message 58");
    modern.wait("BATCH -h2");
    modern.send(&format!("CHATHISTORY AFTER #dev msgid={id} 50"));
    modern.wait("message 60");
    modern.wait("BATCH -h3");
    modern.send("CHATHISTORY BEFORE #dev timestamp=2100-01-01T00:00:00.000Z 1");
    modern.wait("message 60");
    modern.wait("BATCH -h4");
    modern.send("CHATHISTORY TARGETS timestamp=1970-01-01T00:00:00.000Z timestamp=2100-01-01T00:00:00.000Z 10");
    modern.wait("draft/chathistory-targets");
    modern.wait("CHATHISTORY TARGETS #dev 20");
    modern.send("CHATHISTORY LATEST #nowhere * 2");
    modern.wait("FAIL CHATHISTORY INVALID_TARGET");
}

#[test]
fn nothing_of_the_mesh_breaks_a_line() {
    let a = Daemon::start("attic");
    let door = Gateway::start(&a, DOOR);
    let mut ann = Irc::enter(&door, "ann", "");
    ann.join("#lobby");
    let evil = "one\r\nQUIT :x\n:attic.mesh KILL ann\n\u{1}DCC SEND x\u{1} \u{1b}[31m red";
    a.ctl().ok(["send", "--", evil]);
    ann.wait("PRIVMSG #lobby :one");
    ann.wait("PRIVMSG #lobby :QUIT :x");
    ann.wait("PRIVMSG #lobby ::attic.mesh KILL ann");
    let last = ann.wait("DCC SEND");
    assert!(!last.contains(['\u{1}', '\u{1b}']), "{last:?}");
    let mut long = String::new();
    for n in 0..600 {
        write!(long, "é{n} ").unwrap();
    }
    a.ctl().ok(["send", "--", long.trim_end()]);
    ann.wait("é599");
    let whole: String = ann
        .all("é")
        .iter()
        .map(|line| line.split_once("#lobby ").unwrap().1.trim_start_matches(':').to_owned())
        .collect();
    assert_eq!(whole, long.trim_end());
    // What is too long, or no text, is refused in words, and the connection lives.
    ann.send(&format!("PRIVMSG #lobby :{}", "x".repeat(10_000)));
    ann.wait(" 417 ann ");
    ann.send_bytes(b"PRIVMSG #lobby :\xc3\r\n");
    ann.wait("FAIL * INVALID_UTF8");
    ann.sync();
    wait_for("both to be counted", Limit::default(), || {
        door.drops("irc", "line_too_long") == 1 && door.drops("irc", "not_utf8") == 1
    });
}

#[test]
fn a_flood_is_slowed_and_nothing_of_it_lost() {
    let a = Daemon::start("attic");
    let door = Gateway::start(
        &a,
        "[irc]\nlisten = \"127.0.0.1:0\"\n[limits]\nburst = 5\nper-second = 20\n",
    );
    let mut ann = Irc::enter(&door, "ann", "echo-message");
    ann.join("#lobby");
    let start = std::time::Instant::now();
    for n in 0..45 {
        ann.send(&format!("PRIVMSG #lobby :number {n}"));
    }
    for n in 0..45 {
        ann.wait(&format!(":number {n}"));
    }
    assert!(start.elapsed().as_millis() >= 1500, "{:?}", start.elapsed());
}

#[test]
fn a_restart_of_the_daemon_loses_no_line() {
    let mut a = Daemon::start("attic");
    let door = Gateway::start(&a, DOOR);
    let mut ann = Irc::enter(&door, "ann", "echo-message");
    ann.join("#dev");
    a.kill();
    ann.wait("NOTICE #dev :this node is away");
    ann.send("PRIVMSG #dev :said meanwhile");
    a.start_again();
    ann.wait("NOTICE #dev :this node was restarted and is back");
    ann.wait_until("the words, or an error", |line| line.contains("said meanwhile"));
    a.ctl().ok(["send", "#dev", "after"]);
    ann.wait("PRIVMSG #dev :after");
    assert_eq!(ann.all("said meanwhile").len(), 1);
    assert!(ann.all(" 404 ").is_empty());
    ann.send("NAMES #dev");
    ann.wait(" 353 ann = #dev :ann");
}

#[test]
fn a_password_and_a_secret() {
    let a = Daemon::start("attic");
    let file = a.dir().join("password");
    std::fs::write(&file, "open sesame\n").unwrap();
    let config = format!("[irc]\nlisten = \"127.0.0.1:0\"\npassword-file = {file:?}\n");
    let door = Gateway::start(&a, &config);
    for pass in ["", "PASS wrong\r\n", "PASS :open sesam\r\n", "PASS :open sesame/short\r\n"] {
        let mut stranger = Irc::connect(&door);
        stranger.send(&format!("{pass}NICK ann\r\nUSER ann 0 * :x"));
        stranger.wait(" 464 ann ");
        stranger.wait("ERROR :Closing link");
        stranger.wait_closed();
    }
    wait_for("all to be counted", Limit::default(), || door.drops("irc", "bad_password") == 4);
    let mut ann = Irc::connect(&door);
    ann.send("PASS :open sesame/a secret of ann\r\nNICK ann\r\nUSER ann 0 * :x");
    ann.wait(" 376 ann ");
    ann.join("#dev");
    // The same person from another place is in the same rooms.
    let mut again = Irc::connect(&door);
    again.send("PASS :open sesame/a secret of ann\r\nNICK ann\r\nUSER ann 0 * :x");
    again.wait(":ann!ann@attic JOIN #dev");
    again.wait(" 366 ann #dev ");
    ann.send("PRIVMSG #dev :from the first");
    again.wait(":ann!ann@attic PRIVMSG #dev :from the first");
    let mut other = Irc::connect(&door);
    other.send("PASS :open sesame\r\nNICK ann\r\nUSER ann 0 * :x");
    other.wait(" 433 * ann ");
}

#[test]
fn a_node_that_is_lost_is_told() {
    let (_a, mut b, door_a, door_b) = two();
    let mut ann = Irc::enter(&door_a, "ann", "away-notify");
    ann.join("#dev");
    let mut ben = Irc::enter(&door_b, "ben", "");
    ben.join("#dev");
    ann.wait(":ben!ben@barn JOIN #dev");
    b.kill();
    ann.wait("NOTICE ann :node barn cannot be reached now");
    ann.wait(":ben!ben@barn AWAY :node barn cannot be reached");
    ann.send("PRIVMSG ben :are you there?");
    let told = ann.wait(" 301 ann ben ");
    assert!(told.contains("cannot be reached") && told.contains("sent again"), "{told}");
    ann.send("WHOIS ben");
    ann.wait(" 320 ann ben :is unreachable for");
}
