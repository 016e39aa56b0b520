use meshchat_proto::id::NodeId;
use meshchat_proto::message::Signature;

/// What the node needs and must not have by itself: randomness and the expensive mathematics.
///
/// A daemon gives real keys; a simulation gives a seeded generator and cheap stand-ins.
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
}
