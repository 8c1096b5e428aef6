//! Reads `OpenAI`'s embeddings request. What is not of it is an extra; nothing is silently lost.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{EmbeddingAsk, Encoding};
use crate::Refusal;
use crate::json::{self, Str};

/// Fields that are not for the target: the router's own, and the model, which it looked at before.
const NOT_THE_TARGETS: [&str; 3] = ["model", "requesty", "weir"];

/// Reads a caller's request. Inputs that are tokens already are refused: each model has tokens of its own.
///
/// # Errors
/// The body is not a request for embeddings, or one that only `OpenAI`'s own models understand.
pub fn read_request(body: &[u8]) -> Result<EmbeddingAsk<'_>, Refusal> {
    let (request, extras) = json::read_request::<Request<'_>>(body, &NOT_THE_TARGETS)?;
    Ok(EmbeddingAsk {
        texts: texts(request.input.get())?,
        dimensions: request.dimensions,
        encoding: request.encoding_format.unwrap_or_default(),
        user: request.user.map(Cow::from),
        extras,
    })
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    input: &'a RawValue,
    dimensions: Option<u32>,
    encoding_format: Option<Encoding>,
    user: Option<Str<'a>>,
}

/// The texts of `input`, told from tokens by their first character that is no bracket.
fn texts(input: &str) -> Result<Vec<Cow<'_, str>>, Refusal> {
    let first = input
        .trim_start_matches(['[', ' ', '\t', '\r', '\n'])
        .as_bytes()
        .first();
    let texts = match first {
        Some(b'"') if input.starts_with('"') => serde_json::from_str(input).map(|text: Str<'_>| vec![text]),
        Some(b'"') => serde_json::from_str(input),
        Some(b'0'..=b'9') if input.starts_with('[') => return Err(tokens()),
        _ => return Err(no_text()),
    };
    let texts: Vec<Str<'_>> = texts.map_err(|_| no_text())?;
    Ok(texts.into_iter().map(Cow::from).collect())
}

fn tokens() -> Refusal {
    Refusal::new(
        "input",
        "`input` holds tokens, which are a matter of each model; this target wants texts",
    )
}

fn no_text() -> Refusal {
    Refusal::new("input", "`input` must be a text or a list of at least one text")
}
