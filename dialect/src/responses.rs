//! `OpenAI`'s Responses, a caller's dialect: without stored state, and with tools of type function only.
//! <https://platform.openai.com/docs/api-reference/responses>
//!
//! Reasoning is given as a summary. Its proof stands in `encrypted_content`, and Gemini's proof before a call in
//! `extra_content` of the call, so that clients that send back the items they got can think with tools.

mod answer;
mod events;
mod items;
mod object;
mod open;
mod pieces;
mod proof;
mod request;
mod tools;
mod writer;

use crate::form::{Answer, Ask};
use crate::{Refusal, Stamp, Writer};

/// What ids of responses begin with, and of the items in them.
const ID: &str = "resp_";
const MESSAGE: &str = "msg_";
const REASONING: &str = "rs_";
const CALL: &str = "fc_";
const IMAGE: &str = "ig_";

/// Reads a caller's request.
///
/// # Errors
/// It is not of this dialect, or needs state or tools that only `OpenAI` has.
pub fn read_request(body: &[u8]) -> Result<Ask<'_>, Refusal> {
    request::read(body)
}

/// Writes a whole answer for a caller.
pub fn write_answer(answer: &Answer<'_>, stamp: &Stamp) -> Vec<u8> {
    answer::write(answer, stamp)
}

/// Writes a stream for a caller. It remembers the answer, which its last event repeats.
pub fn writer(stamp: Stamp) -> Box<dyn Writer> {
    Box::new(writer::ResponseWriter::new(stamp))
}

#[cfg(test)]
mod tests;
