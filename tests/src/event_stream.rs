//! Writes messages of an `application/vnd.amazon.eventstream`, as Bedrock streams them.

use anyhow::Result;
use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};

/// A message of an event stream.
#[derive(Clone, Copy, Debug)]
pub enum Sent<'a> {
    /// An event, by its name, and its JSON.
    Event(&'a str, &'a str),
    /// An exception of the service's model, by its name, and its JSON.
    Exception(&'a str, &'a str),
    /// A failure of the transport: its code and its text.
    Error(&'a str, &'a str),
}

/// Writes one message as its bytes.
pub fn message(sent: Sent<'_>) -> Result<Vec<u8>> {
    let message = match sent {
        Sent::Event(name, json) => of_type("event", ":event-type", name, json),
        Sent::Exception(name, json) => of_type("exception", ":exception-type", name, json),
        Sent::Error(code, text) => Message::new(Vec::new())
            .add_header(header(":message-type", "error"))
            .add_header(header(":error-code", code))
            .add_header(header(":error-message", text)),
    };
    let mut bytes = Vec::new();
    write_message_to(&message, &mut bytes)?;
    Ok(bytes)
}

fn of_type(kind: &str, named_by: &'static str, name: &str, json: &str) -> Message {
    Message::new(json.as_bytes().to_vec())
        .add_header(header(named_by, name))
        .add_header(header(":content-type", "application/json"))
        .add_header(header(":message-type", kind))
}

fn header(name: &'static str, value: &str) -> Header {
    Header::new(name, HeaderValue::String(value.to_owned().into()))
}
