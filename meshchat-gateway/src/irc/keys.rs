//! What a client shows with PASS: the password of the door, and a secret of its own.

use std::path::Path;

use anyhow::Context as _;

use super::nicks::fold;
use crate::door::fresh_key;

/// Who may come in.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    /// Hash of the password, if the door has one: hashes are compared in constant time.
    password: Option<blake3::Hash>,
}

/// Why somebody may not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// No password, or another.
    #[error("wrong password; give the one of this door as server password (PASS)")]
    Password,
    /// An own secret that others could guess.
    #[error("a secret of your own must have at least {SECRET_BYTES} characters")]
    Secret,
    /// No randomness.
    #[error("no random numbers on this machine")]
    NoRandom,
}

impl Keys {
    /// Reads the password.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or holds none.
    pub(super) fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = file else { return Ok(Self { password: None }) };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read password-file {} of [irc]", path.display()))?;
        let password = text.trim_end_matches(['\r', '\n']);
        let sound = !password.is_empty() && password.len() <= PASSWORD_BYTES;
        anyhow::ensure!(
            sound && !password.contains(['\r', '\n', '\0']),
            "password-file {} of [irc] must have one line of 1 to {PASSWORD_BYTES} bytes",
            path.display()
        );
        Ok(Self { password: Some(blake3::hash(password.as_bytes())) })
    }

    /// The key by which the daemon knows this client again: one that lasts if it gave a secret of
    /// its own, behind the password and a slash.
    ///
    /// # Errors
    ///
    /// [`Refusal`], with words for the client.
    pub(super) fn admit(&self, pass: Option<&str>, nick: &str) -> Result<String, Refusal> {
        let pass = pass.unwrap_or_default();
        let secret = match self.password {
            None => pass,
            Some(_) if self.is_password(pass) => "",
            Some(_) => match pass.rsplit_once('/') {
                Some((password, secret)) if self.is_password(password) => secret,
                _ => return Err(Refusal::Password),
            },
        };
        if secret.is_empty() {
            return fresh_key().map_err(|_error| Refusal::NoRandom);
        }
        if secret.len() < SECRET_BYTES {
            return Err(Refusal::Secret);
        }
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(fold(nick).as_bytes()).update(b"\0").update(secret.as_bytes());
        Ok(hasher.finalize().to_hex().to_string())
    }

    fn is_password(&self, given: &str) -> bool {
        self.password == Some(blake3::hash(given.as_bytes()))
    }
}

const CONTEXT: &str = "meshchat gateway 2026-11-21 irc own secret";
const PASSWORD_BYTES: usize = 256;
const SECRET_BYTES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_with_a_password_opens_for_it_alone() {
        let keys = Keys { password: Some(blake3::hash(b"a/b")) };
        for bad in [None, Some(""), Some("a"), Some("a/"), Some("a/b2"), Some("x/own secret")] {
            assert_eq!(keys.admit(bad, "ann"), Err(Refusal::Password), "{bad:?}");
        }
        let fresh = keys.admit(Some("a/b"), "ann").unwrap();
        assert_ne!(keys.admit(Some("a/b"), "ann").unwrap(), fresh);
        assert_eq!(keys.admit(Some("a/b/short"), "ann"), Err(Refusal::Secret));
        let own = keys.admit(Some("a/b/own secret"), "ann").unwrap();
        assert_eq!(keys.admit(Some("a/b/own secret"), "Ann").unwrap(), own);
        assert_ne!(keys.admit(Some("a/b/own secret"), "ben").unwrap(), own);
        assert_ne!(keys.admit(Some("a/b/own secrex"), "ann").unwrap(), own);
    }

    #[test]
    fn a_door_without_a_password_takes_a_secret() {
        let keys = Keys::load(None).unwrap();
        let own = keys.admit(Some("my own secret"), "ann").unwrap();
        assert_eq!(keys.admit(Some("my own secret"), "ann").unwrap(), own);
        assert_ne!(keys.admit(None, "ann").unwrap(), keys.admit(None, "ann").unwrap());
        assert!(Keys::load(Some(Path::new("/nowhere/at/all"))).is_err());
    }
}
