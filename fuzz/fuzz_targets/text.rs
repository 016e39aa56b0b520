//! What people type: names, rooms, texts, keys.
#![no_main]

use libfuzzer_sys::fuzz_target;
use meshchat_proto::id::NodeId;
use meshchat_proto::name::{NodeName, PersonName, RoomName, Text};

fuzz_target!(|text: &str| {
    if let Ok(name) = text.parse::<PersonName>() {
        assert!(PersonName::check(name.as_str()).is_ok());
    }
    if let Ok(name) = text.parse::<NodeName>() {
        assert!(NodeName::check(name.as_str()).is_ok());
    }
    if let Ok(room) = text.parse::<RoomName>() {
        assert!(RoomName::check(room.as_str()).is_ok());
    }
    if let Ok(text) = text.parse::<Text>() {
        assert!(Text::check(text.as_str()).is_ok());
    }
    if let Ok(node) = text.parse::<NodeId>() {
        assert_eq!(node.to_string().parse(), Ok(node));
    }
});
