//! TLS 1.3 with raw Ed25519 keys (RFC 7250) on both sides: no names, no dates, no authorities.

use std::sync::Arc;

use ed25519_dalek::{Signature, VerifyingKey};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::ring::{cipher_suite, kx_group, sign::any_eddsa_type};
use rustls::crypto::{
    CryptoProvider, GetRandomFailed, KeyProvider, SecureRandom, WebPkiSupportedAlgorithms,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error,
    PeerMisbehaved, ServerConfig, SignatureScheme,
};

use super::PeerKey;

/// Both TLS configurations of a node, and the key that they prove.
pub(super) struct Identity {
    pub(super) key: PeerKey,
    pub(super) server: ServerConfig,
    pub(super) client: ClientConfig,
}

impl Identity {
    /// Builds the identity that belongs to an Ed25519 seed.
    pub(super) fn from_seed(seed: &[u8; 32]) -> Result<Self, Error> {
        let certified = certified_key(seed)?;
        let key = certified.cert.first().and_then(|spki| peer_key(spki));
        let provider = Arc::new(provider());
        Ok(Self {
            key: key.ok_or(Error::General("key is not Ed25519".into()))?,
            server: server(&provider, &certified)?,
            client: client(&provider, &certified)?,
        })
    }
}

/// The Ed25519 key in a raw public key, if it is one.
pub(super) fn peer_key(spki: &[u8]) -> Option<PeerKey> {
    spki.strip_prefix(&SPKI_PREFIX)?.try_into().ok()
}

fn certified_key(seed: &[u8; 32]) -> Result<Arc<CertifiedKey>, Error> {
    let pkcs8 = [PKCS8_PREFIX.as_slice(), seed].concat();
    let signer = any_eddsa_type(&PrivatePkcs8KeyDer::from(pkcs8))?;
    let spki = signer.public_key().ok_or(Error::General("key has no public half".into()))?;
    let raw = CertificateDer::from(spki.to_vec());
    Ok(Arc::new(CertifiedKey::new(vec![raw], signer)))
}

fn server(provider: &Arc<CryptoProvider>, key: &Arc<CertifiedKey>) -> Result<ServerConfig, Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(AnyEd25519))
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(Arc::clone(key))));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    // Whichever side lacks AES instructions decides, so that neither is slowed down by the other.
    config.ignore_client_order = !fast_aes();
    Ok(config)
}

fn client(provider: &Arc<CryptoProvider>, key: &Arc<CertifiedKey>) -> Result<ClientConfig, Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyEd25519))
        .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(Arc::clone(
            key,
        ))));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    Ok(config)
}

/// Names what links use and nothing else: the provider of rustls as a whole would bring RSA and the
/// curves of NIST along.
fn provider() -> CryptoProvider {
    let mut suites =
        vec![cipher_suite::TLS13_AES_128_GCM_SHA256, cipher_suite::TLS13_CHACHA20_POLY1305_SHA256];
    if !fast_aes() {
        suites.reverse();
    }
    CryptoProvider {
        cipher_suites: suites,
        kx_groups: vec![kx_group::X25519],
        // Who is there is proven by raw keys, which `AnyEd25519` checks by itself.
        signature_verification_algorithms: WebPkiSupportedAlgorithms { all: &[], mapping: &[] },
        secure_random: &System,
        key_provider: &System,
    }
}

/// Random numbers of the system; keys come from nowhere but the node's seed.
#[derive(Debug)]
struct System;

impl SecureRandom for System {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), GetRandomFailed> {
        getrandom::fill(buffer).map_err(|_unavailable| GetRandomFailed)
    }
}

impl KeyProvider for System {
    fn load_private_key(&self, _key: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        Err(Error::General("keys are not loaded".into()))
    }
}

/// Whether the processor has AES instructions; a Raspberry Pi before the fifth has none.
fn fast_aes() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("aes");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

/// Accepts any peer that proves that it holds the Ed25519 key it shows. Who may link is decided
/// later, by key, by those who know the network.
#[derive(Debug)]
struct AnyEd25519;

impl AnyEd25519 {
    fn check_key(spki: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Result<(), Error> {
        if peer_key(spki).is_some() && others.is_empty() {
            return Ok(());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn check_signature(
        message: &[u8],
        spki: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if signed.scheme != SignatureScheme::ED25519 {
            return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        }
        let key = peer_key(spki).and_then(|key| VerifyingKey::from_bytes(&key).ok());
        let signature = Signature::from_slice(signed.signature()).ok();
        key.zip(signature)
            .filter(|(key, signature)| key.verify_strict(message, signature).is_ok())
            .map(|_| HandshakeSignatureValid::assertion())
            .ok_or_else(|| CertificateError::BadSignature.into())
    }
}

/// What both sides check alike; the traits of clients and servers have no common one.
macro_rules! signed_by_raw_key {
    () => {
        fn verify_tls12_signature(
            &self,
            _message: &[u8],
            _cert: &CertificateDer<'_>,
            _dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Err(Error::General("only TLS 1.3 is spoken".into()))
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Self::check_signature(message, cert, dss)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            vec![SignatureScheme::ED25519]
        }

        fn requires_raw_public_keys(&self) -> bool {
            true
        }
    };
}

impl ServerCertVerifier for AnyEd25519 {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Self::check_key(end_entity, intermediates).map(|()| ServerCertVerified::assertion())
    }

    signed_by_raw_key!();
}

impl ClientCertVerifier for AnyEd25519 {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Self::check_key(end_entity, intermediates).map(|()| ClientCertVerified::assertion())
    }

    signed_by_raw_key!();
}

/// The name and version of the peer protocol, agreed in the handshake.
pub(super) const ALPN: &[u8] = b"meshchat/1";

/// DER of everything before the 32 bytes of an Ed25519 public key (RFC 8410).
const SPKI_PREFIX: [u8; 12] = [0x30, 42, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 33, 0];

/// DER of everything before the 32 bytes of an Ed25519 seed (RFC 8410).
const PKCS8_PREFIX: [u8; 16] = [0x30, 46, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 34, 4, 32];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_the_one_of_the_seed() {
        let seed = [7; 32];
        let key = ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key();
        assert_eq!(Identity::from_seed(&seed).unwrap().key, key.to_bytes());
    }

    #[test]
    fn other_public_keys_are_no_peer() {
        let key = certified_key(&[7; 32]).unwrap();
        let mut spki = key.cert[0].to_vec();
        assert!(peer_key(&spki).is_some());
        spki.push(0);
        assert_eq!(peer_key(&spki), None);
        spki.truncate(43);
        assert_eq!(peer_key(&spki), None);
        assert_eq!(peer_key(b""), None);
    }
}
