//! Configuration files: accepted, or refused with words; never a panic.
#![no_main]

use std::path::PathBuf;
use std::sync::OnceLock;

use clap::Parser;
use libfuzzer_sys::fuzz_target;
use meshchatd::config::{Environment, Flags, load, render};

fuzz_target!(|data: &[u8]| {
    let path = file();
    std::fs::write(path, data).expect("the temporary file");
    let path = path.to_str().expect("a plain path");
    let Ok(flags) = Flags::try_parse_from(["meshchatd", "--config", path]) else { return };
    match load(&flags, &Environment::of_process()) {
        Ok(loaded) => assert!(!render(&loaded.settings).is_empty()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

fn file() -> &'static PathBuf {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| {
        let name = format!("meshchat-fuzz-{}.toml", std::process::id());
        std::env::temp_dir().join(name)
    })
}
