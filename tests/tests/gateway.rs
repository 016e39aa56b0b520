//! The gateway as a process beside the daemon.

use meshchat_tests::{Daemon, Gateway, Limit, wait_for};

#[test]
fn the_daemon_knows_the_doors_of_its_gateway() {
    let mut a = Daemon::start("a");
    let mut gateway = Gateway::start(&a, "[tcp]\nlisten = \"127.0.0.1:0\"\n");
    assert!(gateway.address("tcp").starts_with("127.0.0.1:"));
    a.start_again();
    wait_for("the doors to be told again", Limit::default(), || gateway.door("tcp").is_some());
    gateway.process().kill();
    wait_for("the doors to be forgotten", Limit::default(), || gateway.door("tcp").is_none());
}

#[test]
fn codes_and_doors_are_told_with_what_is_missing() {
    let a = Daemon::start("a");
    for command in ["doors", "pair"] {
        let done = a.ctl().run([command]);
        assert!(done.stderr.contains("no gateway runs here"), "{command}: {}", done.stderr);
    }
    let web = "[web]\nlisten = \"127.0.0.1:0\"\n";
    let open = Gateway::start(&a, &format!("{web}pairing = \"off\"\n"));
    let done = a.ctl().run(["pair"]);
    assert!(done.stderr.contains("pairing = \"off\""), "{}", done.stderr);
    drop(open);
    let gateway = Gateway::start(&a, web);
    let page = gateway.address("web");
    let told = a.ctl().ok(["pair", "--qr", "always"]);
    let code = told.lines().next().unwrap_or_default().to_owned();
    assert!(
        told.contains(&format!("{page}#{code}")) && told.contains("Only this machine"),
        "{told}"
    );
    let json = &a.ctl().json(["pair"])[0];
    assert_eq!(
        (&json["doors"][0]["name"], json["code"].as_str().map(str::len)),
        (&"web".into(), Some(9))
    );
    assert_eq!(a.ctl().ok(["pair", "--terse"]).trim().len(), 9);
    let doors = a.ctl().ok(["doors"]);
    assert!(
        doors.contains(&page) && doors.lines().all(|line| line.chars().count() <= 80),
        "{doors}"
    );
}
