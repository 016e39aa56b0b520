//! What the daemons of meshchat have in common as services of a system: where their log goes,
//! what they tell systemd, and who starts and ends their tasks.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod logging;
pub mod notify;
pub mod supervise;
