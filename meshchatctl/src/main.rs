//! `meshchatctl`, the command line of the mesh chat daemon.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    meshchatctl::main()
}
