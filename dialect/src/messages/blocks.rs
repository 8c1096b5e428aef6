//! Content blocks as they are written: those of a request's messages and those of an answer are the same.
//! They borrow from the form, so that nothing is copied before the body is written.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::DIALECT;
use crate::form::{CacheMark, Document, Media, Part, Source, Text, Thought, ToolCall, ToolResult};
use crate::{Dropped, Refusal};

/// What the signature of a thought begins with that is none, but the proof of the call after it.
pub(super) const PROOF_OF_CALL: &str = "call:";

/// A content block.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'x> {
    Text {
        text: &'x str,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Mark<'x>>,
    },
    Image {
        source: Place<'x>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Mark<'x>>,
    },
    Document {
        source: Place<'x>,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<&'x str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Mark<'x>>,
    },
    ToolUse {
        id: Cow<'x, str>,
        name: &'x str,
        input: Input<'x>,
    },
    ToolResult {
        tool_use_id: Cow<'x, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        content: Option<Content<'x>>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Mark<'x>>,
    },
    Thinking {
        thinking: &'x str,
        signature: Cow<'x, str>,
    },
    RedactedThinking {
        data: &'x str,
    },
}

/// What a tool returned.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Content<'x> {
    Text(&'x str),
    Blocks(Vec<Block<'x>>),
}

/// Where media are.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Place<'x> {
    Base64 { media_type: &'x str, data: &'x str },
    Url { url: &'x str },
    File { file_id: &'x str },
    Text { media_type: &'static str, data: &'x str },
}

/// A call's arguments. Models do write what is no JSON object; Anthropic's advice for sending such back is to
/// wrap it: <https://platform.claude.com/docs/en/agents-and-tools/tool-use/fine-grained-tool-streaming>.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Input<'x> {
    Object(&'x RawValue),
    Nothing {},
    Invalid {
        #[serde(rename = "INVALID_JSON")]
        text: &'x str,
    },
}

/// `cache_control`.
#[derive(Serialize, Clone, Copy)]
#[serde(tag = "type", rename = "ephemeral")]
pub(super) struct Mark<'x> {
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<&'x str>,
}

impl<'x> Mark<'x> {
    /// A mark for the default time.
    pub(super) const DEFAULT: Self = Self { ttl: None };

    /// The form's mark. Times of other dialects that Anthropic does not know become its default.
    pub(super) fn of(mark: Option<&'x CacheMark<'_>>) -> Option<Self> {
        mark.map(|mark| Self {
            ttl: mark.ttl.as_deref().filter(|ttl| matches!(*ttl, "5m" | "1h")),
        })
    }
}

impl<'x> Input<'x> {
    /// The arguments in `text`.
    pub(super) fn of(text: &'x str) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Self::Nothing {};
        }
        match serde_json::from_str::<&RawValue>(text) {
            Ok(object) if text.starts_with('{') => Self::Object(object),
            _ => Self::Invalid { text },
        }
    }
}

impl<'x> Block<'x> {
    /// A text, unless it is empty: Anthropic refuses empty ones.
    pub(super) fn text(text: &'x Text<'_>) -> Option<Self> {
        (!text.text.is_empty()).then(|| Self::Text {
            text: &text.text,
            cache_control: Mark::of(text.cache.as_ref()),
        })
    }

    /// Words without a mark.
    pub(super) fn words(text: &'x str) -> Option<Self> {
        (!text.is_empty()).then_some(Self::Text {
            text,
            cache_control: None,
        })
    }

    /// What a model wants back with the call that follows. Callers of this dialect send back thoughts as they
    /// got them, and of calls only what the dialect knows, so that it travels as a thought.
    pub(super) fn proof_of_call(proof: &'x str) -> Self {
        Self::Thinking {
            thinking: "",
            signature: Cow::Owned(format!("{PROOF_OF_CALL}{proof}")),
        }
    }

    /// A call, its id as it is.
    pub(super) fn call(call: &'x ToolCall<'_>) -> Self {
        Self::ToolUse {
            id: Cow::Borrowed(&call.id),
            name: &call.name,
            input: Input::of(&call.arguments),
        }
    }

    /// The block of a request for `part`; `None` for what says nothing. What Anthropic takes no more is named
    /// in `dropped`.
    ///
    /// # Errors
    /// Anthropic has nothing for it.
    pub(super) fn asked(part: &'x Part<'_>, dropped: &mut Dropped) -> Result<Option<Self>, Refusal> {
        Ok(match part {
            Part::Text(text) => Self::text(text),
            Part::Refusal(words) => Self::words(words),
            Part::Image(image) => Some(Self::image(image, dropped)?),
            Part::Document(document) => Some(Self::document(document)),
            Part::ToolCall(call) => Some(Self::ToolUse {
                id: tool_id(&call.id),
                name: &call.name,
                input: Input::of(&call.arguments),
            }),
            Part::ToolResult(result) => Some(Self::result(result, dropped)?),
            Part::Thought(thought) => Self::thought(thought, dropped),
            Part::Audio(_) => return Err(Refusal::unsupported("messages[].content[].input_audio", DIALECT)),
        })
    }

    /// Marks it, if it can bear a mark: all that a user says can.
    pub(super) fn mark(&mut self) {
        match self {
            Self::Text { cache_control, .. }
            | Self::Image { cache_control, .. }
            | Self::Document { cache_control, .. }
            | Self::ToolResult { cache_control, .. } => *cache_control = Some(Mark::DEFAULT),
            Self::ToolUse { .. } | Self::Thinking { .. } | Self::RedactedThinking { .. } => {}
        }
    }

    fn image(image: &'x Media<'_>, dropped: &mut Dropped) -> Result<Self, Refusal> {
        if matches!(image.source, Source::Text(_)) {
            return Err(Refusal::unsupported("messages[].content[].image", DIALECT));
        }
        if image.detail.as_deref().is_some_and(|detail| detail != "auto") {
            dropped.add("messages[].content[].image_url.detail");
        }
        Ok(Self::Image {
            source: Place::of(&image.source),
            cache_control: Mark::of(image.cache.as_ref()),
        })
    }

    fn document(document: &'x Document<'_>) -> Self {
        Self::Document {
            source: Place::of(&document.source),
            title: document.name.as_deref(),
            cache_control: Mark::of(document.cache.as_ref()),
        }
    }

    fn result(result: &'x ToolResult<'_>, dropped: &mut Dropped) -> Result<Self, Refusal> {
        let content = match &*result.parts {
            [Part::Text(Text { text, cache: None })] if !text.is_empty() => Some(Content::Text(text)),
            parts => {
                let blocks = blocks(parts, dropped)?;
                (!blocks.is_empty()).then_some(Content::Blocks(blocks))
            }
        };
        Ok(Self::ToolResult {
            tool_use_id: tool_id(&result.id),
            content,
            is_error: result.is_error,
            cache_control: Mark::of(result.cache.as_ref()),
        })
    }

    /// Thoughts without a proof of Claude's are refused by Anthropic, so they are left out.
    fn thought(thought: &'x Thought<'_>, dropped: &mut Dropped) -> Option<Self> {
        if let Some(data) = thought.redacted.as_deref() {
            return Some(Self::RedactedThinking { data });
        }
        let Some(signature) = thought.claudes_proof() else {
            dropped.add("messages[].reasoning_content");
            return None;
        };
        Some(Self::Thinking {
            thinking: &thought.text,
            signature: Cow::Borrowed(signature),
        })
    }
}

impl<'x> Place<'x> {
    fn of(source: &'x Source<'_>) -> Self {
        match source {
            Source::Base64 { media_type, data } => Self::Base64 { media_type, data },
            Source::Url(url) => Self::Url { url },
            Source::File(file_id) => Self::File { file_id },
            Source::Text(data) => Self::Text {
                media_type: "text/plain",
                data,
            },
        }
    }
}

/// The blocks of `parts`.
///
/// # Errors
/// Anthropic has nothing for one of them.
pub(super) fn blocks<'x>(
    parts: impl IntoIterator<Item = &'x Part<'x>>,
    dropped: &mut Dropped,
) -> Result<Vec<Block<'x>>, Refusal> {
    parts
        .into_iter()
        .filter_map(|part| Block::asked(part, dropped).transpose())
        .collect()
}

/// A call's id as Anthropic takes it: letters, digits, `_` and `-`. Other dialects have others in theirs.
fn tool_id(id: &str) -> Cow<'_, str> {
    let taken = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !id.is_empty() && id.chars().all(taken) {
        return Cow::Borrowed(id);
    }
    let id: String = id.chars().map(|c| if taken(c) { c } else { '_' }).collect();
    Cow::Owned(if id.is_empty() { "_".to_owned() } else { id })
}
