use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::form::{Ask, CacheMark, Part, Role, Text, Tool, ToolChoice, Turn};
use crate::messages::write_request;

fn hello<'a>() -> Ask<'a> {
    Ask {
        turns: vec![Turn {
            role: Role::User,
            parts: vec![Part::Text(Text::new("hello"))],
        }],
        ..Ask::default()
    }
}

fn said(ask: &Ask<'_>) -> Value {
    serde_json::from_slice(&write_request(ask, "claude").unwrap().body).unwrap()
}

fn tool(parameters: Option<&RawValue>) -> Tool<'_> {
    Tool {
        name: "weather".into(),
        description: None,
        parameters,
        strict: None,
        cache: None,
    }
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

#[test]
fn writes_tools_with_the_type_that_anthropic_wants_said() {
    let typed = raw(r#"{"type":"object","properties":{"b":{},"a":{}}}"#);
    let untyped = raw(r#"{ "properties": {"a": {}} }"#);
    let empty = raw("{ }");
    let ask = Ask {
        tools: vec![
            Tool {
                description: Some("says how warm it is".into()),
                strict: Some(true),
                cache: Some(CacheMark { ttl: None }),
                ..tool(Some(&typed))
            },
            tool(Some(&untyped)),
            tool(Some(&empty)),
            tool(None),
        ],
        ..hello()
    };
    assert_eq!(
        said(&ask)["tools"],
        json!([
            {"name": "weather", "description": "says how warm it is", "strict": true,
             "input_schema": {"type": "object", "properties": {"b": {}, "a": {}}},
             "cache_control": {"type": "ephemeral"}},
            {"name": "weather", "input_schema": {"type": "object", "properties": {"a": {}}}},
            {"name": "weather", "input_schema": {"type": "object"}},
            {"name": "weather", "input_schema": {"type": "object"}},
        ])
    );
    let body = String::from_utf8(write_request(&ask, "claude").unwrap().body).unwrap();
    assert!(
        body.contains(typed.get()),
        "the order of a schema's properties is kept"
    );
}

#[test]
fn writes_every_choice_of_tools() {
    let choice = |choice: Option<ToolChoice<'static>>, parallel: Option<bool>| {
        let ask = Ask {
            tools: vec![tool(None)],
            tool_choice: choice,
            parallel_tool_calls: parallel,
            ..hello()
        };
        said(&ask)["tool_choice"].clone()
    };
    assert_eq!(choice(None, None), Value::Null);
    assert_eq!(choice(None, Some(true)), Value::Null);
    assert_eq!(
        choice(None, Some(false)),
        json!({"type": "auto", "disable_parallel_tool_use": true})
    );
    assert_eq!(choice(Some(ToolChoice::Auto), None), json!({"type": "auto"}));
    assert_eq!(
        choice(Some(ToolChoice::None), Some(false)),
        json!({"type": "none"})
    );
    assert_eq!(choice(Some(ToolChoice::Required), None), json!({"type": "any"}));
    assert_eq!(
        choice(Some(ToolChoice::Named("weather".into())), Some(false)),
        json!({"type": "tool", "name": "weather", "disable_parallel_tool_use": true})
    );
    let toolless = Ask {
        tool_choice: Some(ToolChoice::Auto),
        ..hello()
    };
    assert_eq!(said(&toolless)["tool_choice"], Value::Null);
}
