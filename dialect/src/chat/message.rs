//! A message of chat completions, as callers and targets write it, read into parts of the form. Deltas of a
//! stream have the same fields.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::content::{Bad, CacheControl, Content, Piece};
use crate::form::{Part, Text, Thought, ToolCall};
use crate::json::{Str, StrOr};

/// A message or a delta.
#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) role: Option<Str<'a>>,
    pub(super) content: Option<Content<'a>>,
    pub(super) refusal: Option<Str<'a>>,
    pub(super) tool_calls: Option<Vec<Call<'a>>>,
    pub(super) tool_call_id: Option<Str<'a>>,
    /// The deprecated form of `tool_calls`.
    pub(super) function_call: Option<Function<'a>>,
    /// A reference to sound that the provider keeps.
    pub(super) audio: Option<&'a RawValue>,
    /// The mark behind the message, as gateways take it.
    pub(super) cache_control: Option<CacheControl<'a>>,
    /// Reasoning as `DeepSeek` and those after it write it.
    reasoning_content: Option<Str<'a>>,
    /// The same, as `OpenRouter` and newer vLLM write it.
    reasoning: Option<StrOr<'a, IgnoredAny>>,
    /// Reasoning with its proofs, as gateways write it.
    pub(super) thinking_blocks: Option<Vec<Piece<'a>>>,
}

/// A tool call, or in deltas a piece of one.
#[derive(Deserialize)]
pub(super) struct Call<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Str<'a>>,
    pub(super) index: Option<u64>,
    #[serde(rename = "type")]
    pub(super) kind: Option<Str<'a>>,
    pub(super) function: Option<Function<'a>>,
    pub(super) extra_content: Option<ExtraContent<'a>>,
}

/// What is called.
#[derive(Deserialize)]
pub(super) struct Function<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Str<'a>>,
    pub(super) arguments: Option<Str<'a>>,
}

/// Where Gemini's endpoint for this dialect puts the proof of the reasoning before a call.
/// <https://ai.google.dev/gemini-api/docs/thought-signatures>
#[derive(Deserialize)]
pub(crate) struct ExtraContent<'a> {
    #[serde(borrow)]
    google: Option<Google<'a>>,
}

#[derive(Deserialize)]
struct Google<'a> {
    #[serde(borrow)]
    thought_signature: Option<Str<'a>>,
}

impl<'a> ExtraContent<'a> {
    pub(crate) fn signature(self) -> Option<Cow<'a, str>> {
        self.google?.thought_signature.map(Cow::from)
    }
}

impl<'a> Message<'a> {
    /// The reasoning, taken out: with its proofs where there are any.
    pub(super) fn take_thoughts(&mut self) -> Vec<Thought<'a>> {
        let text = self.take_reasoning().unwrap_or_default();
        let blocks = self.thinking_blocks.take().unwrap_or_default();
        let thoughts: Vec<_> = blocks.into_iter().filter_map(Piece::thought).collect();
        if !thoughts.is_empty() || text.is_empty() {
            return thoughts;
        }
        vec![Thought {
            text,
            ..Thought::default()
        }]
    }

    /// The text of the reasoning, taken out.
    pub(super) fn take_reasoning(&mut self) -> Option<Cow<'a, str>> {
        let other = match self.reasoning.take() {
            Some(StrOr::Str(text)) => Some(text),
            _ => None,
        };
        self.reasoning_content.take().map(Cow::from).or(other)
    }

    /// What the model thought, said and called, in that order. `answer` is what the provider calls it, if it is
    /// an answer.
    pub(super) fn into_parts(mut self, answer: &str) -> Result<Vec<Part<'a>>, Bad> {
        let mut parts: Vec<_> = self.take_thoughts().into_iter().map(Part::Thought).collect();
        parts.extend(content_parts(self.content)?);
        let refusal = self.refusal.map(Cow::from).filter(|text| !text.is_empty());
        parts.extend(refusal.map(Part::Refusal));
        for (place, call) in self.tool_calls.into_iter().flatten().enumerate() {
            parts.push(Part::ToolCall(call.whole(answer, place)?));
        }
        Ok(parts)
    }
}

impl<'a> Call<'a> {
    /// The call, if all of it is here.
    fn whole(self, answer: &str, place: usize) -> Result<ToolCall<'a>, Bad> {
        let function = match self.function {
            Some(function) if self.kind.is_none_or(|kind| &*kind == "function") => function,
            _ => {
                return Err(Bad(
                    "tool_calls".into(),
                    "only calls of functions can be translated".into(),
                ));
            }
        };
        let unnamed = Bad(
            "tool_calls".into(),
            "a call needs the name of its function".into(),
        );
        let id = self.id.map(Cow::from).filter(|id| !id.is_empty());
        Ok(ToolCall {
            id: id.unwrap_or_else(|| Cow::Owned(made_up_id(answer, place))),
            name: function.name.ok_or(unnamed)?.0,
            arguments: function.arguments.map(Cow::from).unwrap_or_default(),
            signature: self.extra_content.and_then(ExtraContent::signature),
        })
    }
}

/// The id of a call that has none: by its place, and by the answer that it is in, as ids must not come twice in
/// a conversation.
pub(super) fn made_up_id(answer: &str, place: impl std::fmt::Display) -> String {
    let tail = answer.rsplit('_').next().unwrap_or_default();
    let tail: String = tail
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(32)
        .collect();
    let dash = if tail.is_empty() { "" } else { "_" };
    format!("call_{tail}{dash}{place}")
}

/// The parts of a content, without empty ones.
pub(super) fn content_parts(content: Option<Content<'_>>) -> Result<Vec<Part<'_>>, Bad> {
    match content {
        None => Ok(Vec::new()),
        Some(StrOr::Str(text)) if text.is_empty() => Ok(Vec::new()),
        Some(StrOr::Str(text)) => Ok(vec![Part::Text(Text::new(text))]),
        Some(StrOr::Other(pieces)) => pieces_parts(pieces),
    }
}

fn pieces_parts(pieces: Vec<Piece<'_>>) -> Result<Vec<Part<'_>>, Bad> {
    let mut parts = Vec::with_capacity(pieces.len());
    for (place, piece) in pieces.into_iter().enumerate() {
        let read = piece.part().map_err(|bad| bad.below(place))?;
        parts.extend(read);
    }
    Ok(parts)
}

impl Message<'_> {
    /// Takes the deprecated form of a call for a call.
    pub(super) fn adopt_function_call(&mut self) {
        let call = self.function_call.take().map(|function| Call {
            id: None,
            index: None,
            kind: None,
            function: Some(function),
            extra_content: None,
        });
        if let Some(call) = call {
            self.tool_calls.get_or_insert_default().push(call);
        }
    }
}
