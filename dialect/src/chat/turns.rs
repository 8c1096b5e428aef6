//! The messages of a request, read into the form's instructions and turns.

use super::content::{Bad, CacheControl};
use super::message::{Message, content_parts};
use crate::Refusal;
use crate::form::{Ask, CacheMark, Part, Role, ToolResult, Turn};

/// Reads `messages` into `ask`. Instructions are gathered from wherever they stand.
pub(super) fn read<'a>(messages: Vec<Message<'a>>, ask: &mut Ask<'a>) -> Result<(), Refusal> {
    if messages.is_empty() {
        return Err(Refusal::new("messages", "there must be at least one message"));
    }
    for (place, message) in messages.into_iter().enumerate() {
        let read = read_message(message, ask);
        read.map_err(|Bad(field, why)| Refusal::new(format!("messages[{place}].{field}"), why))?;
    }
    Ok(())
}

fn read_message<'a>(mut message: Message<'a>, ask: &mut Ask<'a>) -> Result<(), Bad> {
    let mark = message.cache_control.take().map(CacheControl::mark);
    let turn = match message.role.as_deref() {
        Some("system" | "developer") => return read_system(message, mark, ask),
        Some("user") => turn(Role::User, marked(content_parts(message.content)?, mark)),
        Some("assistant") => turn(Role::Assistant, marked(read_assistant(message)?, mark)),
        Some("tool") => turn(Role::User, vec![read_result(message, mark)?]),
        Some("function") => return Err(Bad("role".into(), OLD_FUNCTIONS.into())),
        _ => return Err(Bad("role".into(), ROLES.into())),
    };
    if !turn.parts.is_empty() {
        ask.turns.push(turn);
    }
    Ok(())
}

const ROLES: &str = "the role must be system, developer, user, assistant or tool";

/// Said wherever the form of calls before `tools` is met: its answers could not be written back.
pub(super) const OLD_FUNCTIONS: &str =
    "functions are deprecated and cannot be translated; use `tools`, `tool_choice` and messages of role tool";

fn turn(role: Role, parts: Vec<Part<'_>>) -> Turn<'_> {
    Turn { role, parts }
}

fn read_system<'a>(message: Message<'a>, mark: Option<CacheMark<'a>>, ask: &mut Ask<'a>) -> Result<(), Bad> {
    for part in marked(content_parts(message.content)?, mark) {
        match part {
            Part::Text(text) => ask.system.push(text),
            _ => return Err(Bad("content".into(), "instructions can only be text".into())),
        }
    }
    Ok(())
}

fn read_assistant(message: Message<'_>) -> Result<Vec<Part<'_>>, Bad> {
    if message.function_call.is_some() {
        return Err(Bad("function_call".into(), OLD_FUNCTIONS.into()));
    }
    if message.audio.is_some() {
        return Err(Bad(
            "audio".into(),
            "earlier audio answers cannot be translated; send their transcript as content".into(),
        ));
    }
    message.into_parts("")
}

fn read_result<'a>(message: Message<'a>, cache: Option<CacheMark<'a>>) -> Result<Part<'a>, Bad> {
    let missing = || Bad("tool_call_id".into(), "a result needs the id of its call".into());
    Ok(Part::ToolResult(ToolResult {
        id: message.tool_call_id.ok_or_else(missing)?.0,
        parts: content_parts(message.content)?,
        is_error: false,
        cache,
    }))
}

/// `parts` with the mark of the whole message behind the last of them.
fn marked<'a>(mut parts: Vec<Part<'a>>, mark: Option<CacheMark<'a>>) -> Vec<Part<'a>> {
    let place = match parts.last_mut() {
        Some(Part::Text(text)) => &mut text.cache,
        Some(Part::Image(media) | Part::Audio(media)) => &mut media.cache,
        Some(Part::Document(document)) => &mut document.cache,
        _ => return parts,
    };
    if mark.is_some() {
        *place = mark;
    }
    parts
}
