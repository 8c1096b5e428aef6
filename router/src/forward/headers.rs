//! Which headers pass the router, in both directions: those that are named here. What is not, such as the
//! caller's key, cookies or a managed key's limits, has no way through.

use http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE,
    CONTENT_TYPE, HOST, HeaderName, RETRY_AFTER, USER_AGENT, VARY,
};
use http::{HeaderMap, HeaderValue};
use weir_dialect::Dropped;
use weir_table::Dialect;

use crate::body::Prompt;
use crate::state::{Endpoint, Proof};

/// What a caller says that any provider may hear.
const UPSTREAM: [HeaderName; 4] = [
    ACCEPT,
    USER_AGENT,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("traceparent"),
];

/// What only `OpenAI`'s family understands.
const OPENAI: [HeaderName; 1] = [HeaderName::from_static("openai-beta")];

/// What of a request its target does not hear.
const DROPPED: HeaderName = HeaderName::from_static("x-weir-dropped");

/// The longest list of fields in a header, in bytes.
const LONGEST_LIST: usize = 1_024;

const VERSION: HeaderName = HeaderName::from_static("anthropic-version");

/// What only Anthropic understands.
const ANTHROPIC: [HeaderName; 2] = [VERSION, HeaderName::from_static("anthropic-beta")];

/// The version of Anthropic's API that is meant where the caller says none.
const USUAL_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

/// What a provider says that a caller may hear.
const DOWNSTREAM: [HeaderName; 10] = [
    CONTENT_TYPE,
    CONTENT_DISPOSITION,
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CACHE_CONTROL,
    VARY,
    RETRY_AFTER,
    HeaderName::from_static("retry-after-ms"),
    HeaderName::from_static("openai-processing-ms"),
    HeaderName::from_static("openai-version"),
];

/// The headers of a request to `endpoint` on behalf of a caller who sent `from`, and whose answer is looked
/// into, so that it must not be compressed.
pub(super) fn upstream(endpoint: &Endpoint, from: &HeaderMap) -> HeaderMap {
    let mut to = common(endpoint, from);
    to.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    to.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    to
}

/// The headers of a request that was translated: what the caller would accept is of its own dialect, and the
/// version is the one that the translation speaks, whatever the caller's SDK speaks.
pub(super) fn translated(endpoint: &Endpoint, from: &HeaderMap) -> HeaderMap {
    let mut to = upstream(endpoint, from);
    to.remove(ACCEPT);
    if endpoint.dialect == Dialect::Anthropic {
        to.insert(VERSION, USUAL_VERSION);
    }
    to
}

/// The headers of an answer that was translated into a `content_type`.
pub(super) fn of_translation(content_type: &'static str, dropped: &Dropped) -> HeaderMap {
    let mut to = HeaderMap::with_capacity(16);
    to.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some(fields) = named(dropped) {
        to.insert(DROPPED, fields);
    }
    to
}

/// The fields that were dropped, as far as a header can say them.
fn named(dropped: &Dropped) -> Option<HeaderValue> {
    let mut text = String::new();
    for field in dropped.fields() {
        let plain = field.bytes().all(|b| b.is_ascii_graphic() && b != b',');
        if plain && text.len() + field.len() < LONGEST_LIST {
            let separator = if text.is_empty() { "" } else { ", " };
            text.extend([separator, field]);
        }
    }
    HeaderValue::try_from(text).ok().filter(|text| !text.is_empty())
}

/// The headers of a request that only passes through: its answer may be encoded as the caller likes. A JSON
/// body is called one, whatever the caller calls it; a form is called as the caller does, for its boundary.
pub(super) fn through(endpoint: &Endpoint, from: &HeaderMap, prompt: &Prompt) -> HeaderMap {
    let mut to = common(endpoint, from);
    copy(from, &mut to, &[ACCEPT_ENCODING]);
    if prompt.is_form() {
        // The one that the form was read by: a provider might go by another boundary, and find another model.
        to.extend(from.get(CONTENT_TYPE).map(|kind| (CONTENT_TYPE, kind.clone())));
    } else {
        to.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    to
}

fn common(endpoint: &Endpoint, from: &HeaderMap) -> HeaderMap {
    let mut to = HeaderMap::with_capacity(12);
    to.insert(HOST, endpoint.host.clone());
    if let Proof::Header(name, value) = &endpoint.proof {
        to.insert(name.clone(), value.clone());
    }
    copy(from, &mut to, &UPSTREAM);
    match endpoint.dialect {
        Dialect::OpenAI | Dialect::AzureOpenAI => copy(from, &mut to, &OPENAI),
        Dialect::Anthropic => {
            copy(from, &mut to, &ANTHROPIC);
            to.entry(VERSION).or_insert(USUAL_VERSION);
        }
        Dialect::Gemini | Dialect::Bedrock => {}
    }
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
