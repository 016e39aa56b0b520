//! What all doors have in common: who may come in, how fast they may speak, what was refused.

mod board;
mod lines;
mod listen;
mod pace;
mod seats;

use std::path::PathBuf;
use std::sync::Arc;

pub use board::{Board, Door};
pub use lines::{Line, Lines};
pub(crate) use listen::listen;
pub use listen::{Conn, Doorway, Late};
pub use pace::Pace;
pub use seats::{Full, Seat, Seats, network};

use crate::config::LimitsConfig;
use crate::supervise::Tasks;

/// What every door gets of the gateway.
#[derive(Debug, Clone)]
pub struct House {
    /// Where the daemon's control socket may be.
    pub sockets: Vec<PathBuf>,
    /// Where keys and certificates are kept.
    pub state_dir: PathBuf,
    /// Starts tasks.
    pub tasks: Tasks,
    /// What holds for every door.
    pub limits: Arc<LimitsConfig>,
    /// Where doors say how they are.
    pub board: Board,
}

/// A secret for an [`Identity`](meshchat_client::Identity) that nobody else needs to know: 128
/// random bits as text.
///
/// # Errors
///
/// When the system gives no random numbers.
pub fn fresh_key() -> std::io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// As much of the beginning of a text as fits in so many bytes.
pub fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// Longest line of a client in bytes, without its end.
pub const LINE_BYTES: usize = 4096;
