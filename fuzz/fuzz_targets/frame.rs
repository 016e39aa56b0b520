//! Peer frames and every body that they may have: what is read is written the same again.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use meshchat_proto::codec;
use meshchat_proto::frame::Frame;
use meshchat_proto::peer::{
    Echo, Goodbye, Heartbeat, Hello, Meet, Observed, Probe, Probed, Record, Signed, Summary,
    SyncEnd,
};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(frame) = Frame::parse(Bytes::copy_from_slice(bytes)) {
        let wire = frame.to_wire();
        assert_eq!(Frame::parse(wire.slice(4..)).as_ref(), Ok(&frame));
    }
    again::<Echo>(bytes);
    again::<Goodbye>(bytes);
    again::<Heartbeat>(bytes);
    again::<Hello>(bytes);
    again::<Meet>(bytes);
    again::<Observed>(bytes);
    again::<Probe>(bytes);
    again::<Probed>(bytes);
    again::<Record>(bytes);
    let _ = codec::decode::<Signed<'_>>(bytes);
    again::<Summary>(bytes);
    again::<SyncEnd>(bytes);
});

fn again<T>(bytes: &[u8])
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    if let Ok(value) = codec::decode::<T>(bytes) {
        let written = codec::encode(&value);
        assert_eq!(codec::decode::<T>(&written).as_ref(), Ok(&value));
    }
}
