//! The `response` object and the items in it, as callers read them.
//! <https://platform.openai.com/docs/api-reference/responses/object>
//!
//! What the request said is not repeated: neither the form of an answer nor a stream carries it along. The
//! fields that clients count on hold their defaults.

use std::borrow::Cow;

use serde::Serialize;

use crate::chat::conversation::ExtraOut;
use crate::form::{Finish, Usage};

/// A response.
#[derive(Serialize)]
pub(super) struct Response<'e, I> {
    pub(super) id: &'e str,
    object: &'static str,
    created_at: u64,
    pub(super) status: Status,
    background: bool,
    error: (),
    incomplete_details: Option<Incomplete>,
    instructions: (),
    max_output_tokens: (),
    metadata: Nothing,
    model: &'e str,
    output: &'e [I],
    parallel_tool_calls: bool,
    previous_response_id: (),
    reasoning: Effort,
    store: bool,
    temperature: (),
    text: Text,
    tool_choice: &'static str,
    tools: [(); 0],
    top_p: (),
    truncation: &'static str,
    usage: Option<UsageOut>,
    user: (),
}

/// What a response is called and how it ended, which is all that differs between responses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'e> {
    pub(super) id: &'e str,
    pub(super) created: u64,
    pub(super) model: &'e str,
    pub(super) status: Status,
    pub(super) incomplete: Option<Incomplete>,
    pub(super) usage: Option<Usage>,
}

impl<'e, I> Response<'e, I> {
    /// The response of `frame` with these items.
    pub(super) fn new(frame: Frame<'e>, output: &'e [I]) -> Self {
        Self {
            id: frame.id,
            object: "response",
            created_at: frame.created,
            status: frame.status,
            background: false,
            error: (),
            incomplete_details: frame.incomplete,
            instructions: (),
            max_output_tokens: (),
            metadata: Nothing {},
            model: frame.model,
            output,
            parallel_tool_calls: true,
            previous_response_id: (),
            reasoning: Effort {
                effort: (),
                summary: (),
            },
            store: false,
            temperature: (),
            text: Text {
                format: Format { kind: "text" },
            },
            tool_choice: "auto",
            tools: [],
            top_p: (),
            truncation: "disabled",
            usage: frame.usage.map(UsageOut::from),
            user: (),
        }
    }
}

/// How far a response or an item has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    InProgress,
    Completed,
    Incomplete,
}

/// Why a response is incomplete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Incomplete {
    reason: &'static str,
}

impl Incomplete {
    /// Why an answer that ended for `finish` is incomplete, if it is.
    pub(super) const fn of(finish: &Finish) -> Option<Self> {
        match finish {
            Finish::Length => Some(Self {
                reason: "max_output_tokens",
            }),
            Finish::ContentFilter | Finish::Refusal => Some(Self {
                reason: "content_filter",
            }),
            Finish::Stop | Finish::StopText(_) | Finish::ToolCalls => None,
        }
    }

    /// The status that goes with it.
    pub(super) const fn status(this: Option<Self>) -> Status {
        match this {
            Some(_) => Status::Incomplete,
            None => Status::Completed,
        }
    }
}

#[derive(Serialize)]
struct Nothing {}

#[derive(Serialize)]
struct Effort {
    effort: (),
    summary: (),
}

#[derive(Serialize)]
struct Text {
    format: Format,
}

#[derive(Serialize)]
struct Format {
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
struct UsageOut {
    input_tokens: u64,
    input_tokens_details: InputDetails,
    output_tokens: u64,
    output_tokens_details: OutputDetails,
    total_tokens: u64,
}

#[derive(Serialize)]
struct InputDetails {
    cached_tokens: u64,
    cache_write_tokens: u64,
}

#[derive(Serialize)]
struct OutputDetails {
    reasoning_tokens: u64,
}

impl From<Usage> for UsageOut {
    fn from(usage: Usage) -> Self {
        Self {
            input_tokens: usage.input,
            input_tokens_details: InputDetails {
                cached_tokens: usage.cache_read,
                cache_write_tokens: usage.cache_write,
            },
            output_tokens: usage.output,
            output_tokens_details: OutputDetails {
                reasoning_tokens: usage.reasoning,
            },
            total_tokens: usage.input.saturating_add(usage.output),
        }
    }
}

/// An item of the output.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Item<'e> {
    Message {
        id: String,
        status: Status,
        role: &'static str,
        content: Vec<Piece<'e>>,
    },
    Reasoning {
        id: String,
        status: Status,
        summary: Vec<Piece<'e>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        encrypted_content: Option<Cow<'e, str>>,
    },
    FunctionCall {
        id: String,
        status: Status,
        call_id: &'e str,
        name: &'e str,
        arguments: &'e str,
        #[serde(skip_serializing_if = "Option::is_none")]
        extra_content: Option<ExtraOut<'e>>,
    },
    ImageGenerationCall {
        id: String,
        status: Status,
        result: &'e str,
    },
}

/// A piece of an item.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Piece<'e> {
    OutputText {
        text: &'e str,
        annotations: [(); 0],
        logprobs: [(); 0],
    },
    Refusal {
        refusal: &'e str,
    },
    SummaryText {
        text: &'e str,
    },
}

impl<'e> Piece<'e> {
    pub(super) const fn text(text: &'e str) -> Self {
        Self::OutputText {
            text,
            annotations: [],
            logprobs: [],
        }
    }
}

impl<'e> Item<'e> {
    pub(super) fn message(id: String, status: Status, content: Vec<Piece<'e>>) -> Self {
        Self::Message {
            id,
            status,
            role: "assistant",
            content,
        }
    }

    /// Reasoning with its text, if it is shown.
    pub(super) fn reasoning(id: String, status: Status, text: &'e str, proof: Option<Cow<'e, str>>) -> Self {
        let summary = (!text.is_empty()).then_some(Piece::SummaryText { text });
        Self::Reasoning {
            id,
            status,
            summary: summary.into_iter().collect(),
            encrypted_content: proof,
        }
    }
}

/// The id of the item at `place` of the response called `response`.
pub(super) fn item_id(prefix: &str, response: &str, place: usize) -> String {
    let tail = response.strip_prefix(super::ID).unwrap_or(response);
    format!("{prefix}{tail}_{place}")
}
