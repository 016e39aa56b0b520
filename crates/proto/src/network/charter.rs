//! What a network is.

use serde::{Deserialize, Serialize};

use crate::codec::{self, DecodeError};
use crate::id::{NetworkId, NodeId};
use crate::name::NetworkName;

/// What makes a closed network: its name, the key that all trust in it comes from, and a secret
/// that only its members know.
///
/// Whoever knows it can prove to members that they are no stranger, and read who the members are;
/// being one takes a [`super::Statement`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charter {
    /// What people call it.
    pub name: NetworkName,
    /// The public root key, Ed25519.
    pub root: NodeId,
    /// What members recognise each other by before they say anything.
    #[serde(with = "serde_bytes")]
    pub secret: [u8; 32],
}

impl Charter {
    /// The charter in these bytes.
    ///
    /// # Errors
    /// When they are none.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes)
    }

    /// The bytes that the network is named by, to be kept as they are.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// The id of the network that has exactly these bytes as its charter.
    pub fn id_of(bytes: &[u8]) -> NetworkId {
        let hash = blake3::Hasher::new_derive_key(ID_CONTEXT).update(bytes).finalize();
        let mut id = [0; 16];
        id.copy_from_slice(hash.as_bytes().split_at(16).0);
        NetworkId(id)
    }
}

impl std::fmt::Debug for Charter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Charter({:?}, {:?})", self.name, self.root)
    }
}

/// Length of the body of a [`crate::frame::Kind::Knock`].
pub const KNOCK_BYTES: usize = 16;

/// What `from` shows to `to` to prove that it knows a secret. The link proves the two keys, so
/// that nobody can use what another has shown.
pub fn knock(secret: &[u8; 32], from: &NodeId, to: &NodeId) -> [u8; KNOCK_BYTES] {
    let mut hasher = blake3::Hasher::new_keyed(secret);
    hasher.update(b"meshchat1 knock").update(from.as_bytes()).update(to.as_bytes());
    let mut bytes = [0; KNOCK_BYTES];
    bytes.copy_from_slice(hasher.finalize().as_bytes().split_at(KNOCK_BYTES).0);
    bytes
}

/// The secret that the bearer of a ticket knocks with.
pub fn ticket_key(secret: &[u8; 16]) -> [u8; 32] {
    blake3::derive_key(TICKET_CONTEXT, secret)
}

const ID_CONTEXT: &str = "meshchat 1 network";
const TICKET_CONTEXT: &str = "meshchat 1 ticket";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_knock_is_good_for_one_direction_of_one_pair() {
        let (ann, bert, eve) = (NodeId([1; 32]), NodeId([2; 32]), NodeId([3; 32]));
        let shown = knock(&[7; 32], &ann, &bert);
        for other in [
            knock(&[7; 32], &bert, &ann),
            knock(&[7; 32], &ann, &eve),
            knock(&[8; 32], &ann, &bert),
        ] {
            assert_ne!(shown, other);
        }
    }

    #[test]
    fn the_id_covers_every_byte_of_the_charter() {
        let name = "home".parse().unwrap();
        let bytes = Charter { name, root: NodeId([1; 32]), secret: [2; 32] }.encode();
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert_ne!(Charter::id_of(&bytes), Charter::id_of(&other));
        }
        assert_eq!(Charter::decode(&bytes).unwrap().encode(), bytes);
    }
}
