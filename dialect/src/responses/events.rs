//! The events of a stream, as callers read them: a body with its name and number in front.
//! <https://platform.openai.com/docs/api-reference/responses-streaming>

use serde::Serialize;

use super::object::{Item, Piece, Response};

/// An event.
#[derive(Serialize)]
pub(super) struct Sent<B> {
    #[serde(rename = "type")]
    pub(super) name: &'static str,
    pub(super) sequence_number: u64,
    #[serde(flatten)]
    pub(super) body: B,
}

/// What the whole response is.
#[derive(Serialize)]
pub(super) struct OfResponse<'e, I> {
    pub(super) response: Response<'e, I>,
}

/// What an item is.
#[derive(Serialize)]
pub(super) struct OfItem<'e> {
    pub(super) output_index: usize,
    pub(super) item: &'e Item<'e>,
}

/// Where in the output something is.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Place<'e> {
    pub(super) item_id: &'e str,
    pub(super) output_index: usize,
    /// Which piece of a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_index: Option<usize>,
    /// Which piece of a summary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) summary_index: Option<usize>,
}

/// What is in a place.
#[derive(Serialize)]
pub(super) struct At<'e> {
    #[serde(flatten)]
    pub(super) place: Place<'e>,
    #[serde(flatten)]
    pub(super) what: What<'e>,
}

/// A piece, more of it, or all of it.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum What<'e> {
    Piece { part: Piece<'e> },
    Delta { delta: &'e str },
    TextDelta { delta: &'e str, logprobs: [(); 0] },
    Text { text: &'e str, logprobs: [(); 0] },
    Summary { text: &'e str },
    Refusal { refusal: &'e str },
    Arguments { name: &'e str, arguments: &'e str },
}
