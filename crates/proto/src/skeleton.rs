//! Which names look alike.

use unicode_normalization::UnicodeNormalization as _;

include!(concat!(env!("OUT_DIR"), "/confusables.rs"));

/// What is left of a name when all that look alike are written alike: two names with equal
/// skeletons can be taken for each other.
///
/// After UTS #39, Unicode Security Mechanisms, section 4, with two additions: case does not
/// count, and neither does the difference between `i` and `l`, which capitals hide.
pub fn skeleton(name: &str) -> String {
    let plain = fold(name);
    // What is small now may look like something else than when it was great.
    fold(&plain.to_lowercase()).to_lowercase().replace('i', "l")
}

fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.nfd() {
        match prototype(letter) {
            Some(letters) => out.push_str(letters),
            None => out.push(letter),
        }
    }
    if out.is_ascii() { out } else { out.nfd().collect() }
}

fn prototype(letter: char) -> Option<&'static str> {
    let at = KEYS.binary_search(&u32::from(letter)).ok()?;
    let letters = LETTERS.get(usize::from(*PLACES.get(at)?)..)?;
    letters.split('\n').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_are_one() {
        for (one, other) in [
            ("pi-barn", "pi-b\u{430}rn"),
            ("pi-barn", "PI-BARN"),
            ("pi-barn", "pi-bam"),
            ("paul", "pauI"),
            ("node-1", "node-l"),
            ("scope", "\u{455}\u{441}\u{43e}\u{440}\u{435}"),
            ("Zo\u{eb}", "zoe\u{308}"),
            ("\u{1d41}nn", "\u{1d41}NN"),
        ] {
            assert_eq!(skeleton(one), skeleton(other), "{one} {other}");
        }
    }

    #[test]
    fn what_differs_stays_different() {
        for (one, other) in [("pi-1", "pi-2"), ("barn", "bar"), ("zoe", "zo\u{eb}"), ("a", "b")] {
            assert_ne!(skeleton(one), skeleton(other), "{one} {other}");
        }
    }

    #[test]
    fn the_packed_table_says_what_the_standard_says() {
        for letter in char::MIN..=char::MAX {
            let text = String::from(letter);
            let wanted: String = unicode_security::skeleton(&text).collect();
            if !crate::name::is_deceptive(letter) && !wanted.is_empty() {
                assert_eq!(fold(&text), wanted, "U+{:04X}", u32::from(letter));
            }
        }
        assert!(LETTERS.len() + 6 * KEYS.len() < 60_000, "{}", LETTERS.len() + 6 * KEYS.len());
    }
}
