//! Tools, the choice among them and the shape of the answer, as this dialect asks for them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Refusal;
use crate::chat::tools::choice_word;
use crate::form::{Ask, Output, Schema, Tool, ToolChoice};
use crate::json::{self, Str, StrOr};

#[derive(Deserialize)]
pub(super) struct ToolIn<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    name: Option<Str<'a>>,
    description: Option<Str<'a>>,
    parameters: Option<&'a RawValue>,
    strict: Option<bool>,
}

/// A choice: a word, or an object that names.
pub(super) type ChoiceIn<'a> = StrOr<'a, Named<'a>>;

#[derive(Deserialize)]
pub(super) struct Named<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    name: Option<Str<'a>>,
    mode: Option<Str<'a>>,
    tools: Option<Vec<Allowed<'a>>>,
}

#[derive(Deserialize)]
struct Allowed<'a> {
    #[serde(borrow, rename = "type")]
    _kind: Option<Str<'a>>,
    name: Option<Str<'a>>,
}

#[derive(Deserialize)]
pub(super) struct TextIn<'a> {
    #[serde(borrow)]
    format: Option<FormatIn<'a>>,
}

#[derive(Deserialize)]
struct FormatIn<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    name: Option<Str<'a>>,
    description: Option<Str<'a>>,
    schema: Option<&'a RawValue>,
    strict: Option<bool>,
}

/// Reads the tools, of which only functions can be translated.
pub(super) fn tools(tools: Vec<ToolIn<'_>>) -> Result<Vec<Tool<'_>>, Refusal> {
    tools
        .into_iter()
        .enumerate()
        .map(|(place, tool)| read(place, tool))
        .collect()
}

fn read(place: usize, tool: ToolIn<'_>) -> Result<Tool<'_>, Refusal> {
    let at = |why| Err(Refusal::new(format!("tools[{place}]"), why));
    match (&*tool.kind, tool.name) {
        ("function", Some(name)) => Ok(Tool {
            name: name.0,
            description: tool.description.map(Cow::from),
            parameters: tool.parameters,
            strict: tool.strict,
            cache: None,
        }),
        ("function", None) => at("a function needs its `name`".to_owned()),
        (other, _) => at(format!(
            "the tool {} is run by OpenAI and cannot be translated; use tools of type function",
            json::plain(other)
        )),
    }
}

/// Reads the choice into `ask`, whose tools have been read. Tools that are not allowed are left out.
pub(super) fn choose<'a>(choice: ChoiceIn<'a>, ask: &mut Ask<'a>) -> Result<(), Refusal> {
    let choice = match choice {
        StrOr::Str(word) => choice_word(&word),
        StrOr::Other(named) => match (&*named.kind, named.name, named.tools) {
            ("function", Some(name), _) => Some(ToolChoice::Named(name.0)),
            ("allowed_tools", _, Some(allowed)) => {
                let listed = allowed.iter().filter_map(|tool| tool.name.as_deref());
                let listed: BTreeSet<&str> = listed.collect();
                ask.tools.retain(|tool| listed.contains(&*tool.name));
                choice_word(named.mode.as_deref().unwrap_or("auto"))
            }
            _ => None,
        },
    };
    let wrong = || {
        Refusal::new(
            "tool_choice",
            "use none, auto, required, a function's name or allowed_tools",
        )
    };
    ask.tool_choice = Some(choice.ok_or_else(wrong)?);
    Ok(())
}

/// Reads the shape of the answer.
pub(super) fn output(text: TextIn<'_>) -> Result<Output<'_>, Refusal> {
    let Some(format) = text.format else {
        return Ok(Output::Text);
    };
    match (&*format.kind, format.schema) {
        ("text", _) => Ok(Output::Text),
        ("json_object", _) => Ok(Output::Json),
        ("json_schema", Some(schema)) => Ok(Output::Schema(Schema {
            name: format.name.map_or(Cow::Borrowed("answer"), Cow::from),
            description: format.description.map(Cow::from),
            schema,
            strict: format.strict,
        })),
        _ => Err(Refusal::new(
            "text.format",
            "use text, json_object, or json_schema with its `schema`",
        )),
    }
}
