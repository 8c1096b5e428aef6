//! What goes into `additionalModelRequestFields`, and what that leaves of sampling: each maker's models have
//! their own words for thinking and `top_k`.

use serde::Serialize;

use super::model::Model;
use crate::Dropped;
use crate::claude::Claude;
use crate::claude::thinking::Mode;
use crate::form::{Ask, Effort, Reasoning};

/// The fields beside Converse's own.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Extra {
    /// Claude.
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Mode>,
    /// Claude.
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    /// Nova. <https://docs.aws.amazon.com/nova/latest/userguide/complete-request-schema.html>
    #[serde(rename = "inferenceConfig", skip_serializing_if = "Option::is_none")]
    inference: Option<TopK>,
    /// Nova 2. <https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html>
    #[serde(rename = "reasoningConfig", skip_serializing_if = "Option::is_none")]
    reasoning_config: Option<ReasoningConfig>,
    /// `OpenAI`'s open models.
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
    /// `OpenAI`'s other models.
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<ReasoningEffort>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct TopK {
    #[serde(rename = "topK")]
    top_k: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ReasoningConfig {
    r#type: &'static str,
    max_reasoning_effort: &'static str,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct ReasoningEffort {
    effort: &'static str,
}

impl Extra {
    /// Whether nothing is to be said.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How the model is to choose its words.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Tuning {
    pub(super) extra: Extra,
    /// The level for `outputConfig.effort`.
    pub(super) effort: Option<&'static str>,
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
}

/// The tuning that `model` takes of what is asked; the rest is named in `dropped`.
pub(super) fn tuning(ask: &Ask<'_>, model: Model<'_>, dropped: &mut Dropped) -> Tuning {
    let tuning = match model {
        Model::Claude(claude) => of_claude(ask, claude, dropped),
        Model::Nova | Model::Nova2 => of_nova(ask, model, dropped),
        Model::GptOss | Model::Gpt => of_gpt(ask, model, dropped),
        Model::Other => plain(ask),
    };
    let kept_top_k = tuning.extra.top_k.is_some() || tuning.extra.inference.is_some();
    let lost = [
        ("temperature", ask.temperature != tuning.temperature),
        ("top_p", ask.top_p != tuning.top_p),
        ("top_k", ask.top_k.is_some() && !kept_top_k),
        ("reasoning_effort", model == Model::Other && wants_thought(ask)),
        ("seed", ask.seed.is_some()),
        ("frequency_penalty", ask.frequency_penalty.is_some()),
        ("presence_penalty", ask.presence_penalty.is_some()),
        ("user", ask.user.is_some()),
    ];
    for (field, _) in lost.iter().filter(|(_, is_lost)| *is_lost) {
        dropped.add(field);
    }
    tuning
}

/// Whether the caller wants the model to think.
fn wants_thought(ask: &Ask<'_>) -> bool {
    !matches!(ask.reasoning, None | Some(Reasoning::Off))
}

/// What every model takes. Converse knows no temperature above 1.
fn plain(ask: &Ask<'_>) -> Tuning {
    Tuning {
        temperature: ask.temperature.map(|temperature| temperature.min(1.0)),
        top_p: ask.top_p,
        ..Tuning::default()
    }
}

fn of_claude(ask: &Ask<'_>, claude: Claude<'_>, dropped: &mut Dropped) -> Tuning {
    let thinking = claude.thinking(ask);
    if !thinking.is_as_asked {
        dropped.add("reasoning_effort");
    }
    let mut tuning = plain(ask);
    tuning.extra.thinking = thinking.mode;
    tuning.extra.top_k = ask.top_k;
    tuning.effort = thinking.effort;
    if thinking.is_on() || !claude.takes_sampling() {
        (tuning.temperature, tuning.top_p, tuning.extra.top_k) = (None, None, None);
    }
    if claude.takes_one_sampling() && tuning.temperature.is_some() {
        tuning.top_p = None;
    }
    tuning
}

fn of_nova(ask: &Ask<'_>, model: Model<'_>, dropped: &mut Dropped) -> Tuning {
    let mut tuning = plain(ask);
    tuning.extra.inference = ask.top_k.map(|top_k| TopK { top_k });
    let Some(effort) = effort(ask) else {
        return tuning;
    };
    if model == Model::Nova {
        dropped.add("reasoning_effort");
        return tuning;
    }
    // High effort wants no limit of tokens beside it, and thinking no sampling.
    let level = match effort {
        Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        _ if ask.max_tokens.is_some() => {
            dropped.add("reasoning_effort");
            "medium"
        }
        _ => "high",
    };
    Tuning {
        extra: Extra {
            reasoning_config: Some(ReasoningConfig {
                r#type: "enabled",
                max_reasoning_effort: level,
            }),
            ..Extra::default()
        },
        ..Tuning::default()
    }
}

fn of_gpt(ask: &Ask<'_>, model: Model<'_>, dropped: &mut Dropped) -> Tuning {
    let mut tuning = plain(ask);
    let is_off = ask.reasoning == Some(Reasoning::Off);
    if model == Model::GptOss {
        // It always thinks, at one of three levels.
        let level = effort(ask).map(|effort| level(effort.min(Effort::High)));
        tuning.extra.reasoning_effort = level.or(is_off.then_some("low"));
        if is_off {
            dropped.add("reasoning_effort");
        }
    } else {
        let level = effort(ask).map(level).or(is_off.then_some("none"));
        tuning.extra.reasoning = level.map(|effort| ReasoningEffort { effort });
    }
    tuning
}

fn level(effort: Effort) -> &'static str {
    match effort {
        Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::ExtraHigh | Effort::Max => "xhigh",
    }
}

/// The step of effort that is asked for.
fn effort(ask: &Ask<'_>) -> Option<Effort> {
    match ask.reasoning? {
        Reasoning::Off => None,
        Reasoning::Effort(effort) => Some(effort),
        Reasoning::Budget(tokens) => Some(Effort::of_budget(tokens)),
        Reasoning::Adaptive => Some(Effort::Medium),
    }
}
