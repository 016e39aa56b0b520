//! Which interfaces to use, by patterns of their names.

use std::fmt;

use super::error::BadValue;

/// Patterns of interface names with `*` for any characters; `!` in front denies. The last that
/// fits decides. What fits none is denied, or allowed if the first pattern denies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patterns(Vec<String>);

impl Patterns {
    /// Most patterns.
    pub const MOST: usize = 64;

    /// Whether an interface of this name is to be used.
    #[must_use]
    pub fn allow(&self, name: &str) -> bool {
        let last = self.0.iter().rev().find_map(|pattern| match pattern.strip_prefix('!') {
            Some(denied) => fits(denied.as_bytes(), name.as_bytes()).then_some(false),
            None => fits(pattern.as_bytes(), name.as_bytes()).then_some(true),
        });
        last.unwrap_or_else(|| self.0.first().is_some_and(|first| first.starts_with('!')))
    }

    /// Interfaces that are asked for by their whole name.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        let whole = |pattern: &&String| !pattern.contains('*') && !pattern.starts_with('!');
        self.0.iter().filter(whole).map(String::as_str)
    }

    pub(super) fn parse(texts: &mut dyn Iterator<Item = &str>) -> Result<Self, (String, BadValue)> {
        let mut patterns = Vec::new();
        for text in texts {
            let refuse = |why| Err((text.to_owned(), why));
            if patterns.len() == Self::MOST {
                return refuse(BadValue::TooMany(Self::MOST));
            }
            let name = text.strip_prefix('!').unwrap_or(text);
            let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'!' | b',' | b'/');
            if !(1..=LONGEST).contains(&name.len()) || !name.bytes().all(plain) {
                return refuse(BadValue::Pattern);
            }
            patterns.push(text.to_owned());
        }
        Ok(Self(patterns))
    }
}

impl Default for Patterns {
    fn default() -> Self {
        Self(DEFAULT.map(str::to_owned).into())
    }
}

impl fmt::Display for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

/// Goes back to the last star only, so that no pattern takes long.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = name.get(from) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(wanted) if wanted == byte => (at, from) = (at + 1, from + 1),
            Some(_) | None => {
                let Some((star_at, taken)) = star else { return false };
                star = Some((star_at, taken + 1));
                (at, from) = (star_at + 1, taken + 1);
            }
        }
    }
    pattern.get(at..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

/// Longer than any interface name.
const LONGEST: usize = 32;
/// All but what leads to containers, virtual machines and tunnels.
const DEFAULT: [&str; 18] = [
    "*",
    "!docker*",
    "!br-*",
    "!veth*",
    "!virbr*",
    "!vnet*",
    "!lxc*",
    "!lxdbr*",
    "!podman*",
    "!cni*",
    "!flannel*",
    "!cali*",
    "!tun*",
    "!tap*",
    "!wg*",
    "!tailscale*",
    "!zt*",
    "!ppp*",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(list: &str) -> Patterns {
        Patterns::parse(&mut list.split_ascii_whitespace()).unwrap()
    }

    #[test]
    fn the_last_pattern_that_fits_decides() {
        let some = patterns("* !wlan* wlan0");
        assert!(some.allow("eth0") && some.allow("wlan0") && !some.allow("wlan1"));
        let some = patterns("eth* !eth1");
        assert!(some.allow("eth0") && !some.allow("eth1") && !some.allow("wlan0"));
        let some = patterns("!wlan*");
        assert!(some.allow("eth0") && !some.allow("wlan0"));
        assert!(!patterns("").allow("eth0"));
    }

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, name) in
            [("*", ""), ("*", "a"), ("e*0", "eth0"), ("e*0", "e0"), ("*b*", "abc"), ("a**", "a")]
        {
            assert!(fits(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
        }
        for (pattern, name) in [("e*0", "eth1"), ("eth", "eth0"), ("eth0", "eth"), ("*b", "abc")] {
            assert!(!fits(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
        }
        assert!(!fits(&b"*a".repeat(16), &b"a".repeat(15)));
    }

    #[test]
    fn the_default_leaves_out_what_is_virtual() {
        let usual = Patterns::default();
        for name in ["eth0", "enp3s0", "wlan0", "wlx001122334455", "usb0", "br0", "end0"] {
            assert!(usual.allow(name), "{name}");
        }
        for name in ["docker0", "br-12ab", "veth1a2b", "virbr0", "lxcbr0", "tun0", "wg0"] {
            assert!(!usual.allow(name), "{name}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let long = "x".repeat(33);
        for bad in ["!", "", "a b", "eth0/1", "!!a", "\u{e9}th0", &long] {
            assert!(Patterns::parse(&mut [bad].into_iter()).is_err(), "{bad:?}");
        }
        assert!(Patterns::parse(&mut ["a"; 65].into_iter()).is_err());
    }
}
