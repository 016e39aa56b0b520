//! Why a connection ended, as it is told to the peer and as it is told to us.

use quinn::{ConnectionError, TransportErrorCode, VarInt};
use thiserror::Error;

/// Why one side closed; the number crosses the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseCode {
    /// The side went away without a word of its own.
    Abandoned,
    /// The node is stopping or was told to disconnect.
    Goodbye,
    /// Another link to the same node is kept instead.
    Duplicate,
    /// The peer may not link with this node.
    NotAdmitted,
    /// No heartbeat was answered in time.
    Silent,
    /// The peer broke the rules of the protocol.
    Malformed,
    /// The dialler wanted a node with another key.
    WrongPeer,
    /// The dialler found itself.
    OwnNode,
    /// No common version of the peer protocol.
    Incompatible,
    /// The node has as many links as it may have.
    Overloaded,
    /// The node starts again.
    Restarting,
    /// A reason that this version does not know.
    Other(u32),
}

impl From<CloseCode> for u32 {
    fn from(code: CloseCode) -> Self {
        match code {
            CloseCode::Abandoned => 0,
            CloseCode::Goodbye => 1,
            CloseCode::Duplicate => 2,
            CloseCode::NotAdmitted => 3,
            CloseCode::Silent => 4,
            CloseCode::Malformed => 5,
            CloseCode::WrongPeer => 6,
            CloseCode::OwnNode => 7,
            CloseCode::Incompatible => 8,
            CloseCode::Overloaded => 9,
            CloseCode::Restarting => 10,
            CloseCode::Other(n) => n,
        }
    }
}

impl From<u32> for CloseCode {
    fn from(n: u32) -> Self {
        match n {
            0 => Self::Abandoned,
            1 => Self::Goodbye,
            2 => Self::Duplicate,
            3 => Self::NotAdmitted,
            4 => Self::Silent,
            5 => Self::Malformed,
            6 => Self::WrongPeer,
            7 => Self::OwnNode,
            8 => Self::Incompatible,
            9 => Self::Overloaded,
            10 => Self::Restarting,
            n => Self::Other(n),
        }
    }
}

/// How a connection was lost.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Lost {
    /// The peer closed it and said why.
    #[error("closed by the peer: {}", said(*code, text))]
    ByPeer {
        /// The peer's reason.
        code: CloseCode,
        /// The peer's words, escaped to plain ASCII and at most [`MAX_CLOSE_TEXT`] bytes of them.
        text: String,
    },
    /// This side closed it.
    #[error("closed on this side")]
    Here,
    /// Nothing was heard for too long.
    #[error("timed out")]
    TimedOut,
    /// The peer no longer knows the connection, usually because it was restarted.
    #[error("the peer was restarted")]
    Restarted,
    /// The peer refused the connection before it was made.
    #[error("refused by the peer")]
    Refused,
    /// The peer speaks no version of the protocol that this side does.
    #[error("no common protocol version")]
    Incompatible,
    /// The carrier failed; the text is escaped.
    #[error("connection failed: {0}")]
    Failed(String),
}

impl Lost {
    /// Whether the peer starts again, or has done so.
    #[must_use]
    pub const fn is_restart(&self) -> bool {
        matches!(self, Self::Restarted | Self::ByPeer { code: CloseCode::Restarting, .. })
    }
}

/// Most bytes of a peer's closing words that are kept.
pub const MAX_CLOSE_TEXT: usize = 128;

/// TLS `no_application_protocol`, as a QUIC error code.
const NO_COMMON_ALPN: u64 = 0x100 + 120;

impl From<ConnectionError> for Lost {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => {
                Self::ByPeer { code: from_wire(close.error_code), text: escape(&close.reason) }
            }
            ConnectionError::ConnectionClosed(close) => match close.error_code {
                TransportErrorCode::CONNECTION_REFUSED => Self::Refused,
                code if u64::from(code) == NO_COMMON_ALPN => Self::Incompatible,
                code => Self::Failed(format!("{code} {}", escape(&close.reason))),
            },
            ConnectionError::TransportError(e) if u64::from(e.code) == NO_COMMON_ALPN => {
                Self::Incompatible
            }
            ConnectionError::TransportError(e) => Self::Failed(escape(e.to_string().as_bytes())),
            ConnectionError::VersionMismatch => Self::Incompatible,
            ConnectionError::Reset => Self::Restarted,
            ConnectionError::TimedOut => Self::TimedOut,
            ConnectionError::LocallyClosed => Self::Here,
            ConnectionError::CidsExhausted => Self::Failed("too many connections".into()),
        }
    }
}

impl From<&std::io::Error> for Lost {
    fn from(error: &std::io::Error) -> Self {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match tls {
            Some(rustls::Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol)) => {
                Self::Incompatible
            }
            Some(rustls::Error::NoApplicationProtocol) => Self::Incompatible,
            Some(tls) => Self::Failed(escape(tls.to_string().as_bytes())),
            None => Self::Failed(escape(error.to_string().as_bytes())),
        }
    }
}

/// What a peer's reason means to people; its own words only where the reason says little.
fn said(code: CloseCode, text: &str) -> &str {
    match code {
        CloseCode::NotAdmitted => "it belongs to another network, or does not admit this node",
        CloseCode::Duplicate => "another link to this node is kept",
        CloseCode::WrongPeer => "it wanted a node with another key",
        CloseCode::OwnNode => "it is this node itself",
        CloseCode::Incompatible => "no common protocol version",
        CloseCode::Overloaded => "it has as many links as it may have",
        CloseCode::Restarting => "the node restarts",
        CloseCode::Abandoned
        | CloseCode::Goodbye
        | CloseCode::Silent
        | CloseCode::Malformed
        | CloseCode::Other(_) => {
            if text.is_empty() {
                "without a word"
            } else {
                text
            }
        }
    }
}

fn from_wire(code: VarInt) -> CloseCode {
    CloseCode::from(u32::try_from(code.into_inner()).unwrap_or(u32::MAX))
}

fn escape(text: &[u8]) -> String {
    text.iter().take(MAX_CLOSE_TEXT).flat_map(|b| b.escape_ascii()).map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_in_plain_words() {
        let text = "closed here: the node belongs to another network".into();
        let lost = Lost::ByPeer { code: CloseCode::NotAdmitted, text };
        let told = lost.to_string();
        assert!(!told.contains("NotAdmitted") && !told.contains("here"), "{told}");
        let lost = Lost::ByPeer { code: CloseCode::Goodbye, text: "node is leaving".into() };
        assert_eq!(lost.to_string(), "closed by the peer: node is leaving");
    }

    #[test]
    fn codes_survive_the_wire() {
        for n in 0..20 {
            assert_eq!(u32::from(CloseCode::from(n)), n);
        }
    }

    #[test]
    fn a_peers_words_are_bounded_and_plain() {
        let text = escape("\x1b[31mred\u{202e}".repeat(100).as_bytes());
        assert!(text.is_ascii() && !text.contains('\x1b'));
        assert!(text.len() <= 4 * MAX_CLOSE_TEXT);
    }
}
