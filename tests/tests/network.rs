//! Closed networks of real daemons: made, joined, left; who is no member stays outside.
#![forbid(unsafe_code)]
#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step of a test must fail that test on the spot"
)]

use meshchat_client::{Client, RequestError};
use meshchat_proto::control::{
    Error, ErrorCode, MemberInfo, NetworkInfo, NetworkRequest, Reply, Request,
};
use meshchat_proto::network::Role;
use meshchat_tests::{Daemon, Limit, wait_for};

/// A removal closes links within this time.
const REMOVED: Limit = Limit::secs(5);

fn ask(daemon: &Daemon, request: NetworkRequest) -> Result<Reply, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("{error}"));
    runtime.block_on(async {
        let client =
            Client::connect(daemon.socket()).await.unwrap_or_else(|error| panic!("{error}"));
        match client.request(Request::Network(request)).await {
            Ok(reply) => Ok(reply),
            Err(RequestError::Daemon(error)) => Err(error),
            Err(other) => panic!("{other}"),
        }
    })
}

fn show(daemon: &Daemon) -> NetworkInfo {
    match ask(daemon, NetworkRequest::Show {}) {
        Ok(Reply::Network(info)) => info,
        other => panic!("{other:?}"),
    }
}

fn members(daemon: &Daemon) -> Vec<MemberInfo> {
    match ask(daemon, NetworkRequest::Members {}) {
        Ok(Reply::Members(members)) => members,
        other => panic!("{other:?}"),
    }
}

fn create(daemon: &Daemon) -> NetworkInfo {
    match ask(daemon, NetworkRequest::Create { name: "home".into() }) {
        Ok(Reply::Network(info)) => info,
        other => panic!("{other:?}"),
    }
}

fn invite(daemon: &Daemon, uses: u32) -> String {
    let request = NetworkRequest::Invite { uses, expires_ms: 600_000, role: Role::Member };
    match ask(daemon, request) {
        Ok(Reply::Ticket(ticket)) => ticket.ticket,
        other => panic!("{other:?}"),
    }
}

fn join(daemon: &Daemon, ticket: &str) -> Result<Reply, Error> {
    ask(daemon, NetworkRequest::Join { ticket: ticket.into() })
}

fn joined(daemon: &Daemon, ticket: &str) {
    match join(daemon, ticket) {
        Ok(Reply::Network(info)) => assert_eq!(info.role, Some(Role::Member)),
        other => panic!("{other:?}"),
    }
}

fn links(daemon: &Daemon) -> u64 {
    daemon.status()["links"].as_u64().unwrap_or_default()
}

#[test]
fn a_network_is_made_joined_and_used_and_outlives_its_inviter() {
    let mut a = Daemon::start("a");
    let b = Daemon::start("b");
    let info = create(&a);
    assert_eq!((info.role, info.root), (Some(Role::Admin), true));
    let ticket = invite(&a, 2);
    joined(&b, &ticket.to_uppercase());
    b.wait_links(1);
    let (at_a, at_b) = (a.follow(), b.follow());
    a.say("welcome");
    b.say("thanks");
    at_a.wait_texts(&["welcome", "thanks"]);
    at_b.wait_texts(&["welcome", "thanks"]);

    let mut c = Daemon::builder("c").peer(b.listen()).start();
    c.listen();
    joined(&c, &ticket);
    c.wait_links(2);
    assert_eq!(show(&b).members, 3);
    a.kill();
    let at_c = c.follow();
    c.start_again();
    c.wait_links(1);
    assert_eq!((show(&c).id, show(&c).members), (info.id, 3), "the disk remembers");
    b.say("without a");
    at_c.wait_text("without a");
    a.start_again();
    assert!(show(&a).root);
    assert_eq!(members(&a).len(), 3);
}

#[test]
fn strangers_stay_outside() {
    let a = Daemon::start("a");
    create(&a);
    let ticket = invite(&a, 1);
    let mut stranger = Daemon::builder("stranger").peer(a.listen()).start();
    wait_for("the stranger to be hung up on", Limit::default(), || a.drops("not_member") > 0);
    assert_eq!((links(&a), links(&stranger)), (0, 0));
    let typo = ticket.replace('7', "8");
    assert_eq!(join(&stranger, &typo).map_err(|error| error.code), Err(ErrorCode::BadArgument));
    joined(&stranger, &ticket);
    stranger.wait_links(1);
    let other = Daemon::start("other");
    let refused = join(&other, &ticket).map_err(|error| error.code);
    assert_eq!(refused, Err(ErrorCode::Denied));
    stranger.start_again();
    stranger.wait_links(1);
}

#[test]
fn a_member_that_joins_where_nobody_answers_is_told() {
    let mut a = Daemon::start("a");
    create(&a);
    let ticket = invite(&a, 1);
    a.kill();
    let b = Daemon::start("b");
    let refused = join(&b, &ticket).map_err(|error| error.code);
    assert_eq!(refused, Err(ErrorCode::Unreachable));
    assert_eq!(show(&b).role, None);
}

#[test]
fn a_removed_node_is_out_at_once_and_for_good() {
    let a = Daemon::start("a");
    create(&a);
    let ticket = invite(&a, 9);
    let b = Daemon::builder("b").peer(a.listen()).start();
    let mut c = Daemon::builder("c").peer(a.listen()).peer(b.listen()).start();
    c.listen();
    joined(&b, &ticket);
    joined(&c, &ticket);
    c.wait_links(2);
    let (at_a, at_b) = (a.follow(), b.follow());
    c.say("before");
    at_b.wait_text("before");
    let removed = ask(&a, NetworkRequest::Remove { member: "c".into() });
    assert_eq!(removed, Ok(Reply::Done {}));
    wait_for("the links of the removed node to end", REMOVED, || {
        links(&a) == 1 && links(&b) == 1 && links(&c) == 0
    });
    assert!(show(&c).removed);
    c.say("after");
    c.start_again();
    assert!(show(&c).removed);
    c.say("much later");
    a.say("the end");
    at_a.wait_text("the end");
    at_b.wait_text("the end");
    assert_eq!(at_a.count(|line| line["text"] == "after" || line["text"] == "much later"), 0);
    assert_eq!(at_b.count(|line| line["text"] == "after" || line["text"] == "much later"), 0);
    assert_eq!(ask(&c, NetworkRequest::Leave {}), Ok(Reply::Done {}));
    let refused = join(&c, &ticket);
    assert_eq!(refused.map_err(|error| error.code), Err(ErrorCode::Denied));
}

#[test]
fn a_damaged_network_file_stops_the_start() {
    let mut a = Daemon::start("a");
    create(&a);
    invite(&a, 1);
    a.kill();
    for name in ["network", "network.old"] {
        std::fs::write(a.state_dir().join(name), "rubbish")
            .unwrap_or_else(|error| panic!("{error}"));
    }
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| a.start_again()));
    assert!(failed.is_err(), "it started without knowing its network");
    let log = a.log();
    assert!(log.contains("fix:") && log.contains("network.old"), "{log}");
}

#[test]
fn a_lonely_node_still_knows_who_belongs() {
    let mut home = Daemon::start("home");
    let mut stolen = Daemon::start("stolen");
    create(&home);
    joined(&stolen, &invite(&home, 1));
    home.wait_reachable(2, Limit::default());
    stolen.kill();
    home.restart();
    // Nobody has told it anything since.
    let named: Vec<String> = members(&home).iter().map(|info| info.name.to_string()).collect();
    assert!(named.contains(&"stolen".to_owned()), "{named:?}");
    wait_for("word that it is cut off", Limit::default(), || {
        let checked = home.ctl().run(["status", "--check"]);
        checked.code == Some(2) && checked.stdout.contains("this node is cut off")
    });
    assert_eq!(home.status()["missing"]["names"][0], "stolen");
    home.ctl().ok(["members", "remove", "stolen", "--yes"]);
    assert!(members(&home).iter().any(|info| info.removed && info.name.as_str() == "stolen"));
}
