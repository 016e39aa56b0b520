//! The sockets of a node: those that the service manager has kept from the run before, or new ones.
//!
//! Kept sockets let nobody be refused while a daemon is away, not even after `kill -9`: packets
//! and connections wait in the system until the next run reads them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::anyhow;
use tokio::time::{Instant, sleep};

use crate::config::{Settings, port_in_use};
use crate::notify::{Kept, Notifier, Passed};
use crate::transport::{BindError, Endpoint, Limits, Sockets};

/// Listens for peers, and has the manager keep what is listened on.
///
/// # Errors
///
/// When the address cannot be had; the text says what to do.
pub(crate) async fn listen(
    settings: &Settings,
    seed: &[u8; 32],
    passed: &mut Passed,
    notifier: &Notifier,
) -> anyhow::Result<Endpoint> {
    let (udp, tcp) = (passed.kept_udp(), passed.kept_tcp());
    let was_kept = udp.is_some() || tcp.is_some();
    let sockets = match udp.filter(|udp| fits(settings, udp)) {
        Some(udp) => Sockets::take_up(udp, tcp),
        None => {
            drop(tcp);
            if was_kept {
                notifier.drop_kept(Kept::Udp);
                notifier.drop_kept(Kept::Tcp);
            }
            let patience = if was_kept { UNKEPT } else { Duration::ZERO };
            bind(settings, Instant::now() + patience).await?
        }
    };
    notifier.keep(Kept::Udp, sockets.udp());
    if let Some(tcp) = sockets.tcp() {
        notifier.keep(Kept::Tcp, tcp);
    }
    Ok(Endpoint::over(sockets, seed, Limits::default())?)
}

/// Whether a socket of the run before is what the settings ask for now.
fn fits(settings: &Settings, udp: &UdpSocket) -> bool {
    let (wanted, free) = (settings.listen.value, settings.may_use_another_port());
    udp.local_addr().is_ok_and(|at| {
        let same = at.ip() == wanted.ip() || at.ip() == stand_in(wanted.ip());
        same && (wanted.port() == 0 || free || at.port() == wanted.port())
    })
}

/// What is listened on where this is wanted: on a machine without IPv6, IPv4 alone.
fn stand_in(wanted: IpAddr) -> IpAddr {
    let any = IpAddr::from(Ipv6Addr::UNSPECIFIED);
    if wanted == any && UdpSocket::bind((any, 0)).is_err() {
        return Ipv4Addr::UNSPECIFIED.into();
    }
    wanted
}

/// Opens new ones. Until `patience` the port may still be held by the manager.
async fn bind(settings: &Settings, patience: Instant) -> anyhow::Result<Sockets> {
    let address = settings.listen.value;
    loop {
        match Sockets::bind(address) {
            Err(BindError::InUse(_)) if Instant::now() < patience => sleep(TRY_AGAIN).await,
            Err(BindError::InUse(_)) if settings.may_use_another_port() => {
                let sockets = Sockets::bind(SocketAddr::new(address.ip(), 0))?;
                tracing::info!("port {} is taken; a free one is used instead", address.port());
                return Ok(sockets);
            }
            Err(BindError::InUse(_)) => return Err(anyhow!(port_in_use(&settings.listen))),
            Err(error @ BindError::NotAllowed(_)) => {
                let fix = "choose a port above 1023, or 0 for any free one";
                return Err(anyhow!("{error}\n  fix: {fix}"));
            }
            other => return Ok(other?),
        }
    }
}

/// How long the manager may take to close what it is told to drop.
const UNKEPT: Duration = Duration::from_secs(2);
const TRY_AGAIN: Duration = Duration::from_millis(20);
