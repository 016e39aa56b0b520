//! The files of the page, which are part of the program.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::routing::get;

use super::Web;

/// Serves each file under its name.
pub(super) fn routes() -> Router<Web> {
    FILES.iter().fold(Router::new(), |router, (path, kind, content)| {
        let answer = ([(CONTENT_TYPE, *kind), (CACHE_CONTROL, "no-cache")], *content);
        router.route(path, get(|| async move { answer }))
    })
}

const FILES: [(&str, &str, &str); 1] =
    [("/", "text/html; charset=utf-8", include_str!("../../page/index.html"))];
