//! Where numbers are served: to this machine alone.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

/// Numbers for Prometheus.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct MetricsConfig {
    /// Where it listens.
    pub listen: Place,
}

/// A port of this machine that no other reaches, or a Unix socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A loopback address; port 0 takes any free one.
    Port(SocketAddr),
    /// An absolute path.
    Socket(PathBuf),
}

impl Default for Place {
    fn default() -> Self {
        Self::Port(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 9117))
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            let fits = path.is_absolute() && path.as_os_str().len() <= LONGEST_PATH;
            return fits.then_some(Self::Socket(path)).ok_or_else(|| {
                format!(
                    "{text:?} is no place for a socket; write \"unix:/run/meshchat-gateway/metrics.sock\", \
                     an absolute path of at most {LONGEST_PATH} bytes"
                )
            });
        }
        let address: SocketAddr = text.parse().map_err(|_unusable| {
            format!(
                "{text:?} is no address to listen on; write \"127.0.0.1:9117\", \"[::1]:9117\" or \
                 \"unix:/run/meshchat-gateway/metrics.sock\""
            )
        })?;
        if !address.ip().is_loopback() {
            return Err(format!(
                "{text:?} can be reached by others, and whoever reaches the numbers may read them; \
                 write \"127.0.0.1:{0}\" and let a proxy with a password serve it to others, or \
                 use a tunnel: ssh -L {0}:127.0.0.1:{0} HOST",
                address.port()
            ));
        }
        Ok(Self::Port(address))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(address) => address.fmt(f),
            Self::Socket(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Bytes of a path that the system takes for a socket (`sun_path`).
const LONGEST_PATH: usize = 107;

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn only_this_machine_may_read_the_numbers() {
        let parse =
            |listen: &str| toml::from_str::<Config>(&format!("[metrics]\nlisten = {listen:?}\n"));
        for good in ["127.0.0.1:9117", "[::1]:0", "127.8.9.10:1", "unix:/run/x.sock"] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for (bad, words) in [
            ("0.0.0.0:9117", "can be reached by others"),
            ("[::]:9117", "can be reached by others"),
            ("192.0.2.7:9117", "ssh -L 9117"),
            ("[::ffff:127.0.0.1]:9117", "can be reached by others"),
            ("localhost:9117", "127.0.0.1:9117"),
            ("9117", "127.0.0.1:9117"),
            ("unix:metrics.sock", "an absolute path"),
            ("unix:", "an absolute path"),
            (&format!("unix:/{}", "x".repeat(107)), "at most 107 bytes"),
        ] {
            let error = parse(bad).unwrap_err().to_string();
            assert!(error.contains("line 2") && error.contains(words), "{bad}: {error}");
        }
        assert!(toml::from_str::<Config>("").unwrap().metrics.is_none(), "off by default");
    }
}
