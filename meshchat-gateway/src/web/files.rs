//! The files of the page, which are part of the program.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, IF_NONE_MATCH};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use super::Web;

/// Serves each file under its name.
pub(super) fn routes() -> Router<Web> {
    FILES.iter().fold(Router::new(), |router, file| {
        let tag: Arc<str> =
            format!("\"{}\"", blake3::hash(file.content.as_bytes()).to_hex()).into();
        router.route(file.path, get(async move |headers: HeaderMap| answer(file, &tag, &headers)))
    })
}

/// Browsers ask each time whether what they keep is still right: a page must not outlive the
/// release that it belongs to.
fn answer(file: &File, tag: &str, headers: &HeaderMap) -> Response {
    let cached = [(CACHE_CONTROL, "no-cache"), (ETAG, tag)];
    if headers.get(IF_NONE_MATCH).is_some_and(|known| known == tag) {
        return (StatusCode::NOT_MODIFIED, cached).into_response();
    }
    (cached, [(CONTENT_TYPE, file.kind)], file.content).into_response()
}

#[derive(Debug)]
struct File {
    path: &'static str,
    kind: &'static str,
    content: &'static str,
}

/// Files of `page/`, each under its own name.
macro_rules! files {
    ($($kind:ident: $($name:literal)+;)+) => {
        [
            File { path: "/", kind: HTML, content: include_str!("../../page/index.html") },
            $($(File {
                path: concat!("/", $name),
                kind: $kind,
                content: include_str!(concat!("../../page/", $name)),
            },)+)+
        ]
    };
}

static FILES: &[File] = &files! {
    CSS: "base.css" "layout.css" "parts.css";
    MANIFEST: "app.webmanifest";
    SCRIPT:
        "app.js" "cards.js" "chat.js" "commands.js" "compose.js" "delivery.js" "dialogs.js"
        "dom.js" "icons.js" "lists.js" "log.js" "map.js" "outbox.js" "session.js" "shape.js" "signs.js"
        "store.js" "texts.en.js" "texts.js" "times.js" "wire.js" "words.js";
    SVG: "icon.svg" "icon-new.svg";
};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const MANIFEST: &str = "application/manifest+json";
