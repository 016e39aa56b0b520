//! Chat: the quick reader of bodies agrees with the thorough one, and a path proves only its own
//! message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use meshchat_proto::codec::{decode, encode};
use meshchat_proto::id::MessageId;
use meshchat_proto::limits;
use meshchat_proto::message::{Batch, Body};

fuzz_target!(|data: &[u8]| {
    body(data);
    if let Ok(batch) = decode::<Batch<'_>>(data) {
        assert!(batch.msgs.len() <= limits::BATCH_MESSAGES);
        for bytes in &batch.msgs {
            body(bytes);
        }
        let ids: Vec<_> = batch.msgs.iter().map(|bytes| MessageId::of(bytes)).collect();
        let _ = batch.root(&ids);
    }
});

fn body(bytes: &[u8]) {
    let thorough = decode::<Body<'_>>(bytes);
    if let Ok(quick) = Body::parse(bytes) {
        assert_eq!(thorough.as_ref(), Ok(&quick));
        assert!(quick.text().len() <= limits::TEXT_BYTES && quick.seq > 0);
        assert!(quick.author().chars().count() <= limits::NAME_CHARS);
        let written = encode(&quick);
        assert_eq!(Body::parse(&written).as_ref(), Ok(&quick));
    }
}
