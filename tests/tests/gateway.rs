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
