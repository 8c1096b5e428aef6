//! Why an answer ended. <https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons>

use serde::{Deserialize, Serialize};

use crate::form::{Finish, Part};
use crate::json::Str;

/// Why an answer ended, as a provider says it.
#[derive(Default, Deserialize)]
pub(super) struct Said<'a> {
    #[serde(rename = "stop_reason", borrow)]
    reason: Option<Str<'a>>,
    #[serde(rename = "stop_sequence")]
    text: Option<Str<'a>>,
    #[serde(rename = "stop_details")]
    details: Option<Details<'a>>,
}

/// More on a refusal.
#[derive(Default, Deserialize)]
struct Details<'a> {
    #[serde(borrow)]
    explanation: Option<Str<'a>>,
}

impl<'a> Said<'a> {
    /// The reason, if one was said. `pause_turn` comes with tools that Anthropic runs, which Weir never asks
    /// for; that and what is not known yet is an end like others.
    pub(super) fn finish(&self) -> Option<Finish> {
        Some(match &**self.reason.as_ref()? {
            "max_tokens" | "model_context_window_exceeded" => Finish::Length,
            "stop_sequence" => Finish::StopText(self.text.as_deref().map(str::to_owned)),
            "tool_use" => Finish::ToolCalls,
            "refusal" => Finish::Refusal,
            _ => Finish::Stop,
        })
    }

    /// The provider's words for a refusal.
    pub(super) fn explanation(self) -> Option<Str<'a>> {
        let refused = self.reason.as_ref().is_some_and(|reason| &**reason == "refusal");
        let words = self.details?.explanation?;
        (refused && !words.is_empty()).then_some(words)
    }
}

/// Why an answer ended, as it is written.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Written<'x> {
    stop_reason: &'static str,
    stop_sequence: Option<&'x str>,
}

impl<'x> Written<'x> {
    /// `finish` in Anthropic's words. An answer with calls in it ends in `tool_use` even if its provider only
    /// said that it ended, because clients run the tools by that word.
    pub(super) fn of(finish: Option<&'x Finish>, calls: Calls) -> Self {
        let stop_reason = match (finish, calls) {
            (Some(Finish::ToolCalls), _) | (Some(Finish::Stop) | None, Calls::Some) => "tool_use",
            (Some(Finish::Stop | Finish::StopText(None)) | None, _) => "end_turn",
            (Some(Finish::StopText(Some(_))), _) => "stop_sequence",
            (Some(Finish::Length), _) => "max_tokens",
            (Some(Finish::ContentFilter | Finish::Refusal), _) => "refusal",
        };
        Self {
            stop_reason,
            stop_sequence: match finish {
                Some(Finish::StopText(text)) => text.as_deref(),
                _ => None,
            },
        }
    }
}

/// Whether an answer calls tools.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Calls {
    /// It does not.
    #[default]
    None,
    /// It does.
    Some,
}

impl Calls {
    /// Whether there is a call among `parts`.
    pub(super) fn of(parts: &[Part<'_>]) -> Self {
        if parts.iter().any(|part| matches!(part, Part::ToolCall(_))) {
            Self::Some
        } else {
            Self::None
        }
    }
}
