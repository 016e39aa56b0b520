use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::codec::{decode, encode};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Sample {
    flag: bool,
    small: u8,
    large: u64,
    below: i64,
    real: f64,
    text: String,
    letter: char,
    bytes: ByteBuf,
    numbers: Vec<u16>,
    pair: (u8, String),
    maybe: Option<Box<Self>>,
    kinds: Vec<Kind>,
    #[serde(default)]
    map: BTreeMap<String, u32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Alone,
    One(u32),
    Two(u8, String),
    Named { a: i8, b: Option<String> },
    Empty {},
}

fn sample() -> Sample {
    Sample {
        flag: true,
        small: 200,
        large: u64::MAX,
        below: i64::MIN,
        real: -1.5,
        text: "t\u{fc}r".repeat(100),
        letter: 'x',
        bytes: ByteBuf::from(vec![0, 255, 7]),
        numbers: vec![0, 127, 128, 65535],
        pair: (1, "zwei".into()),
        maybe: None,
        kinds: vec![
            Kind::Alone,
            Kind::One(70_000),
            Kind::Two(1, "x".into()),
            Kind::Named { a: -128, b: None },
            Kind::Empty {},
        ],
        map: (0..20).map(|n| (format!("key {n}"), n)).collect(),
    }
}

#[test]
fn every_form_comes_back() {
    let inner = sample();
    let value = Sample { maybe: Some(Box::new(inner.clone())), ..inner };
    assert_eq!(decode::<Sample>(&encode(&value)), Ok(value));
}

#[test]
fn numbers_of_every_width_are_read() {
    for number in [0, 127, 128, 255, 256, 65_535, 65_536, u64::from(u32::MAX), u64::MAX] {
        assert_eq!(decode::<u64>(&encode(&number)), Ok(number));
    }
    for number in [-1, -32, -33, -128, -129, -32_768, -32_769, i64::from(i32::MIN), i64::MIN] {
        assert_eq!(decode::<i64>(&encode(&number)), Ok(number));
    }
    assert_eq!(decode::<f64>(&encode(&0.5_f32)), Ok(0.5));
    assert!(decode::<u8>(&encode(&256_u16)).is_err());
}

#[test]
fn lists_may_come_as_bytes_and_bytes_as_lists_or_text() {
    let bytes = ByteBuf::from(vec![1, 2, 250]);
    assert_eq!(decode::<Vec<u16>>(&encode(&bytes)), Ok(vec![1, 2, 250]));
    assert_eq!(decode::<ByteBuf>(&encode(&vec![1_u8, 2, 250])), Ok(bytes));
    assert_eq!(decode::<ByteBuf>(&encode("ab")), Ok(ByteBuf::from(*b"ab")));
    assert_eq!(decode::<String>(&encode(&ByteBuf::from(*b"ab"))), Ok("ab".to_owned()));
}

#[test]
fn what_is_unknown_is_skipped_whatever_it_is() {
    #[derive(Serialize)]
    struct More {
        before: Sample,
        small: u8,
        after: Vec<Kind>,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Less {
        small: u8,
    }
    let more = More { before: sample(), small: 5, after: sample().kinds };
    assert_eq!(decode(&encode(&more)), Ok(Less { small: 5 }));
    // An extension of four bytes.
    let extension = [0x82, 0xa1, b'x', 0xd6, 1, 9, 9, 9, 9, 0xa5, b's', b'm', b'a', b'l', b'l', 5];
    assert_eq!(decode(&extension), Ok(Less { small: 5 }));
    assert!(decode::<Vec<u8>>(&[0xd4, 1, 9]).is_err());
}

#[test]
fn lengths_that_are_not_there_cost_nothing() {
    for claim in [&[0xdd, 255, 255, 255, 255][..], &[0xc6, 255, 255, 255, 255], &[0xdb, 255, 0]] {
        assert!(decode::<Vec<u64>>(claim).is_err());
        assert!(decode::<ByteBuf>(claim).is_err());
        assert!(decode::<String>(claim).is_err());
    }
}

/// Nothing is taken that a general reader would refuse or take for something else.
#[test]
fn changed_bytes_are_read_as_by_a_general_reader() {
    let bytes = encode(&sample());
    let mut taken = 0;
    for at in 0..bytes.len() {
        for value in [0, 1, 0x7f, 0x80, 0x90, 0xa1, 0xc0, 0xc1, 0xc2, 0xc4, 0xcc, 0xd0, 0xd9, 0xe0]
        {
            let mut changed = bytes.clone();
            changed[at] = value;
            if let Ok(read) = decode::<Sample>(&changed) {
                let general: Sample = rmp_serde::from_slice(&changed).unwrap();
                assert!(read == general || read.real.is_nan(), "{at}: {value:#x}");
                taken += 1;
            }
        }
    }
    assert!(taken > 100, "{taken}");
}
