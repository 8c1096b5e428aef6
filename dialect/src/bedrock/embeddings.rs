//! Embeddings on Bedrock: `/invoke`, in the words of the model's maker. Amazon's Titan takes one text at a time,
//! Cohere's Embed up to 96.
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html>
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html>
//!
//! Cohere wants to know what a text is for, which callers of `OpenAI`'s dialect cannot say: all of them are written
//! as documents to be searched, so that vectors of one model can be compared.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Operation, path as path_of};
use crate::embeddings::{EmbeddingAnswer, EmbeddingAsk};
use crate::form::Weight;
use crate::{Dropped, Refusal, Unreadable, Written, json};

#[cfg(test)]
mod tests;

/// What this dialect is called towards callers.
const TARGET: &str = "Bedrock's embeddings";

/// The most texts that Cohere takes at once.
const MOST_TEXTS: usize = 96;

/// A model for embeddings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Model {
    /// Titan, whose vectors are as long as it wants.
    Titan1,
    /// Titan, whose vectors are as long as the caller wants.
    Titan2,
    /// Embed, whose vectors are as long as it wants.
    Cohere3,
    /// Embed, whose vectors are as long as the caller wants.
    Cohere4,
}

impl Model {
    fn of(id: &str) -> Option<Self> {
        let known = [
            ("amazon.titan-embed-text-v2", Self::Titan2),
            ("amazon.titan-embed-text-v1", Self::Titan1),
            ("amazon.titan-embed-g1-text-02", Self::Titan1),
            ("cohere.embed-v4", Self::Cohere4),
            ("cohere.embed-english-v3", Self::Cohere3),
            ("cohere.embed-multilingual-v3", Self::Cohere3),
        ];
        let found = known.iter().find(|(name, _)| id.contains(name))?;
        Some(found.1)
    }

    /// How many texts it takes at once.
    fn most_texts(self) -> usize {
        match self {
            Self::Titan1 | Self::Titan2 => 1,
            Self::Cohere3 | Self::Cohere4 => MOST_TEXTS,
        }
    }

    /// How long its vectors are, if that is not for the caller to say.
    fn length(self) -> Option<u32> {
        match self {
            Self::Titan1 => Some(1_536),
            Self::Cohere3 => Some(1_024),
            Self::Titan2 | Self::Cohere4 => None,
        }
    }
}

/// The path of `model`.
pub fn path(model: &str) -> String {
    path_of(model, Operation::Invoke)
}

/// Writes `ask` for `model`.
///
/// # Errors
/// The model is not known, or takes fewer texts or vectors of another length.
pub fn write_request(ask: &EmbeddingAsk<'_>, model: &str) -> Result<Written, Refusal> {
    let model = Model::of(model).ok_or_else(unknown)?;
    let dropped = dropped(ask)?;
    if ask.texts.len() > model.most_texts() {
        return Err(too_many(model.most_texts()));
    }
    let wanted = match (model.length(), ask.dimensions) {
        (Some(length), Some(wanted)) if length != wanted => return Err(other_length(length)),
        (Some(_), _) => None,
        (None, wanted) => wanted,
    };
    let body = match (model, &ask.texts[..]) {
        (Model::Titan1 | Model::Titan2, [text]) => json::write(&Titan {
            input_text: text,
            dimensions: wanted,
        }),
        (_, texts) => json::write(&Cohere {
            texts,
            input_type: "search_document",
            embedding_types: ["float"],
            output_dimension: wanted,
        }),
    };
    Ok(Written { body, dropped })
}

fn dropped(ask: &EmbeddingAsk<'_>) -> Result<Dropped, Refusal> {
    let mut dropped = Dropped::default();
    for extra in &ask.extras {
        match extra.weight {
            Weight::Hint => dropped.add(&extra.field),
            Weight::Essential => return Err(Refusal::unsupported(&extra.field, TARGET)),
        }
    }
    if ask.user.is_some() {
        dropped.add("user");
    }
    Ok(dropped)
}

fn unknown() -> Refusal {
    Refusal::new(
        "model",
        "of Bedrock's models for embeddings only Amazon's Titan and Cohere's Embed are known here; name one of these",
    )
}

fn too_many(most: usize) -> Refusal {
    Refusal::new(
        "input",
        format!("this model takes at most {most} text(s) at once; send fewer in each request"),
    )
}

fn other_length(length: u32) -> Refusal {
    Refusal::new(
        "dimensions",
        format!("the vectors of this model have {length} dimensions; leave `dimensions` out"),
    )
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Titan<'f> {
    input_text: &'f str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<u32>,
}

#[derive(Serialize)]
struct Cohere<'f> {
    texts: &'f [Cow<'f, str>],
    input_type: &'static str,
    embedding_types: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimension: Option<u32>,
}

/// Reads the vectors of `texts` texts.
///
/// # Errors
/// The body is not of the dialect, or holds another number of vectors.
pub fn read_answer(body: &[u8], texts: usize) -> Result<EmbeddingAnswer, Unreadable> {
    let answer: Vectors = json::read_answer(body)?;
    let vectors = match (answer.embedding, answer.embeddings) {
        (Some(vector), _) => vec![vector],
        (None, Some(Many::Plain(vectors) | Many::Typed { float: vectors })) => vectors,
        (None, None) => return Err(Unreadable),
    };
    if vectors.len() != texts || vectors.iter().flatten().any(|number| !number.is_finite()) {
        return Err(Unreadable);
    }
    Ok(EmbeddingAnswer {
        vectors,
        model: None,
        input_tokens: answer.tokens,
    })
}

/// Vectors as either maker gives them.
#[derive(Deserialize)]
struct Vectors {
    /// Titan's.
    embedding: Option<Vec<f32>>,
    #[serde(rename = "inputTextTokenCount")]
    tokens: Option<u64>,
    /// Cohere's.
    embeddings: Option<Many>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Many {
    /// As lists.
    Plain(Vec<Vec<f32>>),
    /// By the type of their numbers.
    Typed {
        /// The type that was asked for.
        float: Vec<Vec<f32>>,
    },
}
