//! The web page, what it talks to, and the HTTP API.

mod addresses;
mod api;
mod auth;
mod fault;
mod files;
mod gate;
mod guesses;
mod live;
mod origins;
mod pool;
mod present;
mod sending;
mod serve;
mod tls;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;

pub use api::Tools;
pub use auth::{Auth, Pass, Refusal};
pub use fault::{Code, Fault};
pub use origins::Origins;
pub use pool::Caller;
pub use present::Present;

use crate::config::{Pairing, WebConfig};
use crate::door::{Door, Doorway, House};

/// What every handler gets. [`Caller`], an extension of the request, says who asks and has the
/// seats for what stays open.
#[derive(Debug, Clone)]
pub struct Web {
    /// What all doors have in common.
    pub house: House,
    /// How this door is.
    pub door: Door,
    /// Who may come in.
    pub auth: Auth,
    /// The settings.
    pub config: Arc<WebConfig>,
    /// Names and pages that may use it.
    pub origins: Arc<Origins>,
    /// Whether it speaks TLS.
    pub secure: bool,
    /// Whose page is open.
    pub present: Present,
    /// Tools that have asked lately.
    pub tools: Tools,
}

/// Opens the door.
///
/// # Errors
///
/// When it cannot listen, or has no key for tokens or TLS.
pub async fn open(house: &House, config: WebConfig) -> anyhow::Result<()> {
    let doorway = Doorway::open(house, "web", config.listen).await?;
    let (door, local) = (doorway.door.clone(), doorway.address()?);
    door.set_pairing(config.pairing == Pairing::On);
    let auth = Auth::load(house, &config)?;
    let origins = Arc::new(Origins::new(&config, &machine()));
    let tls = tls::acceptor(&config.tls, &house.state_dir, &names(&origins, local))?;
    let (config, secure) = (Arc::new(config), tls.is_some());
    let (house, present, tools) = (house.clone(), Present::new(house), Tools::new(house));
    let tasks = house.tasks.clone();
    let web = Web { house, door, auth, config, origins, secure, present, tools };
    warn(&web, local);
    web.door.set_addresses(addresses::urls(&web, local));
    tasks.spawn(addresses::keep(web.clone(), local));
    tasks.spawn(serve::serve(doorway, tasks.clone(), tls, router(web)));
    Ok(())
}

/// What an own certificate is for. Addresses of IPv6 are left out: they change too often.
fn names(origins: &Origins, local: SocketAddr) -> Vec<String> {
    let addresses = addresses::reachable(local.ip()).into_iter().filter(IpAddr::is_ipv4);
    origins.names().chain(addresses.map(|ip| ip.to_string())).collect()
}

/// Says what others on the network can do.
fn warn(web: &Web, local: SocketAddr) {
    if local.ip().is_loopback() {
        return;
    }
    if !web.secure {
        tracing::warn!(
            "the web page is not encrypted: whoever is on the same network can read along and \
             take over what they see; set tls = \"own\" in [web]"
        );
    }
    if web.config.pairing == Pairing::Off {
        tracing::warn!(
            "whoever reaches {local} may read and write here; set pairing = \"on\" in [web] to \
             ask for a code"
        );
    }
}

/// Every request goes through the gate: it checks Host and Origin, takes in the body, and adds the
/// headers of the answer.
fn router(web: Web) -> Router {
    let routes = Router::new().merge(files::routes()).merge(live::routes()).merge(api::routes());
    routes
        .fallback((StatusCode::NOT_FOUND, "there is nothing here\n"))
        .layer(from_fn_with_state(web.clone(), gate::gate))
        .with_state(web)
}

/// The name of this machine; empty when it has none.
pub(crate) fn machine() -> String {
    let name = nix::unistd::gethostname().unwrap_or_default();
    name.into_string().unwrap_or_default()
}
