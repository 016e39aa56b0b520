//! The key file: a line with the version, comments, and the seed.

use super::Signer;

pub(super) fn write(signer: &Signer) -> String {
    format!(
        "{VERSION}\n\
         # The private key of this node. Keep it secret, and never use it on two machines.\n\
         # public {}\n\
         seed {}\n",
        hex(&signer.public()),
        hex(signer.seed())
    )
}

pub(super) fn read(bytes: &[u8]) -> Result<Signer, &'static str> {
    let text = std::str::from_utf8(bytes).ok().ok_or("it is not text")?;
    let mut lines = text.lines();
    if lines.next() != Some(VERSION) {
        return Err("the first line is not \"meshchat-key 1\"");
    }
    let mut seed = None;
    let mut public = None;
    for line in lines {
        if let Some(digits) = line.strip_prefix("seed ") {
            seed = Some(unhex(digits).ok_or("the seed is not 64 hexadecimal digits")?);
        } else if let Some(digits) = line.strip_prefix("# public ") {
            public = Some(unhex(digits).ok_or("the public key is not 64 hexadecimal digits")?);
        } else if !line.is_empty() && !line.starts_with('#') {
            return Err("there is an unknown line");
        }
    }
    let signer = Signer::from_seed(&seed.ok_or("the seed is missing")?);
    if public.is_some_and(|public| public != signer.public()) {
        return Err("the seed does not fit the public key beside it");
    }
    Ok(signer)
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(digits: &str) -> Option<[u8; 32]> {
    if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let pairs = digits.as_bytes().chunks_exact(2);
    let bytes = pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    bytes.collect::<Option<Vec<_>>>()?.try_into().ok()
}

const VERSION: &str = "meshchat-key 1";
