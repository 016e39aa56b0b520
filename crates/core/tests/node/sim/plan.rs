//! What a seed stands for: a graph, the faults of its wires, and what is done when.

use meshchat_core::Rate;

use super::rng::Rng;
use super::sealed::Secret;

pub(crate) const SECOND: u64 = 1_000_000;
pub(crate) const ROOMS: [&str; 3] = ["#lobby", "#ops", "#dev"];

/// How the network is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Nothing fails: what a message costs is measured.
    Calm,
    /// Everything fails.
    Wild,
    /// Few nodes, and so much text that clients and history overflow.
    Heavy,
}

/// What becomes of frames on a bad wire, in per cent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    None,
    /// They come late, and so does all behind them: what QUIC makes of loss.
    Late(u64),
    /// They never come, which is worse than any real transport.
    Dropped(u64),
}

/// Two hosts that may link, and who of them dials.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edge {
    pub(crate) ends: [usize; 2],
    pub(crate) dials: [bool; 2],
    /// Bytes a second and bytes of queue, when the link is slow.
    pub(crate) slow: Option<(u64, u64)>,
}

/// What outlives the crash of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// All that is on disk: key, boot counter, people.
    Disk,
    /// The key alone.
    Key,
    /// Nothing: it comes back as somebody else.
    Nothing,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Deed {
    Say {
        host: usize,
        client: usize,
        count: u64,
        bytes: usize,
    },
    Nick {
        host: usize,
    },
    Away {
        host: usize,
        away: bool,
    },
    Cut {
        from: usize,
        to: usize,
        both: bool,
    },
    Heal,
    Partition {
        side: u64,
    },
    LoseWire {
        edge: usize,
    },
    DialAgain {
        edge: usize,
    },
    Crash {
        host: usize,
        kept: Kept,
        back: Option<u64>,
    },
    Shutdown {
        host: usize,
        back: Option<u64>,
    },
    /// It ends to start again; its clients are back so long after it.
    Restart {
        host: usize,
        back: u64,
        clients: u64,
    },
    Sleep {
        host: usize,
        time: u64,
    },
    Clock {
        host: usize,
        by_ms: i64,
    },
    Stall {
        host: usize,
    },
    Drain {
        host: usize,
    },
    Reconnect {
        host: usize,
    },
    Villain {
        host: usize,
    },
    /// Somebody uses sealed messages.
    Whisper {
        host: usize,
        secret: Secret,
    },
    /// The owner of the private room says something when all is well.
    LastWords,
    /// The first host removes this one from its closed network.
    Remove {
        host: usize,
    },
    /// It goes on talking, though all others know.
    TalkOutside {
        host: usize,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) mood: Mood,
    pub(crate) hosts: usize,
    pub(crate) edges: Vec<Edge>,
    pub(crate) loss: Loss,
    /// Frames on a cut wire are lost and not merely late.
    pub(crate) cuts_lose: bool,
    /// Hosts hold each other's people to a rate.
    pub(crate) rate: Option<Rate>,
    /// A host that keeps to no rate.
    pub(crate) flooder: Option<usize>,
    /// A host that keeps no history.
    pub(crate) forgetful: Option<usize>,
    /// All hosts are members of one closed network, of which the first is admin.
    pub(crate) closed: bool,
    /// Its members send each other sealed messages.
    pub(crate) sealing: bool,
    /// Nothing happens but that nodes start again: nobody may see anybody go.
    pub(crate) serene: bool,
    pub(crate) deeds: Vec<(u64, Deed)>,
    /// When all faults end.
    pub(crate) healed: u64,
    /// When all is compared.
    pub(crate) end: u64,
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mood = match seed % 64 {
            0 => Mood::Heavy,
            n if n % 8 == 1 => Mood::Calm,
            _ => Mood::Wild,
        };
        let hosts = match mood {
            Mood::Heavy => rng.between(2, 4),
            Mood::Calm => rng.between(2, 13),
            Mood::Wild => 2 + rng.below(11).min(rng.below(11)),
        };
        let hosts = hosts as usize;
        let edges = graph(&mut rng, hosts, mood);
        let loss = match (mood, rng.below(3)) {
            (Mood::Calm, _) | (_, 0) => Loss::None,
            (_, 1) => Loss::Late(rng.between(1, 30)),
            _ => Loss::Dropped(rng.between(1, 30)),
        };
        let healed = rng.between(15, 50) * SECOND;
        let cuts_lose = rng.percent(50);
        let forgetful = (mood == Mood::Wild && rng.percent(8)).then(|| rng.index(hosts));
        // What a forgetful node alone saw takes long to be given up.
        let paced = mood == Mood::Wild && seed % 8 == 3;
        let rate = paced.then_some(Rate { burst: 20, per_second: 5 });
        let flooder = (paced && rng.percent(50)).then(|| rng.index(hosts));
        // So does what was refused, at each hop.
        let closed = seed % 3 == 2;
        let sealing = closed
            && (mood, forgetful, flooder) == (Mood::Wild, None, None)
            && (seed.is_multiple_of(2) || paced);
        // So is a letter whose receipt was lost.
        let rest = match (forgetful, flooder) {
            (_, Some(_)) => 500,
            (Some(_), None) => 240,
            (None, None) if sealing => 260,
            (None, None) => 110,
        };
        let end = healed + rest * SECOND;
        let deeds = Vec::new();
        let mut plan = Self {
            seed,
            mood,
            hosts,
            edges,
            loss,
            cuts_lose,
            rate,
            flooder,
            forgetful,
            closed,
            sealing,
            serene: false,
            deeds,
            healed,
            end,
        };
        match mood {
            Mood::Calm => plan.talk_in_peace(&mut rng),
            Mood::Wild => plan.go_wild(&mut rng),
            Mood::Heavy => plan.talk_too_much(&mut rng),
        }
        if plan.closed && mood == Mood::Wild && hosts > 2 {
            plan.remove_somebody();
        }
        if mood == Mood::Wild {
            plan.restart_some();
        }
        if plan.sealing {
            plan.whisper();
        }
        plan.deeds.sort_by_key(|(at, _)| *at);
        plan
    }

    /// A calm network in which one node after the other starts again.
    pub(crate) fn serene(seed: u64) -> Self {
        // Of these all are calm.
        let mut plan = Self::of(seed * 8 + 1);
        let mut rng = Rng::new(seed ^ 0x5e_4e_4e);
        let mut at = 22 * SECOND;
        for _ in 0..rng.between(1, 5) {
            let (back, clients) = (rng.between(SECOND / 10, 6 * SECOND), rng.below(4 * SECOND));
            let host = rng.index(plan.hosts);
            plan.deeds.push((at, Deed::Restart { host, back, clients }));
            at += rng.between(18 * SECOND, 30 * SECOND);
        }
        plan.deeds.sort_by_key(|(at, _)| *at);
        plan.serene = true;
        plan.healed = plan.healed.max(at);
        plan.end = plan.healed + 90 * SECOND;
        plan
    }

    /// In the middle of everything, and sometimes for too long. With numbers of its own.
    fn restart_some(&mut self) {
        let mut rng = Rng::new(self.seed ^ 0x5e_57a7);
        for _ in 0..rng.below(4) {
            let (host, at) = (rng.index(self.hosts), rng.between(SECOND, self.healed));
            let (back, clients) = (rng.between(SECOND / 10, 20 * SECOND), rng.below(SECOND));
            self.deeds.push((at, Deed::Restart { host, back, clients }));
        }
    }

    /// Whether the sizes of frames decide what happens: a wall time has more bytes today than
    /// it had in 1970.
    pub(crate) fn sizes_matter(&self) -> bool {
        let by_size = |deed: &Deed| match deed {
            Deed::Villain { .. } => true,
            Deed::Say { count, bytes, .. } => *count > 10 && *bytes > 500,
            _ => false,
        };
        self.mood == Mood::Heavy
            || self.edges.iter().any(|edge| edge.slow.is_some())
            || self.deeds.iter().any(|(_, deed)| by_size(deed))
    }

    pub(crate) fn is_tree(&self) -> bool {
        self.edges.len() + 1 == self.hosts
    }

    /// In the middle of everything. With numbers of its own, so that all else stays as it is.
    fn remove_somebody(&mut self) {
        let mut rng = Rng::new(self.seed ^ 0x0dd_0e5);
        let host = 1 + rng.index(self.hosts - 1);
        let at = rng.between(3 * SECOND, self.healed);
        self.deeds.push((at, Deed::Remove { host }));
        self.deeds.push((self.healed + 30 * SECOND, Deed::TalkOutside { host }));
    }

    /// Letters between any two, and a room of the first host that most are let into.
    fn whisper(&mut self) {
        let mut rng = Rng::new(self.seed ^ 0x5ea_1ed);
        let rest = self.healed + 30 * SECOND;
        let mut whispers = vec![(4 * SECOND, 0, Secret::Create)];
        for _ in 0..rng.between(6, 20) {
            let (host, to) = (rng.index(self.hosts), rng.index(self.hosts));
            let at = rng.between(5 * SECOND, rest);
            whispers.push((at, host, Secret::Say));
            if host != to {
                whispers.push((at, host, Secret::Letter(to)));
            }
        }
        for to in 1..self.hosts {
            if rng.percent(30) {
                continue;
            }
            let at = rng.between(5 * SECOND, rest);
            // Again when all is well, in case nobody knew of it then.
            let tries = [at, rest + SECOND].map(|at| (at, 0, Secret::Invite(to)));
            whispers.extend(tries);
        }
        // Behind the last chance of a removed one to be heard.
        for host in 0..self.hosts {
            let at = rest + 5 * SECOND;
            whispers.push((at, host, Secret::Say));
            whispers.push((at, host, Secret::Letter((host + 1) % self.hosts)));
        }
        let deed = |(at, host, secret)| (at, Deed::Whisper { host, secret });
        self.deeds.extend(whispers.into_iter().map(deed));
        self.deeds.push((rest + 20 * SECOND, Deed::LastWords));
    }

    fn talk_in_peace(&mut self, rng: &mut Rng) {
        let mut at = 20 * SECOND;
        for _ in 0..rng.between(3, 12) {
            at += rng.between(SECOND / 2, 2 * SECOND);
            let count = if rng.percent(70) { 1 } else { rng.between(2, 80) };
            let (host, client) = (rng.index(self.hosts), rng.index(2));
            self.deeds.push((at, Deed::Say { host, client, count, bytes: 20 }));
        }
        self.healed = at + SECOND;
        self.end = self.healed + 90 * SECOND;
    }

    fn talk_too_much(&mut self, rng: &mut Rng) {
        let stalled = rng.index(self.hosts);
        self.deeds.push((5 * SECOND, Deed::Stall { host: stalled }));
        for round in 0..rng.between(8, 20) {
            let host = if rng.percent(70) { 0 } else { rng.index(self.hosts) };
            let at = 6 * SECOND + round * SECOND / 2;
            self.deeds.push((at, Deed::Say { host, client: 0, count: 64, bytes: 4000 }));
        }
        if rng.percent(50) {
            self.deeds.push((12 * SECOND, Deed::Drain { host: stalled }));
        }
        if rng.percent(50) {
            let host = rng.index(self.hosts);
            let back = Some(2 * SECOND);
            self.deeds.push((15 * SECOND, Deed::Crash { host, kept: Kept::Disk, back }));
        }
        self.healed = 20 * SECOND;
        self.end = self.healed + 110 * SECOND;
    }

    fn go_wild(&mut self, rng: &mut Rng) {
        for _ in 0..rng.between(3, 16) {
            let at = rng.between(SECOND, self.healed);
            let count = rng.pick(&[1, 1, 1, 1, 3, 3, 10, 70]);
            let bytes = rng.pick(&[0, 20, 200, 2000]);
            let (host, client) = (rng.index(self.hosts), rng.index(2));
            self.deeds.push((at, Deed::Say { host, client, count, bytes }));
        }
        if let Some(host) = self.flooder {
            for _ in 0..rng.between(3, 8) {
                let at = rng.between(SECOND, self.healed);
                self.deeds.push((at, Deed::Say { host, client: 0, count: 500, bytes: 0 }));
            }
        }
        for _ in 0..rng.between(3, 25) {
            let at = rng.between(SECOND, self.healed);
            let deed = self.fault(rng);
            self.deeds.push((at, deed));
        }
        if rng.percent(20) {
            let at = self.healed + rng.between(5 * SECOND, 60 * SECOND);
            let (host, client) = (rng.index(self.hosts), 0);
            self.deeds.push((at, Deed::Say { host, client, count: 1, bytes: 20 }));
        }
    }

    fn fault(&self, rng: &mut Rng) -> Deed {
        let (host, edge) = (rng.index(self.hosts), rng.index(self.edges.len()));
        let [from, to] = self.edges[edge].ends;
        let back = rng.percent(90).then(|| rng.between(SECOND / 10, 30 * SECOND));
        let kept = rng.pick(&[Kept::Disk, Kept::Disk, Kept::Key, Kept::Nothing]);
        match rng.below(32) {
            0..3 => Deed::Cut { from, to, both: true },
            3..6 if rng.percent(50) => Deed::Cut { from, to, both: false },
            3..6 => Deed::Cut { from: to, to: from, both: false },
            6..9 => Deed::Heal,
            9..11 => Deed::Partition { side: rng.next() },
            11..14 => Deed::LoseWire { edge },
            14..17 => Deed::DialAgain { edge },
            17..21 => Deed::Crash { host, kept, back },
            21..23 => Deed::Shutdown { host, back },
            23 => Deed::Sleep { host, time: rng.between(2, 25) * SECOND },
            24 => Deed::Clock { host, by_ms: years(rng, 10) },
            25 => Deed::Stall { host },
            26 => Deed::Drain { host },
            27 => Deed::Reconnect { host },
            28..30 => Deed::Villain { host },
            30 => Deed::Nick { host },
            _ => Deed::Away { host, away: rng.percent(60) },
        }
    }
}

/// Milliseconds, at most so many years forth or back.
pub(crate) fn years(rng: &mut Rng, most: u64) -> i64 {
    let span = most * 365 * 24 * 3600 * 1000;
    i64::try_from(rng.below(2 * span)).unwrap() - i64::try_from(span).unwrap()
}

/// A connected graph: a tree, a ring with chords, or dense.
fn graph(rng: &mut Rng, hosts: usize, mood: Mood) -> Vec<Edge> {
    let mut pairs: Vec<[usize; 2]> = (1..hosts).map(|to| [rng.index(to), to]).collect();
    match rng.below(3) {
        0 => {}
        1 => {
            pairs = (1..hosts).map(|to| [to - 1, to]).collect();
            pairs.push([0, hosts - 1]);
            pairs.extend((0..rng.index(4)).map(|_| [rng.index(hosts), rng.index(hosts)]));
        }
        _ => {
            let all = (0..hosts).flat_map(|to| (0..to).map(move |from| [from, to]));
            pairs.extend(all.filter(|_| rng.percent(40)));
        }
    }
    pairs.iter_mut().for_each(|pair| pair.sort_unstable());
    pairs.retain(|[one, other]| one != other);
    pairs.sort_unstable();
    pairs.dedup();
    let slow = mood == Mood::Wild && rng.percent(25);
    let edge = |ends| Edge {
        ends,
        dials: rng.pick(&[[true, false], [false, true], [true, true]]),
        slow: (slow && rng.percent(50)).then(|| (rng.between(2_000, 40_000), 16_000)),
    };
    pairs.into_iter().map(edge).collect()
}
