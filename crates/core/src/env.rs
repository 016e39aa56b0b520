use alloc::vec::Vec;

use meshchat_proto::id::NodeId;
use meshchat_proto::message::Signature;
use meshchat_proto::sealed::{KEY, NONCE};

/// What the node needs and must not have by itself: randomness and the expensive mathematics.
///
/// A daemon gives real keys; a simulation gives a seeded generator and cheap stand-ins. An
/// environment without secrets cannot seal, and its node then refuses direct messages.
pub trait Env {
    /// 64 random bits.
    fn random(&mut self) -> u64;

    /// This node's signature over `bytes`.
    fn sign(&mut self, bytes: &[u8]) -> Signature;

    /// Whether `sig` is the signature of `node` over `bytes`.
    fn verify(&mut self, node: &NodeId, bytes: &[u8], sig: &Signature) -> bool;

    /// 256 bits that nobody can guess; none when the system's generator fails, as then there is
    /// nothing to make a secret of.
    fn secret(&mut self) -> Option<[u8; 32]>;

    /// The public key that belongs to a secret one.
    fn public_of(&mut self, seed: &[u8; 32]) -> NodeId;

    /// The signature over `bytes` with another key than this node's.
    fn sign_with(&mut self, seed: &[u8; 32], bytes: &[u8]) -> Signature;

    /// `plain`, such as a key, sealed so that only the node `to` can open it, and only together
    /// with the same `context`. None when its key is no point or there is no randomness.
    fn seal(&mut self, _to: &NodeId, _context: &[u8], _plain: &[u8]) -> Option<Vec<u8>> {
        None
    }

    /// What was sealed to this node.
    fn open(&mut self, _context: &[u8], _sealed: &[u8]) -> Option<Vec<u8>> {
        None
    }

    /// `plain` locked with a key, for a nonce that is never used with this key again.
    fn lock(
        &mut self,
        _key: &[u8; KEY],
        _nonce: &[u8; NONCE],
        _context: &[u8],
        _plain: &[u8],
    ) -> Option<Vec<u8>> {
        None
    }

    /// What was locked; none when key, nonce, context or any byte is another.
    fn unlock(
        &mut self,
        _key: &[u8; KEY],
        _nonce: &[u8; NONCE],
        _context: &[u8],
        _locked: &[u8],
    ) -> Option<Vec<u8>> {
        None
    }
}
