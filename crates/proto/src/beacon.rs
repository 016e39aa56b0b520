//! What a node calls into its local network: "a node of this network takes links at this port".
//!
//! A beacon is a hint where to dial and nothing more: who is there is proven by the link. It holds
//! no name and no id, and its tag tells apart only who does not know the network; anyone who knows
//! it can forge one.

use crate::id::NetworkId;

/// Exact length of a beacon in bytes; anything else is none.
pub const BEACON_BYTES: usize = MAGIC.len() + 2 + NONCE + TAG;

/// The IPv4 group of beacons.
pub const GROUP_V4: [u8; 4] = [239, 255, 71, 17];
/// The IPv6 group of beacons: not assigned, and never beyond one link.
pub const GROUP_V6: [u16; 8] = [0xff12, 0, 0, 0, 0, 0, 0, 0x7117];
/// The UDP port of beacons.
pub const BEACON_PORT: u16 = 7118;

/// What a beacon says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beacon {
    /// The UDP port of the node's links, never 0.
    pub port: u16,
    /// Random for each start of a node: tells nodes apart, and a node its own beacons.
    pub nonce: [u8; NONCE],
}

/// Why bytes are no beacon of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadBeacon {
    /// Not [`BEACON_BYTES`] long.
    #[error("wrong length")]
    Length,
    /// Something else, or another version.
    #[error("not a beacon")]
    Magic,
    /// Of another network, or damaged.
    #[error("wrong tag")]
    Tag,
    /// Port 0.
    #[error("no port")]
    Port,
}

/// Writes and reads the beacons of one network.
#[derive(Clone, PartialEq, Eq)]
pub struct BeaconKey([u8; 32]);

impl BeaconKey {
    /// The key of a network.
    pub fn new(network: &NetworkId) -> Self {
        Self(blake3::derive_key(CONTEXT, network.as_bytes()))
    }

    /// The bytes of a beacon.
    pub fn seal(&self, beacon: &Beacon) -> [u8; BEACON_BYTES] {
        let mut bytes = [0; BEACON_BYTES];
        let (said, tag) = bytes.split_at_mut(SAID);
        let port = beacon.port.to_be_bytes();
        let parts = MAGIC.iter().chain(&port).chain(&beacon.nonce);
        said.iter_mut().zip(parts).for_each(|(place, byte)| *place = *byte);
        tag.copy_from_slice(&self.tag(said));
        bytes
    }

    /// The beacon in these bytes. Allocates nothing, and hashes nothing that is none at first
    /// sight.
    ///
    /// # Errors
    /// [`BadBeacon`] for anything that [`seal`](Self::seal) with this key did not make.
    pub fn open(&self, bytes: &[u8]) -> Result<Beacon, BadBeacon> {
        let bytes: &[u8; BEACON_BYTES] = bytes.try_into().map_err(|_error| BadBeacon::Length)?;
        let (said, tag) = bytes.split_at(SAID);
        let (magic, rest) = said.split_first_chunk::<4>().ok_or(BadBeacon::Length)?;
        let (port, nonce) = rest.split_first_chunk::<2>().ok_or(BadBeacon::Length)?;
        let nonce = nonce.try_into().map_err(|_error| BadBeacon::Length)?;
        if magic != MAGIC {
            return Err(BadBeacon::Magic);
        }
        // In plain time: the tag is public to all who can make use of it.
        if tag != self.tag(said) {
            return Err(BadBeacon::Tag);
        }
        match u16::from_be_bytes(*port) {
            0 => Err(BadBeacon::Port),
            port => Ok(Beacon { port, nonce }),
        }
    }

    fn tag(&self, said: &[u8]) -> [u8; TAG] {
        let hash = blake3::keyed_hash(&self.0, said);
        let mut tag = [0; TAG];
        tag.copy_from_slice(hash.as_bytes().split_at(TAG).0);
        tag
    }
}

impl std::fmt::Debug for BeaconKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BeaconKey")
    }
}

const MAGIC: &[u8; 4] = b"mcb1";
const NONCE: usize = 16;
const TAG: usize = 16;
/// Bytes before the tag.
const SAID: usize = BEACON_BYTES - TAG;
const CONTEXT: &str = "meshchat 1 beacon";

#[cfg(test)]
mod tests {
    use super::*;

    const BEACON: Beacon = Beacon { port: 7117, nonce: [9; 16] };

    #[test]
    fn only_the_network_itself_reads_its_beacons() {
        let key = BeaconKey::new(&NetworkId::OPEN);
        let bytes = key.seal(&BEACON);
        assert_eq!(key.open(&bytes), Ok(BEACON));
        let other = BeaconKey::new(&NetworkId([1; 16]));
        assert_eq!(other.open(&bytes), Err(BadBeacon::Tag));
    }

    #[test]
    fn any_damage_is_seen() {
        let key = BeaconKey::new(&NetworkId::OPEN);
        let bytes = key.seal(&BEACON);
        for at in 0..bytes.len() {
            let mut bytes = bytes;
            bytes[at] ^= 1;
            let expected = if at < MAGIC.len() { BadBeacon::Magic } else { BadBeacon::Tag };
            assert_eq!(key.open(&bytes), Err(expected), "{at}");
        }
        for length in 0..bytes.len() {
            assert_eq!(key.open(&bytes[..length]), Err(BadBeacon::Length));
        }
        assert_eq!(key.open(&[&bytes[..], &[0]].concat()), Err(BadBeacon::Length));
        let portless = key.seal(&Beacon { port: 0, ..BEACON });
        assert_eq!(key.open(&portless), Err(BadBeacon::Port));
    }
}
