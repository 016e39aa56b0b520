//! `meshchatctl`, the command line of the mesh chat daemon.
//!
//! A library only so that manual pages and completions are made from the one description of it;
//! [`main`] is the program.
#![forbid(unsafe_code)]

mod args;
mod chat;
mod commands;
mod completion;
mod failure;
mod output;
mod session;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

pub use crate::completion::Shell;
pub use crate::failure::EXIT_CODES;

use crate::args::Args;
use crate::failure::Failure;
use crate::output::Out;
use crate::session::Session;

/// What can be typed.
#[must_use]
pub fn command() -> clap::Command {
    args::with_examples(Args::command())
}

/// The program.
#[must_use]
pub fn main() -> ExitCode {
    if let Some(code) = completion::answer() {
        return code;
    }
    let typed = command().get_matches();
    let args = Args::from_arg_matches(&typed).unwrap_or_else(|error| error.exit()).settled();
    let out = Out::new(&args.global);
    let mut session = Session::new(&args.global, out);
    let result = run(&mut session, args);
    let result = result.and_then(|code| Ok(session.out.flush().map(|()| code)?));
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            // What was printed before the failure is good.
            let _ = session.out.flush();
            ExitCode::from(failure.report(&session.out.view))
        }
    }
}

fn run(session: &mut Session, args: Args) -> Result<u8, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(commands::run(session, args));
    // A read of standard input that never ends must not hold us up.
    runtime.shutdown_background();
    result
}
