//! What nodes have here instead of keys and randomness.

use std::fmt;

use meshchat_core::Env;
use meshchat_proto::id::NodeId;
use meshchat_proto::message::Signature;
use meshchat_proto::sealed::{KEY, NONCE};

/// The environment of a suite.
pub(crate) struct AnyEnv(Box<dyn Env>);

impl AnyEnv {
    pub(crate) fn of(env: impl Env + 'static) -> Self {
        Self(Box::new(env))
    }
}

impl fmt::Debug for AnyEnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyEnv")
    }
}

impl Env for AnyEnv {
    fn random(&mut self) -> u64 {
        self.0.random()
    }

    fn sign(&mut self, bytes: &[u8]) -> Signature {
        self.0.sign(bytes)
    }

    fn verify(&mut self, node: &NodeId, bytes: &[u8], sig: &Signature) -> bool {
        self.0.verify(node, bytes, sig)
    }

    fn secret(&mut self) -> Option<[u8; 32]> {
        self.0.secret()
    }

    fn public_of(&mut self, seed: &[u8; 32]) -> NodeId {
        self.0.public_of(seed)
    }

    fn sign_with(&mut self, seed: &[u8; 32], bytes: &[u8]) -> Signature {
        self.0.sign_with(seed, bytes)
    }

    fn seal(&mut self, to: &NodeId, context: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        self.0.seal(to, context, plain)
    }

    fn open(&mut self, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        self.0.open(context, sealed)
    }

    fn lock(&mut self, k: &[u8; KEY], n: &[u8; NONCE], c: &[u8], p: &[u8]) -> Option<Vec<u8>> {
        self.0.lock(k, n, c, p)
    }

    fn unlock(&mut self, k: &[u8; KEY], n: &[u8; NONCE], c: &[u8], p: &[u8]) -> Option<Vec<u8>> {
        self.0.unlock(k, n, c, p)
    }
}

/// Counts instead of drawing, and signs so that a signature names its key and ends like what it
/// signs. Seals nothing.
struct Counter(NodeId, u64);

/// The environment of a node that counts from `start`.
pub(crate) fn counter(me: NodeId, start: u64) -> AnyEnv {
    AnyEnv::of(Counter(me, start))
}

impl Env for Counter {
    fn random(&mut self) -> u64 {
        self.1 += 1;
        self.1
    }

    fn sign(&mut self, bytes: &[u8]) -> Signature {
        signature(&self.0, bytes)
    }

    fn verify(&mut self, node: &NodeId, bytes: &[u8], sig: &Signature) -> bool {
        *sig == signature(node, bytes)
    }

    fn secret(&mut self) -> Option<[u8; 32]> {
        Some([u8::try_from(self.random() % 251).unwrap_or_default() ^ self.0.0[0]; 32])
    }

    fn public_of(&mut self, seed: &[u8; 32]) -> NodeId {
        NodeId(seed.map(|byte| byte ^ 0x55))
    }

    fn sign_with(&mut self, seed: &[u8; 32], bytes: &[u8]) -> Signature {
        signature(&self.public_of(seed), bytes)
    }
}

/// As [`counter`] signs.
pub(crate) fn signature(node: &NodeId, bytes: &[u8]) -> Signature {
    let mut sig = [0; 64];
    let (name, end) = sig.split_at_mut(32);
    name.copy_from_slice(&node.0);
    let tail = bytes.last_chunk::<8>().copied().unwrap_or_default();
    end.iter_mut().zip(tail).for_each(|(to, byte)| *to = byte);
    sig
}
