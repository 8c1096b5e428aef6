//! The input of a request, read into the form's instructions and turns.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::pieces::{Bad, Content, Piece, parts};
use super::proof;
use crate::Refusal;
use crate::chat::message::ExtraContent;
use crate::form::{Ask, Media, Part, Role, Source, Text, ToolCall, ToolResult, Turn};
use crate::json::{self, Str, StrOr};

/// A text, or a list of items.
pub(super) type Input<'a> = StrOr<'a, Vec<Item<'a>>>;

/// An item: a message, a call, a result or reasoning.
#[derive(Deserialize)]
pub(super) struct Item<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Str<'a>>,
    role: Option<Str<'a>>,
    content: Option<Content<'a>>,
    call_id: Option<Str<'a>>,
    name: Option<Str<'a>>,
    arguments: Option<Str<'a>>,
    output: Option<Content<'a>>,
    summary: Option<Vec<Piece<'a>>>,
    encrypted_content: Option<Str<'a>>,
    result: Option<Str<'a>>,
    extra_content: Option<ExtraContent<'a>>,
    // What the answers hold and clients send back.
    #[serde(rename = "id")]
    _id: Option<&'a RawValue>,
    #[serde(rename = "status")]
    _status: Option<&'a RawValue>,
}

/// What an item adds to the conversation.
enum Said<'a> {
    System(Vec<Part<'a>>),
    Turn(Role, Vec<Part<'a>>),
}

/// Reads `input` into `ask`. What the model said in several items without a break is one turn.
pub(super) fn read<'a>(input: Input<'a>, ask: &mut Ask<'a>) -> Result<(), Refusal> {
    let items = match input {
        StrOr::Str(text) => {
            add(Role::User, vec![Part::Text(Text::new(text))], ask);
            return Ok(());
        }
        StrOr::Other(items) => items,
    };
    for (place, item) in items.into_iter().enumerate() {
        let added = item.read().and_then(|said| say(said, ask));
        added.map_err(|Bad(field, why)| Refusal::new(format!("input[{place}].{field}"), why))?;
    }
    if ask.turns.is_empty() {
        return Err(Refusal::new("input", "there must be at least one message"));
    }
    Ok(())
}

fn say<'a>(said: Said<'a>, ask: &mut Ask<'a>) -> Result<(), Bad> {
    match said {
        Said::Turn(role, parts) => add(role, parts, ask),
        Said::System(parts) => {
            for part in parts {
                let Part::Text(text) = part else {
                    return Err(Bad::new("content", "instructions can only be text"));
                };
                ask.system.push(text);
            }
        }
    }
    Ok(())
}

fn add<'a>(role: Role, parts: Vec<Part<'a>>, ask: &mut Ask<'a>) {
    let last = ask
        .turns
        .last_mut()
        .filter(|last| last.role == role && role == Role::Assistant);
    match last {
        _ if parts.is_empty() => {}
        Some(turn) => turn.parts.extend(parts),
        None => ask.turns.push(Turn { role, parts }),
    }
}

impl<'a> Item<'a> {
    fn read(self) -> Result<Said<'a>, Bad> {
        match self.kind.as_deref() {
            None | Some("message") => self.message(),
            Some("function_call") => Ok(Said::Turn(Role::Assistant, vec![self.call()?])),
            Some("function_call_output") => Ok(Said::Turn(Role::User, vec![self.returned()?])),
            Some("reasoning") => Ok(Said::Turn(Role::Assistant, self.thought())),
            Some("image_generation_call") => Ok(Said::Turn(Role::Assistant, self.picture())),
            Some("item_reference") => Err(Bad::new("type", "no state is kept; send the item itself")),
            Some(other) => {
                let other = json::plain(other);
                Err(Bad::new(
                    "type",
                    format!("items of type {other} cannot be translated; leave them out"),
                ))
            }
        }
    }

    fn message(self) -> Result<Said<'a>, Bad> {
        let missing = || Bad::new("content", "a message needs its `content`");
        let role = self.role;
        let parts = parts(self.content.ok_or_else(missing)?, "content")?;
        match role.as_deref() {
            Some("user") => Ok(Said::Turn(Role::User, parts)),
            Some("assistant") => Ok(Said::Turn(Role::Assistant, parts)),
            Some("system" | "developer") => Ok(Said::System(parts)),
            _ => Err(Bad::new(
                "role",
                "the role must be user, assistant, system or developer",
            )),
        }
    }

    fn call(self) -> Result<Part<'a>, Bad> {
        let missing = |field| move || Bad::new(field, "a call needs its id, name and arguments");
        Ok(Part::ToolCall(ToolCall {
            id: self.call_id.ok_or_else(missing("call_id"))?.0,
            name: self.name.ok_or_else(missing("name"))?.0,
            arguments: self.arguments.ok_or_else(missing("arguments"))?.0,
            signature: self.extra_content.and_then(ExtraContent::signature),
        }))
    }

    fn returned(self) -> Result<Part<'a>, Bad> {
        let missing = |field| move || Bad::new(field, "a result needs its call's id and `output`");
        let output = self.output.ok_or_else(missing("output"))?;
        Ok(Part::ToolResult(ToolResult {
            id: self.call_id.ok_or_else(missing("call_id"))?.0,
            parts: parts(output, "output")?,
            is_error: false,
            cache: None,
        }))
    }

    /// A picture that the model made. What it is, no field says.
    fn picture(self) -> Vec<Part<'a>> {
        let picture = self.result.map(|data| Media {
            source: Source::Base64 {
                media_type: Cow::Borrowed("image/png"),
                data: data.0,
            },
            detail: None,
            cache: None,
        });
        picture.into_iter().map(Part::Image).collect()
    }

    /// The thought of a reasoning item: its text, or else its summary.
    fn thought(self) -> Vec<Part<'a>> {
        let content = match self.content {
            Some(StrOr::Other(pieces)) => pieces,
            _ => Vec::new(),
        };
        let pieces = if content.is_empty() {
            self.summary.unwrap_or_default()
        } else {
            content
        };
        let mut texts = pieces.into_iter().filter_map(|piece| piece.text.map(Cow::from));
        let first = texts.next().unwrap_or_default();
        let text = texts.fold(first, |all, more| all + "\n\n" + more);
        let thought = proof::thought(text, self.encrypted_content.as_deref());
        thought.into_iter().map(Part::Thought).collect()
    }
}
