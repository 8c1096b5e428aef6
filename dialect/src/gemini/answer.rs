//! Reads Gemini's answers: whole ones, and the messages of a stream, which have the same shape.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::finish::{Ended, ended};
use crate::Unreadable;
use crate::form::{Answer, Choice, Finish, Media, Part, Source, Text, Thought, ToolCall, Usage};
use crate::json::{self, Str};

/// Characters of an answer's id that stand in the ids of its calls: some callers allow 40 in all.
const ID_CHARS: usize = 28;

/// A whole answer, or a message of a stream.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) candidates: Option<Vec<Candidate<'a>>>,
    pub(super) prompt_feedback: Option<Feedback<'a>>,
    pub(super) usage_metadata: Option<UsageMetadata>,
    pub(super) model_version: Option<Str<'a>>,
    pub(super) response_id: Option<Str<'a>>,
    pub(super) error: Option<Failure<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    #[serde(default)]
    pub(super) index: u32,
    #[serde(borrow)]
    pub(super) content: Option<Content<'a>>,
    pub(super) finish_reason: Option<Str<'a>>,
    pub(super) finish_message: Option<Str<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Content<'a> {
    #[serde(borrow)]
    pub(super) parts: Option<Vec<Piece<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Piece<'a> {
    #[serde(borrow)]
    pub(super) text: Option<Str<'a>>,
    pub(super) thought: Option<bool>,
    pub(super) thought_signature: Option<Str<'a>>,
    pub(super) function_call: Option<Call<'a>>,
    pub(super) inline_data: Option<Blob<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Call<'a> {
    #[serde(borrow)]
    id: Option<Str<'a>>,
    pub(super) name: Str<'a>,
    args: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Blob<'a> {
    #[serde(borrow)]
    mime_type: Str<'a>,
    data: Str<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Feedback<'a> {
    #[serde(borrow)]
    pub(super) block_reason: Option<Str<'a>>,
}

/// An error in a stream that had begun well. <https://cloud.google.com/apis/design/errors>
#[derive(Deserialize)]
pub(super) struct Failure<'a> {
    pub(super) code: Option<u16>,
    #[serde(borrow)]
    pub(super) message: Option<Str<'a>>,
    pub(super) status: Option<Str<'a>>,
    pub(super) details: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "They are called so on the wire.")]
pub(super) struct UsageMetadata {
    #[serde(default)]
    prompt_token_count: u64,
    #[serde(default)]
    tool_use_prompt_token_count: u64,
    #[serde(default)]
    cached_content_token_count: u64,
    #[serde(default)]
    candidates_token_count: u64,
    #[serde(default)]
    thoughts_token_count: u64,
}

impl UsageMetadata {
    /// The prompt includes what came from a cache; the candidates exclude thoughts.
    pub(super) fn usage(&self) -> Usage {
        Usage {
            input: self
                .prompt_token_count
                .saturating_add(self.tool_use_prompt_token_count),
            cache_read: self.cached_content_token_count,
            cache_write: 0,
            output: self
                .candidates_token_count
                .saturating_add(self.thoughts_token_count),
            reasoning: self.thoughts_token_count,
        }
    }
}

impl Message<'_> {
    /// Whether the prompt was refused, so that there will be no answer.
    pub(super) fn is_blocked(&self) -> bool {
        let reason = self
            .prompt_feedback
            .as_ref()
            .and_then(|feedback| feedback.block_reason.as_ref());
        reason.is_some() && self.candidates.as_ref().is_none_or(Vec::is_empty)
    }
}

impl<'a> Call<'a> {
    /// The arguments, as text of JSON.
    pub(super) fn arguments(&self) -> Cow<'a, str> {
        Cow::Borrowed(self.args.map_or("{}", RawValue::get))
    }
}

/// Ids for calls that Gemini gave none: of the answer's id, which tells them from those of other turns, and a
/// number.
#[derive(Debug, Default)]
pub(super) struct CallIds {
    answer: String,
    given: u32,
}

impl CallIds {
    /// For calls of the answer `id`.
    pub(super) fn of(id: Option<&str>) -> Self {
        let is_kept = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        Self {
            answer: id
                .unwrap_or_default()
                .chars()
                .filter(is_kept)
                .take(ID_CHARS)
                .collect(),
            given: 0,
        }
    }

    /// The id of the next call: its own, if it has one.
    pub(super) fn next<'a>(&mut self, call: &mut Call<'a>) -> Cow<'a, str> {
        let number = self.given;
        self.given = number.saturating_add(1);
        match call.id.take() {
            Some(own) if !own.is_empty() => own.into(),
            _ if self.answer.is_empty() => Cow::Owned(format!("call_{:016x}_{number}", digest(call))),
            _ => Cow::Owned(format!("call_{}_{number}", self.answer)),
        }
    }
}

/// Where the answer has no id either: calls that share one are at least calls of the same tool.
fn digest(call: &Call<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&*call.name, call.arguments()).hash(&mut hasher);
    hasher.finish()
}

/// Reads a whole answer. A candidate in which the model went wrong has no parts and no reason for ending: it is
/// no answer.
///
/// # Errors
/// The body is not an answer of Gemini's.
pub fn read_answer(body: &[u8]) -> Result<Answer<'_>, Unreadable> {
    let message: Message<'_> = json::read_answer(body)?;
    if message.error.is_some() {
        return Err(Unreadable);
    }
    let mut ids = CallIds::of(message.response_id.as_deref());
    let is_blocked = message.is_blocked();
    let mut candidates = message.candidates.unwrap_or_default();
    candidates.sort_by_key(|candidate| candidate.index);
    let mut choices: Vec<_> = candidates
        .into_iter()
        .map(|candidate| choice(candidate, &mut ids))
        .collect();
    choices.extend(is_blocked.then(blocked));
    Ok(Answer {
        id: message.response_id.map(Cow::from),
        model: message.model_version.map(Cow::from),
        choices,
        usage: message.usage_metadata.map(|usage| usage.usage()),
    })
}

fn blocked<'a>() -> Choice<'a> {
    Choice {
        parts: Vec::new(),
        finish: Some(Finish::ContentFilter),
    }
}

fn choice<'a>(candidate: Candidate<'a>, ids: &mut CallIds) -> Choice<'a> {
    let pieces = candidate
        .content
        .and_then(|content| content.parts)
        .unwrap_or_default();
    let mut parts = Vec::with_capacity(pieces.len());
    let mut calls = 0;
    for piece in pieces {
        calls += u32::from(piece.function_call.is_some());
        read_piece(piece, ids, &mut parts);
    }
    match candidate.finish_reason.map(|reason| ended(&reason, calls)) {
        Some(Ended::Failed) => Choice {
            parts: Vec::new(),
            finish: None,
        },
        Some(Ended::So(finish)) => Choice {
            parts,
            finish: Some(finish),
        },
        None => Choice { parts, finish: None },
    }
}

fn read_piece<'a>(piece: Piece<'a>, ids: &mut CallIds, parts: &mut Vec<Part<'a>>) {
    let signature = piece.thought_signature.map(Cow::from);
    if let Some(mut call) = piece.function_call {
        parts.push(Part::ToolCall(ToolCall {
            id: ids.next(&mut call),
            arguments: call.arguments(),
            name: call.name.into(),
            signature,
        }));
        return;
    }
    parts.extend(piece.inline_data.map(medium));
    let text: Cow<'a, str> = piece.text.map(Cow::from).unwrap_or_default();
    let proof = signature.map(|signature| Cow::Owned(Thought::signature_of_gemini(&signature)));
    if piece.thought == Some(true) {
        parts.extend(thought(text, proof));
    } else {
        parts.extend((!text.is_empty()).then(|| Part::Text(Text::new(text))));
        parts.extend(thought(Cow::default(), proof));
    }
}

fn thought<'a>(text: Cow<'a, str>, signature: Option<Cow<'a, str>>) -> Option<Part<'a>> {
    let says_something = !text.is_empty() || signature.is_some();
    says_something.then_some(Part::Thought(Thought {
        text,
        signature,
        redacted: None,
    }))
}

fn medium(blob: Blob<'_>) -> Part<'_> {
    let is_sound = blob.mime_type.starts_with("audio/");
    let media = Media {
        source: Source::Base64 {
            media_type: blob.mime_type.into(),
            data: blob.data.into(),
        },
        detail: None,
        cache: None,
    };
    if is_sound {
        Part::Audio(media)
    } else {
        Part::Image(media)
    }
}
