//! The QUIC carrier: one bidirectional stream for each lane.

use quinn::{ReadError, ReadExactError, VarInt, WriteError};
use rustls::pki_types::CertificateDer;

use super::{Channel, CloseCode, Lane, LaneIo, Lost, PeerKey, plain, tls};

/// Opens both lanes of a connection that was dialled.
pub(super) async fn open_lanes(conn: quinn::Connection, peer: PeerKey) -> Result<Channel, Lost> {
    let control = open_lane(&conn, Lane::Control).await?;
    let bulk = open_lane(&conn, Lane::Bulk).await?;
    Ok(channel(conn, peer, true, control, bulk))
}

/// Takes both lanes of a connection that was accepted, in whichever order they come.
pub(super) async fn accept_lanes(conn: quinn::Connection, peer: PeerKey) -> Result<Channel, Lost> {
    let mut lanes = [accept_lane(&conn).await?, accept_lane(&conn).await?];
    lanes.sort_by_key(|(lane, _)| *lane);
    let [(Lane::Control, control), (Lane::Bulk, bulk)] = lanes else {
        return Err(Lost::Failed("one lane opened twice".into()));
    };
    Ok(channel(conn, peer, false, control, bulk))
}

/// The key that the other side proved in the handshake.
pub(super) fn proven_key(conn: &quinn::Connection) -> Option<PeerKey> {
    let shown = conn.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    tls::peer_key(shown.first()?)
}

pub(super) fn wire(code: CloseCode) -> VarInt {
    VarInt::from_u32(code.into())
}

fn channel(
    conn: quinn::Connection,
    peer: PeerKey,
    dialled: bool,
    control: LaneIo,
    bulk: LaneIo,
) -> Channel {
    let remote = plain(conn.remote_address());
    Channel { peer, remote, dialled, control, bulk: Some(bulk), conn: conn.into() }
}

async fn open_lane(conn: &quinn::Connection, lane: Lane) -> Result<LaneIo, Lost> {
    let (mut send, recv) = conn.open_bi().await?;
    send.write_all(&[preamble(lane)]).await.map_err(from_write)?;
    Ok(lane_io(lane, send, recv))
}

async fn accept_lane(conn: &quinn::Connection) -> Result<(Lane, LaneIo), Lost> {
    let (send, mut recv) = conn.accept_bi().await?;
    let mut first = [0];
    recv.read_exact(&mut first).await.map_err(|e| match e {
        ReadExactError::ReadError(e) => from_read(e),
        ReadExactError::FinishedEarly(_) => Lost::Failed("a lane ended before it began".into()),
    })?;
    let lane = match first {
        [CONTROL] => Lane::Control,
        [BULK] => Lane::Bulk,
        [other] => return Err(Lost::Failed(format!("unknown lane {other}"))),
    };
    Ok((lane, lane_io(lane, send, recv)))
}

fn lane_io(lane: Lane, send: quinn::SendStream, recv: quinn::RecvStream) -> LaneIo {
    // Fails only for a stream that is already closed, which the first write tells better.
    send.set_priority(i32::from(lane == Lane::Control)).ok();
    LaneIo { send: send.into(), recv: recv.into() }
}

fn preamble(lane: Lane) -> u8 {
    match lane {
        Lane::Control => CONTROL,
        Lane::Bulk => BULK,
    }
}

pub(super) fn from_read(error: ReadError) -> Lost {
    match error {
        ReadError::ConnectionLost(e) => e.into(),
        ReadError::Reset(_) => Lost::Failed("the peer reset a lane".into()),
        ReadError::ClosedStream | ReadError::IllegalOrderedRead | ReadError::ZeroRttRejected => {
            Lost::Failed(error.to_string())
        }
    }
}

pub(super) fn from_write(error: WriteError) -> Lost {
    match error {
        WriteError::ConnectionLost(e) => e.into(),
        WriteError::Stopped(_) => deaf(),
        WriteError::ClosedStream | WriteError::ZeroRttRejected => Lost::Failed(error.to_string()),
    }
}

pub(super) fn deaf() -> Lost {
    Lost::Failed("the peer reads a lane no more".into())
}

/// First byte of the stream of each lane.
const CONTROL: u8 = 1;
const BULK: u8 = 2;
