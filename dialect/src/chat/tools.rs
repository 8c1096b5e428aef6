//! Tools, the choice among them and the shape of the answer, as chat completions ask for them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::content::CacheControl;
use crate::Refusal;
use crate::form::{Ask, Output, Schema, Tool, ToolChoice};
use crate::json::{Str, StrOr};

#[derive(Deserialize)]
pub(super) struct ToolIn<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Str<'a>>,
    function: Option<FunctionIn<'a>>,
    cache_control: Option<CacheControl<'a>>,
}

#[derive(Deserialize)]
struct FunctionIn<'a> {
    #[serde(borrow)]
    name: Str<'a>,
    description: Option<Str<'a>>,
    parameters: Option<&'a RawValue>,
    strict: Option<bool>,
    cache_control: Option<CacheControl<'a>>,
}

/// A choice: a word, or an object that names.
pub(super) type ChoiceIn<'a> = StrOr<'a, Named<'a>>;

#[derive(Deserialize)]
pub(super) struct Named<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Str<'a>>,
    function: Option<Name<'a>>,
    allowed_tools: Option<Allowed<'a>>,
}

#[derive(Deserialize)]
struct Name<'a> {
    #[serde(borrow)]
    name: Str<'a>,
}

#[derive(Deserialize)]
struct Allowed<'a> {
    #[serde(borrow)]
    mode: Str<'a>,
    tools: Vec<AllowedTool<'a>>,
}

#[derive(Deserialize)]
struct AllowedTool<'a> {
    #[serde(borrow, rename = "type")]
    _kind: Option<Str<'a>>,
    function: Option<Name<'a>>,
}

#[derive(Deserialize)]
pub(super) struct FormatIn<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    json_schema: Option<SchemaIn<'a>>,
}

#[derive(Deserialize)]
struct SchemaIn<'a> {
    #[serde(borrow)]
    name: Option<Str<'a>>,
    description: Option<Str<'a>>,
    schema: Option<&'a RawValue>,
    strict: Option<bool>,
}

/// Reads the tools.
pub(super) fn tools(tools: Vec<ToolIn<'_>>) -> Result<Vec<Tool<'_>>, Refusal> {
    let each = tools.into_iter().enumerate();
    each.map(|(place, tool)| tool.read().ok_or_else(|| only_functions(place)))
        .collect()
}

fn only_functions(place: usize) -> Refusal {
    Refusal::new(
        format!("tools[{place}]"),
        "only tools of type function, with their `function`, can be translated",
    )
}

impl<'a> ToolIn<'a> {
    fn read(self) -> Option<Tool<'a>> {
        let function = self
            .function
            .filter(|_| self.kind.is_none_or(|kind| &*kind == "function"))?;
        let cache = self.cache_control.or(function.cache_control);
        Some(Tool {
            name: function.name.0,
            description: function.description.map(Cow::from),
            parameters: function.parameters,
            strict: function.strict,
            cache: cache.map(CacheControl::mark),
        })
    }
}

/// Reads the choice into `ask`, whose tools have been read. Tools that are not allowed are left out.
pub(super) fn choose<'a>(choice: ChoiceIn<'a>, ask: &mut Ask<'a>) -> Result<(), Refusal> {
    let choice = match choice {
        StrOr::Str(word) => choice_word(&word),
        StrOr::Other(Named {
            allowed_tools: Some(allowed),
            ..
        }) => allow(&allowed, ask),
        StrOr::Other(Named {
            kind,
            function: Some(named),
            ..
        }) if kind.as_deref().is_none_or(|kind| kind == "function") => Some(ToolChoice::Named(named.name.0)),
        StrOr::Other(_) => None,
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

fn allow<'a>(allowed: &Allowed<'a>, ask: &mut Ask<'a>) -> Option<ToolChoice<'a>> {
    let functions = allowed.tools.iter().filter_map(|tool| tool.function.as_ref());
    let names: BTreeSet<&str> = functions.map(|function| &*function.name).collect();
    ask.tools.retain(|tool| names.contains(&*tool.name));
    choice_word(&allowed.mode)
}

/// `none`, `auto` and `required`.
pub(crate) fn choice_word(word: &str) -> Option<ToolChoice<'static>> {
    match word {
        "none" => Some(ToolChoice::None),
        "auto" => Some(ToolChoice::Auto),
        "required" => Some(ToolChoice::Required),
        _ => None,
    }
}

/// Reads the shape of the answer.
pub(super) fn output(format: FormatIn<'_>) -> Result<Output<'_>, Refusal> {
    let schema = match (&*format.kind, format.json_schema) {
        ("text", _) => return Ok(Output::Text),
        ("json_object", _) => return Ok(Output::Json),
        ("json_schema", Some(schema)) => schema,
        _ => {
            let why = "use text, json_object, or json_schema with its `json_schema`";
            return Err(Refusal::new("response_format", why));
        }
    };
    let missing = || Refusal::new("response_format.json_schema.schema", "the schema is missing");
    Ok(Output::Schema(Schema {
        name: schema.name.map_or(Cow::Borrowed("answer"), Cow::from),
        description: schema.description.map(Cow::from),
        schema: schema.schema.ok_or_else(missing)?,
        strict: schema.strict,
    }))
}
