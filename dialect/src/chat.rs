//! Chat completions, a caller's and a target's dialect: `OpenAI`'s, Azure's, and that of all who speak like
//! them. <https://platform.openai.com/docs/api-reference/chat>
//!
//! Beyond `OpenAI`'s own fields: reasoning stands in `reasoning_content`, as `DeepSeek` began it (`reasoning`
//! is read too), its proofs in `thinking_blocks`, as gateways write them, and the proof before a call in
//! `extra_content.google.thought_signature`, as Gemini's endpoint for this dialect does. `cache_control` on
//! messages, pieces and tools is Anthropic's.

mod answer;
mod ask;
mod calls;
pub(crate) mod chunk;
mod content;
pub(crate) mod conversation;
mod fault;
pub(crate) mod message;
pub(crate) mod pieces;
mod reader;
pub(crate) mod request;
pub(crate) mod tools;
mod turns;
pub(crate) mod words;
mod writer;

use crate::form::{Answer, Ask};
use crate::{Reader, Refusal, Stamp, Unreadable, Writer, Written};

/// What ids of answers begin with.
const ID: &str = "chatcmpl-";

/// Reads a caller's request.
///
/// # Errors
/// It is not of this dialect, or asks for what cannot be translated at all.
pub fn read_request(body: &[u8]) -> Result<Ask<'_>, Refusal> {
    request::read(body)
}

/// Writes a whole answer for a caller.
pub fn write_answer(answer: &Answer<'_>, stamp: &Stamp) -> Vec<u8> {
    answer::write(answer, stamp)
}

/// Writes a stream for a caller, who gets usage in it if it asked for that.
pub fn writer(stamp: Stamp, stream_usage: bool) -> Box<dyn Writer> {
    Box::new(writer::ChunkWriter::new(stamp, stream_usage))
}

/// Writes a request to a target that knows the model as `model`.
///
/// # Errors
/// It asks for what this dialect cannot say.
pub fn write_request(ask: &Ask<'_>, model: &str) -> Result<Written, Refusal> {
    ask::write(ask, model)
}

/// Reads a target's whole answer.
///
/// # Errors
/// It is none: not of this dialect, without choices, or ended by a failure.
pub fn read_answer(body: &[u8]) -> Result<Answer<'_>, Unreadable> {
    answer::read(body)
}

/// Reads a target's stream.
pub fn reader() -> Box<dyn Reader> {
    Box::new(reader::ChunkReader::default())
}

#[cfg(test)]
mod tests;
