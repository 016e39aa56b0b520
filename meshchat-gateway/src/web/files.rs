//! The files of the page, which are part of the program.

use std::sync::Arc;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::Web;

/// Serves each file under its name, with a tag by which browsers know whether they have it.
pub(super) fn routes() -> Router<Web> {
    FILES.iter().fold(Router::new(), |router, (path, kind, content)| {
        let hash = blake3::hash(content.as_bytes()).to_hex();
        let tag: Arc<str> = format!("\"{}\"", hash.get(..TAG).unwrap_or_default()).into();
        router.route(path, get(move |headers: HeaderMap| answer(headers, tag, kind, content)))
    })
}

async fn answer(
    asked: HeaderMap,
    tag: Arc<str>,
    kind: &'static str,
    content: &'static str,
) -> Response {
    let known = asked.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut known = known.flat_map(|tags| tags.split(','));
    let same = known.any(|known| known.trim().trim_start_matches("W/") == &*tag);
    let headers =
        [(ETAG, &*tag), (CACHE_CONTROL, "no-cache")].map(|(name, value)| (name, value.to_owned()));
    match same {
        true => (StatusCode::NOT_MODIFIED, headers).into_response(),
        false => (headers, [(CONTENT_TYPE, kind)], content).into_response(),
    }
}

/// Digits of a hash that tell contents apart.
const TAG: usize = 16;

const FILES: [(&str, &str, &str); 1] =
    [("/", "text/html; charset=utf-8", include_str!("../../page/index.html"))];
