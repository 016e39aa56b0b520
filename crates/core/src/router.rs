//! Which links get a flooded frame: for now all but the one it came by and the one to its
//! origin.
//!
//! The place for first-arrival trees: whoever decides here sees the origin, the link of
//! arrival, and the table of links.

use alloc::vec::Vec;

use meshchat_proto::id::NodeId;

use crate::io::LinkId;
use crate::links::Links;

/// A frame on its way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Passage {
    /// Whose frame it is.
    pub(crate) origin: NodeId,
    /// The link that it came by; none when it is ours.
    pub(crate) from: Option<LinkId>,
}

/// The links that get the frame.
///
/// When two machines use the key of the origin, one of them may not have the frame.
pub(crate) fn targets(links: &Links, passage: Passage) -> Vec<LinkId> {
    let shared = links.doubled.contains(&passage.origin);
    let elsewhere = links
        .live()
        .filter(|(id, link)| Some(*id) != passage.from && (shared || link.peer != passage.origin));
    elsewhere.map(|(id, _)| id).collect()
}
