//! Who has taken in what: this node tells it soon after news, and remembers what others tell.
//!
//! The newest numbers of each origin go into the record, which is evened out between neighbours,
//! and into a small frame of their own, which is not: a record for each burst of chat would have
//! everyone work out anew who can be reached.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use bytes::Bytes;
use meshchat_proto::codec;
use meshchat_proto::frame::{self, Frame, Kind};
use meshchat_proto::holding::{Holder, Holding, Holdings, origin_tag, signed_holder};
use meshchat_proto::id::{Boot, NodeId};
use meshchat_proto::limits::{HOLDING_RANGES, HOLDINGS, HOPS};
use meshchat_proto::peer::Signed;
use serde_bytes::Bytes as ByteSlice;

use crate::env::Env;
use crate::io::LinkId;
use crate::limits;
use crate::node::Node;
use crate::ranges::Ranges;
use crate::router::{self, Passage};
use crate::seen::Window;
use crate::status::Drop;
use crate::time::{Mono, Now};

/// What this node has told, and what others have.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    /// How often this node has told in this run.
    count: u64,
    /// Since when there is news to tell.
    news: Option<Mono>,
    told: Option<Mono>,
    /// Since when the record in the hands of others does not tell all.
    pub(crate) record_is_old: Option<Mono>,
    /// Own fingerprints, and how many arrivals each covers.
    past: VecDeque<(u64, u64)>,
    others: BTreeMap<NodeId, Claim>,
    rows: usize,
    touches: u64,
}

/// What one node has told in its newest run.
#[derive(Debug)]
struct Claim {
    boot: Boot,
    count: u64,
    taken: u64,
    since: Mono,
    /// It had all that this node had up to so many arrivals.
    equal: Option<(u64, Mono)>,
    rows: BTreeMap<u64, Row>,
}

/// What one node has taken in of one origin.
#[derive(Debug, Default)]
struct Row {
    ranges: Ranges,
    /// When its highest number became known to be so high, the last few times.
    steps: VecDeque<(u64, Mono)>,
    touched: u64,
}

/// How it is known that a node holds a message, and since when at the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    Told(Mono),
    Equal(Mono),
}

impl Claims {
    /// Something was taken in that others may want to know of.
    pub(crate) fn news(&mut self, now: Mono) {
        self.news.get_or_insert(now);
        self.record_is_old.get_or_insert(now);
    }

    /// When this node tells next, in a mesh of so many nodes.
    pub(crate) fn due(&self, nodes: usize) -> Option<Mono> {
        let news = self.news?;
        let nodes = u32::try_from(nodes).unwrap_or(u32::MAX);
        let parts = limits::HOLDINGS_NODES.saturating_add(nodes);
        let stretch = |span: core::time::Duration| span * parts / limits::HOLDINGS_NODES;
        let soon = news + stretch(limits::HOLDINGS_SOON);
        Some(self.told.map_or(soon, |told| soon.max(told + stretch(limits::HOLDINGS_PAUSE))))
    }

    /// Rows of all nodes.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    pub(crate) fn nodes(&self) -> usize {
        self.others.len()
    }

    pub(crate) fn past(&self) -> usize {
        self.past.len()
    }

    /// Whether this run of a node has told anything: older software does not.
    pub(crate) fn tells(&self, node: &NodeId, boot: Boot) -> bool {
        self.others.get(node).is_some_and(|claim| claim.boot >= boot)
    }

    /// Whether a node holds a message, which this node holds itself and which came as arrival
    /// number `arrival` at the latest.
    pub(crate) fn proof(
        &self,
        (node, boot): (&NodeId, Boot),
        (tag, seq): (u64, u64),
        arrival: u64,
    ) -> Option<Proof> {
        let claim = self.others.get(node).filter(|claim| claim.boot >= boot)?;
        if let Some(row) = claim.rows.get(&tag).filter(|row| row.ranges.contains(seq)) {
            let step = row.steps.iter().find(|(upto, _)| *upto >= seq);
            return Some(Proof::Told(step.map_or(claim.since, |(_, at)| *at)));
        }
        let past = self.covered(claim.taken).map(|upto| (upto, claim.since));
        let equal = [claim.equal, past].into_iter().flatten();
        let equal = equal.filter(|(upto, _)| arrival < *upto).map(|(_, at)| at);
        equal.min().map(Proof::Equal)
    }

    /// Up to which arrival somebody with this fingerprint has all that this node has.
    fn covered(&self, taken: u64) -> Option<u64> {
        let same = self.past.iter().filter(|(own, _)| *own == taken);
        same.map(|(_, upto)| *upto).max()
    }

    pub(crate) fn remember(&mut self, taken: u64, arrivals: u64) {
        if let Some(last) = self.past.back_mut().filter(|last| last.0 == taken) {
            last.1 = arrivals;
            return;
        }
        if self.past.len() == limits::PAST_FINGERPRINTS {
            self.past.pop_front();
        }
        self.past.push_back((taken, arrivals));
    }

    fn is_news(&self, node: &NodeId, boot: Boot, count: u64) -> bool {
        self.others.get(node).is_none_or(|claim| (boot, count) > (claim.boot, claim.count))
    }

    fn take(&mut self, now: Mono, (node, boot): (NodeId, Boot), told: &Holdings) {
        let fresh =
            || Claim { boot, count: 0, taken: 0, since: now, equal: None, rows: BTreeMap::new() };
        let claim = self.others.entry(node).or_insert_with(fresh);
        if claim.boot != boot {
            self.rows -= claim.rows.len();
            *claim = fresh();
        }
        if claim.taken != told.taken {
            (claim.taken, claim.since) = (told.taken, now);
        }
        claim.count = told.count;
        self.touches += 1;
        for holding in &told.rows {
            let before = claim.rows.len();
            claim.take(now, holding, self.touches);
            self.rows = self.rows + claim.rows.len() - before;
        }
        let upto = self.covered(told.taken);
        if let (Some(upto), Some(claim)) = (upto, self.others.get_mut(&node))
            && claim.equal.is_none_or(|(before, _)| before < upto)
        {
            claim.equal = Some((upto, now));
        }
        while self.rows > limits::HOLDING_ROWS {
            self.forget_oldest();
        }
    }

    /// Forgets the row that was told of longest ago.
    fn forget_oldest(&mut self) {
        let rows = self.others.values_mut().filter_map(|claim| {
            let (tag, row) = claim.rows.iter().min_by_key(|(_, row)| row.touched)?;
            Some((row.touched, *tag, claim))
        });
        match rows.min_by_key(|(touched, ..)| *touched) {
            Some((_, tag, claim)) => claim.rows.remove(&tag),
            None => return self.rows = 0,
        };
        self.rows -= 1;
    }

    /// Forgets nodes that nothing else is known of.
    fn keep(&mut self, is_known: impl Fn(&NodeId) -> bool) {
        self.others.retain(|node, _| is_known(node));
        self.rows = self.others.values().map(|claim| claim.rows.len()).sum();
    }
}

impl Claim {
    fn take(&mut self, now: Mono, holding: &Holding, touch: u64) {
        let told = Ranges::from_wire(&holding.ranges);
        if told.is_empty() {
            return;
        }
        if !self.rows.contains_key(&holding.origin) && self.rows.len() == limits::HOLDING_ORIGINS {
            let oldest = self.rows.iter().min_by_key(|(_, row)| row.touched);
            if let Some(tag) = oldest.map(|(tag, _)| *tag) {
                self.rows.remove(&tag);
            }
        }
        let row = self.rows.entry(holding.origin).or_default();
        row.touched = touch;
        row.ranges.insert_all(&told);
        row.ranges.keep_highest(2 * HOLDING_RANGES);
        let upto = row.ranges.last();
        if row.steps.back().is_none_or(|(before, _)| *before < upto) {
            if row.steps.len() == limits::HOLDING_STEPS {
                row.steps.pop_front();
            }
            row.steps.push_back((upto, now));
        }
    }
}

impl<E: Env> Node<E> {
    /// What this node has taken in, as it tells it.
    pub(crate) fn own_holdings(&self, now: Mono) -> Holdings {
        let own = (self.me.id, self.me.boot);
        let lately = |at: &Mono| now.since(*at) < limits::HOLDING_AGE;
        let windows = self.seen.iter().filter(|(origin, _)| **origin != own);
        let windows = windows.filter_map(|(origin, window)| Some((origin, window, window.came?)));
        let mut windows: Vec<_> = windows.filter(|(.., at)| lately(at)).collect();
        windows.sort_by_key(|(.., at)| core::cmp::Reverse(*at));
        let row = |origin: &(NodeId, Boot), window: &Window| {
            let mut taken = window.taken();
            taken.keep_highest(HOLDING_RANGES);
            let ranges = taken.as_slice().to_vec();
            Holding { origin: origin_tag(&origin.0, &origin.1), ranges }
        };
        let newest = windows.iter().take(HOLDINGS);
        Holdings {
            count: self.claims.count,
            taken: self.seen.taken(),
            rows: newest.map(|(origin, window, _)| row(origin, window)).collect(),
        }
    }

    /// The next holdings are new ones, for others to read.
    pub(crate) fn next_holdings(&mut self) {
        self.claims.count += 1;
        self.claims.remember(self.seen.taken(), self.arrivals.count());
    }

    /// Tells what was taken in when it is time to.
    pub(crate) fn tick_holdings(&mut self, now: Now) {
        if self.claims.due(self.nodes.len()).is_none_or(|due| due > now.mono) {
            return;
        }
        self.claims.news = None;
        self.claims.told = Some(now.mono);
        self.next_holdings();
        let links = router::targets(&self.links, Passage { origin: self.me.id, from: None });
        if links.is_empty() {
            return;
        }
        let holder = Holder {
            network: self.me.network,
            node: self.me.id,
            boot: self.me.boot,
            holdings: self.own_holdings(now.mono),
        };
        let body = codec::encode(&holder);
        let sig = self.env.sign(&signed_holder(&body));
        let signed = Bytes::from(codec::encode(&Signed { sig, body: ByteSlice::new(&body) }));
        self.send_all(links, frame::encode(Kind::Holdings, HOPS, &signed), true);
    }

    pub(crate) fn on_holdings(&mut self, now: Now, link: LinkId, frame: &Frame) {
        let Ok(signed) = codec::decode::<Signed<'_>>(&frame.body) else {
            return self.bad_peer(now, link, "an unreadable word on what a node holds");
        };
        let Ok(holder) = codec::decode::<Holder>(signed.body) else {
            return self.bad_peer(now, link, "an unreadable word on what a node holds");
        };
        if holder.network != self.me.network {
            return self.counters.drop(Drop::OtherNetwork, 1);
        }
        let Holder { node, boot, holdings, .. } = holder;
        // Its record comes first, and says the same if this is lost.
        let known = self.nodes.get(&node).is_some_and(|known| known.record.boot <= boot);
        if !known || node == self.me.id || !self.claims.is_news(&node, boot, holdings.count) {
            return;
        }
        self.counters.verified += 1;
        if !self.env.verify(&node, &signed_holder(signed.body), &signed.sig) {
            self.counters.drop(Drop::BadSignature, 1);
            return self.bad_peer(now, link, "a wrong signature under what a node holds");
        }
        self.take_holdings(now.mono, (node, boot), &holdings);
        let links = router::targets(&self.links, Passage { origin: node, from: Some(link) });
        self.pass_on(links, frame, true);
    }

    /// Takes in what a node provably says that it holds.
    pub(crate) fn take_holdings(&mut self, now: Mono, run: (NodeId, Boot), told: &Holdings) {
        if !self.claims.is_news(&run.0, run.1, told.count) {
            return;
        }
        if self.claims.covered(told.taken).is_none() {
            self.claims.remember(self.seen.taken(), self.arrivals.count());
        }
        if self.claims.nodes() >= limits::NODES && !self.claims.others.contains_key(&run.0) {
            self.claims.keep(|node| self.nodes.get(node).is_some());
        }
        self.claims.take(now, run, told);
        self.deliveries.changed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: (NodeId, Boot) = (NodeId([1; 32]), Boot([1; 16]));

    fn told(count: u64, taken: u64, rows: &[(u64, (u64, u64))]) -> Holdings {
        let row = |(origin, range): &(u64, _)| Holding { origin: *origin, ranges: [*range].into() };
        Holdings { count, taken, rows: rows.iter().map(row).collect() }
    }

    #[test]
    fn what_was_told_once_stays_known_until_the_node_starts_anew() {
        let mut claims = Claims::default();
        let at = |ms| Mono::from_micros(ms);
        claims.take(at(1), RUN, &told(1, 7, &[(5, (1, 3))]));
        claims.take(at(2), RUN, &told(2, 8, &[(5, (6, 9))]));
        claims.take(at(3), RUN, &told(3, 9, &[]));
        let proof = |claims: &Claims, seq| claims.proof((&RUN.0, RUN.1), (5, seq), 100);
        assert_eq!(proof(&claims, 2), Some(Proof::Told(at(1))));
        assert_eq!(proof(&claims, 9), Some(Proof::Told(at(2))));
        assert_eq!(proof(&claims, 4), None);
        assert!(!claims.is_news(&RUN.0, RUN.1, 3));
        let next = Boot::new(u64::MAX, 0);
        assert_eq!(claims.proof((&RUN.0, next), (5, 2), 100), None);
        claims.take(at(4), (RUN.0, next), &told(1, 7, &[]));
        assert_eq!((proof(&claims, 2), claims.len()), (None, 0));
    }

    #[test]
    fn an_equal_fingerprint_proves_what_came_before_it() {
        let mut claims = Claims::default();
        claims.remember(7, 10);
        claims.take(Mono::ZERO, RUN, &told(1, 7, &[]));
        claims.take(Mono::ZERO, RUN, &told(2, 99, &[]));
        let proof = |arrival| claims.proof((&RUN.0, RUN.1), (5, 1), arrival);
        assert_eq!(proof(9), Some(Proof::Equal(Mono::ZERO)));
        assert_eq!(proof(10), None);
        for n in 0..200 {
            claims.remember(n, n);
        }
        assert_eq!(claims.past(), limits::PAST_FINGERPRINTS);
    }

    #[test]
    fn rows_are_bounded_and_the_oldest_go_first() {
        let mut claims = Claims::default();
        for n in 0..1000u64 {
            claims.take(Mono::ZERO, RUN, &told(n + 1, n, &[(n, (1, 1))]));
        }
        assert_eq!(claims.len(), limits::HOLDING_ORIGINS);
        assert!(claims.proof((&RUN.0, RUN.1), (999, 1), 9).is_some());
        assert!(claims.proof((&RUN.0, RUN.1), (1, 1), 9).is_none());
        let nodes = limits::HOLDING_ROWS / 16 + 1;
        for n in 0..nodes as u64 {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&n.to_be_bytes());
            let rows: Vec<_> = (0..16).map(|row| (row, (1, 1))).collect();
            claims.take(Mono::ZERO, (NodeId(id), RUN.1), &told(1, 1, &rows));
        }
        assert_eq!(claims.len(), limits::HOLDING_ROWS);
        claims.keep(|node| node.0[7] == 1);
        assert!(claims.nodes() < 10 && claims.len() < 100);
    }

    #[test]
    fn a_large_mesh_tells_more_slowly() {
        let mut claims = Claims::default();
        assert_eq!(claims.due(1), None);
        claims.news(Mono::ZERO);
        let small = claims.due(1).unwrap();
        assert!(claims.due(1000).unwrap() > small);
        claims.told = Some(Mono::ZERO);
        assert!(claims.due(8).unwrap() >= Mono::ZERO + limits::HOLDINGS_PAUSE);
    }
}
