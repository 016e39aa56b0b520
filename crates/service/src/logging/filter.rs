//! What is logged.

use std::fmt;
use std::str::FromStr;

use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

/// What is logged: a level, and other levels for some modules, as in `info,meshchatd::link=debug`.
#[derive(Debug, Clone, PartialEq)]
pub struct LogFilter {
    text: String,
    /// The level of all modules that have none of their own.
    level: Option<LevelFilter>,
    modules: Vec<(String, LevelFilter)>,
    targets: Targets,
}

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// Nothing between commas.
    #[error("an empty part")]
    Empty,
    /// Not a level.
    #[error("{0} is not a level; the levels are off, error, warn, info, debug and trace")]
    Level(String),
    /// Not a module.
    #[error("{0} is not a module")]
    Module(String),
    /// More than any filter needs.
    #[error("longer than {LONGEST_FILTER} bytes")]
    TooLong,
}

impl Default for LogFilter {
    fn default() -> Self {
        let (level, modules) = (Some(LevelFilter::INFO), Vec::new());
        let targets = targets(level, &modules);
        Self { text: "info".into(), level, modules, targets }
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for LogFilter {
    type Err = FilterError;

    /// Stricter than the filter of `tracing`, which takes a mistyped level for a module.
    fn from_str(text: &str) -> Result<Self, FilterError> {
        if text.len() > LONGEST_FILTER {
            return Err(FilterError::TooLong);
        }
        let (mut all, mut modules) = (None, Vec::new());
        for part in text.split(',').map(str::trim) {
            match part.split_once('=') {
                None if part.is_empty() => return Err(FilterError::Empty),
                None => all = Some(level(part)?),
                Some((module, word)) => set(&mut modules, checked(module)?, level(word)?),
            }
        }
        let targets = targets(all, &modules);
        Ok(Self { text: text.to_owned(), level: all, modules, targets })
    }
}

impl LogFilter {
    /// This filter, with what `change` names in place of what it had; the rest stays.
    ///
    /// # Errors
    ///
    /// [`FilterError::TooLong`] when both together are more than any filter needs.
    pub fn merged(&self, change: &Self) -> Result<Self, FilterError> {
        let mut modules = self.modules.clone();
        for (module, level) in &change.modules {
            set(&mut modules, module, *level);
        }
        let level = change.level.or(self.level);
        let rest = modules.iter().map(|(module, level)| format!("{module}={level}"));
        let parts: Vec<_> = level.iter().map(LevelFilter::to_string).chain(rest).collect();
        let text = parts.join(",");
        if text.len() > LONGEST_FILTER {
            return Err(FilterError::TooLong);
        }
        let targets = targets(level, &modules);
        Ok(Self { text, level, modules, targets })
    }

    pub(super) fn targets(&self) -> &Targets {
        &self.targets
    }

    /// Whether a line of this place in the code is wanted.
    pub(super) fn takes(&self, metadata: &Metadata<'_>) -> bool {
        self.targets.would_enable(metadata.target(), metadata.level())
    }
}

fn targets(level: Option<LevelFilter>, modules: &[(String, LevelFilter)]) -> Targets {
    // A cable that is out is told by us once; the carrier would tell it of packets.
    let quiet = Targets::new().with_target("quinn_udp", LevelFilter::ERROR);
    let all = level.map_or(quiet.clone(), |level| quiet.with_default(level));
    modules.iter().fold(all, |all, (module, level)| all.with_target(module.as_str(), *level))
}

fn set(modules: &mut Vec<(String, LevelFilter)>, module: &str, level: LevelFilter) {
    match modules.iter_mut().find(|(known, _)| known == module) {
        Some((_, known)) => *known = level,
        None => modules.push((module.to_owned(), level)),
    }
}

fn level(word: &str) -> Result<LevelFilter, FilterError> {
    let known = ["off", "error", "warn", "info", "debug", "trace"];
    let lower = word.trim().to_ascii_lowercase();
    let parsed = known.contains(&lower.as_str()).then(|| lower.parse().ok()).flatten();
    parsed.ok_or_else(|| FilterError::Level(format!("{:?}", word.trim())))
}

fn checked(module: &str) -> Result<&str, FilterError> {
    let module = module.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-');
    if module.is_empty() || !module.chars().all(plain) {
        return Err(FilterError::Module(format!("{module:?}")));
    }
    Ok(module)
}

const LONGEST_FILTER: usize = 1024;

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn filter(text: &str) -> LogFilter {
        text.parse().unwrap()
    }

    #[test]
    fn levels_and_modules() {
        let filter = filter("warn, meshchatd::link=debug,quinn=off");
        assert!(filter.targets.would_enable("meshchatd::link::pump", &Level::DEBUG));
        assert!(!filter.targets.would_enable("meshchatd::hub", &Level::INFO));
        assert!(!filter.targets.would_enable("quinn", &Level::ERROR));
    }

    #[test]
    fn a_mistyped_filter_is_refused() {
        for bad in ["", "infoo", "info,", "a b=info", "x=loud", "=info", "\u{1b}=info", "3"] {
            assert!(bad.parse::<LogFilter>().is_err(), "{bad:?} was accepted");
        }
        assert_eq!("x,".repeat(600).parse::<LogFilter>(), Err(FilterError::TooLong));
    }

    #[test]
    fn a_change_keeps_what_it_does_not_name() {
        let merged = |text: &str, change| filter(text).merged(&filter(change)).unwrap().to_string();
        assert_eq!(merged("info", "meshchatd::link=trace"), "info,meshchatd::link=trace");
        assert_eq!(merged("info,a=warn", "debug"), "debug,a=warn");
        assert_eq!(merged("info,a=warn,b=off", "a=trace,c=error"), "info,a=trace,b=off,c=error");
        let whole = filter("info").merged(&filter("quinn=debug")).unwrap();
        assert!(whole.targets.would_enable("quinn", &Level::DEBUG));
        assert!(!whole.targets.would_enable("quinn_udp", &Level::WARN), "stays quiet");
        let long = |letter: &str| filter(&format!("{}=info", letter.repeat(600)));
        assert_eq!(long("a").merged(&long("b")), Err(FilterError::TooLong));
    }
}
