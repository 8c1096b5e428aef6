//! Errors as Anthropic's clients read them. <https://platform.claude.com/docs/en/api/errors>

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::{json, sse};

/// An error as it is written.
#[derive(Serialize)]
struct Body<'x> {
    #[serde(rename = "type")]
    kind: &'static str,
    error: Inner<'x>,
    request_id: &'x str,
}

struct Inner<'x> {
    kind: &'x str,
    message: &'x str,
    beside: &'x [(&'x str, &'x str)],
}

impl Serialize for Inner<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2 + self.beside.len()))?;
        map.serialize_entry("type", self.kind)?;
        map.serialize_entry("message", self.message)?;
        for (field, value) in self.beside {
            map.serialize_entry(field, value)?;
        }
        map.end()
    }
}

/// The body of a response that is an error: `kind` is one of [`error_kind`], `beside` what stands beside it and
/// the message, such as `origin`.
pub fn error_body(kind: &str, message: &str, request_id: &str, beside: &[(&str, &str)]) -> Vec<u8> {
    json::write(&body(kind, message, request_id, beside))
}

/// Appends the same as an event, for streams that have begun. It ends them: no `message_stop` follows.
pub fn error_event(kind: &str, message: &str, request_id: &str, beside: &[(&str, &str)], into: &mut Vec<u8>) {
    sse::event("error", &body(kind, message, request_id, beside), into);
}

fn body<'x>(
    kind: &'x str,
    message: &'x str,
    request_id: &'x str,
    beside: &'x [(&'x str, &'x str)],
) -> Body<'x> {
    let error = Inner {
        kind,
        message,
        beside,
    };
    Body {
        kind: "error",
        error,
        request_id,
    }
}

/// What Anthropic calls an error of this status.
pub const fn error_kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        408 | 504 => "timeout_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

#[cfg(test)]
mod tests;
