//! The root key of a network as 24 words of BIP-39, which are easy to write down and to check.

use std::io::{self, IsTerminal as _};

use bip39::{Language, Mnemonic};
use meshchat_client::proto::control::{NetworkRequest, Request};
use serde::Serialize;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, BufReader};

use super::expect_reply;
use crate::failure::{Exit, Failure};
use crate::output::note;
use crate::session::Session;

pub(crate) async fn backup(session: &mut Session) -> Result<u8, Failure> {
    let request = Request::Network(NetworkRequest::Backup {});
    let key = expect_reply!(session.ask(request).await?, RootKey);
    let words = to_words(&key).ok_or(meshchat_client::RequestError::NotUnderstood)?;
    let view = &session.out.view;
    if view.json {
        session.out.json(&Words { words: &words })?;
    } else if view.terse {
        session.out.text(&format!("{}\n", words.join(" ")))?;
    } else {
        if view.legend {
            session.out.text(ADVICE)?;
        }
        session.out.text(&columns(&words))?;
    }
    Ok(0)
}

pub(crate) async fn restore(session: &mut Session, words: Vec<String>) -> Result<u8, Failure> {
    let words = match words.is_empty() {
        true => {
            if io::stdin().is_terminal() {
                note("type the 24 words, on one line or many");
            }
            read_words(BufReader::new(tokio::io::stdin())).await?
        }
        false => words.iter().flat_map(|word| plain_words(word)).collect(),
    };
    let key = to_key(&words)?;
    session.ask(Request::Network(NetworkRequest::Restore { key })).await?;
    session.out.say("This node holds the root key again.")?;
    Ok(0)
}

#[derive(Serialize)]
struct Words<'a> {
    words: &'a [&'static str],
}

fn to_words(key: &str) -> Option<Vec<&'static str>> {
    let digits = key.as_bytes().as_chunks::<2>().0.iter();
    let byte = |two: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok();
    let bytes: Vec<u8> = digits.map(byte).collect::<Option<_>>()?;
    if key.len() != 2 * KEY_BYTES || bytes.len() != KEY_BYTES {
        return None;
    }
    Some(Mnemonic::from_entropy(&bytes).ok()?.words().collect())
}

/// The key as 64 hexadecimal digits.
fn to_key(words: &[String]) -> Result<String, Failure> {
    if words.len() != WORDS {
        return Err(Failure::usage(format!("these are {} words, not {WORDS}", words.len())));
    }
    let mnemonic = Mnemonic::parse_in_normalized(Language::English, &words.join(" "));
    match mnemonic {
        Ok(mnemonic) => {
            let (bytes, length) = mnemonic.to_entropy_array();
            Ok(bytes.iter().take(length).map(|byte| format!("{byte:02x}")).collect())
        }
        Err(bip39::Error::UnknownWord(index)) => Err(unknown_word(words, index)),
        Err(_) => Err(bad("the words are of the list, but their checksum is wrong")
            .hint("two of them may have changed places, or one is another word of the list")),
    }
}

fn unknown_word(words: &[String], index: usize) -> Failure {
    let word = words.get(index).map_or("", String::as_str);
    let failure = bad(&format!("word {}, '{word}', is not in the list", index + 1));
    let beginning: String = word.chars().take(3).collect();
    let near: Vec<&str> =
        Language::English.words_by_prefix_iter(&beginning).take(MOST_NEAR).collect();
    match near.is_empty() {
        true => failure,
        false => failure.hint(format!("did you mean {}?", near.join(", "))),
    }
}

fn bad(words: &str) -> Failure {
    Failure::new(Exit::Other, "bad_argument", words)
}

/// Words until there are enough, or the input ends.
async fn read_words(input: impl AsyncBufRead + Unpin) -> io::Result<Vec<String>> {
    let (mut words, mut lines) = (Vec::new(), input.lines());
    while words.len() < WORDS
        && let Some(line) = lines.next_line().await?
    {
        words.extend(plain_words(&line));
    }
    Ok(words)
}

/// The words of a line, without the numbers that a copy may have in front of them.
fn plain_words(line: &str) -> impl Iterator<Item = String> {
    let words = line.split(|letter: char| !letter.is_alphabetic());
    words.filter(|word| !word.is_empty()).map(str::to_lowercase)
}

/// Numbered, to be read downwards.
fn columns(words: &[&str]) -> String {
    let rows = words.len().div_ceil(COLUMNS);
    let mut out = String::new();
    for row in 0..rows {
        let in_row = words.iter().enumerate().skip(row).step_by(rows);
        let cells: Vec<String> =
            in_row.map(|(at, word)| format!("{:>2} {word:<8}", at + 1)).collect();
        out.push_str(&format!("  {}\n", cells.join("    ").trim_end()));
    }
    out
}

const KEY_BYTES: usize = 32;
const WORDS: usize = 24;
const COLUMNS: usize = 4;
/// Most suggestions.
const MOST_NEAR: usize = 8;

const ADVICE: &str = "\
The root key of this network, as 24 words. Write them down on paper and keep them secret:
who has them can make and remove admins, and without them nobody can if this node is lost.

";

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Vec<String> {
        to_words(&"7f".repeat(32)).unwrap().into_iter().map(Into::into).collect()
    }

    #[test]
    fn a_key_is_24_words_of_the_standard() {
        // The test vector of BIP-39 for 32 times 7f.
        let vector = "legal winner thank year wave sausage worth useful legal winner thank year \
                      wave sausage worth useful legal winner thank year wave sausage worth title";
        assert_eq!(words().join(" "), vector);
        assert_eq!(to_key(&words()).unwrap(), "7f".repeat(32));
        for bad in ["", "7f", &"7g".repeat(32), &"7f".repeat(16), &"7f".repeat(33)] {
            assert_eq!(to_words(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_found() {
        let mut slip = words();
        slip[1] = "winer".into();
        let failure = format!("{:?}", to_key(&slip).unwrap_err());
        assert!(failure.contains("word 2, 'winer'") && failure.contains("winner"), "{failure}");
        let mut swapped = words();
        swapped.swap(0, 1);
        assert!(format!("{:?}", to_key(&swapped).unwrap_err()).contains("checksum"));
        assert!(format!("{:?}", to_key(&words()[1..]).unwrap_err()).contains("23 words"));
    }

    #[tokio::test]
    async fn what_backup_prints_restores() {
        let words = words();
        let plain: Vec<&str> = words.iter().map(String::as_str).collect();
        let text = columns(&plain);
        assert!(
            text.starts_with("   1 legal        7 worth       13 wave        19 thank\n"),
            "{text}"
        );
        assert!(text.lines().all(|line| line.len() < 80), "{text}");
        let read = read_words(words.join("\n7. ").to_uppercase().as_bytes()).await.unwrap();
        assert_eq!(to_key(&read).unwrap(), "7f".repeat(32));
    }
}
