//! Writes a request.

use super::blocks::Blocks;
use super::model::{Model, Place};
use super::wire::{
    Empty, Inference, InputSchema, Json, JsonSchema, Nothing, Output, Request, Structure, TextFormat,
    ToolChoice, ToolConfig, ToolEntry, ToolSpec,
};
use super::{TARGET, extra};
use crate::form::{self, Ask, Part, Tool};
use crate::{Dropped, Refusal, Written, json};

/// Where Claude says at which text it stopped.
const STOP_TEXT: &[&str] = &["/stop_sequence"];

/// Writes what is asked of `model`, an id, an inference profile or an ARN. The body is the same for an answer
/// in one piece and for a stream; the path tells them apart.
///
/// # Errors
/// Converse, or the model, can't be asked that.
pub fn write_request(ask: &Ask<'_>, model: &str) -> Result<Written, Refusal> {
    refuse_unspeakable(ask)?;
    let model = Model::of(model);
    let mut dropped = Dropped::of_extras(ask, TARGET)?;
    let tuning = extra::tuning(ask, model, &mut dropped);
    let mut blocks = Blocks::new(ask, model, dropped);
    let request = Request {
        system: blocks.system(&ask.system),
        messages: blocks.messages(ask)?,
        tool_config: tool_config(ask, &mut blocks)?,
        inference_config: Inference {
            max_tokens: ask.max_tokens,
            temperature: tuning.temperature,
            top_p: tuning.top_p,
            stop_sequences: &ask.stop,
        },
        additional_model_request_fields: tuning.extra,
        additional_model_response_field_paths: match model {
            Model::Claude(_) if !ask.stop.is_empty() => STOP_TEXT,
            _ => &[],
        },
        output_config: Output {
            text_format: text_format(&ask.output),
            effort: tuning.effort,
        },
    };
    Ok(Written {
        body: json::write(&request),
        dropped: blocks.dropped,
    })
}

fn refuse_unspeakable(ask: &Ask<'_>) -> Result<(), Refusal> {
    if ask.choices.is_some_and(|choices| choices > 1) {
        return Err(Refusal::unsupported("n", TARGET));
    }
    if matches!(ask.output, form::Output::Json) {
        return Err(Refusal::new(
            "response_format",
            "Bedrock's Converse knows no JSON without a schema; use `json_schema`, or name another target",
        ));
    }
    Ok(())
}

fn text_format<'f>(output: &'f form::Output<'_>) -> Option<TextFormat<'f>> {
    let form::Output::Schema(schema) = output else {
        return None;
    };
    Some(TextFormat {
        r#type: "json_schema",
        structure: Structure {
            json_schema: JsonSchema {
                schema: schema.schema.get(),
                name: &schema.name,
                description: schema.description.as_deref(),
            },
        },
    })
}

/// The tools, and whether they may be called. A conversation that calls tools can't be sent without them, so
/// that `none` is lost there.
fn tool_config<'f>(ask: &'f Ask<'_>, blocks: &mut Blocks<'f>) -> Result<Option<ToolConfig<'f>>, Refusal> {
    let has_calls = has_calls(ask);
    if ask.tools.is_empty() {
        return if has_calls { Err(tools_missing()) } else { Ok(None) };
    }
    let tool_choice = match &ask.tool_choice {
        None => None,
        Some(form::ToolChoice::None) if !has_calls => return Ok(None),
        Some(form::ToolChoice::None) => {
            blocks.dropped.add("tool_choice");
            None
        }
        Some(form::ToolChoice::Auto) => Some(ToolChoice::Auto(Empty {})),
        Some(form::ToolChoice::Required) => Some(ToolChoice::Any(Empty {})),
        Some(form::ToolChoice::Named(name)) => Some(ToolChoice::Tool { name }),
    };
    if ask.parallel_tool_calls == Some(false) {
        blocks.dropped.add("parallel_tool_calls");
    }
    Ok(Some(ToolConfig {
        tools: tools(&ask.tools, blocks),
        tool_choice,
    }))
}

fn has_calls(ask: &Ask<'_>) -> bool {
    let mut parts = ask.turns.iter().flat_map(|turn| &turn.parts);
    parts.any(|part| matches!(part, Part::ToolCall(_) | Part::ToolResult(_)))
}

fn tools_missing() -> Refusal {
    Refusal::new(
        "tools",
        "the conversation holds calls of tools, and Bedrock wants the tools beside them; send `tools` again",
    )
}

fn tools<'f>(tools: &'f [Tool<'_>], blocks: &mut Blocks<'f>) -> Vec<ToolEntry<'f>> {
    let mut entries = Vec::with_capacity(tools.len() + 1);
    for tool in tools {
        entries.push(ToolEntry::ToolSpec(tool_spec(tool)));
        let mark = tool.cache.as_ref();
        let point = mark.and_then(|mark| blocks.point(mark, Place::Tools));
        entries.extend(point.map(ToolEntry::CachePoint));
    }
    entries.extend(blocks.own_point(Place::Tools).map(ToolEntry::CachePoint));
    entries
}

fn tool_spec<'f>(tool: &'f Tool<'_>) -> ToolSpec<'f> {
    let nothing = Nothing {
        r#type: "object",
        properties: Empty {},
    };
    ToolSpec {
        name: &tool.name,
        description: tool.description.as_deref().filter(|text| !text.trim().is_empty()),
        input_schema: InputSchema {
            json: tool.parameters.map_or(Json::Nothing(nothing), Json::Given),
        },
        strict: tool.strict,
    }
}
