use serde::{Deserialize, Serialize};

/// One thing that an examination has looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was examined, stable, such as `multicast` or `clock`.
    pub check: String,
    /// Which of several: an interface, an address, a peer; empty when there is only one.
    #[serde(default)]
    pub subject: String,
    /// How bad it is.
    pub grade: Grade,
    /// What was found, in one line.
    pub words: String,
    /// Lines that put it right, to be copied as they are; empty when nothing is to be done.
    #[serde(default)]
    pub fix: Vec<String>,
}

/// How bad a [`Finding`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// As it should be.
    Ok,
    /// Worth knowing; nothing is broken.
    Note,
    /// Something works worse than it could.
    Warning,
    /// Something does not work.
    Problem,
    /// A grade newer than this build.
    #[serde(other)]
    Unknown,
}

impl Finding {
    /// A finding without a subject and without a fix.
    #[must_use]
    pub fn new(check: &str, grade: Grade, words: impl Into<String>) -> Self {
        let (check, subject) = (check.into(), String::new());
        Self { check, subject, grade, words: words.into(), fix: Vec::new() }
    }

    /// The same about one of several.
    #[must_use]
    pub fn of(self, subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), ..self }
    }

    /// The same with one more line that puts it right.
    #[must_use]
    pub fn fix(mut self, line: impl Into<String>) -> Self {
        self.fix.push(line.into());
        self
    }
}
