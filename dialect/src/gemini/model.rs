//! How the generations of Gemini differ in what they take: thinking, penalties, files from elsewhere.
//!
//! By the model's name alone. What a name does not tell is taken for the newest.
//! <https://ai.google.dev/gemini-api/docs/thinking>

use serde::Serialize;

use crate::form::{Effort, Reasoning};

#[cfg(test)]
mod tests;

/// The first generation that thinks, by a budget of tokens.
const BUDGETS: (u8, u8) = (2, 5);
/// The first generation whose thinking has levels, whose calls are signed, and whose tools return media.
const LEVELS: (u8, u8) = (3, 0);
/// The last generation of which every Flash knows the level `MINIMAL`.
const MINIMAL_FLASH: (u8, u8) = (3, 6);

/// A Gemini, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Model {
    version: (u8, u8),
    family: Family,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Pro,
    Flash,
    FlashLite,
    Other,
}

/// The field `thinkingConfig`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "They are called so on the wire.")]
pub(super) struct Thinking {
    include_thoughts: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_budget: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_level: Option<&'static str>,
}

/// What to say of thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    /// The field; `None`: leave it out.
    pub(super) thinking: Option<Thinking>,
    /// Whether that is what the caller asked for; else it is to be named as dropped.
    pub(super) is_as_asked: bool,
}

impl Model {
    /// The model called `name`, such as `gemini-2.5-flash-lite`.
    pub(super) fn named(name: &str) -> Self {
        let rest = name.strip_prefix("gemini-");
        Self {
            version: rest.and_then(version).unwrap_or((u8::MAX, 0)),
            family: rest.map_or(Family::Other, family),
        }
    }

    /// Whether calls of tools in earlier turns must be signed.
    pub(super) fn wants_signatures(self) -> bool {
        self.version >= LEVELS
    }

    /// Whether what a tool returns may hold media.
    pub(super) fn takes_media_of_tools(self) -> bool {
        self.version >= LEVELS
    }

    /// Whether it fetches files from addresses that are not Google's.
    pub(super) fn fetches(self) -> bool {
        self.version >= BUDGETS
    }

    /// Whether tokens may be penalised for having come before.
    pub(super) fn takes_penalties(self) -> bool {
        self.version != BUDGETS
    }

    /// How `reasoning` is said to it.
    pub(super) fn plan(self, reasoning: Reasoning) -> Plan {
        let reasoning = match reasoning {
            Reasoning::Budget(0) => Reasoning::Off,
            other => other,
        };
        if self.version < BUDGETS {
            return Plan {
                thinking: None,
                is_as_asked: reasoning == Reasoning::Off,
            };
        }
        let shown = Thinking {
            include_thoughts: reasoning != Reasoning::Off,
            ..Thinking::default()
        };
        if self.version < LEVELS {
            self.plan_of_budget(shown, reasoning)
        } else {
            self.plan_of_level(shown, reasoning)
        }
    }

    fn plan_of_budget(self, shown: Thinking, reasoning: Reasoning) -> Plan {
        let (least, most) = self.budgets();
        let within = |tokens: u64| i64::from(u32::try_from(tokens).unwrap_or(most).clamp(least, most));
        let (budget, is_as_asked) = match reasoning {
            Reasoning::Off if self.family == Family::Pro => (i64::from(least), false),
            Reasoning::Off => (0, true),
            Reasoning::Adaptive => (-1, true),
            Reasoning::Effort(effort) => (within(effort.budget()), true),
            Reasoning::Budget(tokens) => (within(tokens), tokens >= u64::from(least)),
        };
        Plan {
            thinking: Some(Thinking {
                thinking_budget: Some(budget),
                ..shown
            }),
            is_as_asked,
        }
    }

    /// The least and the most tokens that it can be told to think.
    fn budgets(self) -> (u32, u32) {
        match self.family {
            Family::Pro => (128, 32_768),
            Family::FlashLite => (512, 24_576),
            Family::Flash | Family::Other => (1, 24_576),
        }
    }

    /// Thinking by levels can be made little, but not be turned off.
    fn plan_of_level(self, shown: Thinking, reasoning: Reasoning) -> Plan {
        let level = match reasoning {
            Reasoning::Off => Some(self.least_level()),
            Reasoning::Adaptive => None,
            Reasoning::Effort(effort) => Some(self.level(effort)),
            Reasoning::Budget(tokens) => Some(self.level(Effort::of_budget(tokens))),
        };
        Plan {
            thinking: Some(Thinking {
                thinking_level: level,
                ..shown
            }),
            is_as_asked: reasoning != Reasoning::Off,
        }
    }

    fn level(self, effort: Effort) -> &'static str {
        match effort {
            Effort::Minimal => self.least_level(),
            Effort::Low => "LOW",
            Effort::Medium => "MEDIUM",
            Effort::High | Effort::ExtraHigh | Effort::Max => "HIGH",
        }
    }

    /// Every model knows `LOW`; only these know less.
    fn least_level(self) -> &'static str {
        match self.family {
            Family::FlashLite => "MINIMAL",
            Family::Flash if self.version <= MINIMAL_FLASH => "MINIMAL",
            _ => "LOW",
        }
    }
}

/// `2.5-flash` is (2, 5), `3-pro-preview` (3, 0), `flash-latest` nothing.
fn version(rest: &str) -> Option<(u8, u8)> {
    let number = rest.split('-').next()?;
    let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn family(rest: &str) -> Family {
    if rest.contains("flash-lite") {
        Family::FlashLite
    } else if rest.contains("flash") {
        Family::Flash
    } else if rest.contains("pro") {
        Family::Pro
    } else {
        Family::Other
    }
}
