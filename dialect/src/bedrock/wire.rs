//! A Converse request as it is written.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::extra::Extra;

/// The body of `POST /model/{id}/converse`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request<'f> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) system: Vec<Block<'f>>,
    pub(super) messages: Vec<Message<'f>>,
    #[serde(skip_serializing_if = "Inference::is_empty")]
    pub(super) inference_config: Inference<'f>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_config: Option<ToolConfig<'f>>,
    #[serde(skip_serializing_if = "Extra::is_empty")]
    pub(super) additional_model_request_fields: Extra,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) additional_model_response_field_paths: &'static [&'static str],
    #[serde(skip_serializing_if = "Output::is_empty")]
    pub(super) output_config: Output<'f>,
}

#[derive(Serialize)]
pub(super) struct Message<'f> {
    pub(super) role: &'static str,
    pub(super) content: Vec<Block<'f>>,
}

/// A piece of content, of instructions or of a tool's result: one field says what it is.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Block<'f> {
    Text(&'f str),
    Image(Media<'f>),
    Audio(Media<'f>),
    Document(Document<'f>),
    ToolUse(ToolUse<'f>),
    ToolResult(ToolResult<'f>),
    ReasoningContent(Reasoning<'f>),
    CachePoint(CachePoint<'f>),
}

#[derive(Serialize)]
pub(super) struct Media<'f> {
    pub(super) format: &'static str,
    pub(super) source: Bytes<'f>,
}

/// Data in base64.
#[derive(Serialize)]
pub(super) struct Bytes<'f> {
    pub(super) bytes: Cow<'f, str>,
}

#[derive(Serialize)]
pub(super) struct Document<'f> {
    pub(super) format: &'static str,
    pub(super) name: String,
    pub(super) source: Bytes<'f>,
}

#[derive(Serialize)]
pub(super) struct ToolUse<'f> {
    #[serde(rename = "toolUseId")]
    pub(super) id: Cow<'f, str>,
    pub(super) name: &'f str,
    pub(super) input: &'f RawValue,
}

#[derive(Serialize)]
pub(super) struct ToolResult<'f> {
    #[serde(rename = "toolUseId")]
    pub(super) id: Cow<'f, str>,
    pub(super) content: Vec<Block<'f>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Reasoning<'f> {
    ReasoningText { text: &'f str, signature: &'f str },
    RedactedContent(&'f str),
}

/// "What stands before this may be cached."
#[derive(Serialize)]
pub(super) struct CachePoint<'f> {
    pub(super) r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ttl: Option<&'f str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Inference<'f> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) top_p: Option<f64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) stop_sequences: &'f [Cow<'f, str>],
}

impl Inference<'_> {
    fn is_empty(&self) -> bool {
        let Self {
            max_tokens,
            temperature,
            top_p,
            stop_sequences,
        } = self;
        max_tokens.is_none() && temperature.is_none() && top_p.is_none() && stop_sequences.is_empty()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolConfig<'f> {
    pub(super) tools: Vec<ToolEntry<'f>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_choice: Option<ToolChoice<'f>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum ToolEntry<'f> {
    ToolSpec(ToolSpec<'f>),
    CachePoint(CachePoint<'f>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolSpec<'f> {
    pub(super) name: &'f str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<&'f str>,
    pub(super) input_schema: InputSchema<'f>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) strict: Option<bool>,
}

#[derive(Serialize)]
pub(super) struct InputSchema<'f> {
    pub(super) json: Json<'f>,
}

/// The schema of a tool's arguments.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Json<'f> {
    Given(&'f RawValue),
    Nothing(Nothing),
}

/// The schema of no arguments.
#[derive(Serialize)]
pub(super) struct Nothing {
    pub(super) r#type: &'static str,
    pub(super) properties: Empty,
}

#[derive(Serialize)]
pub(super) struct Empty {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum ToolChoice<'f> {
    Auto(Empty),
    Any(Empty),
    Tool { name: &'f str },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output<'f> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text_format: Option<TextFormat<'f>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) effort: Option<&'static str>,
}

impl Output<'_> {
    fn is_empty(&self) -> bool {
        let Self { text_format, effort } = self;
        text_format.is_none() && effort.is_none()
    }
}

#[derive(Serialize)]
pub(super) struct TextFormat<'f> {
    pub(super) r#type: &'static str,
    pub(super) structure: Structure<'f>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Structure<'f> {
    pub(super) json_schema: JsonSchema<'f>,
}

/// A schema; its text stands in a text.
#[derive(Serialize)]
pub(super) struct JsonSchema<'f> {
    pub(super) schema: &'f str,
    pub(super) name: &'f str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<&'f str>,
}
