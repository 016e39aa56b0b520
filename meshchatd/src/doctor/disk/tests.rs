use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use super::super::tests::{facts, grades};
use super::*;
use crate::testing::Directory;

fn seen() -> Seen {
    let status = |mode| Some(Status { mode, uid: 990, gid: 42 });
    Seen {
        places: Places {
            state_dir: "/var/lib/meshchat".into(),
            spare: None,
            socket: "/run/meshchat/control.sock".into(),
            group: "meshchat".into(),
            sys: "/sys".into(),
        },
        own: 990,
        directory: status(0o40700),
        key: status(0o100_600),
        socket: status(0o140_660),
        group: Some(42),
        refused: None,
        space: Some(Space {
            bytes: 100 * MIB,
            files: Some(10_000),
            read_only: false,
            in_memory: false,
        }),
    }
}

fn findings(change: impl FnOnce(&mut Seen)) -> Vec<Finding> {
    let (mut facts, mut seen) = (facts(), seen());
    change(&mut seen);
    facts.machine.disk = Disk(Some(seen));
    judge(&facts)
}

/// The only finding that is not as it should be.
fn fault(change: impl FnOnce(&mut Seen)) -> Finding {
    let mut bad = findings(change);
    bad.retain(|finding| finding.grade != Grade::Ok);
    let [finding] = &bad[..] else { panic!("{bad:?}") };
    assert!(!finding.fix.is_empty(), "{finding:?}");
    finding.clone()
}

#[test]
fn a_sound_disk_is_sound() {
    assert_eq!(grades(&findings(|_| ())), [Grade::Ok; 4]);
    assert_eq!(judge(&facts()), [], "nobody has looked");
}

#[test]
fn the_state_directory_must_be_there_and_be_ours_alone() {
    let gone = fault(|seen| seen.directory = None);
    assert!(gone.words.ends_with("is not there"));
    let owner = fault(|seen| seen.directory.as_mut().unwrap().uid = 0);
    assert_eq!(owner.fix, ["sudo chown -R 990 /var/lib/meshchat"]);
    let open = fault(|seen| seen.directory.as_mut().unwrap().mode = 0o40775);
    assert_eq!(open.fix, ["sudo chmod go-w /var/lib/meshchat"]);
    assert_eq!(
        (gone.grade, owner.grade, open.grade),
        (Grade::Problem, Grade::Problem, Grade::Problem)
    );
}

#[test]
fn what_cannot_be_written_says_why() {
    let path = PathBuf::from("/var/lib/meshchat");
    let denied = fault(|seen| seen.refused = Some(StoreError::Denied(path)));
    assert_eq!((&*denied.check, denied.grade), ("state", Grade::Problem));
    assert!(denied.words.contains("no permission"), "{}", denied.words);
    let read_only = fault(|seen| seen.space.as_mut().unwrap().read_only = true);
    assert!(read_only.words.contains("read-only file system"));
    assert!(read_only.fix[1].contains("remount,rw"));
}

#[test]
fn little_space_is_told_in_time() {
    let with = |bytes, files| {
        let space = Space { bytes, files, read_only: false, in_memory: false };
        fault(move |seen| seen.space = Some(space))
    };
    assert_eq!(with(FEW_BYTES - 1, None).grade, Grade::Warning);
    assert_eq!(with(FULL_BYTES - 1, Some(9999)).grade, Grade::Problem);
    let files = with(FEW_BYTES, Some(9));
    assert_eq!(files.grade, Grade::Warning);
    assert!(files.words.starts_with("only 9 more files"));
    assert_eq!(with(FEW_BYTES, Some(0)).grade, Grade::Problem);
}

#[test]
fn the_key_must_be_there_and_private() {
    let open = fault(|seen| seen.key.as_mut().unwrap().mode = 0o100_640);
    assert_eq!(open.fix, ["sudo chmod 600 /var/lib/meshchat/key"]);
    assert!(open.words.ends_with("(mode 0640)"));
    assert!(fault(|seen| seen.key = None).words.contains("is gone"));
    assert!(fault(|seen| seen.key.as_mut().unwrap().uid = 0).fix[0].contains("chown 990"));
}

#[test]
fn the_socket_is_for_the_group() {
    assert_eq!(fault(|seen| seen.socket = None).grade, Grade::Problem);
    let everybody = fault(|seen| seen.socket.as_mut().unwrap().mode = 0o140_666);
    assert_eq!(everybody.fix, ["sudo chmod o= /run/meshchat/control.sock"]);
    let group = fault(|seen| seen.group = None);
    assert_eq!(group.fix[0], "sudo groupadd --system meshchat");
    assert!(fault(|seen| seen.group = Some(43)).fix[0].starts_with("sudo chgrp meshchat"));
    let mode = fault(|seen| seen.socket.as_mut().unwrap().mode = 0o140_600);
    assert_eq!(mode.words, "the group meshchat may not use the control socket");
    let person = findings(|seen| {
        (seen.own, seen.group) = (1000, None);
        seen.directory.as_mut().unwrap().uid = 1000;
        seen.key.as_mut().unwrap().uid = 1000;
    });
    assert_eq!(grades(&person), [Grade::Ok; 4]);
}

#[test]
fn a_real_directory_is_looked_at_and_left_as_it_was() {
    let directory = Directory::new();
    let state_dir = directory.path().join("it's here");
    fs::create_dir(&state_dir).unwrap();
    let socket = directory.path().join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(&state_dir, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(state_dir.join("key"), "").unwrap();
    fs::set_permissions(state_dir.join("key"), fs::Permissions::from_mode(0o644)).unwrap();
    let places =
        Places { state_dir, spare: None, socket, group: String::new(), sys: "/sys".into() };
    let mut facts = facts();
    facts.machine.disk = Disk::look(&places);
    let findings = judge(&facts);
    let bad: Vec<_> = findings.iter().filter(|finding| finding.grade == Grade::Problem).collect();
    let [key] = bad[..] else { panic!("{findings:?}") };
    assert!(key.fix[0].ends_with(r"it'\''s here/key'"), "{key:?}");
    assert_eq!(fs::read_dir(&places.state_dir).unwrap().count(), 1, "the trial is gone");

    facts.machine.disk = Disk::look(&Places { state_dir: "/proc".into(), ..places });
    let findings = judge(&facts);
    let state = findings.iter().find(|finding| finding.check == "state").unwrap();
    assert_eq!(state.grade, Grade::Problem, "nobody can write there");
}
