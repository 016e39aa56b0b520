//! Tickets that this node has made.
//!
//! Uses and time are counted here alone, on this node's running clock, so that nobody needs a
//! clock that is right. A ticket that works no more is remembered for a while: its bearer is told
//! why.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use meshchat_proto::control::InviteInfo;
use meshchat_proto::id::{MessageId, NodeId};
use meshchat_proto::network::{KNOCK_BYTES, Refusal, Role, knock, ticket_key};

use crate::io::SavedInvite;
use crate::limits;
use crate::time::{Mono, millis};

/// All tickets of this node, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Invites(Vec<Invite>);

/// One ticket.
pub(crate) struct Invite {
    secret: [u8; 16],
    /// What its bearer knocks with.
    key: [u8; 32],
    uses_left: u32,
    until: Mono,
    pub(crate) role: Role,
    revoked: bool,
}

impl Invites {
    pub(crate) fn load(now: Mono, saved: Vec<SavedInvite>) -> Self {
        let saved = saved.into_iter().take(limits::INVITES);
        let invite = |saved: SavedInvite| Invite {
            secret: saved.secret,
            key: ticket_key(&saved.secret),
            uses_left: saved.uses_left,
            until: now + Duration::from_millis(saved.left_ms),
            role: saved.role,
            revoked: saved.revoked,
        };
        Self(saved.map(invite).collect())
    }

    pub(crate) fn save(&self, now: Mono) -> Vec<SavedInvite> {
        let saved = |invite: &Invite| SavedInvite {
            secret: invite.secret,
            uses_left: invite.uses_left,
            left_ms: millis(invite.until.since(now)),
            role: invite.role,
            revoked: invite.revoked,
        };
        self.0.iter().map(saved).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether some still work: their remaining time is worth keeping.
    pub(crate) fn any_open(&self, now: Mono) -> bool {
        self.0.iter().any(|invite| invite.refusal(now).is_none())
    }

    /// Adds a ticket. The oldest that works no more makes room; `None` when all work.
    pub(crate) fn add(
        &mut self,
        now: Mono,
        secret: [u8; 16],
        (uses, time, role): (u32, Duration, Role),
    ) -> Option<InviteInfo> {
        if self.0.len() >= limits::INVITES {
            let ended = self.0.iter().position(|invite| invite.refusal(now).is_some())?;
            self.0.remove(ended);
        }
        let key = ticket_key(&secret);
        let invite =
            Invite { secret, key, uses_left: uses, until: now + time, role, revoked: false };
        let info = invite.info(now);
        self.0.push(invite);
        Some(info)
    }

    /// Those that still work.
    pub(crate) fn infos(&self, now: Mono) -> Vec<InviteInfo> {
        let open = self.0.iter().filter(|invite| invite.refusal(now).is_none());
        open.map(|invite| invite.info(now)).collect()
    }

    /// Makes a ticket worthless. `false` when there is none of this id.
    pub(crate) fn revoke(&mut self, id: &str) -> bool {
        let plain = |text: &str| text.replace('-', "").to_lowercase();
        let found = self.0.iter_mut().find(|invite| plain(&invite.id()) == plain(id));
        found.map(|invite| invite.revoked = true).is_some()
    }

    /// The ticket that `from` knocks with at `to`.
    pub(crate) fn find(&mut self, shown: &[u8], from: &NodeId, to: &NodeId) -> Option<&mut Invite> {
        self.0.iter_mut().find(|invite| fits(&invite.key, shown, from, to))
    }
}

/// Whether these bytes are the knock of `from` at `to`. Takes the same time whatever they are.
pub(crate) fn fits(secret: &[u8; 32], shown: &[u8], from: &NodeId, to: &NodeId) -> bool {
    let expected = knock(secret, from, to);
    let pairs = expected.iter().zip(shown);
    shown.len() == KNOCK_BYTES && pairs.fold(0, |sum, (one, other)| sum | (one ^ other)) == 0
}

impl Invite {
    /// Why it does not work any more.
    pub(crate) fn refusal(&self, now: Mono) -> Option<Refusal> {
        if self.revoked {
            Some(Refusal::Revoked)
        } else if self.uses_left == 0 {
            Some(Refusal::UsedUp)
        } else {
            (self.until <= now).then_some(Refusal::Expired)
        }
    }

    pub(crate) fn spend(&mut self) {
        self.uses_left = self.uses_left.saturating_sub(1);
    }

    fn id(&self) -> String {
        MessageId::of(&self.secret).short()
    }

    fn info(&self, now: Mono) -> InviteInfo {
        InviteInfo {
            id: self.id(),
            uses_left: self.uses_left,
            expires_ms: millis(self.until.since(now)),
            role: self.role,
        }
    }
}

impl fmt::Debug for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invite({})", self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn uses_and_time_are_counted_over_restarts() {
        let (from, to) = (NodeId([1; 32]), NodeId([2; 32]));
        let shown = knock(&ticket_key(&[7; 16]), &from, &to);
        let mut invites = Invites::default();
        invites.add(Mono::ZERO, [7; 16], (2, HOUR, Role::Member)).unwrap();
        assert!(invites.find(&shown, &to, &from).is_none());
        invites.find(&shown, &from, &to).unwrap().spend();
        let half = Mono::ZERO + HOUR / 2;
        let mut again = Invites::load(Mono::ZERO, invites.save(half));
        let invite = again.find(&shown, &from, &to).unwrap();
        assert_eq!(invite.refusal(Mono::ZERO + HOUR / 4), None);
        assert_eq!(invite.refusal(half), Some(Refusal::Expired));
        invite.spend();
        assert_eq!(invite.refusal(Mono::ZERO), Some(Refusal::UsedUp));
        assert!(again.infos(Mono::ZERO).is_empty());
    }

    #[test]
    fn a_revoked_ticket_is_known_and_makes_room_first() {
        let mut invites = Invites::default();
        for n in 0..limits::INVITES {
            let secret = [u8::try_from(n).unwrap(); 16];
            invites.add(Mono::ZERO, secret, (1, HOUR, Role::Guest)).unwrap();
        }
        assert!(invites.add(Mono::ZERO, [200; 16], (1, HOUR, Role::Guest)).is_none());
        let id = invites.infos(Mono::ZERO)[5].id.clone();
        assert!(invites.revoke(&id.to_uppercase()) && !invites.revoke("zzzz-zzzz"));
        assert_eq!(invites.infos(Mono::ZERO).len(), limits::INVITES - 1);
        assert!(invites.add(Mono::ZERO, [200; 16], (1, HOUR, Role::Guest)).is_some());
        assert_eq!(invites.len(), limits::INVITES);
    }
}
