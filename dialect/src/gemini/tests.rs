//! What is written to Gemini and read from it, side by side with its wire format.

mod answers;
mod media;
mod requests;
mod streams;
mod tools;

use serde_json::Value;

use super::{Delivery, path, write_request};
use crate::form::{Ask, Part, Role, Text, ToolCall, ToolResult, Turn};

const NEWEST: &str = "gemini-3.1-pro-preview";
const OLDER: &str = "gemini-2.5-flash";

/// What is written for `ask`, and what was dropped.
fn written(ask: &Ask<'_>, model: &str) -> (Value, Vec<String>) {
    let written = write_request(ask, model).expect("written");
    let body = serde_json::from_slice(&written.body).expect("JSON");
    (body, written.dropped.fields().map(str::to_owned).collect())
}

fn refused(ask: &Ask<'_>, model: &str) -> (String, String) {
    let refusal = write_request(ask, model).expect_err("refused");
    (refusal.field, refusal.message.into_owned())
}

fn text(text: &str) -> Part<'_> {
    Part::Text(Text::new(text))
}

fn user(parts: Vec<Part<'_>>) -> Turn<'_> {
    Turn {
        role: Role::User,
        parts,
    }
}

fn assistant(parts: Vec<Part<'_>>) -> Turn<'_> {
    Turn {
        role: Role::Assistant,
        parts,
    }
}

fn hello() -> Ask<'static> {
    Ask {
        turns: vec![user(vec![text("Hello")])],
        ..Ask::default()
    }
}

fn call<'a>(id: &'a str, name: &'a str, arguments: &'a str) -> ToolCall<'a> {
    ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
        signature: None,
    }
}

fn result<'a>(id: &'a str, parts: Vec<Part<'a>>) -> ToolResult<'a> {
    ToolResult {
        id: id.into(),
        parts,
        is_error: false,
        cache: None,
    }
}

#[test]
fn names_the_model_in_the_path_and_keeps_it_one_segment() {
    let paths = [
        (
            "gemini-2.5-pro",
            Delivery::Whole,
            "/models/gemini-2.5-pro:generateContent",
        ),
        (
            "gemini-2.5-pro",
            Delivery::Stream,
            "/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
        ),
        (
            "models/gemini-3-flash",
            Delivery::Whole,
            "/models/gemini-3-flash:generateContent",
        ),
        (
            "../x?a=b#c:d",
            Delivery::Whole,
            "/models/..%2Fx%3Fa%3Db%23c%3Ad:generateContent",
        ),
    ];
    for (model, delivery, golden) in paths {
        assert_eq!(path(model, delivery), golden);
    }
}
