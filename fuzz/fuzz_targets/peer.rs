//! Every body that a peer can send: read or refused, and what was read survives being written.
#![no_main]

use std::fmt::Debug;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use meshchat_proto::codec::{decode, encode};
use meshchat_proto::frame::Frame;
use meshchat_proto::peer::{
    Echo, Goodbye, Heartbeat, Hello, Meet, Observed, Probe, Probed, Record, Signed, Summary,
    SyncEnd,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

fuzz_target!(|data: &[u8]| {
    if let Ok(frame) = Frame::parse(Bytes::copy_from_slice(data)) {
        assert_eq!(frame.body, &data[4..]);
    }
    again::<Hello>(data);
    again::<Heartbeat>(data);
    again::<Goodbye>(data);
    again::<Record>(data);
    again::<Summary>(data);
    again::<SyncEnd>(data);
    again::<Echo>(data);
    again::<Observed>(data);
    again::<Meet>(data);
    again::<Probe>(data);
    again::<Probed>(data);
    let _ = decode::<Signed<'_>>(data);
});

fn again<T: DeserializeOwned + Serialize + PartialEq + Debug>(data: &[u8]) {
    if let Ok(value) = decode::<T>(data) {
        assert_eq!(decode::<T>(&encode(&value)).as_ref(), Ok(&value));
    }
}
