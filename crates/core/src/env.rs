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
}
