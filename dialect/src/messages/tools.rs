//! What the model may call, as Anthropic takes it.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::blocks::Mark;
use crate::form::{Ask, Tool, ToolChoice};

/// A tool.
#[derive(Serialize)]
pub(super) struct AskedTool<'x> {
    name: &'x str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'x str>,
    input_schema: InputSchema<'x>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    strict: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<Mark<'x>>,
}

/// A schema of arguments: always of an object.
#[derive(Serialize)]
#[serde(untagged)]
enum InputSchema<'x> {
    /// As the caller wrote it.
    Said(&'x RawValue),
    /// The caller's, with the `type` that it lacked.
    Typed(Box<RawValue>),
    /// Of an object without fields.
    Nothing {
        #[serde(rename = "type")]
        kind: &'static str,
    },
}

#[derive(Deserialize)]
struct Typed {
    #[serde(rename = "type")]
    kind: Option<IgnoredAny>,
}

impl<'x> AskedTool<'x> {
    /// The form's tool.
    pub(super) fn of(tool: &'x Tool<'_>) -> Self {
        Self {
            name: &tool.name,
            description: tool.description.as_deref(),
            input_schema: InputSchema::of(tool.parameters),
            strict: tool.strict == Some(true),
            cache_control: Mark::of(tool.cache.as_ref()),
        }
    }

    /// Marks it.
    pub(super) fn mark(&mut self) {
        self.cache_control = Some(Mark::DEFAULT);
    }
}

impl<'x> InputSchema<'x> {
    /// Anthropic wants `type` said, which others take for granted.
    fn of(schema: Option<&'x RawValue>) -> Self {
        let nothing = Self::Nothing { kind: "object" };
        let Some(schema) = schema else {
            return nothing;
        };
        match serde_json::from_str::<Typed>(schema.get()) {
            Ok(Typed { kind: None }) => typed(schema).map_or(nothing, Self::Typed),
            _ => Self::Said(schema),
        }
    }
}

/// `schema` with `"type": "object"` before its other fields; `None` if it has none.
fn typed(schema: &RawValue) -> Option<Box<RawValue>> {
    let fields = schema.get().trim().strip_prefix('{')?;
    if fields.trim_start().starts_with('}') {
        return None;
    }
    RawValue::from_string(format!(r#"{{"type":"object",{fields}"#)).ok()
}

/// Whether the model may call tools.
#[derive(Serialize)]
pub(super) struct Choice<'x> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'x str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    disable_parallel_tool_use: bool,
}

impl<'x> Choice<'x> {
    /// The form's choice; none without tools, where Anthropic refuses it.
    pub(super) fn of(ask: &'x Ask<'_>) -> Option<Self> {
        let is_serial = ask.parallel_tool_calls == Some(false);
        let (kind, name) = match &ask.tool_choice {
            _ if ask.tools.is_empty() => return None,
            None if !is_serial => return None,
            None | Some(ToolChoice::Auto) => ("auto", None),
            Some(ToolChoice::None) => ("none", None),
            Some(ToolChoice::Required) => ("any", None),
            Some(ToolChoice::Named(name)) => ("tool", Some(&**name)),
        };
        Some(Self {
            kind,
            name,
            disable_parallel_tool_use: is_serial && kind != "none",
        })
    }
}

#[cfg(test)]
mod tests;
