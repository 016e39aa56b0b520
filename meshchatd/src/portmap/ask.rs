//! One conversation with a router.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::num::NonZeroU16;
use std::time::Duration;

use crab_nat::pcp::{self, BaseMapRequest, DropMappingRange, Nonce};
use crab_nat::{
    GatewayAddress, InternetProtocol, PortMapping, PortMappingOptions, PortMappingType,
    TimeoutConfig, VersionCode, natpmp,
};
use meshchat_proto::address::Address;

use super::gateway::Target;

/// What a router speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// RFC 6887.
    Pcp,
    /// RFC 6886, its forerunner.
    NatPmp,
}

/// Why there is no mapping.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It knows neither protocol, or has them switched off.
    #[error("the router answers neither PCP nor NAT-PMP")]
    Silent,
    /// It said no, or nonsense.
    #[error("the router gave no mapping: {0}")]
    Refused(String),
    /// Nobody could dial the address that it gave.
    #[error("the router gave {0}, which nobody can dial")]
    Undialable(IpAddr),
    /// The mapping would end before it could be used.
    #[error("the router gave a mapping for {0} seconds only")]
    Brief(u32),
}

/// A mapping as the router gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) protocol: Protocol,
    pub(super) external: SocketAddrV4,
    /// Whether TCP gets in at the same port.
    pub(super) tcp: bool,
    /// At most [`WISH`].
    pub(super) lifetime: Duration,
    /// Seconds since the router started, more or less.
    pub(super) epoch: u32,
}

impl Lease {
    /// Whether the address means the same machine everywhere.
    pub(super) fn is_global(&self) -> bool {
        Address::new(self.external.into()).is_some_and(Address::is_global)
    }
}

/// What proves to the router that a mapping is ours; the same after a restart.
pub(super) fn nonce(secret: &[u8; 32]) -> Nonce {
    let derived = blake3::derive_key("meshchat 2026 nonce of port mappings", secret);
    let mut words = derived
        .chunks_exact(4)
        .map(|word| word.iter().fold(0, |number: u32, byte| number << 8 | u32::from(*byte)));
    std::array::from_fn(|_| words.next().unwrap_or_default())
}

/// Asks for a mapping, or for the one held already again. A router that does not speak PCP is
/// asked by NAT-PMP. With `patience`, packets that are lost are sent again.
pub(super) async fn ask(
    target: &Target,
    nonce: Nonce,
    held: Option<&Lease>,
    patience: bool,
) -> Result<Lease, Failure> {
    let talk = Talk { target: *target, nonce, held: held.copied(), patience };
    if held.is_some_and(|lease| lease.protocol == Protocol::NatPmp) {
        return talk.by_natpmp().await;
    }
    match talk.by_pcp().await {
        Err(Refusal::NotSpoken) => talk.by_natpmp().await,
        Err(Refusal::Said(failure)) => Err(failure),
        Ok(lease) => Ok(lease),
    }
}

/// Gives a mapping back, as well as it goes within [`RELEASE`].
pub(super) async fn release(target: &Target, nonce: Nonce, lease: &Lease) {
    let both = async {
        tokio::join!(drop_mapping(target, nonce, lease.protocol, InternetProtocol::Udp), async {
            if lease.tcp {
                drop_mapping(target, nonce, lease.protocol, InternetProtocol::Tcp).await;
            }
        })
    };
    tokio::time::timeout(RELEASE, both).await.ok();
}

async fn drop_mapping(
    target: &Target,
    nonce: Nonce,
    protocol: Protocol,
    carrier: InternetProtocol,
) {
    let (gateway, internal_port) = (GatewayAddress::IpV4(target.gateway), target.port);
    let hasty =
        TimeoutConfig { initial_timeout: RELEASE / 4, max_retries: 1, max_retry_timeout: None };
    match protocol {
        Protocol::Pcp => {
            let range = DropMappingRange::Single { internal_port, protocol: carrier };
            let client = target.client.into();
            pcp::try_drop_mapping(gateway, client, nonce, range, Some(hasty)).await.ok();
        }
        Protocol::NatPmp => {
            let port = Some(internal_port);
            natpmp::try_drop_mapping(gateway, carrier, port, Some(hasty)).await.ok();
        }
    }
}

struct Talk {
    target: Target,
    nonce: Nonce,
    held: Option<Lease>,
    patience: bool,
}

/// Why PCP did not work.
enum Refusal {
    /// NAT-PMP may.
    NotSpoken,
    Said(Failure),
}

impl Talk {
    async fn by_pcp(&self) -> Result<Lease, Refusal> {
        let udp = self.pcp(InternetProtocol::Udp, None).await.map_err(explain_pcp)?;
        let PortMappingType::Pcp { external_ip, .. } = udp.mapping_type() else {
            return Err(Refusal::NotSpoken);
        };
        let IpAddr::V4(ip) = external_ip else {
            return Err(Refusal::Said(Failure::Undialable(external_ip)));
        };
        let lease = lease(Protocol::Pcp, ip, &udp).map_err(Refusal::Said)?;
        let tcp = self.pcp(InternetProtocol::Tcp, Some(udp.external_port())).await;
        Ok(self.with_tcp(lease, tcp.ok()).await)
    }

    async fn by_natpmp(&self) -> Result<Lease, Failure> {
        let gateway = GatewayAddress::IpV4(self.target.gateway);
        let ip = natpmp::external_address(gateway, Some(self.timeouts()))
            .await
            .map_err(explain_natpmp)?;
        // A router without an address has no mapping to give.
        dialable(SocketAddrV4::new(ip, self.target.port.get()))?;
        let udp = self.natpmp(InternetProtocol::Udp, None).await.map_err(explain_natpmp)?;
        let lease = lease(Protocol::NatPmp, ip, &udp)?;
        let tcp = self.natpmp(InternetProtocol::Tcp, Some(udp.external_port())).await;
        Ok(self.with_tcp(lease, tcp.ok()).await)
    }

    async fn pcp(
        &self,
        carrier: InternetProtocol,
        port: Option<NonZeroU16>,
    ) -> Result<PortMapping, pcp::Failure> {
        let Target { gateway, client, port: own, .. } = self.target;
        let base = BaseMapRequest::new(gateway.into(), client.into(), carrier, own);
        let ip = self.held.map(|lease| IpAddr::V4(*lease.external.ip()));
        pcp::port_mapping(base, Some(self.nonce), ip, self.options(port)).await
    }

    async fn natpmp(
        &self,
        carrier: InternetProtocol,
        port: Option<NonZeroU16>,
    ) -> Result<PortMapping, natpmp::Failure> {
        let gateway = GatewayAddress::IpV4(self.target.gateway);
        natpmp::port_mapping(gateway, carrier, self.target.port, self.options(port)).await
    }

    /// The wish for `port`, or else for the one held, or else for the same port outside.
    fn options(&self, port: Option<NonZeroU16>) -> PortMappingOptions {
        let held = self.held.and_then(|lease| NonZeroU16::new(lease.external.port()));
        PortMappingOptions {
            external_port: port.or(held).or(Some(self.target.port)),
            lifetime_seconds: Some(WISH),
            timeout_config: Some(self.timeouts()),
        }
    }

    fn timeouts(&self) -> TimeoutConfig {
        let (initial_timeout, max_retries) =
            if self.patience { (FIRST_WAIT, RETRIES) } else { (ONLY_WAIT, 0) };
        TimeoutConfig { initial_timeout, max_retries, max_retry_timeout: None }
    }

    /// Links over TCP are dialled at the port of UDP; at another one they are of no use.
    async fn with_tcp(&self, lease: Lease, tcp: Option<PortMapping>) -> Lease {
        let Some(tcp) = tcp else { return lease };
        if tcp.external_port().get() == lease.external.port() {
            return Lease { tcp: true, ..lease };
        }
        let carrier = InternetProtocol::Tcp;
        drop_mapping(&self.target, self.nonce, lease.protocol, carrier).await;
        lease
    }
}

fn explain_pcp(error: pcp::Failure) -> Refusal {
    let unanswered = |error: &io::Error| error.kind() == ErrorKind::ConnectionRefused;
    let unknown = matches!(
        &error,
        pcp::Failure::Timeout | pcp::Failure::UnsupportedVersion(VersionCode::NatPmp)
    );
    if unknown || matches!(&error, pcp::Failure::Socket(error) if unanswered(error)) {
        Refusal::NotSpoken
    } else {
        Refusal::Said(Failure::Refused(error.to_string()))
    }
}

fn explain_natpmp(error: natpmp::Failure) -> Failure {
    let unanswered = |error: &io::Error| error.kind() == ErrorKind::ConnectionRefused;
    let silent = matches!(error, natpmp::Failure::Timeout);
    if silent || matches!(&error, natpmp::Failure::Socket(error) if unanswered(error)) {
        Failure::Silent
    } else {
        Failure::Refused(error.to_string())
    }
}

fn lease(protocol: Protocol, ip: Ipv4Addr, udp: &PortMapping) -> Result<Lease, Failure> {
    let external = SocketAddrV4::new(ip, udp.external_port().get());
    dialable(external)?;
    let seconds = udp.lifetime();
    if seconds < BRIEF {
        return Err(Failure::Brief(seconds));
    }
    let lifetime = Duration::from_secs(seconds.min(WISH).into());
    Ok(Lease { protocol, external, tcp: false, lifetime, epoch: udp.gateway_epoch() })
}

fn dialable(external: SocketAddrV4) -> Result<(), Failure> {
    let undialable = || Failure::Undialable((*external.ip()).into());
    Address::new(external.into()).map(|_| ()).ok_or_else(undialable)
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pcp => "PCP",
            Self::NatPmp => "NAT-PMP",
        })
    }
}

/// Seconds that a mapping is asked for; what a router gives beyond is not counted on.
const WISH: u32 = 3600;
/// A mapping of fewer seconds is none: to keep it would take a packet every half of that.
const BRIEF: u32 = 60;
/// How long to wait for the first answer; each time that a packet is sent again, twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(400);
const RETRIES: usize = 2;
/// The same for a router that never answered.
const ONLY_WAIT: Duration = Duration::from_secs(1);
/// How long it may take to give a mapping back.
const RELEASE: Duration = Duration::from_millis(500);
