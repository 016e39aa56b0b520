//! Direct messages and a private room among members of a closed network, and who is shown what.

use std::collections::BTreeSet;

use meshchat_proto::control::{
    DirectMessage, DmRequest, Error, ErrorCode, Message, PrivateRequest, Reply, Request,
};
use meshchat_proto::message::MessageKind;

use super::host::Ask;
use super::log::Viewer;
use super::plan::{Kept, SECOND};
use super::world::World;

/// The client of each host that uses sealed messages.
pub(crate) const CID: usize = 2;
const ROOM: &str = "#~den";
/// What was accepted less than this before the power went may not be on disk.
const WRITTEN: u64 = 3 * SECOND;

/// What a client asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Secret {
    /// To the one of this other host.
    Letter(usize),
    Create,
    Invite(usize),
    Say,
}

/// Words for some.
#[derive(Debug)]
struct Words {
    from: usize,
    /// None in the room.
    to: Option<usize>,
    accepted: Option<u64>,
    /// Its author's node may have forgotten it before anybody else had it.
    lost: bool,
    /// Its author was removed, and all others knew.
    barred: bool,
    /// Runs of nodes in which it was shown.
    shown: BTreeSet<(usize, u32)>,
}

#[derive(Debug, Default)]
pub(crate) struct Sealed {
    words: Vec<Words>,
    /// Hosts that were ever let into the room.
    invited: BTreeSet<usize>,
    /// Those that have its key for sure.
    members: BTreeSet<usize>,
    /// What the owner says when all is well.
    last: Option<(usize, BTreeSet<usize>)>,
    /// Shown to others than their authors.
    pub(crate) count: u64,
}

impl Sealed {
    fn add(&mut self, from: usize, to: Option<usize>, barred: bool) -> usize {
        let (accepted, lost, shown) = (None, false, BTreeSet::new());
        self.words.push(Words { from, to, accepted, lost, barred, shown });
        self.words.len() - 1
    }

    /// The power of a host goes.
    pub(crate) fn crashed(&mut self, now: u64, host: usize, kept: Kept) {
        for words in self.words.iter_mut().filter(|words| words.from == host) {
            let written = words.accepted.is_some_and(|at| now - at >= WRITTEN);
            words.lost |= !written || kept != Kept::Disk;
        }
        // Keys that only its history held are not handed out again.
        if host == 0 {
            self.members.clear();
        } else if kept != Kept::Disk {
            self.members.remove(&host);
        }
    }

    fn take(&mut self, viewer: Viewer, text: &str) -> Option<&Words> {
        let number = text.strip_prefix('s')?.parse::<usize>().ok();
        let words = number.and_then(|number| self.words.get_mut(number));
        let words = words.unwrap_or_else(|| panic!("{viewer:?}: {text:?}, which nobody said"));
        let new = words.shown.insert((viewer.0, viewer.1));
        assert!(new, "{viewer:?} was shown the sealed {text:?} twice");
        self.count += u64::from(viewer.0 != words.from);
        let strange = words.barred && viewer.0 != words.from;
        assert!(!strange, "{viewer:?} was shown the sealed {text:?} of a removed node");
        Some(words)
    }

    pub(crate) fn show_letter(&mut self, viewer: Viewer, letter: &DirectMessage) {
        let text = letter.text.as_str();
        let words = self.take(viewer, text).unwrap_or_else(|| panic!("{text:?} is no letter"));
        let may = viewer.2 == CID && (viewer.0 == words.from || Some(viewer.0) == words.to);
        assert!(may, "{viewer:?} was shown {text:?} from {} to {:?}", words.from, words.to);
    }

    pub(crate) fn show_in_room(&mut self, viewer: Viewer, message: &Message) {
        let may = viewer.2 == CID && (viewer.0 == 0 || self.invited.contains(&viewer.0));
        assert!(may, "{viewer:?} was shown {message:?} and was never in that room");
        let words = self.take(viewer, message.text.as_str());
        assert!(words.is_none_or(|words| words.to.is_none()), "a letter in a room");
    }
}

impl World {
    pub(crate) fn whisper(&mut self, host: usize, secret: Secret) {
        if self.hosts[host].clients.len() <= CID {
            return;
        }
        let barred = self.log.barred.is_some_and(|(other, _)| other == host);
        let (person, room) = (|to: usize| format!("cid@pi-{to}"), ROOM.to_owned());
        let mut number = 0;
        let mut text = |sealed: &mut Sealed, to| {
            number = sealed.add(host, to, barred);
            format!("s{number}")
        };
        let request = match secret {
            Secret::Letter(to) => {
                let (text, kind) = (text(&mut self.sealed, Some(to)), MessageKind::Text);
                Request::Dm(DmRequest::Send { to: person(to), text, kind })
            }
            Secret::Say => {
                let (text, kind) = (text(&mut self.sealed, None), MessageKind::Text);
                Request::Send { room: Some(room), text, kind }
            }
            Secret::Create => Request::Private(PrivateRequest::Create { room }),
            Secret::Invite(to) => {
                // It may be shown something before this is answered.
                self.sealed.invited.insert(to);
                Request::Private(PrivateRequest::Invite { room, person: person(to) })
            }
        };
        self.request(host, CID, request, Ask::Secret(secret, number));
    }

    /// The owner speaks, long after all was healed.
    pub(crate) fn last_words(&mut self) {
        let number = self.sealed.words.len();
        let members = self.sealed.members.clone();
        self.whisper(0, Secret::Say);
        self.sealed.last = Some((number, members));
    }

    pub(crate) fn answered(
        &mut self,
        host: usize,
        (secret, number): (Secret, usize),
        result: Result<Reply, Error>,
    ) {
        let Err(error) = result else {
            match secret {
                Secret::Letter(_) | Secret::Say => {
                    self.sealed.words[number].accepted = Some(self.now);
                }
                Secret::Invite(to) => {
                    self.sealed.members.insert(to);
                }
                Secret::Create => {}
            }
            return;
        };
        // Not known yet, there already, or in no such room.
        let fine = matches!(
            error.code,
            ErrorCode::NotFound | ErrorCode::NameTaken | ErrorCode::Denied | ErrorCode::TooMany
        );
        assert!(fine, "node {host} refused {secret:?}: {error}");
    }

    /// What was accepted for a member that can be reached was shown there.
    pub(crate) fn check_sealed(&self, part: &[usize]) {
        let is_in = |host: usize| part.contains(&host) && self.are_members(part, host);
        for (number, words) in self.sealed.words.iter().enumerate() {
            let Some(to) = words.to else { continue };
            let expected = words.accepted.is_some() && !words.lost && is_in(words.from);
            let shown = words.shown.iter().any(|(host, _)| *host == to);
            let from = words.from;
            assert!(
                shown || !expected || !is_in(to),
                "letter {number} from {from} never came to {to}"
            );
        }
        let Some((number, members)) = &self.sealed.last else { return };
        let words = self.sealed.words.get(*number).filter(|words| words.accepted.is_some());
        for member in members.iter().filter(|host| is_in(**host) && is_in(0)) {
            let run = self.hosts[*member].run;
            let shown = words.is_none_or(|words| words.shown.contains(&(*member, run)));
            assert!(shown, "member {member} of the room does not read what its owner says");
        }
    }
}
