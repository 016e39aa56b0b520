//! Doors of gateways, as far as the node knows of them, and the codes that let people in there.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::time::Duration;

use meshchat_proto::control::{DoorInfo, DoorsRequest, Error, ErrorCode, PairingInfo, Reply};
use meshchat_proto::id::MessageId;
use meshchat_proto::limits::{DOOR_ADDRESSES, DOOR_TEXT, DOORS};

use crate::env::Env;
use crate::io::SessionId;
use crate::limits;
use crate::node::Node;
use crate::time::{Mono, Now, millis};

/// All doors, by the session that told of them, and all codes.
#[derive(Debug, Default)]
pub(crate) struct Doors {
    told: BTreeMap<SessionId, Vec<DoorInfo>>,
    /// Codes as people see them, the oldest first, and when they become worthless.
    codes: VecDeque<(String, Mono)>,
    /// When wrong codes were tried.
    wrong: VecDeque<Mono>,
}

impl Doors {
    /// A session has ended, and its doors with it.
    pub(crate) fn forget(&mut self, session: SessionId) {
        self.told.remove(&session);
    }

    /// Doors that are open.
    pub(crate) fn len(&self) -> usize {
        self.told.values().map(Vec::len).sum()
    }

    /// Codes that were not used yet.
    pub(crate) fn codes(&self) -> usize {
        self.codes.len()
    }

    fn list(&self) -> Vec<DoorInfo> {
        self.told.values().flatten().cloned().collect()
    }

    fn announce(&mut self, session: SessionId, mut doors: Vec<DoorInfo>) -> Result<Reply, Error> {
        let known = self.told.contains_key(&session) || self.told.len() < limits::GATEWAYS;
        if !known || doors.len() > DOORS || !doors.iter().all(is_bounded) {
            let words = format!(
                "at most {} gateways with {DOORS} doors each, with short names and addresses",
                limits::GATEWAYS
            );
            return Err(Error::new(ErrorCode::TooMany, words));
        }
        doors.shrink_to_fit();
        self.told.insert(session, doors);
        Ok(Reply::Done {})
    }

    fn add(&mut self, now: Mono, code: String) -> PairingInfo {
        self.codes.retain(|(_, until)| *until > now);
        if self.codes.len() >= limits::DOOR_CODES {
            self.codes.pop_front();
        }
        self.codes.push_back((code.clone(), now + limits::DOOR_CODE_AGE));
        let doors = self.list().into_iter().filter(|door| door.pairing).collect();
        PairingInfo { code, expires_ms: millis(limits::DOOR_CODE_AGE), doors }
    }

    fn redeem(&mut self, now: Mono, typed: &str) -> Result<Reply, Error> {
        while self.wrong.front().is_some_and(|at| now.since(*at) > MINUTE) {
            self.wrong.pop_front();
        }
        if self.wrong.len() >= limits::DOOR_GUESSES {
            return Err(Error::new(ErrorCode::TooMany, "too many wrong codes were tried")
                .hint("wait a minute, then try again"));
        }
        let plain = plain(typed);
        let fits = |(code, until): &(String, Mono)| *until > now && self::plain(code) == plain;
        let Some(at) = self.codes.iter().position(fits) else {
            self.wrong.push_back(now);
            return Err(Error::new(ErrorCode::NotFound, "this code is wrong, used or too old")
                .hint("make a new one on the machine of the node: meshchatctl pair"));
        };
        self.codes.remove(at);
        Ok(Reply::Done {})
    }
}

impl<E: Env> Node<E> {
    /// What gateways tell and people ask about doors. The caller has checked who may announce
    /// and redeem.
    pub(crate) fn on_doors_request(
        &mut self,
        now: Now,
        session: SessionId,
        user: &str,
        request: DoorsRequest,
    ) -> Result<Reply, Error> {
        match request {
            DoorsRequest::List {} => Ok(Reply::Doors(self.doors.list())),
            DoorsRequest::Announce { doors } => self.doors.announce(session, doors),
            DoorsRequest::Redeem { code } => self.doors.redeem(now.mono, &code),
            DoorsRequest::Pair {} => {
                if self.people.is_gateway(user) {
                    let words = "only a user of this machine may let others in";
                    return Err(Error::new(ErrorCode::Denied, words));
                }
                let secret = self.env.secret().ok_or_else(|| {
                    Error::new(ErrorCode::Internal, "the system gives no random numbers")
                })?;
                let digits: String = MessageId::of(&secret).to_string().chars().take(8).collect();
                let (first, second) = digits.split_at(4);
                Ok(Reply::Pairing(self.doors.add(now.mono, format!("{first}-{second}"))))
            }
        }
    }
}

fn is_bounded(door: &DoorInfo) -> bool {
    let texts = door.addresses.iter().chain(door.drops.iter().map(|drop| &drop.reason));
    let mut texts = texts.chain([&door.name, &door.problem]);
    door.addresses.len() <= DOOR_ADDRESSES
        && door.drops.len() <= limits::DOOR_DROPS
        && texts.all(|text| text.len() <= DOOR_TEXT)
}

/// A code as it is compared: people write letters large, dashes or blanks between them, and
/// O, I and L for digits, which codes do not have.
fn plain(code: &str) -> String {
    let digits = code.chars().filter(|c| !matches!(c, '-' | ' ')).take(LONGEST);
    let digits = digits.map(|c| match c.to_ascii_lowercase() {
        'o' => '0',
        'i' | 'l' => '1',
        other => other,
    });
    digits.collect()
}

const LONGEST: usize = 16;
const MINUTE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Mono {
        Mono::default() + Duration::from_secs(seconds)
    }

    #[test]
    fn a_code_works_once_and_as_people_type_it() {
        let mut doors = Doors::default();
        doors.add(at(0), "01ab-cdef".into());
        assert!(doors.redeem(at(1), " OLAB CDEF").is_ok());
        assert_eq!(doors.redeem(at(1), "01ab-cdef").unwrap_err().code, ErrorCode::NotFound);
    }

    #[test]
    fn a_code_expires_and_new_ones_push_out_the_oldest() {
        let mut doors = Doors::default();
        doors.add(at(0), "old0-0000".into());
        assert!(doors.redeem(at(0) + limits::DOOR_CODE_AGE, "old0-0000").is_err());
        for n in 0..=limits::DOOR_CODES {
            doors.add(at(1), format!("{n:04}-0000"));
        }
        assert_eq!(doors.codes(), limits::DOOR_CODES);
        assert!(doors.redeem(at(1), "0000-0000").is_err());
        assert!(doors.redeem(at(1), "0001-0000").is_ok());
    }

    #[test]
    fn guessing_is_slow() {
        let mut doors = Doors::default();
        doors.add(at(0), "good-0000".into());
        for _ in 0..limits::DOOR_GUESSES {
            assert_eq!(doors.redeem(at(0), "bad").unwrap_err().code, ErrorCode::NotFound);
        }
        assert_eq!(doors.redeem(at(0), "good-0000").unwrap_err().code, ErrorCode::TooMany);
        assert!(doors.redeem(at(61), "good-0000").is_ok());
    }

    #[test]
    fn what_gateways_announce_is_bounded_and_ends_with_them() {
        let mut doors = Doors::default();
        let door = |name: &str| DoorInfo {
            name: name.into(),
            addresses: Vec::new(),
            clients: 0,
            most: 64,
            pairing: false,
            problem: String::new(),
            drops: Vec::new(),
        };
        assert!(doors.announce(1, alloc::vec![door("web"); DOORS + 1]).is_err());
        assert!(doors.announce(1, alloc::vec![door(&"x".repeat(DOOR_TEXT + 1))]).is_err());
        for session in 0..=limits::GATEWAYS {
            let session = u32::try_from(session).unwrap();
            let fits = session < u32::try_from(limits::GATEWAYS).unwrap();
            assert_eq!(doors.announce(session, alloc::vec![door("web")]).is_ok(), fits);
        }
        assert!(doors.announce(0, alloc::vec![door("irc"), door("web")]).is_ok());
        assert_eq!(doors.len(), limits::GATEWAYS + 1);
        doors.forget(0);
        assert_eq!(doors.len(), limits::GATEWAYS - 1);
    }
}
