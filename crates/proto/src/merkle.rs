//! One signature for many messages: a binary hash tree over their ids.
//!
//! The root of a single id is the id itself. Inner nodes are BLAKE3 in its keyed mode under a
//! fixed key, so that no message body can pass for one; an odd node moves up unchanged.

use crate::id::MessageId;

/// Separates inner nodes from message ids, which are unkeyed hashes.
const INNER_KEY: &[u8; 32] = b"meshchat v1: inner node of batch";

/// The root over `leaves`; `None` when there are none.
pub fn root(leaves: &[MessageId]) -> Option<MessageId> {
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        level = level_above(&level);
    }
    level.first().copied()
}

/// The siblings on the way from leaf `index` to the root, lowest first.
pub fn path(leaves: &[MessageId], index: usize) -> Vec<MessageId> {
    let (mut level, mut index, mut path) = (leaves.to_vec(), index, Vec::new());
    while level.len() > 1 {
        path.extend(level.get(index ^ 1));
        level = level_above(&level);
        index /= 2;
    }
    path
}

/// The root that leaf `id` at `index` of `count` reaches over `path`; `None` when the path does
/// not have the length that this place in the tree demands.
pub fn fold(id: MessageId, index: usize, count: usize, path: &[MessageId]) -> Option<MessageId> {
    if index >= count {
        return None;
    }
    let (mut node, mut index, mut width, mut path) = (id, index, count, path.iter());
    while width > 1 {
        if index % 2 == 1 {
            node = inner(path.next()?, &node);
        } else if index + 1 < width {
            node = inner(&node, path.next()?);
        }
        index /= 2;
        width = width.div_ceil(2);
    }
    path.next().is_none().then_some(node)
}

fn level_above(level: &[MessageId]) -> Vec<MessageId> {
    let up = |pair: &[MessageId]| match pair {
        [left, right] => Some(inner(left, right)),
        [odd] => Some(*odd),
        _ => None,
    };
    level.chunks(2).filter_map(up).collect()
}

fn inner(left: &MessageId, right: &MessageId) -> MessageId {
    let mut both = [0; 64];
    let (low, high) = both.split_at_mut(32);
    low.copy_from_slice(&left.0);
    high.copy_from_slice(&right.0);
    MessageId(*blake3::keyed_hash(INNER_KEY, &both).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::BATCH_MESSAGES;

    fn leaves(count: usize) -> Vec<MessageId> {
        (0..count).map(|i| MessageId::of(&i.to_be_bytes())).collect()
    }

    #[test]
    fn every_leaf_of_every_size_is_proven() {
        for count in 1..=BATCH_MESSAGES {
            let leaves = leaves(count);
            let root = root(&leaves).unwrap();
            for (index, leaf) in leaves.iter().enumerate() {
                let path = path(&leaves, index);
                assert_eq!(fold(*leaf, index, count, &path), Some(root));
            }
        }
    }

    #[test]
    fn a_lone_message_is_its_own_root() {
        assert_eq!(root(&leaves(1)), Some(leaves(1)[0]));
        assert_eq!(root(&[]), None);
    }

    #[test]
    fn a_wrong_place_or_path_proves_nothing() {
        let leaves = leaves(7);
        let root = root(&leaves);
        let path = path(&leaves, 2);
        assert_ne!(fold(leaves[3], 2, 7, &path), root);
        assert_ne!(fold(leaves[2], 3, 7, &path), root);
        assert_eq!(fold(leaves[2], 2, 7, &path[1..]), None);
        assert_eq!(fold(leaves[2], 9, 7, &path), None);
        let longer = [path.clone(), vec![leaves[0]]].concat();
        assert_eq!(fold(leaves[2], 2, 7, &longer), None);
    }
}
