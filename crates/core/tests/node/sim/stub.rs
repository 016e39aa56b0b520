//! Cheap stand-ins for keys: a signature is a hash that only its node can make here.

use meshchat_core::Env;
use meshchat_proto::id::NodeId;
use meshchat_proto::message::Signature;
use meshchat_proto::sealed::{KEY, NONCE};

use super::rng::{Rng, mix};
use crate::stand_in;

#[derive(Debug)]
pub(crate) struct Stub {
    pub(crate) me: NodeId,
    pub(crate) rng: Rng,
}

impl Env for Stub {
    fn random(&mut self) -> u64 {
        self.rng.next()
    }

    fn sign(&mut self, bytes: &[u8]) -> Signature {
        signature(&self.me, bytes)
    }

    fn verify(&mut self, node: &NodeId, bytes: &[u8], sig: &Signature) -> bool {
        *sig == signature(node, bytes)
    }

    fn secret(&mut self) -> Option<[u8; 32]> {
        Some(std::array::from_fn(|_| self.random().to_le_bytes()[0]))
    }

    fn seal(&mut self, to: &NodeId, context: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        Some(stand_in::seal(to, context, plain))
    }

    fn open(&mut self, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        stand_in::open(&self.me, context, sealed)
    }

    fn lock(&mut self, k: &[u8; KEY], n: &[u8; NONCE], c: &[u8], p: &[u8]) -> Option<Vec<u8>> {
        Some(stand_in::lock(k, n, c, p))
    }

    fn unlock(&mut self, k: &[u8; KEY], n: &[u8; NONCE], c: &[u8], p: &[u8]) -> Option<Vec<u8>> {
        stand_in::unlock(k, n, c, p)
    }

    fn public_of(&mut self, seed: &[u8; 32]) -> NodeId {
        NodeId(seed.map(|byte| byte ^ 0x55))
    }

    fn sign_with(&mut self, seed: &[u8; 32], bytes: &[u8]) -> Signature {
        signature(&self.public_of(seed), bytes)
    }
}

/// One number for `bytes`.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes.chunks(8).fold(bytes.len() as u64, |sum, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        mix(sum ^ u64::from_le_bytes(word)).rotate_left(5)
    })
}

pub(crate) fn signature(node: &NodeId, bytes: &[u8]) -> Signature {
    let mut word = hash(node.as_bytes()) ^ hash(bytes).rotate_left(17);
    let mut sig = [0; 64];
    for chunk in sig.chunks_mut(8) {
        word = mix(word);
        chunk.copy_from_slice(&word.to_le_bytes());
    }
    sig
}
