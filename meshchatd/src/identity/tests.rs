use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::testing::Directory;

fn machine(place: &Directory, digit: char) -> MachineId {
    let path = place.path().join("machine-id");
    fs::write(&path, format!("{}\n", digit.to_string().repeat(32))).unwrap();
    MachineId::read(&path).unwrap()
}

fn state(place: &Directory) -> StateDir {
    StateDir::open(&place.path().join("state")).unwrap()
}

#[test]
fn the_key_is_made_once_and_private() {
    let place = Directory::new();
    let state = state(&place);
    let here = machine(&place, 'a');
    let first = load_or_create(&state, Some(&here)).unwrap();
    let again = load_or_create(&state, Some(&here)).unwrap();
    assert!(first.is_new && !again.is_new);
    assert_eq!(first.signer.public(), again.signer.public());
    let path = state.path().join("key");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    assert!(fs::read_to_string(path).unwrap().starts_with("meshchat-key 1\n"));
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let place = Directory::new();
    let state = state(&place);
    load_or_create(&state, None).unwrap();
    let path = state.path().join("key");
    for mode in [0o644, 0o640, 0o602] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = load_or_create(&state, None).unwrap_err();
        assert!(matches!(error, IdentityError::OpenToOthers { .. }));
        assert_eq!(error.fix(), format!("chmod 600 {}", path.display()));
    }
}

#[test]
fn a_damaged_key_is_refused_and_left_alone() {
    let place = Directory::new();
    let state = state(&place);
    load_or_create(&state, None).unwrap();
    let path = state.path().join("key");
    let sound = fs::read(&path).unwrap();
    let text = String::from_utf8(sound.clone()).unwrap();
    let seed = text.find("\nseed ").unwrap() + 6;
    let mut flipped = sound.clone();
    flipped[seed] = if flipped[seed] == b'0' { b'1' } else { b'0' };
    let bad: [&[u8]; 6] = [b"", b"\xff", b"rubbish", &sound[..seed + 9], &flipped, &[b'x'; 9000]];
    for content in bad {
        fs::write(&path, content).unwrap();
        let error = load_or_create(&state, None).unwrap_err();
        assert!(matches!(error, IdentityError::Damaged { .. }), "{error}");
        assert_eq!(fs::read(&path).unwrap(), content);
    }
}

#[test]
fn a_link_in_place_of_the_key_is_refused() {
    let place = Directory::new();
    let state = state(&place);
    std::os::unix::fs::symlink("/dev/zero", state.path().join("key")).unwrap();
    assert!(matches!(load_or_create(&state, None), Err(IdentityError::NotOurs(_))));
}

#[test]
fn a_copied_card_is_noticed_and_both_answers_work() {
    let place = Directory::new();
    let state = state(&place);
    let here = machine(&place, 'a');
    let there = machine(&place, 'b');
    let original = load_or_create(&state, Some(&here)).unwrap().signer.public();

    let error = load_or_create(&state, Some(&there)).unwrap_err();
    assert!(matches!(error, IdentityError::OtherMachine(_)));
    assert!(error.fix().contains("identity fork") && error.fix().contains("identity move"));

    let moved = adopt(&state, Some(&there)).unwrap().signer.public();
    assert_eq!(moved, original);
    assert!(load_or_create(&state, Some(&there)).is_ok());
    assert!(load_or_create(&state, Some(&here)).is_err());

    let forked = fork(&state, Some(&here)).unwrap().signer.public();
    assert_ne!(forked, original);
    assert_eq!(load_or_create(&state, Some(&here)).unwrap().signer.public(), forked);
    fork(&state, Some(&here)).unwrap();
    for kept in ["key.before-fork", "key.before-fork-2"] {
        assert!(state.path().join(kept).is_file());
    }
}

#[test]
fn a_key_without_a_machine_is_bound_later() {
    let place = Directory::new();
    let state = state(&place);
    load_or_create(&state, None).unwrap();
    load_or_create(&state, Some(&machine(&place, 'a'))).unwrap();
    assert!(load_or_create(&state, Some(&machine(&place, 'b'))).is_err());
    assert!(load_or_create(&state, None).is_ok());
}

#[test]
fn a_damaged_binding_asks_a_person() {
    let place = Directory::new();
    let state = state(&place);
    let here = machine(&place, 'a');
    load_or_create(&state, Some(&here)).unwrap();
    fs::write(state.path().join("machine"), "").unwrap();
    assert!(matches!(load_or_create(&state, Some(&here)), Err(IdentityError::OtherMachine(_))));
}

#[test]
fn moving_without_a_key_says_so() {
    let place = Directory::new();
    assert!(matches!(adopt(&state(&place), None), Err(IdentityError::NoKey(_))));
}

#[test]
fn odd_machine_ids_are_none() {
    let place = Directory::new();
    let path = place.path().join("id");
    for odd in ["", "uninitialized\n", "abc", &"g".repeat(32), &"0".repeat(32), &"a".repeat(99)] {
        fs::write(&path, odd).unwrap();
        assert!(MachineId::read(&path).is_none(), "{odd:?} was accepted");
    }
    assert!(MachineId::read(&place.path().join("none")).is_none());
}
