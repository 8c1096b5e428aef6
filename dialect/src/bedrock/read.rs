//! Reads a whole answer. It has neither an id nor a model.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::stop::{Fields, Stop, Tokens};
use crate::Unreadable;
use crate::form::{Answer, Choice, Part, Text, Thought, ToolCall, Usage};
use crate::json::{self, Str};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    #[serde(borrow)]
    output: Output<'a>,
    stop_reason: Option<Str<'a>>,
    usage: Option<Tokens>,
    additional_model_response_fields: Option<Fields<'a>>,
}

#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    message: Message<'a>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Vec<Block<'a>>,
}

/// A piece of the answer; the field that is there says what it is.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Block<'a> {
    #[serde(borrow)]
    text: Option<Str<'a>>,
    tool_use: Option<ToolUse<'a>>,
    reasoning_content: Option<Reasoning<'a>>,
    citations_content: Option<Citations<'a>>,
}

#[derive(Deserialize)]
struct ToolUse<'a> {
    #[serde(borrow, rename = "toolUseId")]
    id: Str<'a>,
    name: Str<'a>,
    input: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reasoning<'a> {
    #[serde(borrow)]
    reasoning_text: Option<ReasoningText<'a>>,
    redacted_content: Option<Str<'a>>,
}

#[derive(Deserialize)]
struct ReasoningText<'a> {
    #[serde(borrow)]
    text: Str<'a>,
    signature: Option<Str<'a>>,
}

/// Text with its sources, of which the text is kept.
#[derive(Deserialize)]
struct Citations<'a> {
    #[serde(borrow, default)]
    content: Vec<Block<'a>>,
}

/// Reads the answer to `/converse`.
///
/// # Errors
/// It is none, or the model's own answer was malformed, as Bedrock says.
pub fn read_answer(body: &[u8]) -> Result<Answer<'_>, Unreadable> {
    let response: Response<'_> = json::read_answer(body)?;
    let fields = response.additional_model_response_fields;
    let stop = response.stop_reason.map(|reason| Stop::of(&reason, fields));
    let finish = match stop {
        None => None,
        Some(Stop::Finish(finish)) => Some(finish),
        Some(Stop::Malformed) => return Err(Unreadable),
    };
    let blocks = response.output.message.content;
    let parts = blocks.into_iter().flat_map(parts).collect();
    Ok(Answer {
        id: None,
        model: None,
        choices: vec![Choice { parts, finish }],
        usage: response.usage.map(Usage::from),
    })
}

fn parts<'a>(block: Block<'a>) -> Vec<Part<'a>> {
    let text = |text: Str<'a>| Part::Text(Text::new(text.0));
    let cited = block.citations_content.map(|cited| cited.content);
    let cited = cited.into_iter().flatten().filter_map(|piece| piece.text);
    let thought = block.reasoning_content.map(thought).map(Part::Thought);
    let texts = block.text.into_iter().chain(cited).map(text);
    thought
        .into_iter()
        .chain(texts)
        .chain(block.tool_use.map(call))
        .collect()
}

fn call(tool: ToolUse<'_>) -> Part<'_> {
    Part::ToolCall(ToolCall {
        id: tool.id.0,
        name: tool.name.0,
        arguments: tool.input.get().into(),
        signature: None,
    })
}

fn thought(reasoning: Reasoning<'_>) -> Thought<'_> {
    let (text, signature) = match reasoning.reasoning_text {
        Some(shown) => (shown.text.0, shown.signature),
        None => Default::default(),
    };
    Thought {
        text,
        signature: signature.map(|signature| signature.0),
        redacted: reasoning.redacted_content.map(|redacted| redacted.0),
    }
}
