//! A caller's system prompt and conversation, read into the form.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::blocks::PROOF_OF_CALL;
use super::heard::{Block, Blocks, CacheControl, Citations, Content, Message, Place};
use super::read::{essential, missing};
use crate::Refusal;
use crate::form::{
    CacheMark, Document, Extra, Media, Part, Role, Source, Text, Thought, ToolCall, ToolResult, Turn,
};
use crate::json::{Str, StrOr};

/// The system prompt.
pub(super) fn system<'a>(heard: Option<Content<'a>>, extras: &mut Vec<Extra<'a>>) -> Vec<Text<'a>> {
    heard.map_or_else(Vec::new, |content| texts(content, "system", extras))
}

/// The conversation. What the system says in the middle of it goes to the end of `system`: other dialects know
/// no such place.
pub(super) fn turns<'a>(
    messages: Vec<Message<'a>>,
    system: &mut Vec<Text<'a>>,
    extras: &mut Vec<Extra<'a>>,
) -> Result<Vec<Turn<'a>>, Refusal> {
    if messages.is_empty() {
        return Err(Refusal::new("messages", "at least one message is required"));
    }
    let mut turns = Vec::with_capacity(messages.len());
    for (at, message) in messages.into_iter().enumerate() {
        let path = format!("messages[{at}]");
        let role = match &*message.role {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" => {
                system.extend(texts(message.content, &path, extras));
                continue;
            }
            _ => {
                let field = format!("{path}.role");
                return Err(Refusal::new(field, "expected user, assistant or system here"));
            }
        };
        let parts = parts(message.content, &path, extras)?;
        turns.push(Turn { role, parts });
    }
    Ok(turns)
}

fn texts<'a>(content: Content<'a>, path: &str, extras: &mut Vec<Extra<'a>>) -> Vec<Text<'a>> {
    let blocks = match content {
        StrOr::Str(text) => return vec![Text::new(text)],
        StrOr::Other(Blocks(blocks)) => blocks,
    };
    let mut texts = Vec::with_capacity(blocks.len());
    for (at, block) in blocks.into_iter().enumerate() {
        match &*block.kind {
            "text" => texts.push(text(block)),
            _ => extras.push(essential(format!("{path}[{at}]"))),
        }
    }
    texts
}

fn text(block: Block<'_>) -> Text<'_> {
    Text {
        text: block.text.unwrap_or_default().into(),
        cache: block.cache_control.map(cache_mark),
    }
}

/// The form's mark.
pub(super) fn cache_mark(mark: CacheControl<'_>) -> CacheMark<'_> {
    CacheMark {
        ttl: mark.ttl.map(Into::into),
    }
}

fn parts<'a>(
    content: Content<'a>,
    path: &str,
    extras: &mut Vec<Extra<'a>>,
) -> Result<Vec<Part<'a>>, Refusal> {
    let blocks = match content {
        StrOr::Str(text) => return Ok(vec![Part::Text(Text::new(text))]),
        StrOr::Other(Blocks(blocks)) => blocks,
    };
    let mut parts = Vec::with_capacity(blocks.len());
    // The proof of the next call, which travels as a thought before it.
    let mut proof = None;
    for (at, block) in blocks.into_iter().enumerate() {
        if let Some(signature) = proof_of_call(&block) {
            proof = Some(signature);
            continue;
        }
        let path = format!("{path}.content[{at}]");
        let mut part = part(block, &path, extras)?;
        if let Some(Part::ToolCall(call)) = &mut part {
            call.signature = proof.take();
        }
        parts.extend(part);
    }
    Ok(parts)
}

fn proof_of_call<'a>(block: &Block<'a>) -> Option<Cow<'a, str>> {
    let signature = block
        .signature
        .as_deref()
        .filter(|_| &*block.kind == "thinking")?;
    let proof = signature.strip_prefix(PROOF_OF_CALL)?;
    Some(proof.to_owned().into())
}

/// The form's part for `block`; `None` if Weir has no place for it, which is then among `extras`.
fn part<'a>(block: Block<'a>, path: &str, extras: &mut Vec<Extra<'a>>) -> Result<Option<Part<'a>>, Refusal> {
    Ok(Some(match &*block.kind {
        "text" => Part::Text(text(block)),
        "thinking" => Part::Thought(Thought {
            text: block.thinking.unwrap_or_default().into(),
            signature: block.signature.filter(|proof| !proof.is_empty()).map(Into::into),
            redacted: None,
        }),
        "redacted_thinking" => Part::Thought(Thought {
            redacted: Some(required(block.data, path, "data")?.into()),
            ..Thought::default()
        }),
        "tool_use" => Part::ToolCall(ToolCall {
            id: required(block.id, path, "id")?.into(),
            name: required(block.name, path, "name")?.into(),
            arguments: block.input.map_or("", RawValue::get).into(),
            signature: None,
        }),
        "tool_result" => Part::ToolResult(result(block, path, extras)?),
        "image" | "document" => return media(block, path, extras),
        _ => {
            extras.push(essential(path.to_owned()));
            return Ok(None);
        }
    }))
}

fn required<'a>(field: Option<Str<'a>>, path: &str, name: &str) -> Result<Str<'a>, Refusal> {
    field.ok_or_else(|| missing(path, name))
}

fn result<'a>(block: Block<'a>, path: &str, extras: &mut Vec<Extra<'a>>) -> Result<ToolResult<'a>, Refusal> {
    let content = block.content.unwrap_or(StrOr::Other(Blocks::default()));
    Ok(ToolResult {
        id: required(block.tool_use_id, path, "tool_use_id")?.into(),
        parts: parts(content, path, extras)?,
        is_error: block.is_error.unwrap_or(false),
        cache: block.cache_control.map(cache_mark),
    })
}

fn media<'a>(block: Block<'a>, path: &str, extras: &mut Vec<Extra<'a>>) -> Result<Option<Part<'a>>, Refusal> {
    if block.citations.is_some_and(wants_citations) {
        extras.push(essential(format!("{path}.citations")));
    }
    let Some(StrOr::Other(place)) = block.source else {
        return Err(missing(path, "source"));
    };
    let Some(source) = source(place, path)? else {
        extras.push(essential(format!("{path}.source")));
        return Ok(None);
    };
    let cache = block.cache_control.map(cache_mark);
    Ok(Some(match &*block.kind {
        "image" => Part::Image(Media {
            source,
            detail: None,
            cache,
        }),
        _ => Part::Document(Document {
            source,
            name: block.title.map(Into::into),
            cache,
        }),
    }))
}

fn wants_citations(citations: &RawValue) -> bool {
    serde_json::from_str::<Citations>(citations.get()).is_ok_and(|citations| citations.enabled)
}

/// Where media are; `None` if in a place that others have not, such as a list of blocks.
fn source<'a>(place: Place<'a>, path: &str) -> Result<Option<Source<'a>>, Refusal> {
    let path = format!("{path}.source");
    Ok(Some(match &*place.kind {
        "base64" => Source::Base64 {
            media_type: required(place.media_type, &path, "media_type")?.into(),
            data: required(place.data, &path, "data")?.into(),
        },
        "url" => Source::Url(required(place.url, &path, "url")?.into()),
        "file" => Source::File(required(place.file_id, &path, "file_id")?.into()),
        "text" => Source::Text(required(place.data, &path, "data")?.into()),
        "content" => match place
            .content
            .and_then(|content| serde_json::from_str::<Str<'_>>(content.get()).ok())
        {
            Some(text) => Source::Text(text.into()),
            None => return Ok(None),
        },
        _ => return Ok(None),
    }))
}
