//! Whether the state can be kept, and the control socket be used by those who may.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use meshchat_proto::control::{Finding, Grade};
use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{Group, geteuid};

use super::{Facts, Places};
use crate::logging::escaped;
use crate::store::StoreError;

/// What the disk says; nothing when nobody has looked.
#[derive(Debug, Default)]
pub(super) struct Disk(Option<Seen>);

#[derive(Debug)]
struct Seen {
    places: Places,
    own: u32,
    directory: Option<Status>,
    key: Option<Status>,
    socket: Option<Status>,
    /// The number of the group, if there is such a group.
    group: Option<u32>,
    /// Why a small file cannot be written.
    refused: Option<StoreError>,
    space: Option<Space>,
}

#[derive(Debug, Clone, Copy)]
struct Status {
    mode: u32,
    uid: u32,
    gid: u32,
}

#[derive(Debug, Clone, Copy)]
struct Space {
    bytes: u64,
    /// Files that can still be made; none where the file system does not count them.
    files: Option<u64>,
    read_only: bool,
    /// What is written there is gone when the machine restarts.
    in_memory: bool,
}

impl Disk {
    /// Looks, and writes and removes a small file.
    pub(super) fn look(places: &Places) -> Self {
        let directory = status(&places.state_dir);
        let trial = || try_write(&places.state_dir.join(TRIAL));
        let refused = directory.and_then(|_| trial().err());
        let group = Group::from_name(&places.group).ok().flatten();
        Self(Some(Seen {
            places: places.clone(),
            own: geteuid().as_raw(),
            directory,
            key: status(&places.state_dir.join(KEY)),
            socket: status(&places.socket),
            group: group.map(|group| group.gid.as_raw()),
            refused: refused.map(|error| StoreError::from_io(&places.state_dir, error)),
            space: space(&places.state_dir),
        }))
    }
}

/// The state directory, the space in it, the key and the control socket.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let Some(seen) = &facts.machine.disk.0 else { return Vec::new() };
    let mut findings = state(seen);
    if seen.directory.is_some() {
        findings.extend(seen.space.and_then(|space| space_left(seen, space)));
        findings.extend(key(seen));
    }
    findings.extend(socket(seen));
    findings
}

fn state(seen: &Seen) -> Vec<Finding> {
    let (path, shown) = (quoted(&seen.places.state_dir), shown(&seen.places.state_dir));
    let of = |grade, words: String| Finding::new("state", grade, words);
    let Some(Status { mode, uid, .. }) = seen.directory else {
        let words = format!("the state directory {shown} is not there");
        return vec![of(Grade::Problem, words).fix(RESTART)];
    };
    let mut findings = Vec::new();
    if let Some(spare) = &seen.places.spare {
        let spare = self::shown(spare);
        let words = format!("{shown} cannot be written; state is in {spare} until a reboot");
        let finding = of(Grade::Warning, words).fix(format!("df -h {path}"));
        findings.push(finding.fix("sudo dmesg | grep -i -e mmc -e ext4"));
    } else if seen.space.is_some_and(|space| space.read_only) {
        let words = format!("{shown} is on a read-only file system; check the SD card");
        let finding = of(Grade::Problem, words).fix("sudo dmesg | grep -i -e mmc -e ext4");
        findings
            .push(finding.fix(format!("sudo mount -o remount,rw $(findmnt -no TARGET -T {path})")));
    } else if let Some(error) = &seen.refused {
        let words = format!("nothing can be written: {}", escaped(&error.to_string()));
        findings.push(of(Grade::Problem, words).fix(escaped(&error.fix()).to_string()));
    }
    if uid != seen.own {
        let words = format!("{shown} belongs to user {uid}, but meshchatd runs as {}", seen.own);
        findings.push(of(Grade::Problem, words).fix(format!("sudo chown -R {} {path}", seen.own)));
    }
    if mode & 0o022 != 0 {
        let words = format!("others may write in {shown} (mode {:04o})", mode & 0o7777);
        findings.push(of(Grade::Problem, words).fix(format!("sudo chmod go-w {path}")));
    }
    if findings.is_empty() {
        findings.push(match seen.space {
            Some(Space { in_memory: true, .. }) => of(
                Grade::Note,
                format!("{shown} is in memory; a reboot makes another node of this"),
            ),
            _ => of(Grade::Ok, format!("{shown} can be written")),
        });
    }
    findings
}

fn space_left(seen: &Seen, space: Space) -> Option<Finding> {
    if space.read_only {
        return None;
    }
    let place = shown(&seen.places.state_dir);
    let files = space.files.unwrap_or(u64::MAX);
    let grade = match (space.bytes, files) {
        (..FULL_BYTES, _) | (_, ..FULL_FILES) => Grade::Problem,
        (..FEW_BYTES, _) | (_, ..FEW_FILES) => Grade::Warning,
        (_, _) => Grade::Ok,
    };
    let words = if files < FEW_FILES && space.bytes >= FEW_BYTES {
        format!("only {files} more files can be made in {place}")
    } else {
        format!("{} MiB free in {place}", space.bytes / MIB)
    };
    let finding = Finding::new("space", grade, words);
    if grade == Grade::Ok {
        return Some(finding);
    }
    Some(finding.fix("sudo journalctl --vacuum-size=50M").fix("sudo apt clean"))
}

fn key(seen: &Seen) -> Option<Finding> {
    let path = seen.places.state_dir.join(KEY);
    let (shown, path) = (shown(&path), quoted(&path));
    let of = |words: String| Finding::new("key_file", Grade::Problem, words);
    let Some(Status { mode, uid, .. }) = seen.key else {
        let words = format!("the key {shown} is gone; the next start makes another node of this");
        return Some(of(words).fix(format!("put back a copy of {path}")));
    };
    if mode & 0o077 != 0 {
        let words = format!("the key {shown} is open to others (mode {:04o})", mode & 0o7777);
        return Some(of(words).fix(format!("sudo chmod 600 {path}")));
    }
    if uid != seen.own {
        let words = format!("the key {shown} belongs to user {uid}");
        return Some(of(words).fix(format!("sudo chown {} {path}", seen.own)));
    }
    Some(Finding::new("key_file", Grade::Ok, "the key is private"))
}

fn socket(seen: &Seen) -> Option<Finding> {
    let (path, group) = (&seen.places.socket, escaped(&seen.places.group));
    let of = |grade, words: String| Finding::new("socket", grade, words);
    let Some(Status { mode, gid, .. }) = seen.socket else {
        let words = format!("the control socket {} is not there", shown(path));
        return Some(of(Grade::Problem, words).fix(RESTART));
    };
    if mode & 0o007 != 0 {
        let words = format!("everybody may use the control socket (mode {:04o})", mode & 0o7777);
        return Some(of(Grade::Warning, words).fix(format!("sudo chmod o= {}", quoted(path))));
    }
    // The daemon of a plain user serves nobody else.
    if seen.places.group.is_empty() || seen.own >= FIRST_PERSON {
        return Some(of(Grade::Ok, "the control socket is there".into()));
    }
    let Some(wanted) = seen.group else {
        let words = format!("there is no group {group}, so only root can use the control socket");
        let finding = of(Grade::Warning, words).fix(format!("sudo groupadd --system {group}"));
        return Some(finding.fix(RESTART));
    };
    if gid != wanted || mode & 0o060 != 0o060 {
        let words = format!("the group {group} may not use the control socket");
        let finding = of(Grade::Warning, words).fix(format!("sudo chgrp {group} {}", quoted(path)));
        return Some(finding.fix(format!("sudo chmod 660 {}", quoted(path))));
    }
    Some(of(Grade::Ok, format!("the group {group} may use the control socket")))
}

fn status(path: &Path) -> Option<Status> {
    let found = fs::metadata(path).ok()?;
    Some(Status { mode: found.mode(), uid: found.uid(), gid: found.gid() })
}

#[allow(clippy::useless_conversion, reason = "the counts are narrower on small machines")]
fn space(path: &Path) -> Option<Space> {
    let found = statvfs(path).ok()?;
    let (blocks, size) = (u64::from(found.blocks_available()), u64::from(found.fragment_size()));
    let (all, free) = (u64::from(found.files()), u64::from(found.files_available()));
    Some(Space {
        bytes: blocks.saturating_mul(size),
        files: (all != 0).then_some(free),
        read_only: found.flags().contains(FsFlags::ST_RDONLY),
        in_memory: statfs(path).is_ok_and(|of| of.filesystem_type() == TMPFS_MAGIC),
    })
}

fn try_write(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file: File = options.open(path)?;
    let written = file.write_all(&[0; TRIAL_BYTES]).and_then(|()| file.sync_all());
    // Another examination may have been faster.
    let removed = match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    };
    written.and(removed)
}

fn shown(path: &Path) -> String {
    escaped(&path.to_string_lossy()).to_string()
}

/// As a shell takes it.
fn quoted(path: &Path) -> String {
    let shown = shown(path);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+');
    if shown.chars().all(plain) { shown } else { format!("'{}'", shown.replace('\'', r"'\''")) }
}

const RESTART: &str = "sudo systemctl restart meshchatd";
const KEY: &str = "key";
const TRIAL: &str = "doctor.tmp";
const TRIAL_BYTES: usize = 512;
/// User ids below are those of services.
const FIRST_PERSON: u32 = 1000;
const MIB: u64 = 1024 * 1024;
const FEW_BYTES: u64 = 16 * MIB;
const FULL_BYTES: u64 = MIB;
const FEW_FILES: u64 = 256;
const FULL_FILES: u64 = 8;

#[cfg(test)]
mod tests;
