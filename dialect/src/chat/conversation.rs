//! The form's instructions and turns, written as messages.

use std::borrow::Cow;

use serde::Serialize;

use super::pieces::{ContentOut, Paragraphs, PieceOut, joined, piece};
use crate::form::{Ask, Part, Role, Thought, ToolCall, ToolResult, Turn};
use crate::{Dropped, Refusal};

/// A message.
#[derive(Serialize)]
pub(super) struct MessageOut<'f> {
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'f str>,
    content: Option<ContentOut<'f>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<Cow<'f, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<Cow<'f, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<CallOut<'f>>,
}

/// A call of a tool, in requests and in answers.
#[derive(Serialize)]
pub(super) struct CallOut<'f> {
    id: &'f str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: FunctionOut<'f>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<ExtraOut<'f>>,
}

#[derive(Serialize)]
struct FunctionOut<'f> {
    name: &'f str,
    arguments: &'f str,
}

/// The proof of the reasoning before a call, where Gemini's endpoint for this dialect has it.
#[derive(Serialize)]
pub(crate) struct ExtraOut<'f> {
    google: GoogleOut<'f>,
}

#[derive(Serialize)]
struct GoogleOut<'f> {
    thought_signature: &'f str,
}

/// The messages for `ask`. Results follow their calls at once, as targets demand: before what else the user
/// said since.
///
/// # Errors
/// A part cannot be said in this dialect.
pub(super) fn messages<'f>(ask: &'f Ask<'_>, dropped: &mut Dropped) -> Result<Vec<MessageOut<'f>>, Refusal> {
    let mut messages = Vec::with_capacity(ask.turns.len() + 1);
    if !ask.system.is_empty() {
        messages.push(message("system", ContentOut::of_texts(&ask.system)));
    }
    let loop_start = current_loop(&ask.turns);
    let mut place = 0;
    for run in ask.turns.chunk_by(|one, next| one.role == next.role) {
        match run[0].role {
            Role::User => user(run, dropped, &mut messages)?,
            Role::Assistant => messages.push(assistant(run, place >= loop_start)),
        }
        place += run.len();
    }
    drop_marks(ask, dropped);
    drop_made(ask, dropped);
    Ok(messages)
}

/// Where the turns begin that follow the last words of the user's own: since then only tools were called.
fn current_loop(turns: &[Turn<'_>]) -> usize {
    let own = |turn: &Turn<'_>| turn.role == Role::User && !turn.parts.iter().any(is_result);
    turns.iter().rposition(own).map_or(0, |last| last + 1)
}

fn is_result(part: &Part<'_>) -> bool {
    matches!(part, Part::ToolResult(_))
}

fn message<'f>(role: &'static str, content: ContentOut<'f>) -> MessageOut<'f> {
    MessageOut {
        role,
        tool_call_id: None,
        content: Some(content),
        reasoning_content: None,
        refusal: None,
        tool_calls: Vec::new(),
    }
}

/// Neighbouring turns of the user: first the results of tools, then the media in them, then the rest.
fn user<'f>(
    run: &'f [Turn<'_>],
    dropped: &mut Dropped,
    into: &mut Vec<MessageOut<'f>>,
) -> Result<(), Refusal> {
    let mut media = Vec::new();
    for part in run.iter().flat_map(|turn| &turn.parts) {
        if let Part::ToolResult(result) = part {
            into.push(tool_result(result, &mut media)?);
            if result.is_error {
                dropped.add("is_error");
            }
        }
    }
    if !media.is_empty() {
        into.push(message("user", ContentOut::of(media)));
    }
    for turn in run {
        let pieces = pieces(&turn.parts)?;
        if !pieces.is_empty() {
            into.push(message("user", ContentOut::of(pieces)));
        }
    }
    Ok(())
}

fn pieces<'f>(parts: &'f [Part<'_>]) -> Result<Vec<PieceOut<'f>>, Refusal> {
    parts.iter().filter_map(|part| piece(part).transpose()).collect()
}

/// A result as a message of texts; its media, which such a message cannot hold, go to `media`.
fn tool_result<'f>(
    result: &'f ToolResult<'_>,
    media: &mut Vec<PieceOut<'f>>,
) -> Result<MessageOut<'f>, Refusal> {
    let (texts, others) = pieces(&result.parts)?.into_iter().partition(PieceOut::is_text);
    media.extend::<Vec<_>>(others);
    Ok(MessageOut {
        tool_call_id: Some(&result.id),
        ..message("tool", ContentOut::of(texts))
    })
}

/// Neighbouring turns of the assistant: one message, so that all results can follow all calls. Thoughts without
/// a proof go back within the current loop of calls, where those who write them want them
/// (<https://api-docs.deepseek.com/guides/thinking_mode>). Others are of no use to targets of this dialect, and
/// some refuse to see them.
fn assistant<'f>(run: &'f [Turn<'_>], in_loop: bool) -> MessageOut<'f> {
    let parts = || run.iter().flat_map(|turn| &turn.parts);
    let texts: Vec<_> = parts().filter_map(text).collect();
    let thoughts = parts()
        .filter_map(bare_thought)
        .filter(|text| in_loop && !text.is_empty());
    MessageOut {
        content: (!texts.is_empty()).then_some(ContentOut::Text(Paragraphs(texts))),
        reasoning_content: joined(thoughts),
        refusal: joined(refusals(parts())),
        tool_calls: calls(parts()),
        ..message("assistant", ContentOut::Pieces(Vec::new()))
    }
}

fn bare_thought<'f>(part: &'f Part<'_>) -> Option<&'f str> {
    match part {
        Part::Thought(thought) if is_bare(thought) => Some(&thought.text),
        _ => None,
    }
}

fn text<'f>(part: &'f Part<'_>) -> Option<&'f str> {
    match part {
        Part::Text(text) => Some(&text.text),
        _ => None,
    }
}

fn is_bare(thought: &Thought<'_>) -> bool {
    thought.signature.as_deref().unwrap_or_default().is_empty() && thought.redacted.is_none()
}

/// The refusals among `parts`.
pub(super) fn refusals<'f, 'a: 'f>(
    parts: impl IntoIterator<Item = &'f Part<'a>>,
) -> impl Iterator<Item = &'f str> {
    parts.into_iter().filter_map(|part| match part {
        Part::Refusal(text) => Some(&**text),
        _ => None,
    })
}

/// The calls among `parts`.
pub(super) fn calls<'f, 'a: 'f>(parts: impl IntoIterator<Item = &'f Part<'a>>) -> Vec<CallOut<'f>> {
    let call = |part: &'f Part<'a>| match part {
        Part::ToolCall(call) => Some(call_out(call)),
        _ => None,
    };
    parts.into_iter().filter_map(call).collect()
}

fn call_out<'f>(call: &'f ToolCall<'_>) -> CallOut<'f> {
    let arguments = if call.arguments.is_empty() {
        "{}"
    } else {
        &call.arguments
    };
    CallOut {
        id: &call.id,
        kind: "function",
        function: FunctionOut {
            name: &call.name,
            arguments,
        },
        extra_content: call.signature.as_deref().map(ExtraOut::new),
    }
}

impl<'f> ExtraOut<'f> {
    pub(crate) fn new(thought_signature: &'f str) -> Self {
        Self {
            google: GoogleOut { thought_signature },
        }
    }
}

/// Media that the model made and reasoning that another provider proved cannot be shown again.
fn drop_made(ask: &Ask<'_>, dropped: &mut Dropped) {
    let turns = ask.turns.iter().filter(|turn| turn.role == Role::Assistant);
    for part in turns.flat_map(|turn| &turn.parts) {
        match part {
            Part::Image(_) | Part::Audio(_) | Part::Document(_) => dropped.add("images"),
            Part::Thought(_) if bare_thought(part).is_none() => dropped.add("thinking"),
            _ => {}
        }
    }
}

/// This dialect's targets find for themselves what they can cache.
fn drop_marks(ask: &Ask<'_>, dropped: &mut Dropped) {
    let in_turns = ask.turns.iter().flat_map(|turn| &turn.parts).any(is_marked);
    if in_turns || ask.system.iter().any(|text| text.cache.is_some()) {
        dropped.add("cache_control");
    }
}

fn is_marked(part: &Part<'_>) -> bool {
    match part {
        Part::Text(text) => text.cache.is_some(),
        Part::Image(media) | Part::Audio(media) => media.cache.is_some(),
        Part::Document(document) => document.cache.is_some(),
        Part::ToolResult(result) => result.cache.is_some() || result.parts.iter().any(is_marked),
        _ => false,
    }
}
