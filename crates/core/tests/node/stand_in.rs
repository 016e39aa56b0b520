//! Cheap stand-ins for sealing: they hide nothing, but open only with the right key and context.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use meshchat_proto::id::{MessageId, NodeId};
use meshchat_proto::sealed::{KEY, NONCE};

const TAG: usize = 16;

pub(crate) fn seal(to: &NodeId, context: &[u8], plain: &[u8]) -> Vec<u8> {
    lock(&to.0, &[0; NONCE], context, plain)
}

pub(crate) fn open(me: &NodeId, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    unlock(&me.0, &[0; NONCE], context, sealed)
}

pub(crate) fn lock(key: &[u8; KEY], nonce: &[u8; NONCE], context: &[u8], plain: &[u8]) -> Vec<u8> {
    let locked = mix(key, nonce, plain);
    [&tag(key, nonce, context, plain)[..], &locked].concat()
}

pub(crate) fn unlock(
    key: &[u8; KEY],
    nonce: &[u8; NONCE],
    context: &[u8],
    locked: &[u8],
) -> Option<Vec<u8>> {
    let (found, locked) = locked.split_first_chunk::<TAG>()?;
    let plain = mix(key, nonce, locked);
    (*found == tag(key, nonce, context, &plain)).then_some(plain)
}

fn tag(key: &[u8; KEY], nonce: &[u8; NONCE], context: &[u8], plain: &[u8]) -> [u8; TAG] {
    let length = (context.len() as u64).to_be_bytes();
    let hash = MessageId::of(&[&key[..], nonce, &length, context, plain].concat());
    *hash.0.first_chunk().unwrap()
}

fn mix(key: &[u8; KEY], nonce: &[u8; NONCE], bytes: &[u8]) -> Vec<u8> {
    let pad = MessageId::of(&[&key[..], nonce].concat());
    bytes.iter().zip(pad.0.iter().cycle()).map(|(byte, pad)| byte ^ pad).collect()
}
