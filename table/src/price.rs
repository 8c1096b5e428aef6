//! What a model's tokens cost. Numbers only: what a request cost is worked out by whoever knows its tokens.

use serde::{Deserialize, Serialize};

/// Prices in US dollars per million tokens; `None` where nobody has said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Prices {
    /// Tokens of the prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<f64>,
    /// Tokens of the answer, reasoning among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<f64>,
    /// Tokens of the prompt that the provider had in its cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<f64>,
    /// Tokens of the prompt that the provider puts into its cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<f64>,
}

impl Prices {
    /// Whether nothing is known.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }

    /// Whether every price that is there is finite and not negative.
    pub(crate) fn are_sound(self) -> bool {
        let Self {
            input,
            output,
            cache_read,
            cache_write,
        } = self;
        [input, output, cache_read, cache_write]
            .into_iter()
            .flatten()
            .all(|price| price.is_finite() && price >= 0.0)
    }
}
