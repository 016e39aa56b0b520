//! The settings of the daemon: where they come from, what is allowed, and what may change live.
//!
//! Flags win over `MESHCHAT_*` variables, these over files, files over defaults. Every value
//! remembers its origin. An unknown key or a bad value anywhere refuses the whole configuration.

mod address;
mod amounts;
mod draft;
mod error;
mod file;
mod flags;
mod keys;
mod paths;
mod patterns;
mod reload;
mod settings;
mod values;

pub use address::{DEFAULT_PORT, PeerAddress};
pub use amounts::{Size, Span};
pub use error::{BadValue, Cause, ConfigError, Problem};
pub use flags::{Command, Flags, IdentityCommand, command};
pub use keys::Key;
pub use paths::{Environment, Mode, RuntimeDirError, prepare_runtime_dir};
pub use patterns::Patterns;
pub use reload::{Change, PeerChanges, reload};
pub use settings::{Loaded, Origin, Row, Settings, Value, load, port_in_use, render};
pub use values::{Admit, Discovery, History, Links, Mapping, Peer};

/// Exit code for a bad configuration (`EX_CONFIG`); the unit does not restart on it.
pub const EXIT_CONFIG: u8 = 78;

#[cfg(test)]
mod tests;
