use meshchat_core::Env;
use meshchat_proto::id::NodeId;
use meshchat_proto::message::Signature;
use meshchat_proto::sealed::{KEY, NONCE};

use crate::identity::{self, Signer, Verifier};

/// The node's key and the system's randomness, for the core.
#[derive(Debug)]
pub struct Keys {
    signer: Signer,
    verifier: Verifier,
}

impl Keys {
    /// With the key of this node.
    #[must_use]
    pub fn new(signer: Signer) -> Self {
        Self { signer, verifier: Verifier::default() }
    }
}

impl Env for Keys {
    fn random(&mut self) -> u64 {
        // What the core draws must differ between runs, not be secret; the clock does for want
        // of better on a machine whose generator has failed.
        getrandom::u64().unwrap_or_else(|_error| {
            let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        })
    }

    fn sign(&mut self, bytes: &[u8]) -> Signature {
        self.signer.sign(bytes)
    }

    fn verify(&mut self, node: &NodeId, bytes: &[u8], sig: &Signature) -> bool {
        self.verifier.verify(&node.0, bytes, sig)
    }

    fn secret(&mut self) -> Option<[u8; 32]> {
        identity::secret()
    }

    fn public_of(&mut self, seed: &[u8; 32]) -> NodeId {
        NodeId(Signer::from_seed(seed).public())
    }

    fn sign_with(&mut self, seed: &[u8; 32], bytes: &[u8]) -> Signature {
        Signer::from_seed(seed).sign(bytes)
    }

    fn seal(&mut self, to: &NodeId, context: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        identity::seal(&to.0, context, plain)
    }

    fn open(&mut self, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        identity::open(&self.signer, context, sealed)
    }

    fn lock(
        &mut self,
        key: &[u8; KEY],
        nonce: &[u8; NONCE],
        context: &[u8],
        plain: &[u8],
    ) -> Option<Vec<u8>> {
        identity::lock(key, nonce, context, plain)
    }

    fn unlock(
        &mut self,
        key: &[u8; KEY],
        nonce: &[u8; NONCE],
        context: &[u8],
        locked: &[u8],
    ) -> Option<Vec<u8>> {
        identity::unlock(key, nonce, context, locked)
    }
}
