//! Who may reach the socket, as the file system and the lists of users tell.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use meshchat_client::proto::control::{Finding, Grade};
use nix::unistd::{self, Gid, Group, Uid, User};

/// What lies at the path of a socket.
pub(super) fn socket(path: &Path) -> Finding {
    let (grade, words) = match fs::metadata(path) {
        Ok(found) if found.file_type().is_socket() => {
            (Grade::Ok, format!("{}", Rights::of(&found)))
        }
        Ok(found) => (Grade::Problem, format!("is no socket; {}", Rights::of(&found))),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let above = gate(path).map(|(above, rights)| format!("{}: {rights}", above.display()));
            (Grade::Problem, format!("no way there; {}", above.unwrap_or_default()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            (Grade::Note, "does not exist; the daemon makes it when it starts".to_owned())
        }
        Err(error) => (Grade::Problem, error.to_string()),
    };
    Finding::new(SOCKET, grade, words).of(path.display().to_string())
}

/// Whether something can be seen at this path.
pub(super) fn exists(path: &Path) -> bool {
    fs::metadata(path).is_ok()
}

/// Why this person may not open the socket; none for one who may everything.
pub(super) fn refused(person: &Person, path: &Path) -> Option<Finding> {
    let (_, rights) = gate(path)?;
    if person.uid.is_root() {
        return None;
    }
    let group = group_name(rights.gid);
    if rights.gid.as_raw() == 0 || rights.mode & OF_GROUP == 0 {
        let words = format!("only {} and root may use this daemon", rights.owner());
        return Some(Finding::new(GROUP, Grade::Problem, words).of(group).fix(AS_ROOT));
    }
    Some(person.stands_in(rights.gid, &group, Grade::Problem))
}

/// Whether this person will be let in once the service runs; none where there is no such group.
pub(super) fn before_start(person: &Person) -> Option<Finding> {
    if person.uid.is_root() {
        return None;
    }
    let group = Group::from_name(USUAL_GROUP).ok().flatten()?;
    Some(person.stands_in(group.gid, &group.name, Grade::Note))
}

/// Who runs this program.
#[derive(Debug)]
pub(super) struct Person {
    uid: Uid,
    name: String,
    /// The groups of this process.
    now: Vec<Gid>,
    /// Those that a new login would have.
    listed: Vec<Gid>,
}

impl Person {
    /// None where the kernel does not say.
    pub(super) fn of_process() -> Option<Self> {
        let uid = unistd::geteuid();
        let mut now = unistd::getgroups().ok()?;
        now.push(unistd::getegid());
        let user = User::from_uid(uid).ok().flatten();
        let listed = user.as_ref().and_then(|user| {
            let name = CString::new(user.name.as_bytes()).ok()?;
            unistd::getgrouplist(&name, user.gid).ok()
        });
        let name = user.map_or_else(|| uid.to_string(), |user| user.name);
        Some(Self { uid, name, now, listed: listed.unwrap_or_default() })
    }

    fn stands_in(&self, gid: Gid, group: &str, grade: Grade) -> Finding {
        let name = &self.name;
        let finding = |grade, words: String| Finding::new(GROUP, grade, words).of(group);
        if self.now.contains(&gid) {
            finding(Grade::Ok, format!("{name} is in it"))
        } else if self.listed.contains(&gid) {
            let words = "is in it, but not in this login session: log in again, or for this shell";
            finding(grade, format!("{name} {words}")).fix(format!("newgrp {group}"))
        } else {
            finding(grade, format!("{name} is not in it; log in again when this is done"))
                .fix(format!("sudo usermod -aG {group} {name}"))
        }
    }
}

/// Mode and owners of a file.
#[derive(Debug, Clone, Copy)]
struct Rights {
    mode: u32,
    uid: Uid,
    gid: Gid,
}

impl Rights {
    fn of(found: &fs::Metadata) -> Self {
        let (uid, gid) = (Uid::from_raw(found.uid()), Gid::from_raw(found.gid()));
        Self { mode: found.mode() & 0o7777, uid, gid }
    }

    fn owner(self) -> String {
        let user = User::from_uid(self.uid).ok().flatten();
        user.map_or_else(|| self.uid.to_string(), |user| user.name)
    }
}

impl std::fmt::Display for Rights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (owner, group) = (self.owner(), group_name(self.gid));
        write!(f, "mode {:04o}, owner {owner}, group {group}", self.mode)
    }
}

fn group_name(gid: Gid) -> String {
    let group = Group::from_gid(gid).ok().flatten();
    group.map_or_else(|| gid.to_string(), |group| group.name)
}

/// The last that can be seen on the way to a path, which is what keeps one out.
fn gate(path: &Path) -> Option<(&Path, Rights)> {
    path.ancestors().find_map(|part| {
        let found = fs::metadata(part).ok()?;
        Some((part, Rights::of(&found)))
    })
}

const SOCKET: &str = "socket";
const GROUP: &str = "group";
const USUAL_GROUP: &str = "meshchat";
const OF_GROUP: u32 = 0o070;
const AS_ROOT: &str = "sudo meshchatctl doctor";

#[cfg(test)]
mod tests {
    use super::*;

    fn person(now: &[u32], listed: &[u32]) -> Person {
        let gids = |gids: &[u32]| gids.iter().copied().map(Gid::from_raw).collect();
        Person { uid: Uid::from_raw(7), name: "anna".into(), now: gids(now), listed: gids(listed) }
    }

    #[test]
    fn a_member_of_the_file_but_not_of_the_session_logs_in_again() {
        let stands = |now: &[u32], listed: &[u32]| {
            person(now, listed).stands_in(Gid::from_raw(60), "meshchat", Grade::Problem)
        };
        assert_eq!(stands(&[60], &[]).grade, Grade::Ok);
        let later = stands(&[7], &[7, 60]);
        assert!(later.words.contains("not in this login session: log in again"), "{later:?}");
        assert_eq!(later.fix, ["newgrp meshchat"]);
        let outside = stands(&[7], &[7]);
        assert_eq!((outside.grade, outside.subject.as_str()), (Grade::Problem, "meshchat"));
        assert_eq!(outside.fix, ["sudo usermod -aG meshchat anna"]);
    }

    #[test]
    fn what_is_no_socket_is_told() {
        assert_eq!(socket(Path::new("/dev/null")).grade, Grade::Problem);
        let missing = socket(Path::new("/nowhere/at/all"));
        assert_eq!((missing.grade, missing.subject.as_str()), (Grade::Note, "/nowhere/at/all"));
    }

    #[test]
    fn what_is_closed_to_groups_is_not_opened_by_joining_one() {
        // /dev belongs to root and its group.
        let finding = refused(&person(&[7], &[7]), Path::new("/dev/null")).unwrap();
        assert!(finding.words.starts_with("only root and root"), "{finding:?}");
    }
}
