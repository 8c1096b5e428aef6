//! Embeddings: `OpenAI`'s as callers write and read them, and the one form of theirs between dialects. How
//! another target takes and gives them is said beside its dialect. No tokens, no truncation, no scaling:
//! vectors are handed on as the provider gave them.
//! <https://platform.openai.com/docs/api-reference/embeddings>

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::form::Extra;
use crate::{Stamp, json};

mod read;
#[cfg(test)]
mod tests;

pub use read::read_request;

/// What is to be embedded, and how.
#[derive(Debug, Clone, Default)]
pub struct EmbeddingAsk<'a> {
    /// The texts, in order; at least one. Each gets one vector.
    pub texts: Vec<Cow<'a, str>>,
    /// How long the vectors are to be; `None`: as the model thinks fit.
    pub dimensions: Option<u32>,
    /// How the caller wants to read the vectors. Between dialects they are always numbers.
    pub encoding: Encoding,
    /// An id of the end user, for the provider's abuse detection.
    pub user: Option<Cow<'a, str>>,
    /// What the caller said and this form has no place for.
    pub extras: Vec<Extra<'a>>,
}

/// How a vector is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// As a list of numbers.
    #[default]
    Float,
    /// As base64 of 32-bit floats, the least significant byte first.
    Base64,
}

/// The vectors of a request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EmbeddingAnswer {
    /// One for each text, in the order of the texts.
    pub vectors: Vec<Vec<f32>>,
    /// The model, as the provider says it.
    pub model: Option<String>,
    /// What the texts came to, if the provider said so; never invented.
    pub input_tokens: Option<u64>,
}

/// Writes `answer` as `OpenAI` would. `usage` is left out where the provider gave none.
pub fn write_answer(answer: &EmbeddingAnswer, encoding: Encoding, stamp: &Stamp) -> Vec<u8> {
    let list = List {
        object: "list",
        data: answer
            .vectors
            .iter()
            .enumerate()
            .map(|(index, vector)| Item::of(index, vector, encoding))
            .collect(),
        model: answer.model.as_deref().unwrap_or(&stamp.model),
        usage: answer.input_tokens.map(|tokens| Tokens {
            prompt_tokens: tokens,
            total_tokens: tokens,
        }),
    };
    json::write(&list)
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Item<'a>>,
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Tokens>,
}

#[derive(Serialize)]
struct Tokens {
    prompt_tokens: u64,
    total_tokens: u64,
}

#[derive(Serialize)]
struct Item<'a> {
    object: &'static str,
    index: usize,
    embedding: Vector<'a>,
}

impl<'a> Item<'a> {
    fn of(index: usize, vector: &'a [f32], encoding: Encoding) -> Self {
        Self {
            object: "embedding",
            index,
            embedding: match encoding {
                Encoding::Float => Vector::Numbers(vector),
                Encoding::Base64 => Vector::Base64(base64_of(vector)),
            },
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vector<'a> {
    Numbers(&'a [f32]),
    Base64(String),
}

fn base64_of(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
    STANDARD.encode(bytes)
}
