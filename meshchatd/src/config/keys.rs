//! The keys of the configuration file and everything that is known about each.

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// Name of the node that people see.
    Name,
    /// Address and UDP port for links.
    Listen,
    /// Which nodes may link to this one.
    Admit,
    /// How fast one author may speak.
    Rate,
    /// Where messages are kept.
    History,
    /// Bytes that messages on disk may take.
    HistorySize,
    /// How long messages are kept.
    HistoryAge,
    /// Bytes that may be written in a day.
    HistoryBudget,
    /// Log filter.
    Log,
    /// Directory for the key and the small state.
    StateDir,
    /// Path of the control socket.
    Socket,
    /// Unix users who may administer.
    Operators,
    /// Unix group that may read and chat.
    Group,
    /// Whether nodes on the local network are found.
    Discovery,
    /// Where they are looked for.
    Interfaces,
    /// How many links the node looks after by itself.
    Links,
    /// Whether the router is asked for a way in.
    Mapping,
    /// Nodes to dial.
    Peer,
}

impl Key {
    /// Every key, in the order in which they are shown.
    pub const ALL: [Self; 18] = [
        Self::Name,
        Self::Listen,
        Self::Admit,
        Self::Rate,
        Self::History,
        Self::HistorySize,
        Self::HistoryAge,
        Self::HistoryBudget,
        Self::Log,
        Self::StateDir,
        Self::Socket,
        Self::Operators,
        Self::Group,
        Self::Discovery,
        Self::Interfaces,
        Self::Links,
        Self::Mapping,
        Self::Peer,
    ];

    /// The word in the configuration file.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.facts().0
    }

    /// The environment variable.
    #[must_use]
    pub fn variable(self) -> &'static str {
        self.facts().1
    }

    /// A correct line (or lines) for the configuration file.
    #[must_use]
    pub fn example(self) -> &'static str {
        self.facts().2
    }

    /// Whether a reload applies a new value without a restart.
    #[must_use]
    pub fn is_live(self) -> bool {
        match self {
            Self::Name
            | Self::Admit
            | Self::Rate
            | Self::Log
            | Self::Operators
            | Self::Discovery
            | Self::Interfaces
            | Self::Links
            | Self::Mapping
            | Self::Peer => true,
            Self::Listen
            | Self::History
            | Self::HistorySize
            | Self::HistoryAge
            | Self::HistoryBudget
            | Self::StateDir
            | Self::Socket
            | Self::Group => false,
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.name() == name)
    }

    fn facts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Name => ("name", "MESHCHAT_NAME", "name = \"barn\""),
            Self::Listen => ("listen", "MESHCHAT_LISTEN", "listen = \"[::]:7117\""),
            Self::Admit => ("admit", "MESHCHAT_ADMIT", "admit = \"neighbours\""),
            Self::Rate => ("rate", "MESHCHAT_RATE", "rate = \"20/5\""),
            Self::History => ("history", "MESHCHAT_HISTORY", "history = \"memory\""),
            Self::HistorySize => {
                ("history_size", "MESHCHAT_HISTORY_SIZE", "history_size = \"16 MiB\"")
            }
            Self::HistoryAge => ("history_age", "MESHCHAT_HISTORY_AGE", "history_age = \"7d\""),
            Self::HistoryBudget => {
                ("history_budget", "MESHCHAT_HISTORY_BUDGET", "history_budget = \"64 MiB\"")
            }
            Self::Log => ("log", "MESHCHAT_LOG", "log = \"info,meshchatd::link=debug\""),
            Self::StateDir => {
                ("state_dir", "MESHCHAT_STATE_DIR", "state_dir = \"/var/lib/meshchat\"")
            }
            Self::Socket => {
                ("socket", "MESHCHAT_SOCKET", "socket = \"/run/meshchat/control.sock\"")
            }
            Self::Operators => {
                ("operators", "MESHCHAT_OPERATORS", "operators = [\"ann\", \"bert\"]")
            }
            Self::Group => ("group", "MESHCHAT_GROUP", "group = \"meshchat\""),
            Self::Discovery => ("discovery", "MESHCHAT_DISCOVERY", "discovery = \"lan\""),
            Self::Interfaces => {
                ("interfaces", "MESHCHAT_INTERFACES", "interfaces = [\"*\", \"!docker*\"]")
            }
            Self::Links => ("links", "MESHCHAT_LINKS", "links = \"4-8\""),
            Self::Mapping => ("mapping", "MESHCHAT_MAPPING", "mapping = \"auto\""),
            Self::Peer => ("peer", "MESHCHAT_PEER", "[[peer]] address = \"barn.local:7117\""),
        }
    }
}

/// The known word nearest to `typed`, if it is near enough to be what was meant.
pub(super) fn nearest(
    typed: &str,
    known: &mut dyn Iterator<Item = &'static str>,
) -> Option<&'static str> {
    let typed: Vec<char> = typed.chars().take(LONGEST_KEY).flat_map(char::to_lowercase).collect();
    let allowed = (typed.len() / 3).clamp(1, 3);
    known
        .map(|word| (distance(&typed, word), word))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Edits (insert, remove, replace, swap neighbours) from `typed` to `word`.
fn distance(typed: &[char], word: &str) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=typed.len()).collect();
    let mut previous_wanted = None;
    for (row, wanted) in word.chars().enumerate() {
        let mut current = vec![row + 1];
        let mut left = row + 1;
        let mut previous_typed = None;
        for (column, &found) in typed.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX);
            let replace = at(&last, column) + usize::from(found != wanted);
            let mut best = replace.min(left + 1).min(at(&last, column + 1) + 1);
            if previous_typed == Some(wanted) && previous_wanted == Some(found) {
                best = best.min(at(&before_last, column - 1) + 1);
            }
            current.push(best);
            left = best;
            previous_typed = Some(found);
        }
        before_last = last;
        last = current;
        previous_wanted = Some(wanted);
    }
    last.last().copied().unwrap_or(usize::MAX)
}

/// Longer words are cut before they are compared, so that a huge key costs nothing.
const LONGEST_KEY: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn nearest_key(typed: &str) -> Option<&'static str> {
        nearest(typed, &mut Key::ALL.into_iter().map(Key::name))
    }

    #[test]
    fn typing_errors_find_the_key_that_was_meant() {
        assert_eq!(nearest_key("lissten"), Some("listen"));
        assert_eq!(nearest_key("Name"), Some("name"));
        assert_eq!(nearest_key("peers"), Some("peer"));
        assert_eq!(nearest_key("lgo"), Some("log"));
        assert_eq!(nearest_key("state-dir"), Some("state_dir"));
        assert_eq!(nearest_key("operator"), Some("operators"));
        assert_eq!(nearest_key("colour"), None);
        assert_eq!(nearest_key(&"x".repeat(100_000)), None);
    }

    #[test]
    fn distance_counts_edits() {
        let count = |typed: &str, word| distance(&typed.chars().collect::<Vec<_>>(), word);
        assert_eq!(count("listen", "listen"), 0);
        assert_eq!(count("", "log"), 3);
        assert_eq!(count("lisetn", "listen"), 1);
        assert_eq!(count("abc", "xyz"), 3);
    }
}
