//! Writes how the answer is to be made: sampling, limits, shape, thinking.
//! <https://ai.google.dev/api/generate-content#generationconfig>

use serde::Serialize;
use serde_json::value::RawValue;

use super::model::{Model, Thinking};
use crate::Dropped;
use crate::form::{Ask, Output};

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GenerationConfig<'f> {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'f str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<&'f RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<Thinking>,
}

/// How the answer to `ask` is to be made; what `model` does not know is dropped, and named.
pub(super) fn config<'f>(ask: &'f Ask<'_>, model: Model, dropped: &mut Dropped) -> GenerationConfig<'f> {
    let (response_mime_type, response_json_schema) = shape(&ask.output);
    GenerationConfig {
        temperature: ask.temperature,
        top_p: ask.top_p,
        top_k: ask.top_k,
        max_output_tokens: ask.max_tokens,
        stop_sequences: ask.stop.iter().map(|text| &**text).collect(),
        seed: seed(ask, dropped),
        candidate_count: ask.choices.filter(|choices| *choices != 1),
        presence_penalty: penalty(ask.presence_penalty, model, || dropped.add("presence_penalty")),
        frequency_penalty: penalty(ask.frequency_penalty, model, || dropped.add("frequency_penalty")),
        response_mime_type,
        response_json_schema,
        thinking_config: thinking(ask, model, dropped),
    }
}

fn shape<'f>(output: &'f Output<'_>) -> (Option<&'static str>, Option<&'f RawValue>) {
    match output {
        Output::Text => (None, None),
        Output::Json => (Some("application/json"), None),
        Output::Schema(schema) => (Some("application/json"), Some(schema.schema)),
    }
}

/// Gemini's seeds have 32 bits.
fn seed(ask: &Ask<'_>, dropped: &mut Dropped) -> Option<i32> {
    let seed = i32::try_from(ask.seed?);
    if seed.is_err() {
        dropped.add("seed");
    }
    seed.ok()
}

/// Clients send 0, which is none, to models that refuse any.
fn penalty(penalty: Option<f64>, model: Model, drop: impl FnOnce()) -> Option<f64> {
    let penalty = penalty.filter(|penalty| *penalty != 0.0)?;
    if model.takes_penalties() {
        return Some(penalty);
    }
    drop();
    None
}

fn thinking(ask: &Ask<'_>, model: Model, dropped: &mut Dropped) -> Option<Thinking> {
    let plan = model.plan(ask.reasoning?);
    if !plan.is_as_asked {
        dropped.add("reasoning_effort");
    }
    plan.thinking
}
