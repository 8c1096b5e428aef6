//! A caller's request, read into the form.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::heard::{Choice, Format, HeardTool, Request, Thinking};
use super::turns::{cache_mark, system, turns};
use crate::Refusal;
use crate::form::{Ask, Effort, Extra, Output, Reasoning, Schema, Tool, ToolChoice, Weight};
use crate::json;

/// What the router took out or uses itself.
const SILENT: [&str; 3] = ["model", "requesty", "weir"];

/// Reads the body of a `POST /v1/messages`.
///
/// # Errors
/// It is none: no JSON, a field of another type, no `max_tokens`, no messages, a block without what its type
/// requires.
pub fn read_request(body: &[u8]) -> Result<Ask<'_>, Refusal> {
    let ask = read_count(body)?;
    if ask.max_tokens.is_none() {
        return Err(Refusal::new("max_tokens", "missing field `max_tokens`"));
    }
    Ok(ask)
}

/// Reads the body of a `POST /v1/messages/count_tokens`: a request without `max_tokens`.
///
/// # Errors
/// As for [`read_request`].
pub fn read_count(body: &[u8]) -> Result<Ask<'_>, Refusal> {
    let (request, extras): (Request<'_>, _) = json::read_request(body, &SILENT)?;
    form_of(request, extras)
}

fn form_of<'a>(request: Request<'a>, mut extras: Vec<Extra<'a>>) -> Result<Ask<'a>, Refusal> {
    essentials(&request, &mut extras);
    let mut system = system(request.system, &mut extras);
    let turns = turns(request.messages, &mut system, &mut extras)?;
    let (effort, format) = request
        .output_config
        .map_or((None, None), |config| (config.effort, config.format));
    let parallel = request
        .tool_choice
        .as_ref()
        .and_then(|choice| choice.disable_parallel_tool_use);
    Ok(Ask {
        system,
        turns,
        tools: tools(request.tools.unwrap_or_default(), &mut extras)?,
        tool_choice: request.tool_choice.map(choice).transpose()?,
        parallel_tool_calls: parallel.map(|disabled| !disabled),
        output: output(format.or(request.output_format))?,
        max_tokens: request.max_tokens,
        temperature: request.temperature,
        top_p: request.top_p,
        top_k: request.top_k,
        stop: request
            .stop_sequences
            .unwrap_or_default()
            .into_iter()
            .map(Into::into)
            .collect(),
        reasoning: reasoning(request.thinking, effort.as_deref())?,
        user: request
            .metadata
            .and_then(|metadata| metadata.user_id)
            .map(Into::into),
        stream: request.stream.unwrap_or(false),
        stream_usage: true,
        auto_cache: request.cache_control.is_some(),
        extras,
        ..Ask::default()
    })
}

/// What no other provider can do: run in a container, call servers of the caller's, edit the conversation,
/// stay in a region.
fn essentials<'a>(request: &Request<'a>, extras: &mut Vec<Extra<'a>>) {
    let fields = [
        ("container", request.container),
        ("context_management", request.context_management),
        ("inference_geo", request.inference_geo),
        ("mcp_servers", request.mcp_servers),
    ];
    for (field, value) in fields {
        if value.is_some_and(|value| !is_empty(value)) {
            extras.push(essential(field));
        }
    }
}

fn is_empty(value: &RawValue) -> bool {
    let is_filler = |c: char| c.is_whitespace() || "[]{}".contains(c);
    value.get().chars().all(is_filler)
}

/// A field whose loss changes the answer.
pub(super) fn essential<'a>(field: impl Into<Cow<'a, str>>) -> Extra<'a> {
    Extra {
        field: field.into(),
        weight: Weight::Essential,
    }
}

/// The caller's own tools. Those that Anthropic runs, or knows the arguments of, have a `type` of their own.
fn tools<'a>(heard: Vec<HeardTool<'a>>, extras: &mut Vec<Extra<'a>>) -> Result<Vec<Tool<'a>>, Refusal> {
    let mut tools = Vec::with_capacity(heard.len());
    for (at, tool) in heard.into_iter().enumerate() {
        if tool.kind.as_deref().is_some_and(|kind| kind != "custom") {
            extras.push(essential(format!("tools[{at}].type")));
            continue;
        }
        let name = tool
            .name
            .ok_or_else(|| missing(&format!("tools[{at}]"), "name"))?;
        tools.push(Tool {
            name: name.into(),
            description: tool.description.map(Into::into),
            parameters: tool.input_schema,
            strict: tool.strict,
            cache: tool.cache_control.map(cache_mark),
        });
    }
    Ok(tools)
}

/// `field` of the object at `path` is not there.
pub(super) fn missing(path: &str, field: &str) -> Refusal {
    Refusal::new(format!("{path}.{field}"), format!("missing field `{field}`"))
}

fn choice(heard: Choice<'_>) -> Result<ToolChoice<'_>, Refusal> {
    Ok(match &*heard.kind {
        "auto" => ToolChoice::Auto,
        "none" => ToolChoice::None,
        "any" => ToolChoice::Required,
        "tool" => ToolChoice::Named(heard.name.ok_or_else(|| missing("tool_choice", "name"))?.into()),
        _ => {
            return Err(Refusal::new(
                "tool_choice.type",
                "expected auto, any, tool or none here",
            ));
        }
    })
}

/// Anthropic's answers keep to their schema, and schemas have no name.
fn output(format: Option<Format<'_>>) -> Result<Output<'_>, Refusal> {
    let Some(format) = format else {
        return Ok(Output::Text);
    };
    if &*format.kind != "json_schema" {
        return Err(Refusal::new(
            "output_config.format.type",
            "expected json_schema here",
        ));
    }
    let schema = format
        .schema
        .ok_or_else(|| missing("output_config.format", "schema"))?;
    Ok(Output::Schema(Schema {
        name: "answer".into(),
        description: None,
        schema,
        strict: Some(true),
    }))
}

/// Effort says how much to think, unless a budget does or it is turned off.
fn reasoning(thinking: Option<Thinking<'_>>, effort: Option<&str>) -> Result<Option<Reasoning>, Refusal> {
    let effort = effort.map(step).transpose()?.map(Reasoning::Effort);
    let Some(thinking) = thinking else {
        return Ok(effort);
    };
    Ok(Some(match &*thinking.kind {
        "enabled" => {
            let budget = thinking
                .budget_tokens
                .ok_or_else(|| missing("thinking", "budget_tokens"))?;
            Reasoning::Budget(budget)
        }
        "disabled" | "between_tools" => Reasoning::Off,
        "adaptive" => effort.unwrap_or(Reasoning::Adaptive),
        _ => {
            return Err(Refusal::new(
                "thinking.type",
                "expected enabled, disabled or adaptive here",
            ));
        }
    }))
}

fn step(effort: &str) -> Result<Effort, Refusal> {
    Ok(match effort {
        "low" => Effort::Low,
        "medium" => Effort::Medium,
        "high" => Effort::High,
        "xhigh" => Effort::ExtraHigh,
        "max" => Effort::Max,
        _ => {
            return Err(Refusal::new(
                "output_config.effort",
                "expected low, medium, high, xhigh or max here",
            ));
        }
    })
}

/// Writes the answer to a `POST /v1/messages/count_tokens`.
pub fn write_count(tokens: u64) -> Vec<u8> {
    format!(r#"{{"input_tokens":{tokens}}}"#).into_bytes()
}

#[cfg(test)]
mod tests;
