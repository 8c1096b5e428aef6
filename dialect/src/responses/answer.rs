//! Whole answers, written as `response` objects.

use std::borrow::Cow;

use super::object::{Frame, Incomplete, Item, Piece, Response, Status, item_id};
use super::proof;
use crate::chat::conversation::ExtraOut;
use crate::form::{Answer, Media, Part, Source, ToolCall};
use crate::{Stamp, json};

/// Writes an answer; this dialect has one choice only.
pub(super) fn write(answer: &Answer<'_>, stamp: &Stamp) -> Vec<u8> {
    let id = stamp.answer_id(super::ID, answer.id.as_deref());
    let choice = answer.choices.first();
    let incomplete = choice
        .and_then(|choice| choice.finish.as_ref())
        .and_then(Incomplete::of);
    let frame = Frame {
        id: &id,
        created: stamp.created,
        model: answer.model.as_deref().unwrap_or(&stamp.model),
        status: Incomplete::status(incomplete),
        incomplete,
        usage: answer.usage,
    };
    let parts = choice.map_or(&[][..], |choice| &choice.parts);
    json::write(&Response::new(frame, &items(parts, frame)))
}

/// The items of these parts: what is said without a break is one message.
fn items<'f>(parts: &'f [Part<'_>], frame: Frame<'_>) -> Vec<Item<'f>> {
    let both_said = |one: &Part<'_>, next: &Part<'_>| said(one).is_some() && said(next).is_some();
    let runs = parts.chunk_by(both_said);
    runs.enumerate()
        .filter_map(|(place, run)| item(run, place, frame))
        .collect()
}

fn item<'f>(run: &'f [Part<'_>], place: usize, frame: Frame<'_>) -> Option<Item<'f>> {
    let id = |prefix| item_id(prefix, frame.id, place);
    let status = frame.status;
    match run.first()? {
        Part::Text(_) | Part::Refusal(_) => {
            let content = run.iter().filter_map(said).collect();
            Some(Item::message(id(super::MESSAGE), status, content))
        }
        Part::Thought(thought) => {
            let proof = proof::encrypted(thought).map(Cow::Owned);
            Some(Item::reasoning(
                id(super::REASONING),
                Status::Completed,
                &thought.text,
                proof,
            ))
        }
        Part::ToolCall(call) => Some(function_call(call, id(super::CALL), status)),
        Part::Image(Media {
            source: Source::Base64 { data, .. },
            ..
        }) => Some(Item::ImageGenerationCall {
            id: id(super::IMAGE),
            status: Status::Completed,
            result: data,
        }),
        _ => None,
    }
}

fn said<'f>(part: &'f Part<'_>) -> Option<Piece<'f>> {
    match part {
        Part::Text(text) => Some(Piece::text(&text.text)),
        Part::Refusal(refusal) => Some(Piece::Refusal { refusal }),
        _ => None,
    }
}

fn function_call<'f>(call: &'f ToolCall<'_>, id: String, status: Status) -> Item<'f> {
    let arguments = if call.arguments.is_empty() {
        "{}"
    } else {
        &call.arguments
    };
    Item::FunctionCall {
        id,
        status,
        call_id: &call.id,
        name: &call.name,
        arguments,
        extra_content: call.signature.as_deref().map(ExtraOut::new),
    }
}
