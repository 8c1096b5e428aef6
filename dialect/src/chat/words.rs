//! Words and numbers that the dialects of `OpenAI` share: reasons for ending, effort, usage.

use serde::{Deserialize, Serialize};

use crate::form::{Effort, Finish, Usage};

/// The reason as chat completions say it. A refusal is what a provider's own filter made the model do.
pub(crate) const fn finish_word(finish: &Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::StopText(_) => "stop",
        Finish::Length => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::ContentFilter | Finish::Refusal => "content_filter",
    }
}

/// What `word` says about an end: `Err` if it is that the provider gave up.
pub(crate) fn finish(word: &str) -> Result<Finish, GaveUp> {
    match word {
        "length" | "max_tokens" => Ok(Finish::Length),
        "tool_calls" | "function_call" => Ok(Finish::ToolCalls),
        "content_filter" => Ok(Finish::ContentFilter),
        "error" | "insufficient_system_resource" => Err(GaveUp),
        _ => Ok(Finish::Stop),
    }
}

/// An answer whose end is a failure: `DeepSeek` and `OpenRouter` have words for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GaveUp;

/// The step of effort, in `OpenAI`'s words.
pub(crate) const fn effort_word(effort: Effort) -> &'static str {
    match effort {
        Effort::Minimal => "minimal",
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::ExtraHigh => "xhigh",
        Effort::Max => "max",
    }
}

/// The step that `word` means.
pub(crate) fn effort(word: &str) -> Option<Effort> {
    [
        Effort::Minimal,
        Effort::Low,
        Effort::Medium,
        Effort::High,
        Effort::ExtraHigh,
        Effort::Max,
    ]
    .into_iter()
    .find(|effort| effort_word(*effort) == word)
}

/// Usage as chat completions count it.
/// <https://platform.openai.com/docs/api-reference/chat/object#chat/object-usage>
#[derive(Clone, Copy, Deserialize, Serialize)]
pub(crate) struct ChatUsage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    total_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
    /// `DeepSeek`'s word for what came from its cache.
    #[serde(skip_serializing)]
    prompt_cache_hit_tokens: Option<u64>,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
struct PromptDetails {
    cached_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_tokens: Option<u64>,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
struct CompletionDetails {
    reasoning_tokens: Option<u64>,
}

impl From<Usage> for ChatUsage {
    fn from(usage: Usage) -> Self {
        Self {
            prompt_tokens: Some(usage.input),
            completion_tokens: Some(usage.output),
            total_tokens: Some(usage.input.saturating_add(usage.output)),
            prompt_tokens_details: Some(PromptDetails {
                cached_tokens: Some(usage.cache_read),
                cache_write_tokens: Some(usage.cache_write).filter(|tokens| *tokens > 0),
            }),
            completion_tokens_details: Some(CompletionDetails {
                reasoning_tokens: Some(usage.reasoning),
            }),
            prompt_cache_hit_tokens: None,
        }
    }
}

impl From<ChatUsage> for Usage {
    fn from(usage: ChatUsage) -> Self {
        let prompt = usage.prompt_tokens_details;
        let cached = prompt.and_then(|details| details.cached_tokens);
        let written = prompt.and_then(|details| details.cache_write_tokens);
        let completion = usage.completion_tokens_details;
        let reasoning = completion.and_then(|details| details.reasoning_tokens);
        Self {
            input: usage.prompt_tokens.unwrap_or_default(),
            cache_read: cached.or(usage.prompt_cache_hit_tokens).unwrap_or_default(),
            cache_write: written.unwrap_or_default(),
            output: usage.completion_tokens.unwrap_or_default(),
            reasoning: reasoning.unwrap_or_default(),
        }
    }
}
