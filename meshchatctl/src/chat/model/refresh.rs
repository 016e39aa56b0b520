//! When to ask the node anew what it knows: after a change, once a second at most, and now and
//! then.

use std::time::Duration;

use meshchat_client::proto::control::Request;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Refresh {
    topics: [State; 4],
}

#[derive(Debug, Default)]
struct State {
    wanted: bool,
    /// An answer is on its way.
    asked: bool,
    at: Option<Duration>,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    Status,
    People,
    Rooms,
    Peers,
}

impl Topic {
    const ALL: [Self; 4] = [Self::Status, Self::People, Self::Rooms, Self::Peers];

    pub(crate) const fn request(self) -> Request {
        match self {
            Self::Status => Request::Status {},
            Self::People => Request::Who { room: None },
            Self::Rooms => Request::Rooms {},
            Self::Peers => Request::Peers {},
        }
    }
}

impl Refresh {
    pub(crate) fn want(&mut self, topics: &[Topic]) {
        for topic in topics {
            self.of(*topic).wanted = true;
        }
    }

    /// Everything is to be asked at once, over a new connection.
    pub(crate) fn anew(&mut self) {
        self.topics
            .iter_mut()
            .for_each(|state| *state = State { wanted: true, ..State::default() });
    }

    /// What is to be asked now.
    pub(crate) fn next(&mut self, now: Duration) -> Option<Topic> {
        Topic::ALL.into_iter().find(|topic| {
            let state = self.of(*topic);
            let since = |pause| state.at.is_none_or(|at| now >= at + pause);
            let due = !state.asked && since(PACE) && (state.wanted || since(NOW_AND_THEN));
            if due {
                *state = State { wanted: false, asked: true, at: Some(now) };
            }
            due
        })
    }

    pub(crate) fn answered(&mut self, topic: Topic) {
        self.of(topic).asked = false;
    }

    pub(crate) fn due(&self) -> Option<Duration> {
        let wanted = self.topics.iter().filter(|state| state.wanted && !state.asked);
        wanted.map(|state| state.at.map_or(Duration::ZERO, |at| at + PACE)).min()
    }

    fn of(&mut self, topic: Topic) -> &mut State {
        let [status, people, rooms, peers] = &mut self.topics;
        match topic {
            Topic::Status => status,
            Topic::People => people,
            Topic::Rooms => rooms,
            Topic::Peers => peers,
        }
    }
}

const PACE: Duration = Duration::from_secs(1);
const NOW_AND_THEN: Duration = Duration::from_secs(30);
