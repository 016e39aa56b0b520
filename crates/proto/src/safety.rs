//! Numbers that two people read to each other to know that nobody is between them.

use crate::id::NodeId;

/// The safety number of two nodes, the same at both: six groups of five digits.
///
/// After the safety numbers of Signal (Marlinspike, "Safety number updates", 2016), which hash
/// the keys many times so that looking for keys with equal numbers costs as much more. One
/// number stands for the pair here, so that it is short enough to be read aloud: about 100 bits.
pub fn safety_number(one: &NodeId, other: &NodeId) -> String {
    let (low, high) = (one.min(other), one.max(other));
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    hasher.update(low.as_bytes()).update(high.as_bytes());
    let mut hash = *hasher.finalize().as_bytes();
    for _ in 0..ROUNDS {
        hasher.reset();
        hash = *hasher
            .update(&hash)
            .update(low.as_bytes())
            .update(high.as_bytes())
            .finalize()
            .as_bytes();
    }
    let groups = hash.as_chunks::<5>().0.iter().take(GROUPS);
    let group = |bytes: &[u8; 5]| {
        let number = bytes.iter().fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
        format!("{:05}", number % 100_000)
    };
    groups.map(group).collect::<Vec<_>>().join(" ")
}

/// Keeps these hashes apart from all others.
const CONTEXT: &str = "meshchat 2026 safety number of two nodes";
/// About 2 ms on a small Pi, and as many times more work for whoever looks for a second pair.
const ROUNDS: usize = 4096;
const GROUPS: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_read_the_same_30_digits() {
        let (a, b, c) = (NodeId([1; 32]), NodeId([2; 32]), NodeId([3; 32]));
        let number = safety_number(&a, &b);
        assert_eq!(number, safety_number(&b, &a));
        assert_eq!(number.len(), 35, "{number}");
        assert!(number.split(' ').all(|group| group.len() == 5 && group.parse::<u32>().is_ok()));
        assert_ne!(number, safety_number(&a, &c));
        // Written down: every release must compute it so.
        assert_eq!(number, "30959 41036 09404 42848 53538 52039");
    }
}
