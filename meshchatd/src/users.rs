//! Which Unix users may do what at the control socket.

use std::collections::VecDeque;
use std::ffi::CString;
use std::time::{Duration, Instant};

use nix::unistd::{Gid, Group, Uid, User, geteuid, getgrouplist};

use crate::config::{Mode, Settings};

/// What a client may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everything.
    Admin,
    /// Read and chat.
    Member,
    /// Not even connect.
    None,
}

/// A client's user: what it may do, and what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// What the user may do.
    pub access: Access,
    /// The name of the account, or `uid-1000` if it has none.
    pub name: String,
}

/// Decides by user and group ids, and remembers the answers for half a minute.
#[derive(Debug)]
pub struct Users {
    mode: Mode,
    own: u32,
    operators: Vec<String>,
    group: String,
    known: VecDeque<Known>,
}

#[derive(Debug)]
struct Known {
    uid: u32,
    gid: u32,
    since: Instant,
    visitor: Visitor,
}

impl Users {
    /// Most answers that are remembered; the oldest goes first.
    pub const CAPACITY: usize = 64;

    /// The rules of these settings.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self {
            mode: settings.mode,
            own: geteuid().as_raw(),
            operators: settings.operators.value.clone(),
            group: settings.group.value.clone(),
            known: VecDeque::new(),
        }
    }

    /// Takes over the rules of new settings; all remembered answers go.
    pub fn update(&mut self, settings: &Settings) {
        *self = Self::new(settings);
    }

    /// Who is at the other end of a connection with these ids from `SO_PEERCRED`.
    ///
    /// The first question for a user asks the system's user database, which may read files or, on
    /// machines with a directory service, the network.
    pub fn visitor(&mut self, uid: u32, gid: u32) -> Visitor {
        let now = Instant::now();
        self.known.retain(|known| now.duration_since(known.since) < REMEMBERED);
        if let Some(known) = self.known.iter().find(|known| known.uid == uid && known.gid == gid) {
            return known.visitor.clone();
        }
        let visitor = self.look_up(uid, gid);
        if self.known.len() == Self::CAPACITY {
            self.known.pop_front();
        }
        self.known.push_back(Known { uid, gid, since: now, visitor: visitor.clone() });
        visitor
    }

    fn look_up(&self, uid: u32, gid: u32) -> Visitor {
        let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
        let account = user.as_ref().map(|user| user.name.as_str());
        let is_member = || {
            let wanted = Group::from_name(&self.group).ok().flatten().map(|group| group.gid);
            wanted.is_some_and(|wanted| belongs(user.as_ref(), gid, wanted))
        };
        let access = self.decide(uid, account, is_member);
        let name = account.map_or_else(|| format!("uid-{uid}"), str::to_owned);
        Visitor { access, name }
    }

    fn decide(&self, uid: u32, account: Option<&str>, is_member: impl Fn() -> bool) -> Access {
        if uid == 0 || uid == self.own {
            return Access::Admin;
        }
        if self.mode == Mode::User {
            return Access::None;
        }
        if account.is_some_and(|name| self.operators.iter().any(|operator| operator == name)) {
            return Access::Admin;
        }
        if is_member() { Access::Member } else { Access::None }
    }
}

/// By the group of the process, the primary group, or the list of the group's members.
fn belongs(user: Option<&User>, gid: u32, wanted: Gid) -> bool {
    if gid == wanted.as_raw() {
        return true;
    }
    let Some(user) = user else { return false };
    let Ok(name) = CString::new(user.name.as_bytes()) else { return false };
    getgrouplist(&name, user.gid).is_ok_and(|groups| groups.contains(&wanted))
}

/// Long enough for a script that connects in a loop, short enough for a new group member.
const REMEMBERED: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    fn users(mode: Mode) -> Users {
        let operators = vec!["ann".to_owned()];
        Users { mode, own: 990, operators, group: "meshchat".into(), known: VecDeque::new() }
    }

    #[test]
    fn the_system_service_serves_operators_and_the_group() {
        let users = users(Mode::System);
        assert_eq!(users.decide(0, Some("root"), || false), Access::Admin);
        assert_eq!(users.decide(990, Some("_meshchat"), || false), Access::Admin);
        assert_eq!(users.decide(1000, Some("ann"), || false), Access::Admin);
        assert_eq!(users.decide(1001, Some("bert"), || true), Access::Member);
        assert_eq!(users.decide(1001, Some("bert"), || false), Access::None);
        assert_eq!(users.decide(65534, None, || false), Access::None);
    }

    #[test]
    fn a_plain_user_serves_only_itself() {
        let users = users(Mode::User);
        assert_eq!(users.decide(990, None, || true), Access::Admin);
        assert_eq!(users.decide(1000, Some("ann"), || true), Access::None);
        assert_eq!(users.decide(1001, Some("bert"), || true), Access::None);
    }

    #[test]
    fn the_group_of_the_process_counts() {
        assert!(belongs(None, 42, Gid::from_raw(42)));
        assert!(!belongs(None, 41, Gid::from_raw(42)));
        let root = User::from_uid(Uid::from_raw(0)).unwrap().unwrap();
        assert!(belongs(Some(&root), 12345, Gid::from_raw(0)));
        assert!(!belongs(Some(&root), 12345, Gid::from_raw(54321)));
    }

    #[test]
    fn answers_are_remembered_within_bounds() {
        let mut users = users(Mode::System);
        for uid in 4_000_000..4_000_100 {
            let visitor = users.visitor(uid, uid);
            assert_eq!(visitor, Visitor { access: Access::None, name: format!("uid-{uid}") });
        }
        assert_eq!(users.known.len(), Users::CAPACITY);
        users.visitor(4_000_099, 4_000_099);
        assert_eq!(users.known.len(), Users::CAPACITY);
    }
}
