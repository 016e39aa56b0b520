//! Message bodies and batches: the fast parser and the general decoder agree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use meshchat_proto::codec;
use meshchat_proto::id::MessageId;
use meshchat_proto::limits::BODY_BYTES;
use meshchat_proto::message::{Batch, Body};
use meshchat_proto::name::{PersonName, RoomName, Text};

fuzz_target!(|bytes: &[u8]| {
    both_agree(bytes);
    if let Ok(batch) = codec::decode::<Batch<'_>>(bytes) {
        let ids: Vec<_> = batch.msgs.iter().map(|body| MessageId::of(body)).collect();
        let _ = batch.root(&ids);
        batch.msgs.iter().for_each(|body| both_agree(body));
        let written = codec::encode(&batch);
        assert_eq!(codec::decode::<Batch<'_>>(&written).as_ref(), Ok(&batch));
    }
});

fn both_agree(bytes: &[u8]) {
    let general = codec::decode::<Body<'_>>(bytes);
    match Body::parse(bytes) {
        Ok(body) => assert_eq!(general, Ok(body)),
        Err(_) => {
            let allowed = |body: Body<'_>| {
                bytes.len() <= BODY_BYTES
                    && body.seq > 0
                    && PersonName::check(body.author()).is_ok()
                    && RoomName::check(body.room()).is_ok()
                    && Text::check(body.text()).is_ok()
            };
            assert!(!general.is_ok_and(allowed), "a good body was refused");
        }
    }
}
