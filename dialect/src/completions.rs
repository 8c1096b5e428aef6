//! Legacy completions, a caller's dialect: a prompt without turns, asked as the one turn of a user.
//! <https://platform.openai.com/docs/api-reference/completions>

mod request;
mod writer;

use serde::Serialize;

use crate::chat::words::{ChatUsage, finish_word};
use crate::form::{Answer, Ask, Choice, Finish, Part};
use crate::{Refusal, Stamp, Writer, json};

/// What ids of answers begin with.
const ID: &str = "cmpl-";

#[derive(Serialize)]
struct Completion<'f> {
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
    text: std::borrow::Cow<'f, str>,
    logprobs: (),
    finish_reason: Option<&'static str>,
}

/// Reads a caller's request.
///
/// # Errors
/// It is not of this dialect, or its prompt is not one text.
pub fn read_request(body: &[u8]) -> Result<Ask<'_>, Refusal> {
    request::read(body)
}

/// Writes a whole answer for a caller: its text alone, as this dialect has nothing else.
pub fn write_answer(answer: &Answer<'_>, stamp: &Stamp) -> Vec<u8> {
    json::write(&Completion {
        id: &stamp.answer_id(ID, answer.id.as_deref()),
        object: "text_completion",
        created: stamp.created,
        model: answer.model.as_deref().unwrap_or(&stamp.model),
        choices: answer.choices.iter().enumerate().map(choice).collect(),
        usage: answer.usage.map(ChatUsage::from),
    })
}

/// Writes a stream for a caller, who gets usage in it if it asked for that.
pub fn writer(stamp: Stamp, stream_usage: bool) -> Box<dyn Writer> {
    Box::new(writer::TextWriter::new(stamp, stream_usage))
}

fn choice<'f>((index, choice): (usize, &'f Choice<'_>)) -> ChoiceOut<'f> {
    let text = choice.parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(&*text.text),
        Part::Refusal(text) => Some(&**text),
        _ => None,
    });
    ChoiceOut {
        index,
        text: crate::chat::pieces::joined(text).unwrap_or_default(),
        logprobs: (),
        finish_reason: Some(word(choice.finish.as_ref().unwrap_or(&Finish::Stop))),
    }
}

/// The reason for ending; there are no calls in this dialect.
const fn word(finish: &Finish) -> &'static str {
    match finish {
        Finish::ToolCalls => "stop",
        other => finish_word(other),
    }
}

#[cfg(test)]
mod tests;
