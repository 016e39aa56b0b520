//! What is logged now, what the configuration says, and when it is that again.

use tokio::time::Instant;

use super::{FilterError, LogFilter};

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub struct Levels {
    configured: LogFilter,
    in_force: LogFilter,
    until: Option<Instant>,
}

impl Levels {
    pub(super) fn new(configured: LogFilter) -> Self {
        Self { in_force: configured.clone(), configured, until: None }
    }

    /// What is logged now.
    pub const fn in_force(&self) -> &LogFilter {
        &self.in_force
    }

    /// What the configuration says.
    pub const fn configured(&self) -> &LogFilter {
        &self.configured
    }

    /// When the configured filter is back by itself.
    pub const fn until(&self) -> Option<Instant> {
        self.until
    }

    /// With the change as well. One without a time keeps the time of an earlier one: what was
    /// wanted for minutes does not stay for ever.
    pub(super) fn changed(
        &self,
        change: &LogFilter,
        until: Option<Instant>,
    ) -> Result<Self, FilterError> {
        let until = until.or(self.until);
        Ok(Self { in_force: self.in_force.merged(change)?, until, ..self.clone() })
    }

    pub(super) fn back(&self) -> Self {
        Self::new(self.configured.clone())
    }
}
