//! Usage. Anthropic's `input_tokens` leaves out what was read from and written to the cache; the form's
//! includes both. <https://platform.claude.com/docs/en/build-with-claude/prompt-caching>

use serde::{Deserialize, Serialize};

use crate::form::Usage;

/// Usage as a provider says it. In a stream the counts are totals so far, and later events leave out what
/// has not changed.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct Said {
    input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    output_tokens_details: Option<Details>,
}

/// What the answer's tokens were.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize)]
struct Details {
    #[serde(default)]
    thinking_tokens: u64,
}

impl Said {
    /// Takes over what `later` says.
    pub(super) fn update(&mut self, later: Self) {
        *self = Self {
            input_tokens: later.input_tokens.or(self.input_tokens),
            cache_read_input_tokens: later.cache_read_input_tokens.or(self.cache_read_input_tokens),
            cache_creation_input_tokens: later
                .cache_creation_input_tokens
                .or(self.cache_creation_input_tokens),
            output_tokens: later.output_tokens.or(self.output_tokens),
            output_tokens_details: later.output_tokens_details.or(self.output_tokens_details),
        };
    }

    /// The same in the form's way of counting.
    pub(super) fn total(self) -> Usage {
        let cache_read = self.cache_read_input_tokens.unwrap_or(0);
        let cache_write = self.cache_creation_input_tokens.unwrap_or(0);
        Usage {
            input: self
                .input_tokens
                .unwrap_or(0)
                .saturating_add(cache_read)
                .saturating_add(cache_write),
            cache_read,
            cache_write,
            output: self.output_tokens.unwrap_or(0),
            reasoning: self
                .output_tokens_details
                .map_or(0, |details| details.thinking_tokens),
        }
    }
}

/// Usage as it is written. All zeros where nothing is known, since the dialect requires it.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Written {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<Details>,
}

impl Written {
    /// `usage` in Anthropic's way of counting.
    pub(super) fn of(usage: Usage) -> Self {
        Self {
            input_tokens: usage
                .input
                .saturating_sub(usage.cache_read)
                .saturating_sub(usage.cache_write),
            cache_creation_input_tokens: usage.cache_write,
            cache_read_input_tokens: usage.cache_read,
            output_tokens: usage.output,
            output_tokens_details: (usage.reasoning > 0).then_some(Details {
                thinking_tokens: usage.reasoning,
            }),
        }
    }
}
