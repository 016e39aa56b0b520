//! The HTTP API for small tools: `openapi.json` describes it, `docs/http-api.md` shows it.

mod answer;
mod events;
mod look;
mod say;
mod take;
mod tools;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, any, get, post};

pub use tools::Tools;

use self::answer::Failure;
use super::{Fault, Web};

/// All routes, and an answer for what is none of them.
pub(super) fn routes() -> Router<Web> {
    let router = Router::new().route("/api/", any(nothing)).route("/api/{*rest}", any(nothing));
    let routes = table().into_iter();
    routes
        .fold(router, |router, (_, path, route)| router.route(&format!("{BASE}{path}"), route))
        .method_not_allowed_fallback(wrong_method)
}

/// Method, path and handler of each.
fn table() -> [(&'static str, &'static str, MethodRouter<Web>); 11] {
    [
        ("post", "pair", post(say::pair)),
        ("post", "messages", post(say::message)),
        ("get", "messages", get(look::messages)),
        ("post", "direct", post(say::direct)),
        ("get", "people", get(look::people)),
        ("get", "rooms", get(look::rooms)),
        ("get", "nodes", get(look::nodes)),
        ("get", "graph", get(look::graph)),
        ("get", "status", get(look::status)),
        ("get", "events", get(events::events)),
        ("get", "openapi.json", get(description)),
    ]
}

async fn description() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], OPENAPI)
}

async fn nothing() -> Failure {
    let fault = Fault::own("not_found", "there is nothing here", "see api/v1/openapi.json");
    Failure::new(StatusCode::NOT_FOUND, fault)
}

async fn wrong_method() -> Failure {
    let fault = Fault::own("bad_method", "not with this method", "see api/v1/openapi.json");
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, fault)
}

const BASE: &str = "/api/v1/";
const OPENAPI: &str = include_str!("openapi.json");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let described: Value = serde_json::from_str(OPENAPI).unwrap();
        let paths = described["paths"].as_object().unwrap();
        let described: BTreeSet<_> = paths
            .iter()
            .flat_map(|(path, item)| {
                let methods = item.as_object().unwrap().keys().cloned();
                methods.map(move |method| (method, path.trim_start_matches('/').to_owned()))
            })
            .collect();
        let routed: BTreeSet<_> = table()
            .into_iter()
            .map(|(method, path, _)| (method.to_owned(), path.to_owned()))
            .collect();
        assert_eq!(described, routed);
    }

    #[test]
    fn references_of_the_description_lead_somewhere() {
        fn check(all: &Value, here: &Value) {
            if let Some(to) = here.get("$ref") {
                let to = to.as_str().unwrap().trim_start_matches('#');
                assert!(all.pointer(to).is_some(), "{to}");
            }
            match here {
                Value::Object(map) => map.values().for_each(|value| check(all, value)),
                Value::Array(list) => list.iter().for_each(|value| check(all, value)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        let described: Value = serde_json::from_str(OPENAPI).unwrap();
        check(&described, &described);
    }
}
