//! What can be wrong with a configuration, and what to do about it.

use std::fmt;
use std::path::PathBuf;

use super::keys::Key;
use super::settings::Origin;

/// Everything that is wrong; nothing of such a configuration is used.
#[derive(Debug)]
pub struct ConfigError {
    /// At least one, in the order in which they were found.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Debug)]
pub struct Problem {
    /// Where it was written.
    pub origin: Origin,
    /// What it is.
    pub cause: Cause,
}

/// What can be wrong in one place. [`Problem`] shows it with its place and the details.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The file is not TOML.
    #[error("not valid TOML")]
    Syntax(String),
    /// A key that does not exist.
    #[error("unknown key `{typed}`")]
    UnknownKey {
        /// What was written, escaped.
        typed: String,
        /// The known key that is nearest to it.
        nearest: Option<&'static str>,
    },
    /// A known key with a value that it cannot have.
    #[error("bad value {shown} for `{}`", key.name())]
    Value {
        /// The key.
        key: Key,
        /// What was written, escaped and cut.
        shown: String,
        /// Why it is refused.
        why: BadValue,
    },
    /// The instance name cannot be used.
    #[error("bad instance name {shown}")]
    Instance {
        /// What was written, escaped and cut.
        shown: String,
        /// Why it is refused.
        why: BadValue,
    },
    /// A variable that is not UTF-8.
    #[error("the value is not valid UTF-8")]
    NotUtf8,
    /// The file cannot be read.
    #[error("cannot read it: {0}")]
    Read(std::io::Error),
    /// The file is not a regular file.
    #[error("not a regular file")]
    NotAFile,
    /// The file is too large to be a configuration.
    #[error("larger than {max} bytes")]
    TooLarge {
        /// The bound.
        max: u64,
    },
    /// More files in the `.d` directory than a person would write.
    #[error("more than {max} files")]
    TooManyFiles {
        /// The bound.
        max: usize,
    },
    /// The control socket's path does not fit into a socket address.
    #[error(
        "the socket path {} has {} bytes, the system allows {max}",
        path.display(),
        path.as_os_str().len()
    )]
    SocketPath {
        /// The path.
        path: PathBuf,
        /// The bound.
        max: usize,
    },
    /// There is no place for state: neither a home directory nor a setting.
    #[error("no place for the state directory: HOME is not set")]
    NoHome,
}

/// Why a value is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadValue {
    /// Another TOML type.
    #[error("expected {expected}, found {found}")]
    Type {
        /// What the key takes.
        expected: &'static str,
        /// What was written.
        found: &'static str,
    },
    /// Not one of the fixed words.
    #[error("expected one of {0}")]
    NotOneOf(&'static str),
    /// Not an address to bind.
    #[error("expected an IP address and a port")]
    Listen,
    /// Not a host with an optional port.
    #[error("expected a host name or IP address, with an optional port")]
    Address,
    /// Unspecified, multicast or broadcast.
    #[error("no node has this address: it stands for any or for many")]
    NobodysAddress,
    /// A link-local address, which each network of this machine may have.
    #[error("a link-local address needs its network interface, such as fe80::1%eth0")]
    NoZone,
    /// An IPv6 address whose last group is meant as a port.
    #[error("write an IPv6 address with a port in brackets, such as [2001:db8::1]:7117")]
    NoBrackets,
    /// Not a port.
    #[error("the port must be a number from 1 to 65535")]
    Port,
    /// Not a public key.
    #[error("expected a full public key: 64 hexadecimal or 52 base32 digits")]
    PeerKey,
    /// A `[[peer]]` without its address.
    #[error("`address` is missing")]
    NoAddress,
    /// Two different keys for one address.
    #[error("another key is already set for this address")]
    TwoKeys,
    /// Empty or too long.
    #[error("a name has 1 to 32 characters")]
    NameLength,
    /// Something that cannot be seen.
    #[error("a name holds no control, direction or invisible characters and no outer spaces")]
    NameCharacter,
    /// Not a Unix user or group name.
    #[error("expected a Unix user or group name")]
    Account,
    /// Not usable in paths.
    #[error(
        "use 1 to 32 lower-case letters, digits and dashes, and no name that has a meaning already"
    )]
    Instance,
    /// A relative path in a file, where "relative to what" has no answer.
    #[error("expected an absolute path")]
    RelativePath,
    /// Not a log filter.
    #[error(transparent)]
    Log(#[from] crate::logging::FilterError),
    /// Not a range of numbers of links.
    #[error("expected a range from 1-1 to 64-64, such as \"4-8\", or \"named\"")]
    Links,
    /// Not a burst and a pace.
    #[error(
        "expected messages at once / a second, such as \"20/5\" (at most 10000/1000), or \"off\""
    )]
    Rate,
    /// Not an amount of bytes in bounds.
    #[error("expected {least} to {most}")]
    Size {
        /// The least.
        least: String,
        /// The most.
        most: String,
    },
    /// Not a span of time in bounds.
    #[error("expected {least} to {most}, with the unit d, h, m or s")]
    Span {
        /// The least.
        least: String,
        /// The most.
        most: String,
    },
    /// Not a pattern of interface names.
    #[error("expected an interface name, with * for any characters and ! in front to deny")]
    Pattern,
    /// Longer than any list should be.
    #[error("at most {0} entries")]
    TooMany(usize),
    /// Not UTF-8.
    #[error("not valid UTF-8")]
    NotUtf8,
}

impl Cause {
    /// What the person should do now.
    #[must_use]
    pub fn fix(&self) -> String {
        match self {
            Self::Syntax(_) => "correct that line; text values need quotes: name = \"barn\"".into(),
            Self::UnknownKey { nearest: Some(word), .. } => format!("write `{word}`, or remove it"),
            Self::UnknownKey { nearest: None, .. } => {
                let known: Vec<_> = Key::ALL.into_iter().map(Key::name).collect();
                format!("remove it; the keys are {}", known.join(", "))
            }
            Self::Value { key, .. } => format!("write it like this: {}", key.example()),
            Self::Instance { .. } => "choose another name, for example --instance lab".into(),
            Self::NotUtf8 => "set it to plain text, or unset it".into(),
            Self::Read(error) if error.kind() == std::io::ErrorKind::NotFound => {
                "create the file or correct the path".into()
            }
            Self::Read(_) => "make the file readable for the user that runs meshchatd".into(),
            Self::NotAFile | Self::TooLarge { .. } => "name a small text file".into(),
            Self::TooManyFiles { .. } => "join some of them into one".into(),
            Self::SocketPath { .. } => {
                "choose a shorter path, for example --socket /tmp/meshchat.sock".into()
            }
            Self::NoHome => "set HOME, or give --state-dir DIRECTORY".into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = &self.cause;
        match &self.origin {
            Origin::File { path, line: Some(line) } => {
                write!(f, "{}: {cause} at line {line}", path.display())?;
            }
            Origin::File { path, line: None } => write!(f, "{}: {cause}", path.display())?,
            Origin::Default => write!(f, "{cause}")?,
            Origin::Variable(_) | Origin::Flag(_) => write!(f, "{}: {cause}", self.origin)?,
        }
        match cause {
            Cause::UnknownKey { nearest: Some(word), .. } => write!(f, ", did you mean `{word}`?")?,
            Cause::Value { why, .. } | Cause::Instance { why, .. } => write!(f, ": {why}")?,
            Cause::Syntax(message) => write!(f, ": {message}")?,
            Cause::UnknownKey { nearest: None, .. }
            | Cause::NotUtf8
            | Cause::Read(_)
            | Cause::NotAFile
            | Cause::TooLarge { .. }
            | Cause::TooManyFiles { .. }
            | Cause::SocketPath { .. }
            | Cause::NoHome => {}
        }
        write!(f, "\n  fix: {}", self.fix())
    }
}

impl Problem {
    /// What the person should do now, in the words of the place where it was written.
    fn fix(&self) -> String {
        let Cause::Value { key, .. } = &self.cause else { return self.cause.fix() };
        let example = key.example();
        let value = example.split_once(" = ").map_or(example, |(_, value)| value);
        // Outside files text has no quotes, and a list only commas.
        let is_list = value.starts_with("[\"");
        let value = value.replace('"', "");
        let value = if is_list { value.replace(['[', ']', ' '], "") } else { value };
        match &self.origin {
            Origin::Flag(flag) => format!("write it like this: --{flag} '{value}'"),
            Origin::Variable(name) => format!("write it like this: {name}='{value}'"),
            Origin::File { .. } | Origin::Default => self.cause.fix(),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().take(MOST_SHOWN).enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        match self.problems.len().checked_sub(MOST_SHOWN) {
            None | Some(0) => Ok(()),
            Some(more) => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for ConfigError {}

/// What was written, safe for a terminal and short enough for a line.
pub(super) fn shown(text: &str) -> String {
    let cut: String = text.chars().take(LONGEST_SHOWN).collect();
    let more = if cut.len() < text.len() { "..." } else { "" };
    format!("{cut:?}{more}")
}

const MOST_SHOWN: usize = 20;
const LONGEST_SHOWN: usize = 60;
