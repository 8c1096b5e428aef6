//! Bedrock's Converse, a target's dialect: `POST /model/{id}/converse` and `/converse-stream`, whose streams are
//! `application/vnd.amazon.eventstream`. Requests to it are signed as AWS wants it unless a bearer key is used.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>
//!
//! What Converse itself has no field for goes into `additionalModelRequestFields`, in the words of the model's
//! maker, and only to models that are known to take it.
//!
//! What stands otherwise there than a caller may think:
//! - Blank texts, which Bedrock refuses, are left out without a word, and with them turns that hold nothing else. A
//!   tool's result that says nothing says `(empty)`.
//! - Ids of calls and names of documents that Bedrock does not take are written otherwise, alike in every request of
//!   a conversation.
//! - A conversation with calls needs its tools beside it; there, that none may be called is lost, and named.
//! - Marks for a prompt cache go to Claude since 3.7 and to Nova, which knows none behind tools. Elsewhere they are
//!   errors, so they are left out, and named.
//! - Thoughts go back to Claude alone, and only with its own proof.
//! - A temperature above 1 is 1, and named. Beside thinking, and to the newest models of Claude, none is said.
//! - An answer that Bedrock calls malformed is none.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

mod blocks;
pub mod embeddings;
mod extra;
pub mod frames;
mod media;
mod model;
mod names;
mod read;
pub mod sign;
mod stop;
mod stream;
mod wire;
mod write;

#[cfg(test)]
mod tests;

pub use read::read_answer;
pub use stream::reader;
pub use write::write_request;

/// What this dialect is called towards callers.
const TARGET: &str = "Bedrock's Converse";

/// All but the unreserved characters of RFC 3986: colons and slashes of an ARN are part of the one segment.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What a model is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Answer in one piece.
    Converse,
    /// Answer as a stream.
    ConverseStream,
    /// What the model itself defines: embeddings.
    Invoke,
}

impl Operation {
    const fn name(self) -> &'static str {
        match self {
            Self::Converse => "converse",
            Self::ConverseStream => "converse-stream",
            Self::Invoke => "invoke",
        }
    }
}

/// The path of `operation` on `model`, which is an id, an inference profile or an ARN. It stands as it is sent:
/// the signature is over this path, encoded once more.
pub fn path(model: &str, operation: Operation) -> String {
    let model = utf8_percent_encode(model, SEGMENT);
    format!("/model/{model}/{}", operation.name())
}
