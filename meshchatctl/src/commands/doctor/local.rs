//! What can be seen without the daemon.

use std::path::PathBuf;

use meshchat_client::ConnectError;
use meshchat_client::proto::control::{Finding, Grade};

/// Why the daemon at `paths` cannot be reached.
#[expect(clippy::unused_async, reason = "programs will be run")]
pub(super) async fn examine(
    _paths: &[PathBuf],
    _instance: Option<&str>,
    error: &ConnectError,
) -> Vec<Finding> {
    vec![Finding::new("daemon", Grade::Problem, error.to_string())]
}
