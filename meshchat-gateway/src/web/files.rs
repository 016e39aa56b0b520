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
        let reply = async move |headers: HeaderMap| answer(&headers, &tag, kind, content);
        router.route(path, get(reply))
    })
}

fn answer(asked: &HeaderMap, tag: &str, kind: &'static str, content: &'static str) -> Response {
    let known = asked.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut known = known.flat_map(|tags| tags.split(','));
    let same = known.any(|known| known.trim().trim_start_matches("W/") == tag);
    let headers =
        [(ETAG, tag), (CACHE_CONTROL, "no-cache")].map(|(name, value)| (name, value.to_owned()));
    match same {
        true => (StatusCode::NOT_MODIFIED, headers).into_response(),
        false => (headers, [(CONTENT_TYPE, kind)], content).into_response(),
    }
}

/// Digits of a hash that tell contents apart.
const TAG: usize = 16;

/// The path, the type and the content of each file of `page/`.
macro_rules! files {
    ($($kind:ident: $($name:literal)+;)+) => {
        &[
            ("/", HTML, include_str!("../../page/index.html")),
            $($((concat!("/", $name), $kind, include_str!(concat!("../../page/", $name))),)+)+
        ]
    };
}

const FILES: &[(&str, &str, &str)] = files! {
    CSS: "base.css" "layout.css" "parts.css";
    MANIFEST: "app.webmanifest";
    SCRIPT:
        "app.js" "cards.js" "chat.js" "commands.js" "compose.js" "delivery.js" "dialogs.js"
        "dom.js" "icons.js" "lists.js" "log.js" "map.js" "outbox.js" "panels.js" "session.js"
        "shape.js" "signs.js" "standing.js" "store.js" "texts.en.js" "texts.js" "times.js" "wire.js"
        "words.js";
    SVG: "icon.svg" "icon-new.svg";
};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const MANIFEST: &str = "application/manifest+json";
