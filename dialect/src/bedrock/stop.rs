//! Why an answer ended, and what it took, as Bedrock says it.

use serde::Deserialize;

use crate::form::{Finish, Usage};
use crate::json::Str;

/// What was asked for in `additionalModelResponseFieldPaths`.
#[derive(Default, Deserialize)]
pub(super) struct Fields<'a> {
    #[serde(borrow, default)]
    stop_sequence: Option<Str<'a>>,
}

/// Why an answer ended.
/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#bedrock-runtime_Converse-response-stopReason>
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// As answers end.
    Finish(Finish),
    /// What the model said could not be understood: there is no answer.
    Malformed,
}

impl Stop {
    /// The reason that Bedrock gave. One that is not known yet is an end like others.
    pub(super) fn of(reason: &str, fields: Option<Fields<'_>>) -> Self {
        Self::Finish(match reason {
            "stop_sequence" => {
                Finish::StopText(fields.and_then(|fields| Some(fields.stop_sequence?.0.into_owned())))
            }
            "max_tokens" | "model_context_window_exceeded" => Finish::Length,
            "tool_use" => Finish::ToolCalls,
            "content_filtered" | "guardrail_intervened" => Finish::ContentFilter,
            "malformed_model_output" | "malformed_tool_use" => return Self::Malformed,
            _ => Finish::Stop,
        })
    }
}

/// Usage; `inputTokens` leaves out what was read from and written to the cache.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Tokens {
    #[serde(rename = "inputTokens")]
    input: u64,
    #[serde(rename = "outputTokens")]
    output: u64,
    #[serde(rename = "cacheReadInputTokens", default)]
    cache_read: u64,
    #[serde(rename = "cacheWriteInputTokens", default)]
    cache_write: u64,
}

impl From<Tokens> for Usage {
    fn from(tokens: Tokens) -> Self {
        let cached = tokens.cache_read.saturating_add(tokens.cache_write);
        Self {
            input: tokens.input.saturating_add(cached),
            cache_read: tokens.cache_read,
            cache_write: tokens.cache_write,
            output: tokens.output,
            reasoning: 0,
        }
    }
}
