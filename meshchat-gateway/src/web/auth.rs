//! Who may come in: codes that `meshchatctl pair` makes are changed for tokens that last.
//!
//! A token is 16 random bytes and a keyed hash of them, so that nothing about it needs to be
//! kept, and gateways that share the key know each other's.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use meshchat_client::proto::control::{DoorsRequest, Error, ErrorCode, Request};
use meshchat_client::{Client, RequestError};

use super::guesses::Guesses;
use crate::config::{Pairing, WebConfig};
use crate::door::House;

/// Knows who may come in.
#[derive(Clone)]
pub struct Auth {
    keys: Arc<Keys>,
    pairing: Pairing,
    sockets: Arc<[PathBuf]>,
    guesses: Guesses,
}

/// What tokens are made with.
struct Keys {
    /// For those who had a code.
    paired: [u8; 32],
    /// For those who were not asked for one: worth nothing where codes are asked for.
    unasked: [u8; 32],
}

impl Keys {
    fn of(key: [u8; 32]) -> Self {
        Self { paired: key, unasked: blake3::derive_key(UNASKED, &key) }
    }
}

/// Somebody who may come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// The same for all connections with this token: the key of their
    /// [`Identity`](meshchat_client::Identity).
    pub id: String,
    /// What they show next time.
    pub token: String,
}

/// Why somebody may not come in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Neither a token nor a code.
    #[error("this node lets you in with a code; on its machine: meshchatctl pair")]
    CodeNeeded,
    /// Not a token of this gateway, or of an earlier key.
    #[error("you were let in once, but the node does not know you any more")]
    BadToken,
    /// Too many wrong ones from this address.
    #[error(
        "too many wrong codes from your address; wait a minute, then make a new one on the node's machine: meshchatctl pair"
    )]
    TooMany,
    /// The daemon does not know the code, or nobody can ask it.
    #[error("{0}")]
    Code(Error),
}

impl Auth {
    /// Reads the key, or makes one.
    ///
    /// # Errors
    ///
    /// When it can be neither read nor made.
    pub fn load(house: &House, config: &WebConfig) -> anyhow::Result<Self> {
        let key = match &config.token_key_file {
            Some(path) => {
                let secret = read(path)
                    .with_context(|| format!("cannot read token-key-file {}", path.display()))?;
                anyhow::ensure!(
                    (32..=LARGEST_KEY).contains(&secret.len()),
                    "token-key-file {} must have 32 to 4096 bytes; make one: head -c 32 /dev/urandom",
                    path.display()
                );
                blake3::derive_key(CONTEXT, &secret)
            }
            None => {
                let path = house.state_dir.join("token.key");
                own_key(&path).with_context(|| {
                    format!("cannot keep the key for tokens in {}", path.display())
                })?
            }
        };
        let (pairing, sockets) = (config.pairing, house.sockets.clone().into());
        Ok(Self { keys: Keys::of(key).into(), pairing, sockets, guesses: Guesses::default() })
    }

    /// Lets somebody in by a token or a code; where no codes are asked for, also without.
    ///
    /// # Errors
    ///
    /// [`Refusal`], with words for a person.
    pub async fn admit(
        &self,
        from: IpAddr,
        token: Option<&str>,
        code: Option<&str>,
    ) -> Result<Pass, Refusal> {
        if let Some(token) = token.filter(|token| !token.is_empty()) {
            let known = self.check(token);
            if known.is_some() || (code.is_none() && self.pairing == Pairing::On) {
                return known.ok_or(Refusal::BadToken);
            }
        }
        match code.filter(|code| !code.is_empty()) {
            Some(code) if self.pairing == Pairing::On => self.guess(from, code).await?,
            None if self.pairing == Pairing::On => return Err(Refusal::CodeNeeded),
            Some(_) | None => {}
        }
        self.fresh().map_err(|error| {
            Refusal::Code(Error::new(ErrorCode::Internal, format!("no random numbers: {error}")))
        })
    }

    /// The holder of a token, if it is one of ours.
    pub fn check(&self, token: &str) -> Option<Pass> {
        let (id, mac) = token.split_at_checked(ID_CHARS)?;
        // Comparing hashes compares in constant time.
        let given = blake3::Hash::from_hex(mac).ok()?;
        let made_with = |key| blake3::keyed_hash(key, id.as_bytes()) == given;
        let fits = made_with(&self.keys.paired)
            || (self.pairing == Pairing::Off && made_with(&self.keys.unasked));
        fits.then(|| Pass { id: id.to_owned(), token: token.to_owned() })
    }

    fn fresh(&self) -> io::Result<Pass> {
        let id = crate::door::fresh_key()?;
        let key = match self.pairing {
            Pairing::On => &self.keys.paired,
            Pairing::Off => &self.keys.unasked,
        };
        let mac = blake3::keyed_hash(key, id.as_bytes()).to_hex();
        Ok(Pass { token: format!("{id}{mac}"), id })
    }

    async fn guess(&self, from: IpAddr, code: &str) -> Result<(), Refusal> {
        if !self.guesses.begin(from) {
            return Err(Refusal::TooMany);
        }
        let result = self.redeem(code).await;
        let wrong = matches!(&result, Err(Refusal::Code(e)) if e.code == ErrorCode::NotFound);
        if !wrong {
            self.guesses.forgive(from);
        }
        result
    }

    async fn redeem(&self, code: &str) -> Result<(), Refusal> {
        let code: String = code.chars().take(MOST_CODE).collect();
        let ask = async {
            let client = Client::connect_any(&self.sockets)
                .await
                .map_err(|error| Error::new(ErrorCode::Unreachable, error.to_string()))?;
            client.request(Request::Doors(DoorsRequest::Redeem { code })).await.map_err(|error| {
                match error {
                    RequestError::Daemon(error) => error,
                    RequestError::Lost(_)
                    | RequestError::NotUnderstood
                    | RequestError::TooLong(_)
                    | RequestError::Full => Error::new(ErrorCode::Unreachable, error.to_string()),
                }
            })
        };
        ask.await.map(|_| ()).map_err(Refusal::Code)
    }
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth").field("pairing", &self.pairing).finish_non_exhaustive()
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(LARGEST_KEY as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn own_key(path: &Path) -> io::Result<[u8; 32]> {
    match fs::read(path) {
        Ok(bytes) => <[u8; 32]>::try_from(bytes).map_err(|_bytes| {
            io::Error::new(io::ErrorKind::InvalidData, "it is damaged; remove it, and pair anew")
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut key = [0; 32];
            getrandom::fill(&mut key).map_err(io::Error::other)?;
            let fresh = path.with_extension("new");
            let mut options = fs::OpenOptions::new();
            let mut file =
                options.write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
            file.write_all(&key)?;
            file.sync_all()?;
            fs::rename(&fresh, path)?;
            Ok(key)
        }
        Err(error) => Err(error),
    }
}

const UNASKED: &str = "meshchat gateway 2026-11-21 tokens without a code";
const CONTEXT: &str = "meshchat gateway 2026-11-21 tokens";
/// Bytes of `token-key-file`.
const LARGEST_KEY: usize = 4096;
/// The id at the beginning of a token: 16 bytes in hexadecimal digits.
const ID_CHARS: usize = 32;
/// More than any code has.
const MOST_CODE: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn auth(pairing: Pairing, key: u8) -> Auth {
        let (sockets, guesses) = Default::default();
        Auth { keys: Keys::of([key; 32]).into(), pairing, sockets, guesses }
    }

    #[tokio::test]
    async fn tokens_are_known_again_and_cannot_be_made_up() {
        let closed = auth(Pairing::On, 1);
        // As after a code that was right.
        let pass = closed.fresh().unwrap();
        let open = auth(Pairing::Off, 1);
        assert_eq!(open.admit(HERE, Some(&pass.token), None).await, Ok(pass.clone()));
        assert_eq!(closed.admit(HERE, Some(&pass.token), None).await, Ok(pass.clone()));
        let other = auth(Pairing::On, 2);
        assert_eq!(other.admit(HERE, Some(&pass.token), None).await, Err(Refusal::BadToken));
        for at in [0, 40, 95] {
            let mut bytes = pass.token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            assert!(closed.check(std::str::from_utf8(&bytes).unwrap()).is_none());
        }
        for bad in ["", "x", "é".repeat(48).as_str(), &pass.token[..95]] {
            assert!(closed.check(bad).is_none(), "{bad}");
        }
    }

    #[tokio::test]
    async fn who_came_in_unasked_is_a_stranger_once_codes_are_asked_for() {
        let open = auth(Pairing::Off, 1);
        let pass = open.admit(HERE, None, None).await.unwrap();
        assert_eq!(open.admit(HERE, Some(&pass.token), None).await, Ok(pass.clone()));
        let closed = auth(Pairing::On, 1);
        assert_eq!(closed.admit(HERE, Some(&pass.token), None).await, Err(Refusal::BadToken));
    }

    #[tokio::test]
    async fn a_stranger_needs_a_code() {
        let auth = auth(Pairing::On, 1);
        assert_eq!(auth.admit(HERE, None, None).await, Err(Refusal::CodeNeeded));
        assert!(matches!(auth.admit(HERE, None, Some("1234-5678")).await, Err(Refusal::Code(_))));
    }
}
