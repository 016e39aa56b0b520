//! Signing, and checking with a small memory of the keys that were seen.

use std::cell::RefCell;
use std::fmt;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

/// Signs for this node.
pub struct Signer(SigningKey);

impl Signer {
    /// The signer with this secret.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The Ed25519 signature of `message`.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// The secret scalar for key agreement with X25519, which is what the signatures use.
    pub(super) fn agreement(&self) -> [u8; 32] {
        self.0.to_scalar_bytes()
    }

    /// The secret, for the transport's own certificate of this key. Never log it.
    #[must_use]
    pub fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer")
    }
}

/// Checks signatures and remembers the unpacked form of the newest [`Verifier::CAPACITY`] keys.
///
/// Unpacking a key is a notable part of a check. When the memory is full, the oldest goes.
#[derive(Debug, Default)]
pub struct Verifier {
    known: Vec<VerifyingKey>,
    oldest: usize,
}

impl Verifier {
    /// Most keys that are remembered; each takes about 200 bytes.
    pub const CAPACITY: usize = 64;

    /// Whether `signature` is the one of `key` for `message`, without any of the ambiguities
    /// that plain Ed25519 leaves.
    #[must_use]
    pub fn verify(&mut self, key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = Signature::from_bytes(signature);
        if let Some(known) = self.known.iter().find(|known| known.as_bytes() == key) {
            return known.verify_strict(message, &signature).is_ok();
        }
        let Ok(unpacked) = VerifyingKey::from_bytes(key) else { return false };
        let is_good = unpacked.verify_strict(message, &signature).is_ok();
        // Only owners of keys get in, so that forged ones cannot push the others out.
        if is_good {
            self.remember(unpacked);
        }
        is_good
    }

    fn remember(&mut self, key: VerifyingKey) {
        if self.known.len() < Self::CAPACITY {
            self.known.push(key);
        } else if let Some(place) = self.known.get_mut(self.oldest) {
            *place = key;
            self.oldest = (self.oldest + 1) % Self::CAPACITY;
        }
    }
}

/// [`Verifier::verify`] with the memory of this thread.
#[must_use]
pub fn verify(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    thread_local! {
        static VERIFIER: RefCell<Verifier> = RefCell::default();
    }
    VERIFIER.with_borrow_mut(|verifier| verifier.verify(key, message, signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(number: u8) -> Signer {
        Signer::from_seed(&[number; 32])
    }

    #[test]
    fn only_the_right_key_message_and_signature_pass() {
        let (ann, bert) = (signer(1), signer(2));
        let signature = ann.sign(b"hello");
        for _ in 0..2 {
            assert!(verify(&ann.public(), b"hello", &signature));
            assert!(!verify(&bert.public(), b"hello", &signature));
            assert!(!verify(&ann.public(), b"hallo", &signature));
            for index in 0..64 {
                let mut forged = signature;
                forged[index] ^= 1;
                assert!(!verify(&ann.public(), b"hello", &forged));
            }
        }
    }

    #[test]
    fn weak_and_impossible_keys_are_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert!(!verify(&identity, b"", &[0; 64]));
        assert!(!verify(&[0xff; 32], b"", &[0; 64]));
        let mut forged = [0; 64];
        forged[0] = 1;
        assert!(!verify(&identity, b"anything", &forged));
    }

    #[test]
    fn the_memory_is_bounded_and_forgets_the_oldest() {
        let mut verifier = Verifier::default();
        for number in 0..=u8::try_from(Verifier::CAPACITY).unwrap() {
            let signer = signer(number);
            assert!(verifier.verify(&signer.public(), b"x", &signer.sign(b"x")));
        }
        assert_eq!(verifier.known.len(), Verifier::CAPACITY);
        let knows =
            |number| verifier.known.iter().any(|k| *k.as_bytes() == signer(number).public());
        assert!(!knows(0));
        assert!(knows(1));
        assert!(knows(64));
    }

    #[test]
    fn forged_messages_take_no_place() {
        let mut verifier = Verifier::default();
        assert!(!verifier.verify(&signer(1).public(), b"x", &[7; 64]));
        assert!(verifier.known.is_empty());
    }
}
