//! Embeddings of Gemini: `:batchEmbedContents`, which takes all texts at once. What the vectors are for
//! (`taskType`) is not said: callers of `OpenAI`'s dialect cannot.
//! <https://ai.google.dev/api/embeddings>

use serde::{Deserialize, Serialize};

use super::{bare, method};
use crate::embeddings::{EmbeddingAnswer, EmbeddingAsk};
use crate::form::Weight;
use crate::{Dropped, Refusal, Unreadable, Written, json};

#[cfg(test)]
mod tests;

/// The path of `model`, as [`super::path`] has it. Vertex AI's models do not have this method.
pub fn path(model: &str) -> String {
    method(model, "batchEmbedContents")
}

/// Writes `ask` for `model`.
///
/// # Errors
/// Something essential cannot be said.
pub fn write_request(ask: &EmbeddingAsk<'_>, model: &str) -> Result<Written, Refusal> {
    let mut dropped = Dropped::default();
    for extra in &ask.extras {
        match extra.weight {
            Weight::Hint => dropped.add(&extra.field),
            Weight::Essential => {
                return Err(Refusal::unsupported(&extra.field, "Gemini's batchEmbedContents"));
            }
        }
    }
    if ask.user.is_some() {
        dropped.add("user");
    }
    let model = format!("models/{}", bare(model));
    let requests = ask.texts.iter().map(|text| Request {
        model: &model,
        content: Content {
            parts: [Part { text }],
        },
        output_dimensionality: ask.dimensions,
    });
    Ok(Written {
        body: json::write(&Batch {
            requests: requests.collect(),
        }),
        dropped,
    })
}

#[derive(Serialize)]
struct Batch<'f> {
    requests: Vec<Request<'f>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'f> {
    model: &'f str,
    content: Content<'f>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimensionality: Option<u32>,
}

#[derive(Serialize)]
struct Content<'f> {
    parts: [Part<'f>; 1],
}

#[derive(Serialize)]
struct Part<'f> {
    text: &'f str,
}

/// Reads the vectors of `texts` texts.
///
/// # Errors
/// The body is not of the dialect, or holds another number of vectors.
pub fn read_answer(body: &[u8], texts: usize) -> Result<EmbeddingAnswer, Unreadable> {
    let answer: Embeddings = json::read_answer(body)?;
    let vectors: Vec<Vec<f32>> = answer
        .embeddings
        .into_iter()
        .map(|vector| vector.values)
        .collect();
    if vectors.len() != texts || vectors.iter().flatten().any(|number| !number.is_finite()) {
        return Err(Unreadable);
    }
    Ok(EmbeddingAnswer {
        vectors,
        model: None,
        input_tokens: answer.usage_metadata.and_then(|usage| usage.prompt_token_count),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Embeddings {
    embeddings: Vec<Values>,
    usage_metadata: Option<Tokens>,
}

#[derive(Deserialize)]
struct Values {
    values: Vec<f32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tokens {
    prompt_token_count: Option<u64>,
}
