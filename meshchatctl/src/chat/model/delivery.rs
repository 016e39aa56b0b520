//! How far one's own messages have come: asked for the newest, with growing pauses.

use std::time::Duration;

use meshchat_client::proto::control::{DeliveryInfo, DeliveryRequest, Request};
use meshchat_client::proto::id::MessageId;

use super::log::Mark;
use super::place::Place;

/// Messages that are asked about; of older ones it is said no more than that they were sent.
pub(crate) const ASKED: usize = 16;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    open: Vec<One>,
}

#[derive(Debug)]
struct One {
    id: MessageId,
    place: Place,
    due: Duration,
    looks: usize,
    asked: bool,
}

impl Deliveries {
    /// A message of one's own was accepted. Gives the one that is not asked about any more.
    pub(crate) fn sent(
        &mut self,
        id: MessageId,
        place: &Place,
        now: Duration,
    ) -> Option<(Place, MessageId)> {
        if self.open.iter().any(|one| one.id == id) {
            return None;
        }
        let full = self.open.len() >= ASKED;
        let oldest = full.then(|| self.open.remove(0)).map(|one| (one.place, one.id));
        let (due, place) = (now + pause(0), place.clone());
        self.open.push(One { id, place, due, looks: 0, asked: false });
        oldest
    }

    /// The next question, if it is time for one.
    pub(crate) fn next(&mut self, now: Duration) -> Option<(MessageId, Request)> {
        let one = self.open.iter_mut().find(|one| !one.asked && one.due <= now)?;
        one.asked = true;
        let message = one.id.to_string();
        Some((one.id, Request::Delivery(DeliveryRequest::Show { message })))
    }

    pub(crate) fn due(&self) -> Option<Duration> {
        self.open.iter().filter(|one| !one.asked).map(|one| one.due).min()
    }

    /// What the node said; none when it knows nothing more. Gives what is to be shown, and where.
    pub(crate) fn answered(
        &mut self,
        id: MessageId,
        info: Option<&DeliveryInfo>,
        now: Duration,
    ) -> Option<(Place, Mark)> {
        let at = self.open.iter().position(|one| one.id == id)?;
        let done = info.is_some_and(|info| info.known > 1 && info.reached >= info.known);
        let one = self.open.get_mut(at)?;
        one.asked = false;
        one.looks += 1;
        one.due = now + pause(one.looks);
        let place = one.place.clone();
        let ends = one.looks >= LOOKS;
        if done || ends {
            self.open.remove(at);
        }
        if ends && !done {
            return Some((place, Mark::Sent));
        }
        info.map(|info| (place, Mark::Reached(info.reached, info.known)))
    }

    /// Nodes came or went: what is not everywhere may be now.
    pub(crate) fn hurry(&mut self, now: Duration) {
        for one in &mut self.open {
            one.due = one.due.min(now + pause(1));
        }
    }

    /// The connection is gone, and all questions with it.
    pub(crate) fn lost(&mut self) {
        self.open.iter_mut().for_each(|one| one.asked = false);
    }
}

/// 0.7 s, 2.1 s, 6.3 s … half an hour.
fn pause(looks: usize) -> Duration {
    let times = 3u32.saturating_pow(u32::try_from(looks).unwrap_or(u32::MAX));
    (FIRST * times.min(10_000)).min(LONGEST)
}

const FIRST: Duration = Duration::from_millis(700);
const LONGEST: Duration = Duration::from_secs(1800);
/// After so many looks, most of a day, nobody waits for the mark any more.
const LOOKS: usize = 32;
