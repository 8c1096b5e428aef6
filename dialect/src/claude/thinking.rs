//! What to say to a Claude about thinking, given all that is asked of it. A budget and a forced call of a tool
//! don't go together with everything; what can't be said is left out, and told so.

use serde::Serialize;

use super::{Claude, Off};
use crate::form::{Ask, Effort, Part, Reasoning, Role, ToolChoice};

#[cfg(test)]
mod tests;

/// The least budget of thinking that Claude takes.
const LEAST_BUDGET: u64 = 1_024;

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
    Adaptive {
        /// `summarized` where thoughts are not shown otherwise.
        #[serde(skip_serializing_if = "Option::is_none")]
        display: Option<&'static str>,
    },
    /// Not at all.
    Disabled,
    /// Only between calls of tools: the least that some models can do.
    BetweenTools,
}

impl Thinking {
    /// Whether the model is told to think, and so takes no `temperature` and `top_k`.
    pub(crate) fn is_on(&self) -> bool {
        matches!(self.mode, Some(Mode::Enabled { .. } | Mode::Adaptive { .. }))
    }

    fn said(mode: Option<Mode>) -> Self {
        Self {
            mode,
            effort: None,
            is_as_asked: true,
        }
    }
}

impl Claude<'_> {
    /// How it is to think about `ask`. No Claude thinks before a call that it is forced to.
    pub(crate) fn thinking(self, ask: &Ask<'_>) -> Thinking {
        let is_forced = matches!(ask.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_)));
        match ask.reasoning {
            None if is_forced && self.is_one() => Thinking::said(self.least().mode),
            None => Thinking::said(None),
            Some(Reasoning::Off) => self.least(),
            Some(_) if is_forced => Thinking {
                is_as_asked: false,
                ..self.least()
            },
            Some(Reasoning::Adaptive) => self.thinks_by(None, ask),
            Some(Reasoning::Effort(effort)) => self.thinks_by(Some(effort), ask),
            // Up to 4.6 budgets are taken, which is all of those that take sampling.
            Some(Reasoning::Budget(tokens)) if self.takes_sampling() => budget(tokens, ask),
            Some(Reasoning::Budget(tokens)) => self.thinks_by(Some(Effort::of_budget(tokens)), ask),
        }
    }

    /// The least thinking that it can do.
    fn least(self) -> Thinking {
        match self.off() {
            Off::ByItself => Thinking::said(None),
            Off::Disabled => Thinking::said(Some(Mode::Disabled)),
            Off::BetweenTools => Thinking::said(Some(Mode::BetweenTools)),
            Off::Never => Thinking {
                mode: None,
                effort: Some("low"),
                is_as_asked: false,
            },
        }
    }

    fn thinks_by(self, effort: Option<Effort>, ask: &Ask<'_>) -> Thinking {
        if !self.thinks_by_effort() {
            // No step takes all that the model may say.
            let tokens = effort.unwrap_or(Effort::High).budget();
            return budget(tokens.min(self.most_tokens() / 2), ask);
        }
        let display = self.hides_thoughts().then_some("summarized");
        Thinking {
            mode: Some(Mode::Adaptive { display }),
            effort: effort.map(|effort| self.effort(effort)),
            is_as_asked: true,
        }
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

/// Whether `part` is a thought that goes back to a Claude: one with its proof, or one that is not shown.
fn is_kept_thought(part: &Part<'_>) -> bool {
    matches!(part, Part::Thought(thought) if thought.claudes_proof().is_some() || thought.redacted.is_some())
}
