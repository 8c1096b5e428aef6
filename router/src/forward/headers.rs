//! Which headers pass the router, in both directions: those that are named here. What is not, such as the
//! caller's key, cookies or a managed key's limits, has no way through.

use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE,
    HOST, HeaderName, RETRY_AFTER, USER_AGENT, VARY,
};
use http::{HeaderMap, HeaderValue};

use crate::state::Endpoint;

/// What a caller says that a provider may hear.
const UPSTREAM: [HeaderName; 7] = [
    ACCEPT,
    USER_AGENT,
    HeaderName::from_static("anthropic-version"),
    HeaderName::from_static("anthropic-beta"),
    HeaderName::from_static("openai-beta"),
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("traceparent"),
];

/// What a provider says that a caller may hear.
const DOWNSTREAM: [HeaderName; 9] = [
    CONTENT_TYPE,
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CACHE_CONTROL,
    VARY,
    RETRY_AFTER,
    HeaderName::from_static("retry-after-ms"),
    HeaderName::from_static("openai-processing-ms"),
    HeaderName::from_static("openai-version"),
];

/// The headers of a request to `endpoint` on behalf of a caller who sent `from`.
pub(super) fn upstream(endpoint: &Endpoint, from: &HeaderMap) -> HeaderMap {
    let mut to = HeaderMap::with_capacity(12);
    to.insert(HOST, endpoint.host.clone());
    to.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // Answers are looked into, and so must not be compressed.
    to.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(authorization) = &endpoint.authorization {
        to.insert(AUTHORIZATION, authorization.clone());
    }
    copy(from, &mut to, &UPSTREAM);
    to
}

/// The headers of an answer to the caller.
pub(super) fn downstream(from: &HeaderMap) -> HeaderMap {
    let mut to = HeaderMap::with_capacity(16);
    copy(from, &mut to, &DOWNSTREAM);
    to
}

fn copy(from: &HeaderMap, to: &mut HeaderMap, names: &[HeaderName]) {
    for (name, value) in from {
        if names.contains(name) {
            to.append(name.clone(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::downstream;

    #[test]
    fn what_a_managed_key_reveals_stays_here() {
        let mut from = HeaderMap::new();
        for name in [
            "set-cookie",
            "openai-organization",
            "x-ratelimit-remaining-tokens",
            "connection",
            "x-request-id",
        ] {
            from.insert(name, "x".parse().unwrap());
        }
        from.insert("content-type", "application/json".parse().unwrap());
        let to = downstream(&from);
        assert_eq!(to.len(), 1, "{to:?}");
    }
}
