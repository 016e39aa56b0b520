//! The gateway: settings, log, doors, until it is told to stop.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use meshchat_gateway::args::Args;
use meshchat_gateway::config::{self, EXIT_CONFIG};
use meshchat_gateway::logging::{self, Keep};
use meshchat_gateway::run;

fn main() -> ExitCode {
    // Whatever is made is for this user alone.
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
    let args = Args::parse();
    let config = match config::load(&args) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("meshchat-gateway: {error}");
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    if args.check {
        eprintln!("meshchat-gateway: the configuration is good");
        return ExitCode::SUCCESS;
    }
    let result =
        logging::init(&args.log, Keep::Nothing).map_err(anyhow::Error::from).and_then(|_log| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let result = runtime.block_on(run::run(args, config));
            runtime.shutdown_timeout(Duration::from_millis(100));
            result
        });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("meshchat-gateway: {error:#}");
            ExitCode::FAILURE
        }
    }
}
