//! The bare cost of the mathematics that each message or packet needs.

use std::hint::black_box;
use std::time::Instant;

use ed25519_dalek::{Signer as _, SigningKey};
use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::stats::{float, median};
use crate::table::{Table, Target};

pub(crate) fn measure(table: &mut Table) {
    let key = SigningKey::from_bytes(&[7; 32]);
    let known = key.verifying_key();
    let root = [3; 48];
    let signature = key.sign(&root);
    let mut row = |what: &str, unit, each: f64| table.row(what, each, unit, Target::None, "");
    row(
        "Ed25519 signature",
        "us",
        micros(200, || {
            black_box(key.sign(black_box(&root)));
        }),
    );
    let check = micros(200, || known.verify_strict(black_box(&root), &signature).unwrap());
    row("Ed25519 check, key unpacked", "us", check);
    let body = [5; 400];
    row(
        "BLAKE3 of 400 bytes",
        "us",
        micros(5000, || {
            black_box(blake3::hash(black_box(&body)));
        }),
    );
    for (name, algorithm) in
        [("AES-128-GCM", &aead::AES_128_GCM), ("ChaCha20-Poly1305", &aead::CHACHA20_POLY1305)]
    {
        let each = seal_and_open(algorithm);
        row(&format!("sealing and opening 1200 bytes, {name}"), "us", each);
    }
}

fn seal_and_open(algorithm: &'static aead::Algorithm) -> f64 {
    let key = LessSafeKey::new(UnboundKey::new(algorithm, &vec![1; algorithm.key_len()]).unwrap());
    let nonce = || Nonce::assume_unique_for_key([2; 12]);
    let mut record = vec![9; 1200 + algorithm.tag_len()];
    micros(2000, || {
        let (text, place) = record.split_at_mut(1200);
        let tag = key.seal_in_place_separate_tag(nonce(), Aad::empty(), text).unwrap();
        place.copy_from_slice(tag.as_ref());
        key.open_in_place(nonce(), Aad::empty(), &mut record).unwrap();
    })
}

/// Microseconds of one run, as the median of many rounds of `times` runs.
fn micros(times: u32, mut run: impl FnMut()) -> f64 {
    let rounds = (0..51).map(|_| {
        let began = Instant::now();
        for _ in 0..times {
            run();
        }
        began.elapsed().as_secs_f64() * 1e6 / float(times)
    });
    median(&rounds.collect::<Vec<_>>())
}
