//! Makes the manual pages and the files of completion, from what also makes the help and from the
//! commented configuration files.
#![forbid(unsafe_code)]

mod config;
mod page;
mod pages;
mod programs;
mod prose;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// `meshchat-pages FOLDER`: pages go to FOLDER/man, completions to FOLDER/completions, each as
/// below a `share` folder.
fn main() -> Result<(), Box<dyn Error>> {
    let to = PathBuf::from(env::args_os().nth(1).ok_or("usage: meshchat-pages FOLDER")?);
    for page in pages::all(&date()?) {
        write(&to.join("man").join(page.path()), &page.render())?;
    }
    for shell in meshchatctl::Shell::ALL {
        write(&to.join("completions").join(shell.path()), shell.script())?;
    }
    Ok(())
}

/// The day of `SOURCE_DATE_EPOCH`; without it none, so that the same source makes the same pages.
fn date() -> Result<String, Box<dyn Error>> {
    let seconds = env::var("SOURCE_DATE_EPOCH").unwrap_or_default();
    if seconds.is_empty() {
        return Ok(String::new());
    }
    let time = jiff::Timestamp::from_second(seconds.parse()?)?;
    Ok(time.strftime("%Y-%m-%d").to_string())
}

fn write(path: &Path, text: &str) -> Result<(), Box<dyn Error>> {
    let failed = |error| format!("cannot write {}: {error}", path.display());
    path.parent().map_or(Ok(()), fs::create_dir_all).map_err(failed)?;
    Ok(fs::write(path, text).map_err(failed)?)
}
