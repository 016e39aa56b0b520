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
    let typed = command().try_get_matches();
    let args = match typed.and_then(|typed| Args::from_arg_matches(&typed)) {
        Ok(args) => args.settled(),
        Err(error) => return not_understood(&error),
    };
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

/// Prints the help that was asked for, or what was wrong with what was typed.
fn not_understood(error: &clap::Error) -> ExitCode {
    // Standard error may be closed; the code tells it too.
    let _ = error.print();
    let typed: Vec<_> = std::env::args_os().skip(1).collect();
    let has = |word: &str| typed.iter().any(|typed| typed == word);
    if error.use_stderr() && has("status") && has("--check") {
        return ExitCode::from(commands::not_checked());
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Failure::usage("").exit_code()))
}

fn run(session: &mut Session, args: Args) -> Result<u8, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(commands::run(session, args));
    // A read of standard input that never ends must not hold us up.
    runtime.shutdown_background();
    result
}
