//! Who is who: look-alikes, pet names, verified keys, and those whom one does not hear.
#![forbid(unsafe_code)]
#![expect(clippy::indexing_slicing, reason = "helpers of tests")]

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use meshchat_tests::{Daemon, Limit, wait_for, wait_some};

/// What a node calls the one with this id.
fn called(at: &Daemon, id: &str) -> Option<String> {
    let nodes = at.ctl().json(["nodes"]);
    let node = nodes.iter().find(|node| node["node"] == id)?;
    node["name"].as_str().map(Into::into)
}

fn id(of: &Daemon) -> String {
    of.status()["node"].as_str().unwrap_or_default().to_owned()
}

fn wait_called(at: &Daemon, of: &str, name: &str) {
    wait_for(name, Limit::default(), || called(at, of).as_deref() == Some(name));
}

#[test]
fn a_look_alike_is_shown_with_a_tag_everywhere() {
    let a = Daemon::start("a");
    let barn = Daemon::builder("pi-barn").peer(a.listen()).start();
    wait_called(&a, &id(&barn), "pi-barn");
    let fake = Daemon::builder("pi-b\u{430}rn").peer(a.listen()).start();
    let tagged = format!("pi-b\u{430}rn~{}", &id(&fake)[..4]);
    wait_called(&a, &id(&fake), &tagged);
    assert_eq!(called(&a, &id(&barn)).as_deref(), Some("pi-barn"));

    fake.say("it is me, the barn");
    assert_eq!(a.follow().wait_text("it is me, the barn")["node_name"], tagged.as_str());
    wait_for("its person", Limit::default(), || {
        a.ctl().json(["who"]).iter().any(|person| person["node_name"] == tagged.as_str())
    });
    assert!(a.peers().iter().any(|peer| peer["name"] == tagged.as_str()), "{:?}", a.peers());
    a.ctl().ok(["ping", "-c", "1", &tagged]);
    let ping = a.ctl().json(["ping", "-c", "1", "pi-barn"]);
    assert_eq!(ping[0]["node"], id(&barn).as_str());
}

#[test]
fn a_pet_name_wins_and_outlives_a_restart() {
    let mut a = Daemon::start("a");
    let b = Daemon::builder("raspberrypi").peer(a.listen()).start();
    wait_called(&a, &id(&b), "raspberrypi");
    a.ctl().ok(["alias", "raspberrypi", "shed"]);
    assert_eq!(called(&a, &id(&b)).as_deref(), Some("shed"));
    assert_eq!(a.node("shed").expect("it is called so")["own_name"], "raspberrypi");
    a.ctl().run(["alias", "shed", "A"]).assert_code(1);
    assert!(a.terminate(Limit::default()).success());
    a.start_again();
    wait_called(&a, &id(&b), "shed");
    a.ctl().ok(["ping", "-c", "1", "shed"]);
    a.ctl().ok(["alias", "shed", "--remove"]);
    assert_eq!(called(&a, &id(&b)).as_deref(), Some("raspberrypi"));
}

#[test]
fn both_ends_read_the_same_number_and_mark_each_other() {
    let a = Daemon::start("a");
    let b = Daemon::builder("b").peer(a.listen()).start();
    wait_called(&a, &id(&b), "b");
    wait_called(&b, &id(&a), "a");
    let here = a.ctl().ok(["verify", "b", "--terse"]);
    assert_eq!(here, b.ctl().ok(["verify", "a", "--terse"]));
    assert_eq!(here.split_whitespace().count(), 6, "{here}");
    assert!(a.node("b").expect("known")["verified"].is_null());
    a.ctl().ok(["verify", "b", "--yes"]);
    assert_eq!(a.node("b").expect("known")["verified"], true);
    assert!(a.ctl().ok(["nodes"]).contains("b ✓"));
}

#[test]
fn a_known_name_with_another_key_is_loud() {
    let a = Daemon::start("a");
    let mut barn = Daemon::builder("barn").peer(a.listen()).start();
    wait_called(&a, &id(&barn), "barn");
    a.ctl().ok(["verify", "barn", "--yes"]);
    let old = id(&barn);
    assert!(barn.terminate(Limit::default()).success());
    let tail = a.follow();
    let fake = Daemon::builder("barn").peer(a.listen()).start();
    let tagged = format!("barn~{}", &id(&fake)[..4]);
    let event = tail.wait_for("the alarm", Limit::default(), |line| line["event"] == "key");
    assert_eq!((&event["name"], &event["was"]), (&tagged.as_str().into(), &old.as_str().into()));
    assert_eq!(event["verified"], true);
    let notes = a.status()["notes"].to_string();
    assert!(notes.contains(&tagged), "{notes}");
    assert_eq!(a.node(&tagged).expect("known")["new_key"], true);
    a.ctl().ok(["verify", &tagged, "--accept"]);
    assert_eq!(called(&a, &id(&fake)).as_deref(), Some("barn"));
    assert!(!a.status()["notes"].to_string().contains("barn"));
}

#[test]
fn who_is_muted_is_not_shown_but_kept_and_passed_on() {
    let a = Daemon::start("a");
    let b = Daemon::builder("b").peer(a.listen()).start();
    let c = Daemon::builder("c").peer(b.listen()).start();
    b.wait_links(2);
    wait_for("a at c", Limit::default(), || called(&c, &id(&a)).is_some());
    b.ctl().ok(["mute", "a"]);
    let tail = b.follow();
    a.say("noise");
    c.follow().wait_text("noise");
    c.say("after");
    tail.wait_text("after");
    assert!(tail.talk().iter().all(|text| text != "noise"), "{:?}", tail.talk());
    assert_eq!(b.ctl().json(["mutes"])[0]["node"], id(&a).as_str());
    b.ctl().ok(["unmute", "a"]);
    b.follow().wait_text("noise");
    assert!(b.ctl().json(["mutes"]).is_empty());
    b.ctl().run(["unmute", "a"]).assert_code(10);
    b.ctl().ok(["nick", "myself"]);
    b.ctl().run(["mute", "myself"]).assert_code(1);
}

/// A client that says byte for byte what a gateway says.
struct Gateway(UnixStream);

impl Gateway {
    fn open(at: &Daemon) -> Self {
        let mut gateway = Self(UnixStream::connect(at.socket()).expect("the control socket"));
        gateway.write(b"\x82\xa3min\x01\xa3max\x01");
        gateway.read();
        gateway
    }

    /// Asks with a choice as text would have it, in MessagePack already.
    fn ask(&mut self, request: &[u8]) -> Vec<u8> {
        self.write(&[b"\x82\xa2id\x01\xa7request", request].concat());
        self.read()
    }

    fn become_person(&mut self, name: &str) -> Vec<u8> {
        let text = |text: &str| {
            [&[0xA0 | u8::try_from(text.len()).unwrap_or(0)], text.as_bytes()].concat()
        };
        let fields = [text("name"), text(name), text("via"), text("test")].concat();
        self.ask(&[b"\x81\xa6become\x82".as_slice(), &fields].concat())
    }

    fn write(&mut self, frame: &[u8]) {
        let length = u32::try_from(frame.len()).expect("a short frame").to_be_bytes();
        self.0.write_all(&[&length, frame].concat()).expect("the daemon reads");
    }

    fn read(&mut self) -> Vec<u8> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length).expect("an answer");
        let mut frame = vec![0; usize::try_from(u32::from_be_bytes(length)).expect("32 bits")];
        self.0.read_exact(&mut frame).expect("all of it");
        frame
    }
}

fn holds(frame: &[u8], word: &str) -> bool {
    frame.windows(word.len()).any(|window| window == word.as_bytes())
}

#[test]
fn a_guest_of_a_gateway_is_marked_and_takes_no_name() {
    let a = Daemon::start("a");
    let b = Daemon::builder("b").peer(a.listen()).start();
    a.ctl().ok(["nick", "anna"]);
    wait_for("anna at b", Limit::default(), || {
        b.ctl().json(["who"]).iter().any(|person| person["name"] == "anna")
    });

    let mut guest = Gateway::open(&b);
    // With a Cyrillic letter.
    let taken = guest.become_person("\u{430}nna");
    assert!(holds(&taken, "name_taken"), "{taken:?}");
    let done = guest.become_person("guest");
    assert!(holds(&done, "done"), "{done:?}");
    let again = guest.become_person("other");
    assert!(holds(&again, "denied") || holds(&again, "bad_argument"), "{again:?}");
    let find =
        |at: &Daemon| at.ctl().json(["who"]).into_iter().find(|person| person["name"] == "guest");
    let seen = wait_some("the guest at a", Limit::default(), || find(&a));
    assert_eq!((&seen["gateway"], &seen["node_name"]), (&true.into(), &"b".into()));
    assert!(a.ctl().ok(["who"]).contains("guest@b (gateway)"));
    // A guest administers nothing, whoever runs the gateway.
    let refused = guest.ask(b"\x81\xa6reload\x80");
    assert!(holds(&refused, "denied"), "{refused:?}");
    b.ctl().run(["nick", "GUEST"]).assert_code(1);
    drop(guest);
    wait_for("the guest is forgotten", Limit::default(), || find(&a).is_none());
}
