//! Reads `OpenAI`'s embeddings request. What is not of it is an extra; nothing is silently lost.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::{EmbeddingAsk, Encoding};
use crate::Refusal;
use crate::form::{Extra, Weight};

/// Fields that are not for the target: the router's own, and the model, which it looked at before.
const NOT_THE_TARGETS: [&str; 3] = ["model", "requesty", "weir"];

/// Reads a caller's request. Inputs that are tokens already are refused: each model has tokens of its own.
///
/// # Errors
/// The body is not a request for embeddings, or one that only `OpenAI`'s own models understand.
pub fn read_request(body: &[u8]) -> Result<EmbeddingAsk<'_>, Refusal> {
    let request: Request<'_> = serde_json::from_slice(body).map_err(|error| not_a_request(&error))?;
    let input = request
        .input
        .ok_or_else(|| Refusal::new("input", "`input` is missing; say what to embed"))?;
    Ok(EmbeddingAsk {
        texts: texts(input.get())?,
        dimensions: request.dimensions,
        encoding: request.encoding_format.unwrap_or_default(),
        user: request.user.map(|Text(user)| user),
        extras: extras(request.rest),
    })
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    dimensions: Option<u32>,
    encoding_format: Option<Encoding>,
    user: Option<Text<'a>>,
    #[serde(flatten)]
    rest: BTreeMap<Cow<'a, str>, IgnoredAny>,
}

/// A text that is borrowed where it holds no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Where the body went wrong; never what stood there.
fn not_a_request(error: &serde_json::Error) -> Refusal {
    let message = format!(
        "the body is not a request for embeddings: at line {}, column {}",
        error.line(),
        error.column()
    );
    Refusal::new("", message)
}

fn texts(input: &str) -> Result<Vec<Cow<'_, str>>, Refusal> {
    let first = input
        .trim_start_matches(['[', ' ', '\t', '\r', '\n'])
        .as_bytes()
        .first();
    let texts = match first {
        Some(b'"') if input.starts_with('"') => serde_json::from_str(input).map(|Text(text)| vec![text]),
        Some(b'"') => serde_json::from_str(input)
            .map(|texts: Vec<Text<'_>>| texts.into_iter().map(|Text(text)| text).collect()),
        Some(b'0'..=b'9') if input.starts_with('[') => return Err(tokens()),
        _ => return Err(no_text()),
    };
    texts.map_err(|_| no_text())
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

fn extras(rest: BTreeMap<Cow<'_, str>, IgnoredAny>) -> Vec<Extra<'_>> {
    let fields = rest
        .into_keys()
        .filter(|field| !NOT_THE_TARGETS.contains(&&**field));
    fields
        .map(|field| Extra {
            field,
            weight: Weight::Hint,
        })
        .collect()
}
