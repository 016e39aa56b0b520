//! Settings of the bridge to NATS.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use meshchat_client::proto::limits::ROOMS_PER_PERSON;
use meshchat_client::proto::name::{PersonName, RoomName};
use serde::Deserialize;

/// The bridge to NATS.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct NatsConfig {
    /// The server, such as `nats://127.0.0.1:4222`, or `tls://nats.example:4222`.
    pub url: String,
    /// A file with the credentials: `user:password`, or a token.
    pub credentials_file: Option<PathBuf>,
    /// A file with the certificate, in PEM, that vouches for the server; those of the system when
    /// missing.
    pub ca_file: Option<PathBuf>,
    /// What the bridge is called among people. It speaks for foreign clients beyond the first 24.
    pub name: String,
    /// The subject of each room, for foreign clients; at most 16.
    pub rooms: BTreeMap<String, String>,
    /// Begins the subjects over which islands of nodes exchange messages as they are; empty for
    /// none.
    pub backbone: String,
}

impl Default for NatsConfig {
    fn default() -> Self {
        Self {
            url: "nats://127.0.0.1:4222".to_owned(),
            credentials_file: None,
            ca_file: None,
            name: "nats".to_owned(),
            rooms: [("#lobby".to_owned(), "meshchat.broadcast".to_owned())].into(),
            backbone: "meshchat.backbone".to_owned(),
        }
    }
}

impl NatsConfig {
    /// Checks what the types do not say, and writes rooms as the daemon does.
    ///
    /// # Errors
    ///
    /// What is wrong, in words that say what to write.
    pub fn check(&self) -> Result<(), String> {
        let (scheme, rest) = self.url.split_once("://").unwrap_or_default();
        if !matches!(scheme, "nats" | "tls") || rest.is_empty() || rest.contains('@') {
            return Err(format!(
                "url {:?} must be nats://HOST:PORT or tls://HOST:PORT; a password belongs into credentials-file",
                self.url
            ));
        }
        self.name.parse::<PersonName>().map_err(|error| {
            format!("name {:?}: {error}; choose 1 to 32 visible characters", self.name)
        })?;
        let rooms = self.rooms()?;
        if rooms.len() > ROOMS_PER_PERSON {
            return Err(format!("at most {ROOMS_PER_PERSON} rooms; remove some"));
        }
        let mut subjects = BTreeSet::new();
        for (room, subject) in &rooms {
            check_subject(subject).map_err(|why| format!("the subject of {room}: {why}"))?;
            if !subjects.insert(subject) {
                return Err(format!("two rooms have the subject {subject}; give each its own"));
            }
            let inside = |whole: &str, part: &str| {
                part.strip_prefix(whole).is_some_and(|rest| rest.starts_with('.'))
            };
            if *subject == self.backbone || inside(&self.backbone, subject) {
                return Err(format!("the subject of {room} lies within backbone; choose another"));
            }
        }
        if self.backbone.is_empty() {
            let none = "nothing to do: give a room a subject, or set backbone";
            return if rooms.is_empty() { Err(none.to_owned()) } else { Ok(()) };
        }
        check_subject(&self.backbone).map_err(|why| format!("backbone: {why}"))
    }

    /// Rooms as the daemon writes them, each with its subject.
    ///
    /// # Errors
    ///
    /// Which is no room, or is there twice.
    pub fn rooms(&self) -> Result<Vec<(RoomName, String)>, String> {
        let mut rooms: Vec<(RoomName, String)> = Vec::new();
        for (typed, subject) in &self.rooms {
            let room: RoomName = typed
                .parse()
                .map_err(|error| format!("room {typed:?}: {error}; write a word such as #lobby"))?;
            if room.is_sealed() {
                return Err(format!("{room} is a private room, which stays in the mesh"));
            }
            if rooms.iter().any(|(known, _)| *known == room) {
                return Err(format!("{room} is there twice"));
            }
            rooms.push((room, subject.clone()));
        }
        Ok(rooms)
    }
}

fn check_subject(subject: &str) -> Result<(), String> {
    let words = || subject.split('.');
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '*' | '>');
    if subject.len() > LONGEST_SUBJECT || words().any(str::is_empty) || subject.contains(is_odd) {
        return Err(format!(
            "{subject:?} must be words with dots between them, without blanks, * and >, in at most {LONGEST_SUBJECT} bytes"
        ));
    }
    if words().next_back() == Some(BRIDGES)
        || words().next().is_some_and(|word| word.starts_with('$'))
    {
        return Err(format!(
            "{subject:?} begins with $ or ends with {BRIDGES}, which has a meaning"
        ));
    }
    Ok(())
}

/// The last word of the subject on which bridges know each other.
const BRIDGES: &str = "bridges";
const LONGEST_SUBJECT: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        toml::from_str::<NatsConfig>(text).unwrap().check().unwrap_err()
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(NatsConfig::default().check(), Ok(()));
        assert!(problem("url = \"http://x\"").contains("nats://HOST:PORT"));
        assert!(problem("url = \"nats://me:secret@x\"").contains("credentials-file"));
        assert!(problem("rooms = { a = \"x y\" }").contains("the subject of #a"));
        assert!(problem("rooms = { a = \"x\", b = \"x\" }").contains("two rooms"));
        assert!(problem("rooms = { a = \"x\", \"#A\" = \"y\" }").contains("twice"));
        assert!(problem("rooms = { \"#~a\" = \"x\" }").contains("private"));
        assert!(problem("rooms = { a = \"meshchat.backbone.x\" }").contains("within"));
        assert!(problem("rooms = { a = \"x.bridges\" }").contains("meaning"));
        assert!(problem("backbone = \"a.>\"").contains("backbone"));
        assert!(problem("rooms = {}\nbackbone = \"\"").contains("nothing to do"));
        assert!(problem("name = \"a@b\"").contains("name"));
    }
}
