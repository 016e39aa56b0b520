//! The control protocol, in both directions.
#![no_main]

use libfuzzer_sys::fuzz_target;
use meshchat_proto::codec;
use meshchat_proto::control::{FromDaemon, Hello, ToDaemon, Welcome};

fuzz_target!(|bytes: &[u8]| {
    let _ = codec::decode::<Hello>(bytes);
    let _ = codec::decode::<Welcome>(bytes);
    if let Ok(request) = codec::decode::<ToDaemon>(bytes) {
        let written = codec::encode(&request);
        assert_eq!(codec::decode::<ToDaemon>(&written).as_ref(), Ok(&request));
    }
    if let Ok(answer) = codec::decode::<FromDaemon>(bytes) {
        // Times may be no numbers, which equal nothing: only that it is read again counts.
        let written = codec::encode(&answer);
        assert!(codec::decode::<FromDaemon>(&written).is_ok());
    }
});
