//! Whole answers, read from targets and written to callers.
//! <https://platform.openai.com/docs/api-reference/chat/object>

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::conversation::{CallOut, calls, refusals};
use super::message::Message;
use super::pieces::{PieceOut, joined, piece, thinking};
use super::words::{ChatUsage, finish, finish_word};
use crate::form::{Answer, Choice, Finish, Part, Thought, Usage};
use crate::json::{self, Str};
use crate::{Stamp, Unreadable};

#[derive(Deserialize)]
struct Completion<'a> {
    #[serde(borrow)]
    id: Option<Str<'a>>,
    model: Option<Str<'a>>,
    choices: Vec<ChoiceIn<'a>>,
    usage: Option<ChatUsage>,
}

#[derive(Deserialize)]
struct ChoiceIn<'a> {
    index: Option<u32>,
    #[serde(borrow)]
    message: Message<'a>,
    finish_reason: Option<Str<'a>>,
}

#[derive(Serialize)]
struct CompletionOut<'f> {
    id: &'f str,
    object: &'static str,
    created: u64,
    model: &'f str,
    choices: Vec<ChoiceOut<'f>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<ChatUsage>,
}

#[derive(Serialize)]
struct ChoiceOut<'f> {
    index: usize,
    message: MessageOut<'f>,
    logprobs: (),
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct MessageOut<'f> {
    role: &'static str,
    content: Option<Cow<'f, str>>,
    refusal: Option<Cow<'f, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<Cow<'f, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    thinking_blocks: Vec<PieceOut<'f>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<CallOut<'f>>,
    /// Pictures that the model made, where gateways put them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    images: Vec<PieceOut<'f>>,
}

/// Reads an answer.
pub(super) fn read(body: &[u8]) -> Result<Answer<'_>, Unreadable> {
    let mut completion: Completion<'_> = json::read_answer(body)?;
    completion.choices.sort_by_key(|choice| choice.index);
    let id = said(completion.id).unwrap_or_default();
    let choices: Result<Vec<_>, _> = completion
        .choices
        .into_iter()
        .map(|choice| read_choice(choice, &id))
        .collect();
    Ok(Answer {
        id: Some(id).filter(|id| !id.is_empty()),
        model: said(completion.model),
        choices: choices
            .ok()
            .filter(|choices| !choices.is_empty())
            .ok_or(Unreadable)?,
        usage: completion.usage.map(Usage::from),
    })
}

/// A text that says something.
pub(super) fn said(text: Option<Str<'_>>) -> Option<Cow<'_, str>> {
    text.map(Cow::from).filter(|text| !text.is_empty())
}

fn read_choice<'a>(choice: ChoiceIn<'a>, answer: &str) -> Result<Choice<'a>, Unreadable> {
    let mut message = choice.message;
    message.adopt_function_call();
    let parts = message.into_parts(answer).map_err(|_| Unreadable)?;
    let word = choice.finish_reason.as_deref().map(finish).transpose();
    let calls = parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
    Ok(Choice {
        finish: word.map_err(|_| Unreadable)?.map(|word| with_calls(word, calls)),
        parts,
    })
}

/// Why an answer ended, seen that it may hold calls: some say `stop` then too.
pub(super) fn with_calls(finish: Finish, calls: bool) -> Finish {
    match finish {
        Finish::Stop if calls => Finish::ToolCalls,
        other => other,
    }
}

/// Writes an answer.
pub(super) fn write(answer: &Answer<'_>, stamp: &Stamp) -> Vec<u8> {
    json::write(&CompletionOut {
        id: &stamp.answer_id(super::ID, answer.id.as_deref()),
        object: "chat.completion",
        created: stamp.created,
        model: answer.model.as_deref().unwrap_or(&stamp.model),
        choices: answer.choices.iter().enumerate().map(write_choice).collect(),
        usage: answer.usage.map(ChatUsage::from),
    })
}

fn write_choice<'f>((index, choice): (usize, &'f Choice<'_>)) -> ChoiceOut<'f> {
    ChoiceOut {
        index,
        message: message(&choice.parts),
        logprobs: (),
        finish_reason: finish_word(choice.finish.as_ref().unwrap_or(&Finish::Stop)),
    }
}

fn message<'f>(parts: &'f [Part<'_>]) -> MessageOut<'f> {
    let thoughts: Vec<_> = parts.iter().filter_map(thought).collect();
    let proven = thoughts
        .iter()
        .any(|thought| thought.signature.is_some() || thought.redacted.is_some());
    let shown = thoughts
        .iter()
        .map(|thought| &*thought.text)
        .filter(|text| !text.is_empty());
    MessageOut {
        role: "assistant",
        content: joined(parts.iter().filter_map(text)),
        refusal: joined(refusals(parts)),
        reasoning_content: joined(shown),
        thinking_blocks: thoughts
            .iter()
            .filter(|_| proven)
            .copied()
            .map(thinking)
            .collect(),
        tool_calls: calls(parts),
        images: parts.iter().filter_map(image).collect(),
    }
}

fn text<'f>(part: &'f Part<'_>) -> Option<&'f str> {
    match part {
        Part::Text(text) => Some(&text.text),
        _ => None,
    }
}

fn thought<'f, 'a>(part: &'f Part<'a>) -> Option<&'f Thought<'a>> {
    match part {
        Part::Thought(thought) => Some(thought),
        _ => None,
    }
}

fn image<'f>(part: &'f Part<'_>) -> Option<PieceOut<'f>> {
    match part {
        Part::Image(_) => piece(part).ok().flatten(),
        _ => None,
    }
}
