//! The form, written as a request to a target that speaks chat completions.

use serde::Serialize;
use serde_json::value::RawValue;

use super::conversation::{self, MessageOut};
use super::words;
use crate::form::{Ask, Output, Reasoning, Tool, ToolChoice};
use crate::{Dropped, Refusal, Written, json};

/// What this dialect is called in refusals.
const NAME: &str = "chat completions";

#[derive(Serialize)]
struct Body<'f> {
    model: &'f str,
    messages: Vec<MessageOut<'f>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolOut<'f>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ChoiceOut<'f>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<FormatOut<'f>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop: &'f [std::borrow::Cow<'f, str>],
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'f str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct ToolOut<'f> {
    #[serde(rename = "type")]
    kind: &'static str,
    function: FunctionOut<'f>,
}

#[derive(Serialize)]
struct FunctionOut<'f> {
    name: &'f str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'f str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<&'f RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ChoiceOut<'f> {
    Word(&'static str),
    Named {
        #[serde(rename = "type")]
        kind: &'static str,
        function: Name<'f>,
    },
}

#[derive(Serialize)]
struct Name<'f> {
    name: &'f str,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum FormatOut<'f> {
    JsonObject,
    JsonSchema { json_schema: SchemaOut<'f> },
}

#[derive(Serialize)]
struct SchemaOut<'f> {
    name: &'f str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'f str>,
    schema: &'f RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

/// Writes a request for `model`.
///
/// # Errors
/// It asks for what this dialect has no words for.
pub(super) fn write(ask: &Ask<'_>, model: &str) -> Result<Written, Refusal> {
    let mut dropped = Dropped::of_extras(ask, NAME)?;
    drop_unsaid(ask, &mut dropped);
    let body = Body {
        messages: conversation::messages(ask, &mut dropped)?,
        ..plain(ask, model)
    };
    Ok(Written {
        body: json::write(&body),
        dropped,
    })
}

fn plain<'f>(ask: &'f Ask<'_>, model: &'f str) -> Body<'f> {
    let usage = ask.stream && ask.stream_usage;
    Body {
        model,
        messages: Vec::new(),
        tools: ask.tools.iter().map(tool).collect(),
        tool_choice: ask
            .tool_choice
            .as_ref()
            .and_then(|choice| said_choice(ask, choice)),
        parallel_tool_calls: ask.parallel_tool_calls.filter(|_| !ask.tools.is_empty()),
        response_format: format(&ask.output),
        max_completion_tokens: ask.max_tokens,
        temperature: ask.temperature,
        top_p: ask.top_p,
        stop: &ask.stop,
        seed: ask.seed,
        frequency_penalty: ask.frequency_penalty,
        presence_penalty: ask.presence_penalty,
        n: ask.choices,
        reasoning_effort: ask.reasoning.and_then(effort),
        user: ask.user.as_deref(),
        stream: ask.stream,
        stream_options: usage.then_some(StreamOptions { include_usage: true }),
    }
}

/// Names what the form holds and this dialect does not. `Off` is dropped because the models that think unless
/// told otherwise and those that refuse the very word are told apart by nothing that is known here.
fn drop_unsaid(ask: &Ask<'_>, dropped: &mut Dropped) {
    if ask.top_k.is_some() {
        dropped.add("top_k");
    }
    if ask.reasoning == Some(Reasoning::Off) {
        dropped.add("reasoning_effort");
    }
    if ask.tools.iter().any(|tool| tool.cache.is_some()) {
        dropped.add("cache_control");
    }
}

fn tool<'f>(tool: &'f Tool<'_>) -> ToolOut<'f> {
    ToolOut {
        kind: "function",
        function: FunctionOut {
            name: &tool.name,
            description: tool.description.as_deref(),
            parameters: tool.parameters,
            strict: tool.strict,
        },
    }
}

/// The choice; without tools there is none, and targets refuse to be told so.
fn said_choice<'f>(ask: &Ask<'_>, choice: &'f ToolChoice<'_>) -> Option<ChoiceOut<'f>> {
    match choice {
        ToolChoice::Auto | ToolChoice::None if ask.tools.is_empty() => None,
        ToolChoice::Auto => Some(ChoiceOut::Word("auto")),
        ToolChoice::None => Some(ChoiceOut::Word("none")),
        ToolChoice::Required => Some(ChoiceOut::Word("required")),
        ToolChoice::Named(name) => Some(ChoiceOut::Named {
            kind: "function",
            function: Name { name },
        }),
    }
}

fn format<'f>(output: &'f Output<'_>) -> Option<FormatOut<'f>> {
    match output {
        Output::Text => None,
        Output::Json => Some(FormatOut::JsonObject),
        Output::Schema(schema) => Some(FormatOut::JsonSchema {
            json_schema: SchemaOut {
                name: &schema.name,
                description: schema.description.as_deref(),
                schema: schema.schema,
                strict: schema.strict,
            },
        }),
    }
}

fn effort(reasoning: Reasoning) -> Option<&'static str> {
    match reasoning {
        Reasoning::Off | Reasoning::Adaptive => None,
        Reasoning::Effort(effort) => Some(words::effort_word(effort)),
        Reasoning::Budget(tokens) => Some(words::effort_word(crate::form::Effort::of_budget(tokens))),
    }
}
