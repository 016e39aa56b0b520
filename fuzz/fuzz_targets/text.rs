//! Names, rooms, texts, ids and addresses: what is accepted is accepted as it stands.
#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use meshchat_proto::beacon::BeaconKey;
use meshchat_proto::id::{NetworkId, NodeId};
use meshchat_proto::name::{NodeName, PersonName, RoomName, Text};

fuzz_target!(|data: &[u8]| {
    let _ = BeaconKey::new(&NetworkId::OPEN).open(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    again::<NodeName>(text);
    again::<PersonName>(text);
    again::<RoomName>(text);
    again::<NodeId>(text);
    if let Ok(said) = text.parse::<Text>() {
        assert_eq!(said.as_str().parse::<Text>().as_ref(), Ok(&said));
    }
});

fn again<T>(text: &str)
where
    T: FromStr<Err: Debug> + Display + PartialEq + Debug,
{
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string().parse::<T>().expect("what was accepted"), value);
    }
}
