//! Values that are read into their bounds, so that an error names the line of what is wrong.

use axum::http::uri::Authority;
use serde::{Deserialize, Deserializer, de};

/// A number from `LEAST` to `MOST`.
pub(super) fn number<'de, const LEAST: u64, const MOST: u64, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u64>,
{
    let number = u64::deserialize(from)?;
    let fits = (LEAST..=MOST).contains(&number);
    let number = fits.then(|| T::try_from(number).ok()).flatten();
    number.ok_or_else(|| de::Error::custom(format!("this must be a number from {LEAST} to {MOST}")))
}

/// Names by which browsers ask for a page: `chat.example.org`, `chat.example.org:443`,
/// `192.0.2.7:8480`.
pub(super) fn hosts<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    list(from, |host| {
        is_host(host).then_some(()).ok_or_else(|| {
            format!(
                "{host:?} is no host; write \"chat.example.org\", \"chat.example.org:443\" or \
                 \"192.0.2.7:8480\", without http:// and path"
            )
        })
    })
}

/// Origins of pages: `http://192.0.2.7:8480`, `https://chat.example.org`.
pub(super) fn origins<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    list(from, |origin| {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        let host = host.map(|host| host.strip_suffix('/').unwrap_or(host));
        let good = host.is_some_and(|host| {
            // A browser never writes these.
            let usual = if origin.starts_with("https") { ":443" } else { ":80" };
            is_host(host) && !host.ends_with(usual)
        });
        good.then_some(()).ok_or_else(|| {
            format!(
                "{origin:?} is no origin of a page; write \"http://192.0.2.7:8480\" or \
                 \"https://chat.example.org\", without a path, and without the ports 80 and 443"
            )
        })
    })
}

fn list<'de, D: Deserializer<'de>>(
    from: D,
    check: impl Fn(&str) -> Result<(), String>,
) -> Result<Vec<String>, D::Error> {
    let all = Vec::<String>::deserialize(from)?;
    if all.len() > MOST {
        return Err(de::Error::custom(format!("at most {MOST} of these")));
    }
    all.iter().try_for_each(|one| check(one)).map_err(de::Error::custom)?;
    Ok(all)
}

/// A name or an address, perhaps with a port, of no other characters than those have: it is told
/// to browsers as part of a policy.
fn is_host(host: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    let Ok(parsed) = host.parse::<Authority>() else { return false };
    let name = parsed.host();
    let port = host.get(name.len()..).unwrap_or_default();
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    host.len() <= LONGEST
        && host.chars().all(plain)
        && bare.map_or(!name.is_empty(), |ip| ip.parse::<std::net::Ipv6Addr>().is_ok())
        && (port.is_empty() || parsed.port_u16().is_some_and(|port| port != 0))
}

/// Hosts or origins of one setting.
const MOST: usize = 32;
/// Bytes of a host: those of the longest name there can be (RFC 1035), and a port.
const LONGEST: usize = 260;

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn error(text: &str) -> String {
        toml::from_str::<Config>(text).unwrap_err().to_string()
    }

    #[test]
    fn errors_name_the_line_and_what_to_write() {
        for (text, words) in [
            ("[limits]\nclients = 0", "from 1 to 1024"),
            ("[limits]\nclients = 1025", "from 1 to 1024"),
            ("[limits]\nper-second = -1", "expected u64"),
            ("[limits]\nhello-seconds = 0", "from 1 to 300"),
            ("[web]\nhosts = [\"http://a.example\"]", "is no host"),
            ("[web]\nhosts = [\"a.example/x\"]", "is no host"),
            ("[web]\nhosts = [\"2001:db8::1\"]", "is no host"),
            ("[web]\nhosts = [\"a.example:0\"]", "is no host"),
            ("[web]\nhosts = [\"*\"]", "is no host"),
            ("[web]\norigins = [\"a.example\"]", "is no origin"),
            ("[web]\norigins = [\"*\"]", "is no origin"),
            ("[web]\norigins = [\"null\"]", "is no origin"),
            ("[web]\norigins = [\"https://a.example:443\"]", "is no origin"),
            ("[web]\nothers = [\"http://a.example;script-src\"]", "is no origin"),
            ("[web]\nothers = [\"http://a.example/chat\"]", "is no origin"),
            ("[web]\nothers = [\"ftp://a.example\"]", "is no origin"),
            ("[web]\ntls = \"yes\"", "tls"),
            ("[web]\ntls = { cert = \"a\" }", "tls"),
            ("[web]\npairing = \"maybe\"", "pairing"),
            ("[web]\nlisten = \"8480\"", "0.0.0.0:8480"),
            ("[web]\nport = 1", "unknown field"),
        ] {
            let error = error(text);
            assert!(error.contains("line 2") && error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_right_is_taken() {
        let text = "[limits]\nclients = 1024\n[web]\n\
            hosts = [\"a.example\", \"a.example:443\", \"[2001:db8::1]:80\", \"192.0.2.7\"]\n\
            origins = [\"http://a.example:8480/\", \"https://[2001:db8::1]\"]\n";
        let config: Config = toml::from_str(text).unwrap();
        assert_eq!((config.limits.clients, config.web.hosts.len()), (1024, 4));
    }
}
