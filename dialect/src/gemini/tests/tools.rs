use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{NEWEST, OLDER, assistant, call, hello, refused, result, text, user, written};
use crate::form::{Ask, Part, Tool, ToolCall, ToolChoice, ToolResult};

fn tool(name: &str) -> Tool<'_> {
    Tool {
        name: name.into(),
        description: None,
        parameters: None,
        strict: None,
        cache: None,
    }
}

/// The field `toolConfig` for a choice among two tools.
fn config(choice: Option<ToolChoice<'_>>, strict: Option<bool>) -> Option<Value> {
    let ask = Ask {
        tools: vec![tool("f"), Tool { strict, ..tool("g") }],
        tool_choice: choice,
        ..hello()
    };
    written(&ask, NEWEST).0.get("toolConfig").cloned()
}

#[test]
fn declares_tools_with_their_schemas_untouched() {
    let parameters: &RawValue = serde_json::from_str(r#"{"type":"object", "z":1.0,"a":2}"#).expect("JSON");
    let ask = Ask {
        tools: vec![
            Tool {
                description: Some("Weather.".into()),
                parameters: Some(parameters),
                ..tool("get_weather")
            },
            tool("now"),
        ],
        parallel_tool_calls: Some(false),
        ..hello()
    };
    let written = super::write_request(&ask, NEWEST).expect("written");
    let body = String::from_utf8(written.body).expect("UTF-8");
    let golden = r#""tools":[{"functionDeclarations":[{"name":"get_weather","description":"Weather.","parametersJsonSchema":{"type":"object", "z":1.0,"a":2}},{"name":"now"}]}]"#;
    assert!(body.contains(golden), "{body}");
    assert!(!body.contains("toolConfig"), "{body}");
    assert_eq!(
        written.dropped.fields().collect::<Vec<_>>(),
        ["parallel_tool_calls"]
    );
}

#[test]
fn says_whether_tools_are_to_be_called() {
    let mode = |mode: &str| Some(json!({"functionCallingConfig": {"mode": mode}}));
    assert_eq!(config(None, None), None);
    assert_eq!(config(Some(ToolChoice::Auto), None), mode("AUTO"));
    assert_eq!(config(Some(ToolChoice::None), None), mode("NONE"));
    assert_eq!(config(Some(ToolChoice::Required), None), mode("ANY"));
    let named = json!({"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["g"]}});
    assert_eq!(config(Some(ToolChoice::Named("g".into())), None), Some(named));
}

#[test]
fn has_strict_arguments_validated() {
    let validated = Some(json!({"functionCallingConfig": {"mode": "VALIDATED"}}));
    assert_eq!(config(None, Some(true)), validated);
    assert_eq!(config(Some(ToolChoice::Auto), Some(true)), validated);
    assert_eq!(config(None, Some(false)), None);
    let any = Some(json!({"functionCallingConfig": {"mode": "ANY"}}));
    assert_eq!(config(Some(ToolChoice::Required), Some(true)), any);
}

#[test]
fn wants_a_tool_where_one_must_be_called() {
    let choosing = |choice| Ask {
        tool_choice: Some(choice),
        parallel_tool_calls: Some(false),
        ..hello()
    };
    assert_eq!(refused(&choosing(ToolChoice::Required), NEWEST).0, "tool_choice");
    assert_eq!(
        refused(&choosing(ToolChoice::Named("f".into())), NEWEST).0,
        "tool_choice"
    );
    let (body, dropped) = written(&choosing(ToolChoice::None), NEWEST);
    assert_eq!(
        (body.get("toolConfig"), body.get("tools"), dropped),
        (None, None, vec![])
    );
}

/// Two calls at once, their results, and an answer.
fn conversation(first: ToolCall<'_>) -> Ask<'_> {
    let failed = ToolResult {
        is_error: true,
        ..result("c2", vec![text("no such city")])
    };
    Ask {
        turns: vec![
            user(vec![text("Weather?")]),
            assistant(vec![
                text("Looking."),
                Part::ToolCall(first),
                Part::ToolCall(call("c2", "get_weather", "")),
            ]),
            user(vec![Part::ToolResult(result(
                "c1",
                vec![text(r#"{"id":12345678901234567890}"#)],
            ))]),
            user(vec![Part::ToolResult(failed)]),
        ],
        ..Ask::default()
    }
}

#[test]
fn writes_calls_and_results_with_the_names_of_their_tools() {
    let (body, dropped) = written(&conversation(call("c1", "locate", r#"{"b":1,"a":[2]}"#)), OLDER);
    let golden = json!([
        {"role": "user", "parts": [{"text": "Weather?"}]},
        {"role": "model", "parts": [
            {"text": "Looking."},
            {"functionCall": {"id": "c1", "name": "locate", "args": {"b": 1, "a": [2]}}},
            {"functionCall": {"id": "c2", "name": "get_weather", "args": {}}}
        ]},
        {"role": "user", "parts": [
            {"functionResponse": {
                "id": "c1", "name": "locate", "response": {"output": "{\"id\":12345678901234567890}"}
            }},
            {"functionResponse": {"id": "c2", "name": "get_weather", "response": {"error": "no such city"}}}
        ]}
    ]);
    assert_eq!((&body["contents"], dropped), (&golden, vec![]));
}

#[test]
fn gives_a_call_its_signature_back() {
    let signed = ToolCall {
        signature: Some("U0lHTkVE".into()),
        ..call("c1", "locate", "{}")
    };
    let (body, _) = written(&conversation(signed), NEWEST);
    let parts = &body["contents"][1]["parts"];
    assert_eq!(parts[1]["thoughtSignature"], "U0lHTkVE");
    assert_eq!(parts[2].get("thoughtSignature"), None);
}

#[test]
fn stands_in_for_a_signature_only_on_the_first_call_of_a_turn_and_only_where_it_is_wanted() {
    let (body, _) = written(&conversation(call("c1", "locate", "{}")), NEWEST);
    let parts = &body["contents"][1]["parts"];
    assert_eq!(parts[1]["thoughtSignature"], "skip_thought_signature_validator");
    assert_eq!(parts[2].get("thoughtSignature"), None);
    let (body, _) = written(&conversation(call("c1", "locate", "{}")), OLDER);
    assert_eq!(body["contents"][1]["parts"][1].get("thoughtSignature"), None);
}

#[test]
fn refuses_arguments_that_are_no_object_and_repeats_none() {
    for arguments in ["[\"secret\"]", "{\"secret\":", "\"secret\"", "{} secret"] {
        let (field, message) = refused(&conversation(call("c1", "locate", arguments)), NEWEST);
        assert_eq!(field, "messages[].tool_calls[].function.arguments");
        assert!(!message.contains("secret"), "{message}");
    }
}

#[test]
fn refuses_a_result_without_its_call() {
    let ask = Ask {
        turns: vec![user(vec![Part::ToolResult(result("c9", vec![text("42")]))])],
        ..Ask::default()
    };
    assert_eq!(refused(&ask, NEWEST).0, "messages[].tool_call_id");
}
