use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use serde::Deserialize;

use super::*;
use crate::testing::Directory;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Sample {
    names: Vec<String>,
}

fn sample(text: &str) -> Sample {
    Sample { names: vec![text.to_owned()] }
}

#[test]
fn a_new_directory_is_private_and_counts_starts() {
    let place = Directory::new();
    let path = place.path().join("a/b");
    for expected in 1..=3 {
        let directory = StateDir::open(&path).unwrap();
        assert_eq!(directory.next_boot().unwrap(), expected);
    }
    for path in [path.clone(), path.join("boot"), path.join("lock")] {
        assert_eq!(fs::metadata(path).unwrap().mode() & 0o077, 0);
    }
}

#[test]
fn a_second_daemon_is_told_who_holds_the_directory() {
    let place = Directory::new();
    let _first = StateDir::open(place.path()).unwrap();
    let error = StateDir::open(place.path()).unwrap_err();
    assert!(matches!(error, StoreError::InUse { pid: Some(pid), .. } if pid == std::process::id()));
    assert!(error.fix().contains("--instance"));
}

#[test]
fn values_come_back_and_the_first_time_there_are_none() {
    let place = Directory::new();
    let directory = StateDir::open(place.path()).unwrap();
    assert_eq!(directory.load::<Sample>(StateFile::Peers).unwrap(), None);
    directory.save(StateFile::Peers, &sample("a")).unwrap();
    directory.save(StateFile::Peers, &sample("b")).unwrap();
    assert_eq!(directory.load(StateFile::Peers).unwrap(), Some(sample("b")));
    assert_eq!(directory.load::<Sample>(StateFile::People).unwrap(), None);
}

#[test]
fn every_flipped_or_lost_byte_leads_to_the_previous_generation() {
    let place = Directory::new();
    let directory = StateDir::open(place.path()).unwrap();
    directory.save(StateFile::Peers, &sample("old")).unwrap();
    directory.save(StateFile::Peers, &sample("new")).unwrap();
    let path = place.path().join("peers");
    let sound = fs::read(&path).unwrap();
    for index in 0..sound.len() {
        let mut flipped = sound.clone();
        flipped[index] ^= 1;
        for damaged in [flipped.as_slice(), &sound[..index]] {
            fs::write(&path, damaged).unwrap();
            assert_eq!(directory.load(StateFile::Peers).unwrap(), Some(sample("old")));
        }
    }
    fs::write(&path, [sound.as_slice(), b"x"].concat()).unwrap();
    assert_eq!(directory.load(StateFile::Peers).unwrap(), Some(sample("old")));
}

#[test]
fn saving_over_a_damaged_file_keeps_the_sound_generation() {
    let place = Directory::new();
    let directory = StateDir::open(place.path()).unwrap();
    directory.save(StateFile::Peers, &sample("1")).unwrap();
    directory.save(StateFile::Peers, &sample("2")).unwrap();
    fs::write(place.path().join("peers"), "rubbish").unwrap();
    directory.save(StateFile::Peers, &sample("3")).unwrap();
    fs::write(place.path().join("peers"), "rubbish").unwrap();
    assert_eq!(directory.load(StateFile::Peers).unwrap(), Some(sample("1")));
}

#[test]
fn two_damaged_generations_are_an_error() {
    let place = Directory::new();
    let directory = StateDir::open(place.path()).unwrap();
    fs::write(place.path().join("peers"), "").unwrap();
    let error = directory.load::<Sample>(StateFile::Peers).unwrap_err();
    assert!(matches!(error, StoreError::Damaged(_)));
    fs::write(place.path().join("boot"), "").unwrap();
    let error = directory.next_boot().unwrap_err();
    assert!(error.fix().contains("identity fork"));
}

#[test]
fn a_damaged_count_never_repeats_a_start() {
    let place = Directory::new();
    let directory = StateDir::open(place.path()).unwrap();
    for _ in 0..3 {
        directory.next_boot().unwrap();
    }
    fs::write(place.path().join("boot"), "3\n").unwrap();
    assert_eq!(directory.next_boot().unwrap(), 4);
}

#[test]
fn too_much_is_refused_and_the_old_state_stays() {
    let place = Directory::new();
    let directory = StateDir::open(place.path()).unwrap();
    directory.save(StateFile::People, &sample("a")).unwrap();
    let error = directory.save(StateFile::People, &sample(&"x".repeat(LARGEST_STATE)));
    assert!(matches!(error, Err(StoreError::TooLarge(_))));
    assert_eq!(directory.load(StateFile::People).unwrap(), Some(sample("a")));
}

#[test]
fn another_type_and_trailing_bytes_are_refused() {
    let place = Directory::new();
    let directory = StateDir::open(place.path()).unwrap();
    directory.save(StateFile::Peers, &42).unwrap();
    let error = directory.load::<Sample>(StateFile::Peers).unwrap_err();
    assert!(matches!(error, StoreError::Decode { .. }));
    file::write(directory.path(), "peers", &[1, 1]).unwrap();
    assert!(directory.load::<u8>(StateFile::Peers).is_err());
}

#[test]
fn unsuitable_directories_are_refused() {
    let place = Directory::new();
    let shared = place.path().join("shared");
    fs::create_dir(&shared).unwrap();
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o1777)).unwrap();
    assert!(matches!(StateDir::open(&shared), Err(StoreError::Writable { mode: 0o1777, .. })));

    let file = place.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(StateDir::open(&file), Err(StoreError::NotADirectory(_))));
    assert!(matches!(StateDir::open(&file.join("x")), Err(StoreError::NotADirectory(_))));

    let link = place.path().join("link");
    symlink("nowhere", &link).unwrap();
    assert!(StateDir::open(&link).is_err());
}

#[test]
fn another_owner_is_refused() {
    if !geteuid().is_root() {
        return;
    }
    let place = Directory::new();
    nix::unistd::chown(place.path(), Some(65534.into()), None).unwrap();
    assert!(matches!(StateDir::open(place.path()), Err(StoreError::WrongOwner { .. })));
}

#[test]
fn a_read_only_or_full_disk_is_named() {
    let place = Directory::new();
    let Some(disk) = Disk::mount(place.path()) else { return };
    let directory = StateDir::open(disk.0).unwrap();
    directory.save(StateFile::Peers, &sample("kept")).unwrap();

    let error = directory.save(StateFile::Peers, &sample(&"x".repeat(200_000))).unwrap_err();
    assert!(matches!(error, StoreError::Full(_)), "{error}");
    assert_eq!(directory.load(StateFile::Peers).unwrap(), Some(sample("kept")));
    directory.save(StateFile::Peers, &sample("again")).unwrap();

    drop(directory);
    assert!(disk.command("mount", &["-o", "remount,ro"]));
    let error = StateDir::open(disk.0).unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly(_)), "{error}");
}

#[test]
fn a_disk_that_cannot_be_written_is_replaced_until_it_can() {
    let place = Directory::new();
    let (path, spare) = (place.path().join("state"), place.path().join("run/state-1"));
    fs::create_dir(&path).unwrap();
    let Some(disk) = Disk::mount(&path) else { return };
    let boot = |directory: &mut StateDir| directory.next_boot_or_spare(&spare).unwrap();
    let open = || StateDir::open_with_spare(&path, &spare).unwrap();
    fs::write(path.join(KEY), "a key").unwrap();
    let mut directory = open();
    assert_eq!((boot(&mut directory), directory.spare()), (1, None));
    directory.save(StateFile::People, &sample("kept")).unwrap();
    drop(directory);

    fs::write(path.join("filler"), vec![0; 200_000]).unwrap_err();
    let mut directory = open();
    assert_eq!(boot(&mut directory), 2);
    assert_eq!(directory.spare(), Some(&*spare));
    assert_eq!(directory.load(StateFile::People).unwrap(), Some(sample("kept")));
    directory.save(StateFile::People, &sample("full")).unwrap();
    let error = directory.save_for_good(StateFile::Peers, &sample("x")).unwrap_err();
    assert!(matches!(error, StoreError::InSpare { .. }), "{error}");
    drop(directory);

    assert!(disk.command("mount", &["-o", "remount,ro"]));
    let mut directory = open();
    assert_eq!(boot(&mut directory), 3);
    assert_eq!(directory.load(StateFile::People).unwrap(), Some(sample("full")));
    assert!(matches!(
        StateDir::open_with_spare(&path, &spare),
        Err(StoreError::InUse { pid: None, .. })
    ));
    drop(directory);

    assert!(disk.command("mount", &["-o", "remount,rw"]));
    fs::remove_file(path.join("filler")).unwrap();
    let mut directory = open();
    assert_eq!((boot(&mut directory), directory.spare()), (4, None));
    assert_eq!(directory.load(StateFile::People).unwrap(), Some(sample("full")));
    assert!(!spare.exists());
}

#[test]
fn what_another_key_has_left_is_put_away() {
    let place = Directory::new();
    let (path, spare) = (place.path().join("state"), place.path().join("run/state-1"));
    fs::create_dir(&path).unwrap();
    let Some(disk) = Disk::mount(&path) else { return };
    fs::write(path.join(KEY), "a key").unwrap();
    let open = || StateDir::open_with_spare(&path, &spare).unwrap();
    open().save(StateFile::People, &sample("on disk")).unwrap();
    assert!(disk.command("mount", &["-o", "remount,ro"]));
    open().save(StateFile::People, &sample("in memory")).unwrap();
    assert!(disk.command("mount", &["-o", "remount,rw"]));

    fs::write(path.join(KEY), "the key of a backup").unwrap();
    let directory = open();
    assert_eq!(directory.load(StateFile::People).unwrap(), Some(sample("on disk")));
    drop(directory);
    fs::write(path.join(KEY), "a key").unwrap();
    assert_eq!(open().load(StateFile::People).unwrap(), Some(sample("on disk")));
    assert!(!spare.exists());
    assert!(spare.with_extension("aside").join("people").exists());
}

#[test]
fn without_a_key_there_is_nothing_to_go_on_with() {
    let place = Directory::new();
    let (path, spare) = (place.path().join("state"), place.path().join("run/state-1"));
    fs::create_dir(&path).unwrap();
    let Some(disk) = Disk::mount(&path) else { return };
    assert!(disk.command("mount", &["-o", "remount,ro"]));
    let error = StateDir::open_with_spare(&path, &spare).unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly(_)), "{error}");
}

/// A file system of 64 KiB; only root can make one.
struct Disk<'a>(&'a Path);

impl<'a> Disk<'a> {
    fn mount(path: &'a Path) -> Option<Self> {
        let disk = Self(path);
        let options = ["-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs"];
        (geteuid().is_root() && disk.command("mount", &options)).then_some(disk)
    }

    fn command(&self, program: &str, options: &[&str]) -> bool {
        Command::new(program).args(options).arg(self.0).status().is_ok_and(|s| s.success())
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        self.command("umount", &[]);
    }
}
