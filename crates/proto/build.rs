//! Packs the table of confusable characters: as `unicode-security` links it, it would take more
//! than 350 KB of a program, most of it pointers.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

use unicode_normalization::UnicodeNormalization as _;
use unicode_security::skeleton;

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let (mut keys, mut offsets, mut letters) = (String::new(), String::new(), String::new());
    for letter in char::MIN..=char::MAX {
        let prototype: String = skeleton(letter.encode_utf8(&mut [0; 4])).collect();
        let decomposes = ![letter].into_iter().nfd().eq([letter]);
        // Names are decomposed first, and have no ignorable characters.
        if decomposes || prototype.is_empty() || prototype.chars().eq([letter]) {
            continue;
        }
        let place = *places.entry(prototype.clone()).or_insert_with(|| {
            let place = letters.len();
            letters.push_str(&prototype);
            letters.push('\n');
            place
        });
        let place = u16::try_from(place).map_err(io::Error::other)?;
        write!(keys, "{},", u32::from(letter)).map_err(io::Error::other)?;
        write!(offsets, "{place},").map_err(io::Error::other)?;
    }
    let text = format!(
        "static KEYS: &[u32] = &[{keys}];\n\
         static PLACES: &[u16] = &[{offsets}];\n\
         static LETTERS: &str = {letters:?};\n"
    );
    let directory = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("no OUT_DIR"))?;
    fs::write(Path::new(&directory).join("confusables.rs"), text)
}
