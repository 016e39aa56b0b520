//! From the outbox to the streams; the lanes go on without each other.

use crate::transport::{Lane, Lost, SendHalf};

use super::outbox::Outbox;

/// Sends until the outbox is closed and all it had has reached the peer's machine.
pub(super) async fn both(
    control: SendHalf,
    bulk: Option<SendHalf>,
    outbox: &Outbox,
) -> Result<(), Lost> {
    let bulk = async {
        match bulk {
            Some(send) => pump(Lane::Bulk, send, outbox).await,
            None => Ok(()),
        }
    };
    tokio::try_join!(pump(Lane::Control, control, outbox), bulk).map(|_| ())
}

async fn pump(lane: Lane, mut send: SendHalf, outbox: &Outbox) -> Result<(), Lost> {
    while let Some(chunk) = outbox.next(lane).await {
        send.write(chunk.bytes).await?;
        outbox.written(&chunk.receipt);
    }
    send.finish().await
}
