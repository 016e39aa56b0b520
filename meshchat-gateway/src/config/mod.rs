//! Settings: strict TOML, and files of a `.d` directory that win over it.

mod address;
mod bounds;
mod metrics;
mod nats;
mod sections;

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

pub use address::Listen;
pub use metrics::{MetricsConfig, Place};
pub use nats::NatsConfig;
pub use sections::{
    Config, IrcConfig, LimitsConfig, Pairing, TcpConfig, Tls, WebConfig, WebSocketConfig,
};

use crate::args::Args;

/// Exit code for a configuration that cannot be used (`EX_CONFIG`).
pub const EXIT_CONFIG: u8 = 78;

/// What is wrong with the configuration, with its place and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {error}\n  fix: correct the path, or make the file readable for this user", .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is too large to be a configuration.
    #[error("{} is larger than {LARGEST_FILE} bytes\n  fix: name a small text file", .0.display())]
    TooLarge(PathBuf),
    /// The file is not what it should be.
    #[error("{}: {error}  fix: correct that line; meshchat-gateway --check says whether it is good", .path.display())]
    Syntax {
        /// Which.
        path: PathBuf,
        /// What is wrong, with the line.
        error: toml::de::Error,
    },
    /// The files are right one by one and wrong together.
    #[error("the configuration does not fit together: {0}")]
    Together(toml::de::Error),
    /// The section of the bridge to NATS cannot be used.
    #[error("[nats]: {0}")]
    Nats(String),
    /// A flag or variable cannot be used.
    #[error("bad value for {0}: {1}")]
    Flag(&'static str, String),
}

/// Reads all settings.
///
/// # Errors
///
/// [`ConfigError`] names the first problem.
pub fn load(args: &Args) -> Result<Config, ConfigError> {
    let (main, required) = match &args.config {
        Some(path) => (Some(path.clone()), true),
        None => (default_path(), false),
    };
    let mut all = toml::Table::new();
    if let Some(main) = main {
        for path in files(&main, required)? {
            merge(&mut all, read(&path)?);
        }
    }
    let mut config: Config = all.try_into().map_err(ConfigError::Together)?;
    config.nats.as_ref().map_or(Ok(()), NatsConfig::check).map_err(ConfigError::Nats)?;
    if let Some(web) = &args.web {
        if web == "off" {
            config.web.enabled = false;
        } else {
            config.web.listen =
                web.parse().map_err(|error: String| ConfigError::Flag("--web", error))?;
            config.web.enabled = true;
        }
    }
    Ok(config)
}

/// The file of this user, or of the system.
fn default_path() -> Option<PathBuf> {
    if nix::unistd::geteuid().is_root() || std::env::var_os("INVOCATION_ID").is_some() {
        return Some("/etc/meshchat/gateway.toml".into());
    }
    let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let config = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(config.join("meshchat/gateway.toml"))
}

/// The file, if it is there, and `*.toml` of the directory beside it.
fn files(main: &Path, required: bool) -> Result<Vec<PathBuf>, ConfigError> {
    let mut files = Vec::new();
    if required || main.exists() {
        files.push(main.to_path_buf());
    }
    if let Ok(entries) = fs::read_dir(main.with_extension("d")) {
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let mut parts: Vec<_> = paths
            .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
            .take(MOST_PARTS)
            .collect();
        parts.sort();
        files.extend(parts);
    }
    Ok(files)
}

fn read(path: &Path) -> Result<toml::Table, ConfigError> {
    let failed = |error| ConfigError::Read { path: path.into(), error };
    let mut text = String::new();
    let file = fs::File::open(path).map_err(failed)?;
    file.take(LARGEST_FILE + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > LARGEST_FILE {
        return Err(ConfigError::TooLarge(path.into()));
    }
    let wrong = |error| ConfigError::Syntax { path: path.into(), error };
    // Each file by itself, as only then the error has a line.
    toml::from_str::<Config>(&text).map_err(wrong)?;
    toml::from_str(&text).map_err(wrong)
}

fn merge(into: &mut toml::Table, from: toml::Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(toml::Value::Table(old)), toml::Value::Table(new)) => merge(old, new),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// Most bytes of one file.
pub const LARGEST_FILE: u64 = 64 * 1024;
const MOST_PARTS: usize = 64;
