//! What a client can do beyond RFC 2812, by the capability negotiation of IRCv3.

use std::collections::BTreeSet;

use irc_proto::CapSubCommand;

use super::wire::Line;

/// An extension of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cap {
    /// Tells who of a channel is away.
    AwayNotify,
    /// Lines that belong together.
    Batch,
    /// Told when capabilities change; they do not.
    Notify,
    /// Clients fetch history themselves.
    ChatHistory,
    /// What a client says comes back to it.
    EchoMessage,
    /// Tags, among them `msgid`.
    MessageTags,
    /// When a message was written.
    ServerTime,
}

/// What one client asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Caps {
    on: BTreeSet<Cap>,
    /// It asks for capabilities before it registers, and has not said that this is all.
    pub(super) negotiating: bool,
    /// It speaks version 302 of the negotiation or later.
    modern: bool,
}

impl Caps {
    /// Whether the client asked for it.
    pub(super) fn has(&self, cap: Cap) -> bool {
        self.on.contains(&cap)
    }

    /// Answers one line of the negotiation.
    pub(super) fn answer(
        &mut self,
        (server, nick): (&str, &str),
        command: CapSubCommand,
        value: Option<&str>,
    ) -> Option<Line> {
        let reply = |word: &str| Line::new(server, "CAP").word(nick).word(word);
        match command {
            CapSubCommand::LS => {
                self.negotiating = true;
                let version = value.and_then(|value| value.parse::<u32>().ok()).unwrap_or(0);
                if version >= MODERN {
                    self.modern = true;
                    self.on.insert(Cap::Notify);
                }
                Some(reply("LS").text(ALL.map(Cap::as_str).join(" ")))
            }
            CapSubCommand::LIST => {
                let names: Vec<&str> = self.on.iter().map(|cap| cap.as_str()).collect();
                Some(reply("LIST").text(names.join(" ")))
            }
            CapSubCommand::REQ => {
                self.negotiating = true;
                let wanted = value.unwrap_or_default();
                let word = if self.request(wanted) { "ACK" } else { "NAK" };
                Some(reply(word).text(wanted))
            }
            CapSubCommand::END => {
                self.negotiating = false;
                None
            }
            CapSubCommand::ACK | CapSubCommand::NAK | CapSubCommand::NEW | CapSubCommand::DEL => {
                None
            }
        }
    }

    /// All of it or nothing.
    fn request(&mut self, wanted: &str) -> bool {
        let mut on = self.on.clone();
        for word in wanted.split_ascii_whitespace() {
            let (off, name) = word.strip_prefix('-').map_or((false, word), |name| (true, name));
            let Some(cap) = ALL.into_iter().find(|cap| cap.as_str() == name) else { return false };
            if !off {
                on.insert(cap);
            } else if cap == Cap::Notify && self.modern {
                return false;
            } else {
                on.remove(&cap);
            }
        }
        self.on = on;
        true
    }
}

impl Cap {
    const fn as_str(self) -> &'static str {
        match self {
            Self::AwayNotify => "away-notify",
            Self::Batch => "batch",
            Self::Notify => "cap-notify",
            Self::ChatHistory => "draft/chathistory",
            Self::EchoMessage => "echo-message",
            Self::MessageTags => "message-tags",
            Self::ServerTime => "server-time",
        }
    }
}

const ALL: [Cap; 7] = [
    Cap::AwayNotify,
    Cap::Batch,
    Cap::Notify,
    Cap::ChatHistory,
    Cap::EchoMessage,
    Cap::MessageTags,
    Cap::ServerTime,
];
/// The version of the negotiation from which on `cap-notify` is on by itself.
const MODERN: u32 = 302;

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(caps: &mut Caps, command: CapSubCommand, value: &str) -> String {
        caps.answer(("s", "*"), command, Some(value)).map(Line::render).unwrap_or_default()
    }

    #[test]
    fn a_request_is_granted_whole_or_not_at_all() {
        let mut caps = Caps::default();
        assert!(ask(&mut caps, CapSubCommand::LS, "302").contains("draft/chathistory"));
        assert!(caps.negotiating && caps.has(Cap::Notify));
        assert!(ask(&mut caps, CapSubCommand::REQ, "server-time sasl").contains("NAK"));
        assert!(!caps.has(Cap::ServerTime));
        assert!(ask(&mut caps, CapSubCommand::REQ, "server-time batch").contains("ACK"));
        assert!(caps.has(Cap::ServerTime));
        assert!(ask(&mut caps, CapSubCommand::REQ, "-cap-notify").contains("NAK"));
        assert!(ask(&mut caps, CapSubCommand::REQ, "-server-time").contains("ACK"));
        assert_eq!(ask(&mut caps, CapSubCommand::LIST, ""), ":s CAP * LIST :batch cap-notify\r\n");
        ask(&mut caps, CapSubCommand::END, "");
        assert!(!caps.negotiating);
    }
}
