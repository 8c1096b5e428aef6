//! Events of a `text/event-stream`, as the callers' dialects write them. Their data are JSON, which has no
//! line breaks of its own. <https://html.spec.whatwg.org/multipage/server-sent-events.html>

use serde::Serialize;

use crate::json;

/// Appends an event without a name.
pub(crate) fn data<T: Serialize>(value: &T, into: &mut Vec<u8>) {
    into.extend_from_slice(b"data: ");
    json::write_into(value, into);
    into.extend_from_slice(b"\n\n");
}

/// Appends an event with a name.
pub(crate) fn event<T: Serialize>(name: &str, value: &T, into: &mut Vec<u8>) {
    into.extend_from_slice(b"event: ");
    into.extend_from_slice(name.as_bytes());
    into.push(b'\n');
    data(value, into);
}
