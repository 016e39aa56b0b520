//! How tools are told what went wrong.

use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use meshchat_client::proto::control::ErrorCode;
use serde::Serialize;

use crate::web::{Code, Fault};

/// A request that was not done.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    fault: Fault,
    /// When to try again.
    retry: Option<Duration>,
}

#[derive(Debug, Serialize)]
struct Body {
    error: Fault,
}

impl Failure {
    pub(super) const fn new(status: StatusCode, fault: Fault) -> Self {
        Self { status, fault, retry: None }
    }

    /// Too fast.
    pub(super) fn too_fast(wait: Duration) -> Self {
        let fault = Fault::own("too_many", "you ask too fast", "wait a moment");
        Self { retry: Some(wait), ..Self::new(StatusCode::TOO_MANY_REQUESTS, fault) }
    }

    /// A value that is not allowed.
    pub(super) fn argument(words: impl Into<String>, hint: &str) -> Self {
        let fault = Fault::own("bad_argument", words, hint);
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, fault)
    }
}

impl<T: Into<Fault>> From<T> for Failure {
    fn from(fault: T) -> Self {
        let fault = fault.into();
        let status = status(fault.code);
        let retry = match status {
            StatusCode::TOO_MANY_REQUESTS => Some(FULL),
            StatusCode::SERVICE_UNAVAILABLE => Some(AWAY),
            _ => None,
        };
        Self { status, fault, retry }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(Body { error: self.fault })).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(retry) = self.retry {
            let seconds = retry.as_secs() + u64::from(retry.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

fn status(code: Code) -> StatusCode {
    match code {
        Code::Own("code_needed" | "bad_token") => StatusCode::UNAUTHORIZED,
        Code::Own("bad_code") | Code::Daemon(ErrorCode::Denied) => StatusCode::FORBIDDEN,
        Code::Own("too_many" | "full") | Code::Daemon(ErrorCode::TooMany) => {
            StatusCode::TOO_MANY_REQUESTS
        }
        Code::Own("unreachable" | "lost") | Code::Daemon(ErrorCode::Unreachable) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Code::Daemon(ErrorCode::NotFound) => StatusCode::NOT_FOUND,
        Code::Daemon(ErrorCode::Ambiguous | ErrorCode::NameTaken) => StatusCode::CONFLICT,
        Code::Daemon(ErrorCode::BadArgument) => StatusCode::UNPROCESSABLE_ENTITY,
        Code::Daemon(ErrorCode::TimedOut) => StatusCode::GATEWAY_TIMEOUT,
        Code::Own(_) | Code::Daemon(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// When a place may be free.
const FULL: Duration = Duration::from_secs(10);
/// When the daemon may be back.
const AWAY: Duration = Duration::from_secs(2);
