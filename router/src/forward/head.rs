//! The head of an answer: a 2xx of the right type, or the failure that it is instead.

use std::time::{Duration, SystemTime};

use bytes::BytesMut;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use tokio::time::{Instant, timeout_at};
use weir_table::{Dialect, FailureClass};

use super::bounds::Bounds;
use super::pool::{Inflow, SendError};
use super::watch::reply::Reply;
use super::whole::{Collected, collect};
use crate::body::Spliced;
use crate::classify;
use crate::error::Failure;
use crate::state::Endpoint;

/// The most that is read of an error's body.
const ERROR_BODY: usize = 64 * 1024;

/// How long an error's body is waited for.
const ERROR_PATIENCE: Duration = Duration::from_secs(1);

/// The head of an answer that is no error.
pub(super) async fn any_head(
    endpoint: &Endpoint,
    request: Request<Spliced>,
    bounds: &Bounds,
) -> Result<Response<Inflow>, Failure> {
    let response = endpoint
        .pool
        .send(request, bounds.limits.connect)
        .await
        .map_err(|error| not_sent(&error))?;
    if response.status().is_success() {
        Ok(response)
    } else {
        Err(refused(endpoint.dialect, response, bounds).await)
    }
}

/// The head of an answer that is neither an error nor of another type than it should be.
pub(super) async fn head(
    endpoint: &Endpoint,
    request: Request<Spliced>,
    bounds: &Bounds,
    wanted: Wanted,
) -> Result<Response<Inflow>, Failure> {
    let response = any_head(endpoint, request, bounds).await?;
    let found = response
        .headers()
        .get(CONTENT_TYPE)
        .map(HeaderValue::as_bytes)
        .unwrap_or_default();
    if wanted.is(found) {
        Ok(response)
    } else {
        Err(mistyped(endpoint.dialect, response, wanted, bounds).await)
    }
}

/// The type of answer that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A stream.
    Events,
    /// A stream of AWS.
    Frames,
    /// A document.
    Json,
}

impl Wanted {
    /// Whether `found` is or may be of this type; some servers say nothing.
    fn is(self, found: &[u8]) -> bool {
        let begins = |with: &[u8]| {
            found
                .get(..with.len())
                .is_some_and(|found| found.eq_ignore_ascii_case(with))
        };
        let (events, frames) = (
            begins(b"text/event-stream"),
            begins(b"application/vnd.amazon.eventstream"),
        );
        found.is_empty()
            || match self {
                Self::Events => events,
                Self::Frames => frames,
                Self::Json => !events && !frames,
            }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Events | Self::Frames => "a stream of events",
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
async fn refused(dialect: Dialect, response: Response<Inflow>, bounds: &Bounds) -> Failure {
    let (head, body) = response.into_parts();
    let said = said(body, bounds).await;
    classify::answer(dialect, head.status, &head.headers, &said, SystemTime::now())
}

/// The failure that an answer of another type is. Some providers answer with an error as a document, and a
/// 200, where a stream was asked for.
async fn mistyped(dialect: Dialect, response: Response<Inflow>, wanted: Wanted, bounds: &Bounds) -> Failure {
    if wanted != Wanted::Json {
        let said = said(response.into_body(), bounds).await;
        if let Some(error) = Reply::read(&said).and_then(|reply| reply.error()) {
            return classify::in_band(dialect, error);
        }
    }
    let text = format!(
        "the provider's answer is not {}, as was asked for",
        wanted.as_str()
    );
    Failure::new(FailureClass::MalformedResponse, text)
}

/// As much of an error's body as comes soon: the head has said the most of it already.
async fn said(mut body: Inflow, bounds: &Bounds) -> BytesMut {
    let mut said = BytesMut::new();
    let until = bounds.deadline.min(Instant::now() + ERROR_PATIENCE);
    let read = timeout_at(until, collect(&mut body, &mut said, ERROR_BODY)).await;
    if let Ok(Ok(Collected::Everything)) = read {
        body.give_back();
    }
    said
}
