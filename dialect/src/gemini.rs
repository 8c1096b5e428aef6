//! Gemini's own dialect, a target's: `:generateContent` and `:streamGenerateContent`, on the Gemini API and on
//! Vertex AI alike. <https://ai.google.dev/api/generate-content>
//!
//! What stands otherwise there than a caller may think:
//! - Marks for a prompt cache are left out without a word: Gemini caches beginnings of prompts by itself.
//! - Names of documents and of schemas are left out likewise: they are labels. Of its own thoughts Gemini wants
//!   back no text, only the proofs; thoughts of others are lost, and named.
//! - Results of tools are written as texts, never as JSON values: Gemini holds numbers as 64-bit floats, which
//!   would round long ones.
//! - A request that is nothing but instructions is written as a user's turn, because Gemini wants one.
//! - Gemini may be told to call no tool, some tool or these, but not how many at once.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use crate::form::Ask;
use crate::{Dropped, Reader, Refusal, Written, json};

use content::Content;
use model::Model;

mod answer;
mod config;
mod content;
pub mod embeddings;
mod finish;
mod media;
mod model;
mod stream;
#[cfg(test)]
mod tests;
mod tools;

pub use answer::read_answer;

/// How the dialect is called in refusals.
const DIALECT: &str = "Gemini's generateContent";

/// What stands as it is in a path: what RFC 3986 calls unreserved.
const KEPT: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// How an answer is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// All at once.
    Whole,
    /// As a text/event-stream.
    Stream,
}

/// The path of `model` behind a base URL: `https://generativelanguage.googleapis.com/v1beta`, or on Vertex AI
/// `https://{region}-aiplatform.googleapis.com/v1/projects/{project}/locations/{region}/publishers/google`. A
/// `models/` before the name is no part of it.
pub fn path(model: &str, delivery: Delivery) -> String {
    match delivery {
        Delivery::Whole => method(model, "generateContent"),
        Delivery::Stream => method(model, "streamGenerateContent?alt=sse"),
    }
}

fn method(model: &str, method: &str) -> String {
    format!("/models/{}:{method}", utf8_percent_encode(bare(model), &KEPT))
}

fn bare(model: &str) -> &str {
    model.strip_prefix("models/").unwrap_or(model)
}

/// Writes `ask` for `model`, whose name tells which generation of Gemini it is and so what it takes.
///
/// # Errors
/// Something essential cannot be said to this model.
pub fn write_request(ask: &Ask<'_>, model: &str) -> Result<Written, Refusal> {
    let model = Model::named(bare(model));
    let mut dropped = Dropped::of_extras(ask, DIALECT)?;
    let (system_instruction, contents) = with_a_turn(
        content::instructions(&ask.system),
        content::contents(ask, model, &mut dropped)?,
    );
    let request = Request {
        system_instruction,
        contents,
        tools: tools::tools(ask),
        tool_config: tools::config(ask, &mut dropped)?,
        generation_config: config::config(ask, model, &mut dropped),
    };
    if ask.user.is_some() {
        dropped.add("user");
    }
    Ok(Written {
        body: json::write(&request),
        dropped,
    })
}

/// Gemini wants at least one turn: where there is none, the instructions are it.
fn with_a_turn<'f>(
    system: Option<Content<'f>>,
    contents: Vec<Content<'f>>,
) -> (Option<Content<'f>>, Vec<Content<'f>>) {
    match system {
        Some(system) if contents.is_empty() => (None, vec![system.of_the_user()]),
        system => (system, contents),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'f> {
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Content<'f>>,
    contents: Vec<Content<'f>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<[tools::Tools<'f>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<tools::ToolConfig<'f>>,
    generation_config: config::GenerationConfig<'f>,
}

/// A reader of one stream.
pub fn reader() -> Box<dyn Reader> {
    Box::new(stream::Stream::default())
}
