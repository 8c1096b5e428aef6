//! Callers in browsers: pages of the origins that were allowed may read answers. Off unless origins are
//! given. <https://fetch.spec.whatwg.org/#http-cors-protocol>

use std::sync::Arc;

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;

use super::{Hub, exchange};
use crate::forward::Outgoing;

/// How long a browser may remember what it was allowed, in seconds.
const REMEMBERED: HeaderValue = HeaderValue::from_static("600");

/// What a page may read of an answer besides its body.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "x-request-id, x-weir-policy, x-weir-model, x-weir-path, x-weir-attempts, x-weir-table, x-weir-dropped, \
     retry-after, retry-after-ms, x-should-retry",
);

/// The origins whose pages may ask.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origins(Vec<HeaderValue>);

impl Origins {
    /// These, such as `https://chat.example.com`; `*` is all of them.
    pub(crate) fn new(origins: Vec<HeaderValue>) -> Self {
        Self(origins)
    }

    /// What is allowed to a request with these headers.
    fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN).filter(|_| !self.0.is_empty())?;
        let known = |known: &&HeaderValue| *known == "*" || *known == origin;
        self.0.iter().find(known).map(|_| origin.clone())
    }
}

/// Answers one request, and tells a browser whether its page may read the answer.
pub(super) async fn answer(hub: &Arc<Hub>, request: Request<Incoming>) -> Response<Outgoing> {
    let Some(origin) = hub.origins.allowed(request.headers()) else {
        return exchange::answer(hub, request).await;
    };
    let mut response = match preflight(&request) {
        Some(answer) => answer,
        None => Box::pin(exchange::answer(hub, request)).await,
    };
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.append(VARY, HeaderValue::from_static("origin"));
    response
}

/// The answer to a browser that asks what it may ask.
fn preflight(request: &Request<Incoming>) -> Option<Response<Outgoing>> {
    let headers = request.headers();
    if request.method() != Method::OPTIONS || !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    let mut response = Response::new(Outgoing::whole(Vec::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let to = response.headers_mut();
    to.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST"),
    );
    to.insert(ACCESS_CONTROL_MAX_AGE, REMEMBERED);
    if let Some(wanted) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        to.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    Some(response)
}
