//! The control protocol, both ways.
#![no_main]

use libfuzzer_sys::fuzz_target;
use meshchat_proto::codec::{decode, encode};
use meshchat_proto::control::{FromDaemon, Hello, ToDaemon, Welcome};

fuzz_target!(|data: &[u8]| {
    if let Ok(frame) = decode::<ToDaemon>(data) {
        assert_eq!(decode::<ToDaemon>(&encode(&frame)).as_ref(), Ok(&frame));
    }
    if let Ok(frame) = decode::<FromDaemon>(data) {
        let written = encode(&frame);
        let again = decode::<FromDaemon>(&written).map(|frame| encode(&frame));
        assert_eq!(again.as_ref(), Ok(&written));
    }
    let _ = decode::<Hello>(data);
    let _ = decode::<Welcome>(data);
});
