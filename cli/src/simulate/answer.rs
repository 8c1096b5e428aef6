//! What a simulated provider answers: always the same to the same question, and always with its own name
//! in it. Pure; the shapes are those of `OpenAI`'s API reference.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use weir_table::select::{hash, unit};

/// The moment at which all answers were made: 2026-01-01, so that equal questions get equal bytes.
const CREATED: u64 = 1_767_225_600;

/// The dimensions of `text-embedding-3-small`.
const DIMENSIONS: u64 = 1_536;

/// What of a question matters here.
#[derive(Debug, Deserialize)]
pub(super) struct Question {
    #[serde(default)]
    model: String,
    #[serde(default)]
    messages: Vec<Value>,
    #[serde(default)]
    pub(super) stream: bool,
    #[serde(default)]
    stream_options: StreamOptions,
    #[serde(default)]
    input: Texts,
    #[serde(default)]
    encoding_format: Encoding,
}

#[derive(Debug, Default, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

/// The texts to embed; tokens instead of text are embedded as their JSON.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Texts {
    Many(Vec<Value>),
    One(Value),
}

impl Default for Texts {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    #[default]
    Float,
    Base64,
}

impl Question {
    /// A whole answer of `provider`.
    pub(super) fn completion(&self, provider: &str) -> Value {
        let content = self.words(provider).concat();
        let message = json!({ "role": "assistant", "content": content });
        let choice = json!({ "index": 0, "message": message, "logprobs": null, "finish_reason": "stop" });
        let mut completion = self.envelope("chat.completion", &[choice]);
        completion["usage"] = self.usage(provider);
        completion
    }

    /// The same answer as the events of a stream, without the `[DONE]` at its end.
    pub(super) fn chunks(&self, provider: &str) -> Vec<Value> {
        let chunk = |delta: Value, finish: Value| {
            let choice = json!({ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish });
            self.envelope("chat.completion.chunk", &[choice])
        };
        let mut chunks = vec![chunk(json!({ "role": "assistant", "content": "" }), Value::Null)];
        let words = self.words(provider);
        chunks.extend(
            words
                .iter()
                .map(|word| chunk(json!({ "content": word }), Value::Null)),
        );
        chunks.push(chunk(json!({}), json!("stop")));
        if self.stream_options.include_usage {
            let mut last = self.envelope("chat.completion.chunk", &[]);
            last["usage"] = self.usage(provider);
            chunks.push(last);
        }
        chunks
    }

    /// A vector for each text.
    pub(super) fn embeddings(&self) -> Value {
        let texts: &[Value] = match &self.input {
            Texts::Many(texts) => texts,
            Texts::One(text) => std::slice::from_ref(text),
        };
        let vectors = texts.iter().enumerate().map(|(at, text)| {
            let embedding = self.encoded(&vector(&text.to_string()));
            json!({ "object": "embedding", "index": at, "embedding": embedding })
        });
        let data: Vec<Value> = vectors.collect();
        let tokens: usize = texts.iter().map(|text| tokens(&text.to_string())).sum();
        let usage = json!({ "prompt_tokens": tokens, "total_tokens": tokens });
        json!({ "object": "list", "model": self.model, "data": data, "usage": usage })
    }

    fn envelope(&self, object: &str, choices: &[Value]) -> Value {
        let id = format!("chatcmpl-simulated-{:016x}", hash(self.model.as_bytes(), 0));
        json!({ "id": id, "object": object, "created": CREATED, "model": self.model, "choices": choices })
    }

    /// The answer in pieces, as a model would stream it.
    fn words(&self, provider: &str) -> Vec<String> {
        let text = format!(
            "Hello from {} at {provider}. No model was asked: this provider is simulated.",
            self.model
        );
        text.split_inclusive(' ').map(ToOwned::to_owned).collect()
    }

    fn usage(&self, provider: &str) -> Value {
        let prompt: usize = self
            .messages
            .iter()
            .map(|message| tokens(&message["content"].to_string()))
            .sum();
        let completion = self.words(provider).len();
        json!({
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        })
    }

    fn encoded(&self, vector: &[f32]) -> Value {
        match self.encoding_format {
            Encoding::Float => json!(vector),
            Encoding::Base64 => {
                let bytes: Vec<u8> = vector.iter().flat_map(|part| part.to_le_bytes()).collect();
                Value::String(STANDARD.encode(bytes))
            }
        }
    }
}

/// What a provider says that is down.
pub(super) fn outage(provider: &str) -> Value {
    let message = format!("{provider} is down, as always: it is simulated");
    json!({ "error": { "message": message, "type": "server_error", "param": null, "code": "overloaded" } })
}

/// About as many tokens as words.
fn tokens(text: &str) -> usize {
    text.split_whitespace().count()
}

/// A vector of length 1 that follows from the text.
fn vector(text: &str) -> Vec<f32> {
    let parts: Vec<f64> = (0..DIMENSIONS)
        .map(|at| unit(hash(text.as_bytes(), at)) - 0.5)
        .collect();
    let length = parts.iter().map(|part| part * part).sum::<f64>().sqrt();
    #[allow(
        clippy::cast_possible_truncation,
        reason = "embeddings are given in single precision"
    )]
    parts.iter().map(|part| (part / length) as f32).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Question;

    fn question(value: Value) -> Question {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_stream_says_what_the_whole_answer_says() {
        let question = question(json!({ "model": "o1", "stream_options": { "include_usage": true } }));
        let chunks = question.chunks("openai");
        let said: String = chunks
            .iter()
            .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
            .collect();
        let whole = question.completion("openai");
        assert_eq!(whole["choices"][0]["message"]["content"], said);
        assert!(said.contains("o1 at openai"), "{said}");
        assert_eq!(chunks.last().unwrap()["usage"], whole["usage"]);
        assert_eq!(chunks.last().unwrap()["choices"], json!([]));
    }

    #[test]
    fn usage_is_streamed_only_to_those_who_ask() {
        let chunks = question(json!({ "model": "o1" })).chunks("openai");
        assert!(chunks.iter().all(|chunk| chunk.get("usage").is_none()));
    }

    #[test]
    fn a_text_has_one_vector_in_both_encodings() {
        let floats = question(json!({ "model": "m", "input": ["a", "b"] })).embeddings();
        let vectors = floats["data"].as_array().unwrap();
        assert_eq!(vectors.len(), 2);
        assert_eq!(vectors[0]["embedding"].as_array().unwrap().len(), 1_536);
        assert_ne!(vectors[0]["embedding"], vectors[1]["embedding"]);
        let text = question(json!({ "model": "m", "input": "a", "encoding_format": "base64" })).embeddings();
        assert_eq!(
            text["data"][0]["embedding"].as_str().unwrap().len(),
            1_536 * 4 / 3 * 4
        );
    }
}
