//! What Claude models take, wherever they are served, told by their names: later ones refuse what earlier
//! ones wanted. What is not said here the provider checks itself.
//!
//! A name tells family and version (`claude-3-7-sonnet-20250219`, `us.anthropic.claude-opus-4-6-v1`,
//! `claude-sonnet-4-5@20250929`, `claude-opus-5`). Whatever is called Claude without a version counts as the
//! newest; what is not called Claude at all (others speak Anthropic's Messages too) takes everything.
//! Source: <https://platform.claude.com/docs/en/build-with-claude/thinking> and the pages on effort and on
//! what is new in each model.

use crate::form::Effort;

pub(crate) mod thinking;

/// What is asked of a model that was told nothing of `max_tokens`, which Anthropic requires. Every Claude
/// since 3.7 takes this much; less would cut answers short, as thinking counts too.
const MAX_TOKENS: u64 = 16_384;

/// The same for models of which nothing is known: some that speak Anthropic's Messages refuse more.
const MAX_TOKENS_OF_OTHERS: u64 = 8_192;

/// A model, as far as its name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claude<'a> {
    /// `None`: not a Claude.
    version: Option<(u32, u32)>,
    family: &'a str,
}

/// How thinking is turned off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Off {
    /// It is off unless asked for.
    ByItself,
    /// `disabled`.
    Disabled,
    /// `between_tools`, the least that the model knows.
    BetweenTools,
    /// It can't be.
    Never,
}

impl<'a> Claude<'a> {
    /// The model called `name` upstream.
    pub(crate) fn named(name: &'a str) -> Self {
        let Some((_, rest)) = name.split_once("claude") else {
            return Self {
                version: None,
                family: "",
            };
        };
        let words = || {
            rest.split(['-', '.', '@', ':', '/'])
                .filter(|word| !word.is_empty())
        };
        let mut numbers = words()
            .skip_while(|word| version_part(word).is_none())
            .map_while(version_part);
        let version = match (numbers.next(), numbers.next()) {
            (Some(major), minor) => (major, minor.unwrap_or(0)),
            (None, _) => (u32::MAX, 0),
        };
        Self {
            version: Some(version),
            family: words()
                .find(|word| word.starts_with(|c: char| c.is_ascii_lowercase()))
                .unwrap_or(""),
        }
    }

    /// Whether it takes `temperature`, `top_p` and `top_k`: up to 4.6.
    pub(crate) fn takes_sampling(self) -> bool {
        self.version.is_none_or(|version| version < (4, 7))
    }

    /// Whether it takes `temperature` or `top_p`, but not both: since 4.
    pub(crate) fn takes_one_sampling(self) -> bool {
        self.version.is_some_and(|version| version >= (4, 0))
    }

    /// Whether thinking is adaptive and steered by effort, not by a budget: since 4.6.
    pub(crate) fn thinks_by_effort(self) -> bool {
        self.version.is_some_and(|version| version >= (4, 6))
    }

    /// Whether it can be told to show a summary of its thoughts, which are left out otherwise: since 4.7.
    pub(crate) fn hides_thoughts(self) -> bool {
        self.version.is_some_and(|version| version >= (4, 7))
    }

    /// How its thinking is turned off.
    pub(crate) fn off(self) -> Off {
        match (self.family, self.version) {
            ("fable" | "mythos", _) => Off::Never,
            (_, Some(version)) if version < (5, 0) => Off::ByItself,
            ("opus", Some(version)) if version >= (5, 5) => Off::Never,
            ("sonnet", Some(version)) if version >= (5, 5) => Off::BetweenTools,
            _ => Off::Disabled,
        }
    }

    /// What it calls a step of effort. There is no `minimal`, and no `xhigh` before 4.7.
    pub(crate) fn effort(self, effort: Effort) -> &'static str {
        match effort {
            Effort::Minimal | Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::ExtraHigh if self.hides_thoughts() => "xhigh",
            Effort::High | Effort::ExtraHigh => "high",
            Effort::Max => "max",
        }
    }

    /// Whether it is one at all.
    pub(crate) fn is_one(self) -> bool {
        self.version.is_some()
    }

    /// Whether it knows cache marks on every platform: since 3.7.
    pub(crate) fn caches(self) -> bool {
        self.version.is_some_and(|version| version >= (3, 7))
    }

    /// The most tokens that it answers with, thinking included: 32,000 for Opus before 4.5, else 64,000 at least.
    pub(crate) fn most_tokens(self) -> u64 {
        match self.version {
            Some(version) if self.family == "opus" && version < (4, 5) => 32_000,
            Some(_) => 64_000,
            None => u64::MAX,
        }
    }

    /// The `max_tokens` to ask for when the caller said none.
    pub(crate) fn max_tokens(self) -> u64 {
        match self.version {
            Some(version) if version >= (3, 7) => MAX_TOKENS,
            Some((0..=2, _) | (3, 0..=4)) => 4_096,
            _ => MAX_TOKENS_OF_OTHERS,
        }
    }
}

/// A part of a version; dates and `v1` are none.
fn version_part(word: &str) -> Option<u32> {
    (word.len() <= 2).then(|| word.parse().ok())?
}

#[cfg(test)]
mod tests;
