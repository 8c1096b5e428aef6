//! What providers of each dialect say: whole answers, streams and errors, with content that says whose it is.

use serde_json::{Value, json};

use crate::answer::Wanted;

/// Which dialect a provider speaks. The others take the same ways through the router as these two: passed
/// on as they are, or translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Voice {
    /// The caller's own.
    OpenAi,
    /// One that is translated.
    Anthropic,
}

/// A stream's events, each whole.
#[derive(Debug)]
pub(crate) struct Script {
    /// Before the content.
    pub(crate) opening: Vec<String>,
    /// With one token each.
    pub(crate) content: Vec<String>,
    /// Without any choice, where the dialect has that.
    pub(crate) empty: Vec<String>,
    /// Why the answer ended.
    pub(crate) finish: Vec<String>,
    /// What it took, which nobody asked for.
    pub(crate) usage: Vec<String>,
    /// The end of the stream.
    pub(crate) done: String,
}

/// A token of content that says whose it is: the visit, the choice, and which it is of its choice.
fn token(visit: usize, choice: u64, nth: usize) -> String {
    format!("v{visit}c{choice}n{nth} ")
}

/// Everything that one choice of a visit's answer says.
fn content(visit: usize, choice: u64, tokens: usize) -> String {
    (0..tokens).map(|nth| token(visit, choice, nth)).collect()
}

impl Voice {
    /// A whole answer.
    pub(crate) fn document(self, visit: usize, choices: u64, tokens: usize) -> String {
        let choice = |index| {
            let message = json!({"role": "assistant", "content": content(visit, index, tokens)});
            json!({"index": index, "finish_reason": "stop", "message": message})
        };
        let document = match self {
            Self::OpenAi => {
                let choices: Vec<_> = (0..choices).map(choice).collect();
                json!({"id": "c", "object": "chat.completion", "model": "m", "choices": choices})
            }
            Self::Anthropic => message(&json!([{"type": "text", "text": content(visit, 0, tokens)}])),
        };
        document.to_string()
    }

    /// A whole answer with nothing in it.
    pub(crate) fn nothing(self) -> String {
        match self {
            Self::OpenAi => json!({"object": "chat.completion", "choices": []}).to_string(),
            Self::Anthropic => message(&json!([])).to_string(),
        }
    }

    /// An error of the provider's.
    pub(crate) fn error(self) -> String {
        match self {
            Self::OpenAi => {
                json!({"error": {"message": "broke", "type": "server_error", "code": null}}).to_string()
            }
            Self::Anthropic => {
                json!({"type": "error", "error": {"type": "api_error", "message": "broke"}}).to_string()
            }
        }
    }

    /// The same, in a stream.
    pub(crate) fn error_event(self) -> String {
        match self {
            Self::OpenAi => format!("data: {}\n\n", self.error()),
            Self::Anthropic => format!("event: error\ndata: {}\n\n", self.error()),
        }
    }

    /// An event that cannot be read.
    pub(crate) fn malformed_event(self) -> String {
        match self {
            Self::OpenAi => "data: {\"choices\":[{\"ind\n\n".to_owned(),
            Self::Anthropic => "event: content_block_delta\ndata: {\"type\":\"content_bl\n\n".to_owned(),
        }
    }

    /// What the body of a refusal with this status says; `code` is what `OpenAI` calls it where the status
    /// does not tell.
    pub(crate) fn refusal(self, status: u16, code: Option<&str>) -> String {
        match self {
            Self::OpenAi => json!({"error": {"message": "no", "type": null, "code": code}}).to_string(),
            Self::Anthropic => {
                let (kind, message) = of_anthropic(status, code);
                json!({"type": "error", "error": {"type": kind, "message": message}}).to_string()
            }
        }
    }

    /// A whole stream.
    pub(crate) fn script(self, visit: usize, wanted: Wanted, tokens: usize) -> Script {
        match self {
            Self::OpenAi => openai(visit, wanted.choices, tokens),
            Self::Anthropic => anthropic(visit, tokens),
        }
    }
}

/// The type and the message of Anthropic's error.
fn of_anthropic(status: u16, code: Option<&str>) -> (&'static str, &'static str) {
    match (status, code) {
        (_, Some("context_length_exceeded")) => (
            "invalid_request_error",
            "prompt is too long: 9 tokens > 8 maximum",
        ),
        (_, Some("content_filter")) => (
            "invalid_request_error",
            "Output blocked by content filtering policy",
        ),
        (_, Some("insufficient_quota")) => ("invalid_request_error", "Your credit balance is too low"),
        (400, _) => ("invalid_request_error", "no"),
        (401, _) => ("authentication_error", "no"),
        (403, _) => ("permission_error", "no"),
        (404, _) => ("not_found_error", "no"),
        (413, _) => ("request_too_large", "no"),
        (429, _) => ("rate_limit_error", "no"),
        (500, _) => ("api_error", "no"),
        (529, _) => ("overloaded_error", "no"),
        _ => ("", "no"),
    }
}

fn openai(visit: usize, choices: u64, tokens: usize) -> Script {
    let chunk = |choices: Value| {
        let chunk = json!({"object": "chat.completion.chunk", "model": "m", "choices": choices});
        format!("data: {chunk}\n\n")
    };
    let said = |index: u64, delta: Value, finish: Value| {
        chunk(json!([{"index": index, "delta": delta, "finish_reason": finish}]))
    };
    let role = |index| said(index, json!({"role": "assistant", "content": ""}), Value::Null);
    let words = (0..tokens).flat_map(|nth| (0..choices).map(move |index| (index, nth)));
    let word = |(index, nth)| said(index, json!({"content": token(visit, index, nth)}), Value::Null);
    let usage = json!({
        "object": "chat.completion.chunk", "model": "m", "choices": [],
        "usage": {"prompt_tokens": 1, "completion_tokens": tokens, "total_tokens": tokens + 1},
    });
    Script {
        opening: (0..choices).map(role).collect(),
        content: words.map(word).collect(),
        empty: vec![chunk(json!([]))],
        finish: (0..choices)
            .map(|index| said(index, json!({}), json!("stop")))
            .collect(),
        usage: vec![format!("data: {usage}\n\n")],
        done: "data: [DONE]\n\n".to_owned(),
    }
}

/// A message of Anthropic's with this content.
fn message(content: &Value) -> Value {
    json!({
        "id": "m", "type": "message", "role": "assistant", "model": "m", "content": content,
        "stop_reason": "end_turn", "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1},
    })
}

fn anthropic(visit: usize, tokens: usize) -> Script {
    let event = |data: Value| {
        let kind = data["type"].as_str().unwrap_or_default();
        format!("event: {kind}\ndata: {data}\n\n")
    };
    let mut begun = message(&json!([]));
    begun["stop_reason"] = Value::Null;
    let block = json!({"type": "text", "text": ""});
    let word = |nth| {
        let delta = json!({"type": "text_delta", "text": token(visit, 0, nth)});
        event(json!({"type": "content_block_delta", "index": 0, "delta": delta}))
    };
    let end = json!({"stop_reason": "end_turn", "stop_sequence": null});
    Script {
        opening: vec![
            event(json!({"type": "message_start", "message": begun})),
            event(json!({"type": "ping"})),
            event(json!({"type": "content_block_start", "index": 0, "content_block": block})),
        ],
        content: (0..tokens).map(word).collect(),
        empty: Vec::new(),
        finish: vec![
            event(json!({"type": "content_block_stop", "index": 0})),
            event(json!({"type": "message_delta", "delta": end, "usage": {"output_tokens": tokens}})),
        ],
        usage: Vec::new(),
        done: event(json!({"type": "message_stop"})),
    }
}
