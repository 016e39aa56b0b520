//! Makes the manual pages from the descriptions that also make the help.
#![forbid(unsafe_code)]

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let to = PathBuf::from(env::args_os().nth(1).ok_or("usage: meshchat-pages FOLDER")?);
    fs::create_dir_all(&to)?;
    clap_mangen::generate_to(meshchatctl::command(), &to)?;
    Ok(())
}
