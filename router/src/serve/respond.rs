//! What a caller gets: an answer with Weir's headers on it, or an error in the shape that it knows.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use weir_table::FailureClass;

use crate::error::{Failure, Voice};
use crate::forward::{Accepted, Outgoing};
use crate::state::Leaf;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const POLICY: HeaderName = HeaderName::from_static("x-weir-policy");
const MODEL: HeaderName = HeaderName::from_static("x-weir-model");
const PATH: HeaderName = HeaderName::from_static("x-weir-path");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-weir-attempts");
const DROPPED: HeaderName = HeaderName::from_static("x-weir-dropped");
const TABLE: HeaderName = HeaderName::from_static("x-weir-table");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// Where a request went, as far as it got.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Trail<'a> {
    /// The policy that was named.
    pub(super) policy: Option<&'a HeaderValue>,
    /// The digest of the table that served it.
    pub(super) table: Option<&'a HeaderValue>,
    /// The target that was asked last.
    pub(super) leaf: Option<&'a Leaf>,
    /// How often targets were asked.
    pub(super) attempts: u32,
}

/// Whether the caller should try again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// As its SDK thinks fit.
    AsUsual,
    /// No: everything was tried.
    No,
}

/// An answer from a provider.
pub(super) fn answer(accepted: Accepted) -> Response<Outgoing> {
    let Accepted {
        status,
        headers,
        body,
        usage: _,
    } = accepted;
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// How many of a request's fields were left out because the target has no place for them.
pub(super) fn dropped(headers: &HeaderMap) -> u64 {
    let lists = headers.get_all(DROPPED).iter().map(HeaderValue::as_bytes);
    lists
        .map(|list| list.split(|byte| *byte == b',').count() as u64)
        .sum()
}

/// An error in answer to the request `id`.
pub(super) fn error(failure: &Failure, voice: Voice, id: &str, again: Again) -> Response<Outgoing> {
    let mut response = json(status(failure), failure.body(voice, id));
    let headers = response.headers_mut();
    if again == Again::No {
        headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    if failure.class == FailureClass::Unauthenticated {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(wait) = failure.retry_after {
        headers.insert(
            RETRY_AFTER,
            number(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)),
        );
        headers.insert(RETRY_AFTER_MS, number(millis(wait)));
    }
    response
}

/// A JSON document.
pub(super) fn json(status: StatusCode, document: Bytes) -> Response<Outgoing> {
    let mut response = Response::new(Outgoing::whole(document));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Writes where the request went onto its answer.
pub(super) fn sign(response: &mut Response<Outgoing>, id: HeaderValue, trail: Trail<'_>) {
    let Trail {
        policy,
        table,
        leaf,
        attempts,
    } = trail;
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    let named = [
        (POLICY, policy),
        (TABLE, table),
        (MODEL, leaf.map(|leaf| &leaf.model_header)),
        (PATH, leaf.and_then(|leaf| leaf.way.header.as_ref())),
    ];
    for (name, value) in named {
        if let Some(value) = value {
            headers.insert(name, value.clone());
        }
    }
    if table.is_some() {
        headers.insert(ATTEMPTS, count(attempts));
    }
}

/// Nearly all requests need one attempt.
fn count(attempts: u32) -> HeaderValue {
    match attempts {
        1 => HeaderValue::from_static("1"),
        attempts => number(u64::from(attempts)),
    }
}

/// Asks the caller to open another connection for its next request.
pub(super) fn close(response: &mut Response<Outgoing>) {
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
}

fn status(failure: &Failure) -> StatusCode {
    StatusCode::from_u16(failure.class.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}

fn number(number: u64) -> HeaderValue {
    HeaderValue::from(number)
}
