//! Whole answers, both ways. <https://platform.claude.com/docs/en/api/messages/create>

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::blocks::Block;
use super::finish::{self, Calls};
use super::usage;
use crate::form::{Answer, Choice, Part, Text, Thought, ToolCall};
use crate::json::{self, Str};
use crate::{Stamp, Unreadable};

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    id: Option<Str<'a>>,
    model: Option<Str<'a>>,
    content: Vec<SaidBlock<'a>>,
    #[serde(flatten)]
    finish: finish::Said<'a>,
    usage: Option<usage::Said>,
}

/// A content block as a provider says it. What is not known, such as the work of tools that the provider runs
/// itself, has none of these fields that would matter.
#[derive(Deserialize)]
pub(super) struct SaidBlock<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Str<'a>,
    #[serde(default)]
    pub(super) text: Str<'a>,
    #[serde(default)]
    pub(super) id: Str<'a>,
    #[serde(default)]
    pub(super) name: Str<'a>,
    pub(super) input: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) thinking: Str<'a>,
    #[serde(default)]
    pub(super) signature: Str<'a>,
    #[serde(default)]
    pub(super) data: Str<'a>,
}

/// Reads a target's answer.
///
/// # Errors
/// It is no answer of Anthropic's Messages.
pub fn read_answer(body: &[u8]) -> Result<Answer<'_>, Unreadable> {
    let said: Said<'_> = json::read_answer(body)?;
    let finish = said.finish.finish();
    let mut parts: Vec<Part<'_>> = said.content.into_iter().filter_map(part).collect();
    if let Some(words) = said.finish.explanation() {
        parts.push(Part::Refusal(words.into()));
    }
    Ok(Answer {
        id: said.id.map(Into::into),
        model: said.model.map(Into::into),
        choices: vec![Choice { parts, finish }],
        usage: said.usage.map(usage::Said::total),
    })
}

fn part(block: SaidBlock<'_>) -> Option<Part<'_>> {
    Some(match &*block.kind {
        "text" => Part::Text(Text::new(block.text)),
        "thinking" => Part::Thought(Thought {
            text: block.thinking.into(),
            signature: (!block.signature.is_empty()).then(|| block.signature.into()),
            redacted: None,
        }),
        "redacted_thinking" => Part::Thought(Thought {
            redacted: Some(block.data.into()),
            ..Thought::default()
        }),
        "tool_use" => Part::ToolCall(ToolCall {
            id: block.id.into(),
            name: block.name.into(),
            arguments: block.input.map_or("", RawValue::get).into(),
            signature: None,
        }),
        _ => return None,
    })
}

#[derive(Serialize)]
struct Written<'x> {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'static str,
    model: &'x str,
    content: Vec<Block<'x>>,
    #[serde(flatten)]
    finish: finish::Written<'x>,
    usage: usage::Written,
}

/// Writes an answer to a caller: the first of its choices, since this dialect can't ask for more. Usage that
/// the provider did not say is all zeros, since the dialect requires it.
pub fn write_answer(answer: &Answer<'_>, stamp: &Stamp) -> Vec<u8> {
    let choice = answer.choices.first();
    let parts = choice.map_or(&[][..], |choice| &choice.parts);
    let calls = Calls::of(parts);
    json::write(&Written {
        id: stamp.answer_id("msg_", answer.id.as_deref()),
        kind: "message",
        role: "assistant",
        model: answer.model.as_deref().unwrap_or(&stamp.model),
        content: parts.iter().flat_map(answered).collect(),
        finish: finish::Written::of(choice.and_then(|choice| choice.finish.as_ref()), calls),
        usage: usage::Written::of(answer.usage.unwrap_or_default()),
    })
}

/// The blocks of an answer for `part`. Models answer in pictures or sound only if asked to, which this
/// dialect can't.
fn answered<'x>(part: &'x Part<'_>) -> Vec<Block<'x>> {
    match part {
        Part::Text(text) => Block::text(text).into_iter().collect(),
        Part::Refusal(words) => Block::words(words).into_iter().collect(),
        Part::Thought(thought) => vec![match thought.redacted.as_deref() {
            Some(data) => Block::RedactedThinking { data },
            None => Block::Thinking {
                thinking: &thought.text,
                signature: thought.signature.as_deref().unwrap_or("").into(),
            },
        }],
        Part::ToolCall(call) => {
            let proof = call.signature.as_deref().map(Block::proof_of_call);
            proof.into_iter().chain([Block::call(call)]).collect()
        }
        Part::Image(_) | Part::Document(_) | Part::Audio(_) | Part::ToolResult(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
