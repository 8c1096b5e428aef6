//! How the generations of Claude differ in what they take: thinking, sampling, cache marks. Anthropic's Messages
//! and Bedrock's Converse reach the same models, and ask here.
//!
//! By the model's name alone. What a name does not tell is taken for the newest.
//! <https://platform.claude.com/docs/en/build-with-claude/extended-thinking> and the migration guides beside it.
#![allow(dead_code, reason = "The dialects that use it arrive one by one.")]

use serde::Serialize;

use crate::form::{Ask, Effort, Part, Reasoning, Role, ToolChoice};

#[cfg(test)]
mod tests;

/// The least budget of thinking that Claude takes.
const LEAST_BUDGET: u64 = 1_024;

/// A Claude, by its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claude {
    version: (u8, u8),
    family: Family,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// Fable and Mythos, which always think.
    Thinker,
    Opus,
    /// Sonnet, Haiku and what is older than these names.
    Other,
}

/// What to say of thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Thinking {
    /// The field `thinking`; `None`: leave it out.
    pub(crate) mode: Option<Mode>,
    /// The level of effort; `None`: leave it out.
    pub(crate) effort: Option<&'static str>,
    /// Whether that is what the caller asked for; else it is to be named as dropped.
    pub(crate) is_as_asked: bool,
}

/// The field `thinking`, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Mode {
    /// At most so many tokens.
    Enabled {
        /// How many.
        budget_tokens: u64,
    },
    /// As much as the model thinks fit.
    Adaptive,
    /// Not at all.
    Disabled,
    /// Only between calls of tools: the least that some models can do.
    BetweenTools,
}

impl Claude {
    /// The Claude that `model` names, wherever it is served; `None` if it is none.
    pub(crate) fn of_model(model: &str) -> Option<Self> {
        let (_, name) = model.split_once("claude-")?;
        let words = || name.split(|c: char| !c.is_ascii_alphanumeric());
        let is_version = |word: &&str| word.len() <= 2 && word.bytes().all(|byte| byte.is_ascii_digit());
        let mut numbers = words().skip_while(|word| !is_version(word)).map_while(|word| {
            let number = Some(word).filter(is_version)?;
            number.parse::<u8>().ok()
        });
        let version = match numbers.next() {
            Some(major) => (major, numbers.next().unwrap_or(0)),
            None => (u8::MAX, 0),
        };
        let family = match words().find(|word| ["fable", "mythos", "opus"].contains(word)) {
            Some("opus") => Family::Opus,
            Some(_) => Family::Thinker,
            None => Family::Other,
        };
        Some(Self { version, family })
    }

    /// Whether it takes `temperature`, `top_p` and `top_k` at all.
    pub(crate) fn takes_sampling(self) -> bool {
        self.version < (4, 7)
    }

    /// Whether it takes `temperature` beside `top_p`.
    pub(crate) fn takes_temperature_with_top_p(self) -> bool {
        self.version < (4, 1)
    }

    /// Whether it knows cache marks.
    pub(crate) fn caches(self) -> bool {
        self.version >= (3, 7)
    }

    /// How it is to think about `ask`.
    pub(crate) fn thinking(self, ask: &Ask<'_>) -> Thinking {
        let forced = matches!(ask.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_)));
        match ask.reasoning {
            None | Some(Reasoning::Off) if forced => Thinking::said(self.least().mode),
            None => Thinking::said(None),
            Some(Reasoning::Off) => self.least(),
            // No Claude thinks before a call that it is forced to.
            Some(_) if forced => Thinking {
                is_as_asked: false,
                ..self.least()
            },
            Some(Reasoning::Adaptive) => self.adaptive(None, ask),
            Some(Reasoning::Effort(effort)) => self.adaptive(Some(effort), ask),
            Some(Reasoning::Budget(tokens)) if self.version < (4, 7) => budget(tokens, ask),
            Some(Reasoning::Budget(tokens)) => self.adaptive(Some(Effort::of_budget(tokens)), ask),
        }
    }

    /// The least thinking that it can do.
    fn least(self) -> Thinking {
        let always = self.family == Family::Thinker || self.family == Family::Opus && self.version > (5, 0);
        if self.version < (5, 0) && self.family != Family::Thinker {
            // It does not think unless it is told to.
            Thinking::said(None)
        } else if always {
            Thinking {
                mode: None,
                effort: Some("low"),
                is_as_asked: false,
            }
        } else if self.version > (5, 0) {
            Thinking::said(Some(Mode::BetweenTools))
        } else {
            Thinking::said(Some(Mode::Disabled))
        }
    }

    fn adaptive(self, effort: Option<Effort>, ask: &Ask<'_>) -> Thinking {
        if self.version < (4, 6) {
            return budget(effort.unwrap_or(Effort::High).budget(), ask);
        }
        Thinking {
            mode: Some(Mode::Adaptive),
            effort: effort.map(|effort| self.level(effort)),
            is_as_asked: true,
        }
    }

    fn level(self, effort: Effort) -> &'static str {
        match effort {
            Effort::Minimal | Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High => "high",
            // 4.6 has no step between high and the highest.
            Effort::ExtraHigh if self.version >= (4, 7) => "xhigh",
            Effort::ExtraHigh | Effort::Max => "max",
        }
    }
}

impl Thinking {
    fn said(mode: Option<Mode>) -> Self {
        Self {
            mode,
            effort: None,
            is_as_asked: true,
        }
    }

    /// Whether the model is told to think, and so takes no sampling beside it.
    pub(crate) fn is_on(&self) -> bool {
        matches!(self.mode, Some(Mode::Enabled { .. } | Mode::Adaptive))
    }
}

/// A budget of `tokens`, as far as it fits beneath the answer's limit: it must leave room for the answer, and
/// in a loop of tools the model wants its earlier thoughts back.
fn budget(tokens: u64, ask: &Ask<'_>) -> Thinking {
    let most = ask.max_tokens.map_or(u64::MAX, |limit| limit.saturating_sub(1));
    let budget_tokens = tokens.max(LEAST_BUDGET).min(most);
    let fits = budget_tokens >= LEAST_BUDGET && !lacks_thoughts(ask);
    Thinking {
        mode: fits.then_some(Mode::Enabled { budget_tokens }),
        effort: None,
        is_as_asked: fits && budget_tokens >= tokens,
    }
}

/// Whether the last turn of the model called tools and comes without the thoughts before it, as callers send it
/// whose own dialect has no place for them.
fn lacks_thoughts(ask: &Ask<'_>) -> bool {
    let last = ask.turns.iter().rev().find(|turn| turn.role == Role::Assistant);
    last.is_some_and(|turn| {
        let calls = turn.parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
        calls && !turn.parts.iter().any(is_kept_thought)
    })
}

/// Whether `part` is a thought that may be sent back: one with its proof, or one that is not shown.
pub(crate) fn is_kept_thought(part: &Part<'_>) -> bool {
    matches!(part, Part::Thought(thought) if thought.signature.is_some() || thought.redacted.is_some())
}
