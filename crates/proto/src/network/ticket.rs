//! Tickets: what a new node joins a closed network with.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use crate::id::{NetworkId, NodeId, digit, to_base32};

/// Most addresses in a ticket.
pub const TICKET_ADDRESSES: usize = 4;

/// Whom to ask, where, and with which secret. Written as one line of letters and digits that a QR
/// code holds in its compact form once it is written in capitals.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The network.
    pub network: NetworkId,
    /// The key that must answer.
    pub inviter: NodeId,
    /// What the bearer knocks with.
    pub secret: [u8; 16],
    /// Where the inviter was when it wrote this.
    pub addresses: Vec<SocketAddr>,
}

/// Why text is no ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadTicket {
    /// It begins in another way.
    #[error("it is not a ticket: a ticket begins with {PREFIX}")]
    Other,
    /// Of a later version.
    #[error("it was made by a newer version of meshchat")]
    Newer,
    /// The end is missing.
    #[error("it is cut off: its end is missing")]
    CutOff {
        /// How many, if its beginning is right.
        missing: usize,
    },
    /// There is more behind it.
    #[error("something follows it that does not belong to it")]
    Long,
    /// A character that no ticket has.
    #[error("{0:?} does not belong into a ticket")]
    Character(char),
    /// The checksum does not fit.
    #[error("it has a typing mistake somewhere")]
    Typo,
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![0];
        bytes.extend(self.network.as_bytes());
        bytes.extend(self.inviter.as_bytes());
        bytes.extend(self.secret);
        for address in self.addresses.iter().take(TICKET_ADDRESSES) {
            match address.ip().to_canonical() {
                IpAddr::V4(ip) => bytes.extend([4].into_iter().chain(ip.octets())),
                IpAddr::V6(ip) => bytes.extend([6].into_iter().chain(ip.octets())),
            }
            bytes.extend(address.port().to_be_bytes());
        }
        let length = u8::try_from(bytes.len() + CHECKSUM).unwrap_or(u8::MAX);
        if let Some(first) = bytes.first_mut() {
            *first = length;
        }
        bytes.extend(checksum(&bytes));
        write!(f, "{PREFIX}{}", to_base32(&bytes))
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket({:?} by {:?})", self.network, self.inviter)
    }
}

impl FromStr for Ticket {
    type Err = BadTicket;

    /// Capitals, white space, dashes and the look-alikes `i l o` are forgiven.
    fn from_str(text: &str) -> Result<Self, BadTicket> {
        let skipped = |letter: &char| letter.is_whitespace() || *letter == '-';
        let plain = text.chars().filter(|letter| !skipped(letter)).take(MAX_CHARS);
        let plain: String = plain.map(|letter| letter.to_ascii_lowercase()).collect();
        let Some(digits) = plain.strip_prefix(PREFIX) else {
            let rest = plain.strip_prefix(WORD).and_then(|rest| rest.chars().next());
            let newer = rest.is_some_and(|version| matches!(version, '2'..='9'));
            return Err(if newer { BadTicket::Newer } else { BadTicket::Other });
        };
        let bytes = unpack(digits)?;
        let length = usize::from(bytes.first().copied().unwrap_or_default());
        let wanted = (length * 8).div_ceil(5);
        if digits.len() < wanted || bytes.is_empty() {
            return Err(BadTicket::CutOff { missing: wanted.saturating_sub(digits.len()).max(1) });
        }
        let (said, sum) = length
            .checked_sub(CHECKSUM)
            .and_then(|at| bytes.split_at_checked(at))
            .ok_or(BadTicket::Typo)?;
        let (sum, rest) = sum.split_at_checked(CHECKSUM).ok_or(BadTicket::Typo)?;
        if sum != checksum(said) {
            return Err(BadTicket::Typo);
        }
        if !rest.is_empty() || digits.len() > wanted {
            return Err(BadTicket::Long);
        }
        read(said).ok_or(BadTicket::Typo)
    }
}

fn read(bytes: &[u8]) -> Option<Ticket> {
    let (_, rest) = bytes.split_first()?;
    let (network, rest) = rest.split_first_chunk::<16>()?;
    let (inviter, rest) = rest.split_first_chunk::<32>()?;
    let (secret, mut rest) = rest.split_first_chunk::<16>()?;
    let mut addresses = Vec::new();
    while let Some((family, behind)) = rest.split_first() {
        let (ip, behind): (IpAddr, _) = match family {
            4 => behind
                .split_first_chunk::<4>()
                .map(|(ip, rest)| (Ipv4Addr::from(*ip).into(), rest))?,
            6 => behind
                .split_first_chunk::<16>()
                .map(|(ip, rest)| (Ipv6Addr::from(*ip).into(), rest))?,
            _ => return None,
        };
        let (port, behind) = behind.split_first_chunk::<2>()?;
        addresses.push(SocketAddr::new(ip, u16::from_be_bytes(*port)));
        rest = behind;
    }
    (addresses.len() <= TICKET_ADDRESSES).then_some(Ticket {
        network: NetworkId(*network),
        inviter: NodeId(*inviter),
        secret: *secret,
        addresses,
    })
}

/// The whole bytes in these digits.
fn unpack(digits: &str) -> Result<Vec<u8>, BadTicket> {
    let (mut buffer, mut bits, mut bytes) = (0u32, 0u32, Vec::new());
    for letter in digits.chars() {
        let value = u8::try_from(letter).ok().and_then(digit);
        buffer = (buffer << 5) | value.ok_or(BadTicket::Character(letter))?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(buffer >> bits).unwrap_or(0));
            buffer &= (1 << bits) - 1;
        }
    }
    Ok(bytes)
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let hash = blake3::hash(bytes);
    let mut sum = [0; CHECKSUM];
    sum.copy_from_slice(hash.as_bytes().split_at(CHECKSUM).0);
    sum
}

const WORD: &str = "meshchat";
const PREFIX: &str = "meshchat1";
const CHECKSUM: usize = 5;
/// Longer than any ticket of this version.
const MAX_CHARS: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket() -> Ticket {
        Ticket {
            network: NetworkId([1; 16]),
            inviter: NodeId([0xfe; 32]),
            secret: [3; 16],
            addresses: vec!["192.0.2.7:7117".parse().unwrap(), "[2001:db8::7]:7".parse().unwrap()],
        }
    }

    #[test]
    fn a_ticket_survives_writing_capitals_and_line_breaks() {
        let text = ticket().to_string();
        assert!(text.starts_with("meshchat1") && text.len() < 200, "{text}");
        assert_eq!(text.parse(), Ok(ticket()));
        assert_eq!(text.to_uppercase().parse(), Ok(ticket()));
        let (a, b) = text.split_at(60);
        assert_eq!(format!(" {a}\n  {b}\n").parse(), Ok(ticket()));
        let none = Ticket { addresses: vec![], ..ticket() };
        assert_eq!(none.to_string().parse(), Ok(none));
    }

    #[test]
    fn every_mistake_is_named() {
        let text = ticket().to_string();
        for end in 10..text.len() {
            let cut = text[..end].parse::<Ticket>();
            assert!(matches!(cut, Err(BadTicket::CutOff { .. })), "{end}: {cut:?}");
        }
        let missing = text[..text.len() - 3].parse::<Ticket>();
        assert_eq!(missing, Err(BadTicket::CutOff { missing: 3 }));
        for at in 11..text.len() {
            let mut typo = text.clone().into_bytes();
            typo[at] = if typo[at] == b'7' { b'8' } else { b'7' };
            let typo = String::from_utf8(typo).unwrap();
            let read = typo.parse::<Ticket>();
            // The last digit may hold bits that mean nothing.
            assert!(read == Err(BadTicket::Typo) || read == Ok(ticket()), "{at}: {read:?}");
        }
        let other = |text: &str| text.parse::<Ticket>().unwrap_err();
        assert_eq!(other(&format!("{text}0")), BadTicket::Long);
        assert_eq!(other(&format!("{text}000000000")), BadTicket::Long);
        assert_eq!(other(&text.replace("meshchat1", "meshchat2")), BadTicket::Newer);
        assert_eq!(other("hello"), BadTicket::Other);
        assert_eq!(other(""), BadTicket::Other);
        assert_eq!(other("meshchat1ü"), BadTicket::Character('ü'));
    }
}
