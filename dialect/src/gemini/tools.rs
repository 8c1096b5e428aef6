//! Writes tools and whether they are to be called.
//! <https://ai.google.dev/gemini-api/docs/function-calling>

use serde::Serialize;
use serde_json::value::RawValue;

use crate::form::{Ask, ToolChoice};
use crate::{Dropped, Refusal};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tools<'f> {
    function_declarations: Vec<Function<'f>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Function<'f> {
    name: &'f str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'f str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_json_schema: Option<&'f RawValue>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolConfig<'f> {
    function_calling_config: Calling<'f>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Calling<'f> {
    mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_function_names: Option<[&'f str; 1]>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum Mode {
    Auto,
    /// As `Auto`, with arguments that keep to their schemas.
    Validated,
    Any,
    None,
}

/// What may be called.
pub(super) fn tools<'f>(ask: &'f Ask<'_>) -> Option<[Tools<'f>; 1]> {
    let functions = ask.tools.iter().map(|tool| Function {
        name: &tool.name,
        description: tool.description.as_deref(),
        parameters_json_schema: tool.parameters,
    });
    (!ask.tools.is_empty()).then(|| {
        [Tools {
            function_declarations: functions.collect(),
        }]
    })
}

/// Whether it is to be called.
///
/// # Errors
/// A call is required, and there is nothing to call.
pub(super) fn config<'f>(ask: &'f Ask<'_>, dropped: &mut Dropped) -> Result<Option<ToolConfig<'f>>, Refusal> {
    if ask.tools.is_empty() {
        return without_tools(ask).map(|()| None);
    }
    if ask.parallel_tool_calls == Some(false) {
        dropped.add("parallel_tool_calls");
    }
    Ok(calling(ask).map(|function_calling_config| ToolConfig {
        function_calling_config,
    }))
}

fn without_tools(ask: &Ask<'_>) -> Result<(), Refusal> {
    match ask.tool_choice {
        Some(ToolChoice::Required | ToolChoice::Named(_)) => Err(Refusal::new(
            "tool_choice",
            "`tool_choice` wants a tool to be called, and `tools` holds none",
        )),
        Some(ToolChoice::Auto | ToolChoice::None) | None => Ok(()),
    }
}

fn calling<'f>(ask: &'f Ask<'_>) -> Option<Calling<'f>> {
    let is_strict = ask.tools.iter().any(|tool| tool.strict == Some(true));
    let (mode, name) = match &ask.tool_choice {
        None | Some(ToolChoice::Auto) if is_strict => (Mode::Validated, None),
        None => return None,
        Some(ToolChoice::Auto) => (Mode::Auto, None),
        Some(ToolChoice::None) => (Mode::None, None),
        Some(ToolChoice::Required) => (Mode::Any, None),
        Some(ToolChoice::Named(name)) => (Mode::Any, Some([&**name])),
    };
    Some(Calling {
        mode,
        allowed_function_names: name,
    })
}
