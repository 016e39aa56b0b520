//! The web page, what it talks to, and the HTTP API.

mod auth;
mod fault;
mod files;
mod live;
mod present;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;

pub use auth::{Auth, Pass, Refusal};
pub use fault::{Code, Fault};
pub use present::Present;

use crate::config::{Pairing, WebConfig};
use crate::door::{Door, Doorway, House};
use crate::supervise::Tasks;

/// What every handler gets.
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
    /// Whose page is open.
    pub present: Present,
}

/// Opens the door.
///
/// # Errors
///
/// When it cannot listen, or has no key for tokens.
pub async fn open(house: &House, config: WebConfig) -> anyhow::Result<()> {
    let doorway = Doorway::open(house, "web", config.listen).await?;
    let address = doorway.address()?;
    doorway.door.set_addresses([format!("http://{address}/")]);
    doorway.door.set_pairing(config.pairing == Pairing::On);
    let auth = Auth::load(house, &config)?;
    let (door, config) = (doorway.door.clone(), Arc::new(config));
    let present = Present::new(house);
    let web = Web { house: house.clone(), door, auth, config, present };
    house.tasks.spawn(serve(doorway, house.tasks.clone(), router(web)));
    Ok(())
}

fn router(web: Web) -> Router {
    Router::new().merge(files::routes()).merge(live::routes()).with_state(web)
}

async fn serve(doorway: Doorway, tasks: Tasks, router: Router) {
    loop {
        let (stream, conn) = doorway.accept().await;
        let router = router.clone();
        tasks.spawn(async move {
            let Ok(_seat) = conn.sit() else { return };
            let mut server = hyper::server::conn::http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(HEADERS).max_buf_size(BUFFER);
            let service = TowerToHyperService::new(router);
            let serving = server.serve_connection(TokioIo::new(stream), service).with_upgrades();
            if let Err(error) = serving.await {
                tracing::debug!("a browser went: {error}");
            }
        });
    }
}

/// How long a browser may take to say what it wants.
const HEADERS: Duration = Duration::from_secs(10);
/// Bytes of a request head and of what is read at once.
const BUFFER: usize = 16 * 1024;
