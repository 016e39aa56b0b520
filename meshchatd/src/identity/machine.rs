//! The binding of a key to the machine that it was made on.

use std::fmt;
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use super::{IdentityError, Signer, write_whole};
use crate::store::{StateDir, StoreError};

/// Where the machine's id is.
pub const MACHINE_ID: &str = "/etc/machine-id";

/// The id that the system gave this installation on this machine. It is not shown anywhere.
#[derive(Clone, PartialEq, Eq)]
pub struct MachineId([u8; 32]);

impl MachineId {
    /// Reads the id from `path`; `None` if there is none, as in some containers and at the very
    /// first boot.
    #[must_use]
    pub fn read(path: &Path) -> Option<Self> {
        let mut bytes = Vec::new();
        fs::File::open(path).ok()?.take(64).read_to_end(&mut bytes).ok()?;
        let digits: [u8; 32] = bytes.trim_ascii().try_into().ok()?;
        let is_zero = digits.iter().all(|digit| *digit == b'0');
        (digits.iter().all(u8::is_ascii_hexdigit) && !is_zero).then_some(Self(digits))
    }
}

impl fmt::Debug for MachineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MachineId")
    }
}

/// Which machine a key is bound to.
pub(super) enum Bound {
    Here,
    Elsewhere,
    Nowhere,
}

pub(super) fn check(
    directory: &StateDir,
    signer: &Signer,
    machine: &MachineId,
) -> Result<Bound, IdentityError> {
    let path = directory.path().join(NAME);
    let mut bytes = Vec::new();
    let read = fs::File::open(&path).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes));
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Bound::Nowhere),
        Err(error) => Err(StoreError::from_io(&path, error).into()),
        Ok(_) if bytes == content(signer, machine).as_bytes() => Ok(Bound::Here),
        // A damaged binding is treated as a foreign one: only a person can tell.
        Ok(_) => Ok(Bound::Elsewhere),
    }
}

pub(super) fn bind(
    directory: &StateDir,
    signer: &Signer,
    machine: &MachineId,
) -> Result<(), IdentityError> {
    Ok(write_whole(directory, NAME, content(signer, machine).as_bytes())?)
}

/// The id is hashed under the key, so that the file tells nobody which machine it was.
fn content(signer: &Signer, machine: &MachineId) -> String {
    let key = blake3::derive_key("meshchat machine binding v1", signer.seed());
    format!("meshchat-machine 1\n{}\n", blake3::keyed_hash(&key, &machine.0).to_hex())
}

const NAME: &str = "machine";
const LARGEST: u64 = 256;
