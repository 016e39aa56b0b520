//! Sealing to a node's key, and locking with a shared one.
//!
//! A node has one key, for signatures. Sealing needs its form for key agreement: the public key
//! goes over by the birational map of RFC 7748, section 4.1, the secret is the scalar that RFC
//! 8032, section 5.1.5 makes of the seed. Sealed is by HPKE in its base mode (RFC 9180) with
//! X25519, HKDF-SHA256 and ChaCha20-Poly1305; locked by XChaCha20-Poly1305.

use std::convert::Infallible;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use ed25519_dalek::VerifyingKey;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};

use super::Signer;

type Suite = X25519HkdfSha256;

/// 32 bytes that nobody can guess; `None` when the system gives none.
#[must_use]
pub fn secret() -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes)
}

/// `plain` for the owner of this Ed25519 key, bound to `context`: the encapsulated key, then the
/// sealed bytes. `None` when the key is no point or a weak one, or there is no randomness.
#[must_use]
pub fn seal(to: &[u8; 32], context: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
    let to = VerifyingKey::from_bytes(to).ok().filter(|key| !key.is_weak())?;
    let to = <Suite as Kem>::PublicKey::from_bytes(to.to_montgomery().as_bytes()).ok()?;
    let mut drawn = Drawn { bytes: secret()?, used: 0, overdrawn: false };
    let (key, sealed) = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, Suite>(
        &OpModeS::Base,
        &to,
        INFO,
        plain,
        context,
        &mut drawn,
    )
    .ok()?;
    if drawn.overdrawn {
        return None;
    }
    Some([key.to_bytes().as_slice(), &sealed].concat())
}

/// What [`seal`] made for this node.
#[must_use]
pub fn open(signer: &Signer, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (key, sealed) = sealed.split_at_checked(32)?;
    let key = <Suite as Kem>::EncappedKey::from_bytes(key).ok()?;
    let own = <Suite as Kem>::PrivateKey::from_bytes(&signer.agreement()).ok()?;
    hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, Suite>(
        &OpModeR::Base,
        &own,
        &key,
        INFO,
        sealed,
        context,
    )
    .ok()
}

/// `plain` locked with a key, bound to `context`.
#[must_use]
pub fn lock(key: &[u8; 32], nonce: &[u8; 24], context: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
    let payload = Payload { msg: plain, aad: context };
    XChaCha20Poly1305::new(key.into()).encrypt(&XNonce::from(*nonce), payload).ok()
}

/// What [`lock`] made.
#[must_use]
pub fn unlock(key: &[u8; 32], nonce: &[u8; 24], context: &[u8], locked: &[u8]) -> Option<Vec<u8>> {
    let payload = Payload { msg: locked, aad: context };
    XChaCha20Poly1305::new(key.into()).decrypt(&XNonce::from(*nonce), payload).ok()
}

/// Randomness that was drawn before, so that a system without any is noticed and no panic.
struct Drawn {
    bytes: [u8; 32],
    used: usize,
    overdrawn: bool,
}

impl TryRng for Drawn {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        match self.bytes.get(self.used..self.used + out.len()) {
            Some(bytes) => out.copy_from_slice(bytes),
            None => self.overdrawn = true,
        }
        self.used += out.len();
        Ok(())
    }
}

impl TryCryptoRng for Drawn {}

/// Keeps what is sealed here apart from other uses of the same keys.
const INFO: &[u8] = b"meshchat1 seal";

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(number: u8) -> Signer {
        Signer::from_seed(&[number; 32])
    }

    #[test]
    fn only_the_owner_of_the_key_opens_and_only_in_the_same_context() {
        let (ann, bob) = (signer(1), signer(2));
        let sealed = seal(&ann.public(), b"context", b"secret").unwrap();
        assert_eq!(sealed.len(), 32 + 6 + 16);
        assert_eq!(open(&ann, b"context", &sealed).as_deref(), Some(&b"secret"[..]));
        assert_eq!(open(&bob, b"context", &sealed), None);
        assert_eq!(open(&ann, b"another", &sealed), None);
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut altered = sealed.clone();
                altered[at] ^= 1 << bit;
                // RFC 7748 has the receiver ignore the highest bit of a point, but RFC 9180 binds
                // the bytes themselves.
                assert_eq!(open(&ann, b"context", &altered), None, "bit {bit} of byte {at}");
            }
            assert_eq!(open(&ann, b"context", &sealed[..at]), None);
        }
    }

    #[test]
    fn the_same_words_are_never_sealed_alike() {
        let ann = signer(1).public();
        assert_ne!(seal(&ann, b"", b"x"), seal(&ann, b"", b"x"));
        assert_ne!(secret(), secret());
    }

    #[test]
    fn a_content_key_fits_its_bound_on_the_wire() {
        let sealed = seal(&signer(1).public(), b"", &[7; 32]).unwrap();
        assert!(sealed.len() <= meshchat_proto::limits::SEALED_KEY_BYTES, "{}", sealed.len());
    }

    #[test]
    fn nothing_is_sealed_to_what_is_no_key() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(seal(&identity, b"", b"x"), None);
        assert_eq!(seal(&[0; 32], b"", b"x"), None);
        let no_point =
            (0..=255).map(|n| [n; 32]).find(|key| VerifyingKey::from_bytes(key).is_err());
        assert_eq!(seal(&no_point.unwrap(), b"", b"x"), None);
    }

    /// The keys go over to X25519 as the two curves are the same: the base point of one is that
    /// of the other.
    #[test]
    fn both_halves_of_a_key_go_over_to_the_same_pair() {
        for number in 0..8 {
            let signer = signer(number);
            let own = <Suite as Kem>::PrivateKey::from_bytes(&signer.agreement()).unwrap();
            let public = VerifyingKey::from_bytes(&signer.public()).unwrap().to_montgomery();
            assert_eq!(Suite::sk_to_pk(&own).to_bytes().as_slice(), public.as_bytes());
        }
    }

    #[test]
    fn locked_bytes_open_only_with_key_nonce_and_context() {
        let locked = lock(&[1; 32], &[2; 24], b"context", b"words").unwrap();
        let unlocked = unlock(&[1; 32], &[2; 24], b"context", &locked);
        assert_eq!(unlocked.as_deref(), Some(&b"words"[..]));
        assert_eq!(unlock(&[9; 32], &[2; 24], b"context", &locked), None);
        assert_eq!(unlock(&[1; 32], &[9; 24], b"context", &locked), None);
        assert_eq!(unlock(&[1; 32], &[2; 24], b"another", &locked), None);
        for at in 0..locked.len() {
            let mut altered = locked.clone();
            altered[at] ^= 0x10;
            assert_eq!(unlock(&[1; 32], &[2; 24], b"context", &altered), None);
            assert_eq!(unlock(&[1; 32], &[2; 24], b"context", &locked[..at]), None);
        }
    }
}
