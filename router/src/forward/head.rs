//! The head of an answer: a 2xx of the right type, or the failure that it is instead.

use std::time::SystemTime;

use bytes::BytesMut;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use weir_table::FailureClass;

use super::bounds::Bounds;
use super::pool::{Inflow, SendError};
use super::whole::{Collected, collect};
use crate::body::Spliced;
use crate::classify;
use crate::error::Failure;
use crate::state::Endpoint;

/// The most that is read of an error's body.
const ERROR_BODY: usize = 64 * 1024;

/// The head of an answer that is neither an error nor of another type than it should be.
pub(super) async fn head(
    endpoint: &Endpoint,
    request: Request<Spliced>,
    bounds: &Bounds,
    wanted: Wanted,
) -> Result<Response<Inflow>, Failure> {
    let response = endpoint
        .pool
        .send(request, bounds.limits.connect)
        .await
        .map_err(|error| not_sent(&error))?;
    if !response.status().is_success() {
        return Err(refused(response).await);
    }
    let found = response
        .headers()
        .get(CONTENT_TYPE)
        .map(HeaderValue::as_bytes)
        .unwrap_or_default();
    if wanted.is(found) {
        Ok(response)
    } else {
        let found = String::from_utf8_lossy(&found[..found.len().min(100)]).into_owned();
        let text = format!(
            "the provider answered with {found} where {} was asked for",
            wanted.as_str()
        );
        Err(Failure::new(FailureClass::MalformedResponse, text))
    }
}

/// The type of answer that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A stream.
    Events,
    /// A document.
    Json,
}

impl Wanted {
    /// Whether `found` is or may be of this type; some servers say nothing.
    fn is(self, found: &[u8]) -> bool {
        let events = found.to_ascii_lowercase().starts_with(b"text/event-stream");
        found.is_empty() || events == (self == Self::Events)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Events => "a stream of events",
            Self::Json => "one JSON document",
        }
    }
}

fn not_sent(error: &SendError) -> Failure {
    let class = if error.is_malformed() {
        FailureClass::MalformedResponse
    } else {
        FailureClass::ConnectFailed
    };
    Failure::new(class, error.to_string())
}

/// The failure that an error answer is.
async fn refused(response: Response<Inflow>) -> Failure {
    let (head, mut body) = response.into_parts();
    let mut said = BytesMut::new();
    let whole = collect(&mut body, &mut said, ERROR_BODY).await;
    if whole == Ok(Collected::Everything) {
        body.give_back();
    }
    classify::answer(head.status, &head.headers, &said, SystemTime::now())
}
