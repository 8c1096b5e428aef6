use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::write_request;
use crate::form::{
    Ask, CacheMark, Document, Effort, Extra, Media, Output, Part, Reasoning, Role, Schema, Source, Text,
    Thought, Tool, ToolCall, ToolResult, Turn, Weight,
};

const OLD: &str = "claude-sonnet-4-5";
const NEW: &str = "claude-opus-4-8";

fn user(text: &str) -> Turn<'_> {
    turn(Role::User, vec![Part::Text(Text::new(text))])
}

fn turn(role: Role, parts: Vec<Part<'_>>) -> Turn<'_> {
    Turn { role, parts }
}

fn hello<'a>() -> Ask<'a> {
    Ask {
        turns: vec![user("hello")],
        ..Ask::default()
    }
}

fn said(ask: &Ask<'_>, model: &str) -> Value {
    serde_json::from_slice(&write_request(ask, model).unwrap().body).unwrap()
}

fn dropped(ask: &Ask<'_>, model: &str) -> Vec<String> {
    let written = write_request(ask, model).unwrap();
    written.dropped.fields().map(str::to_owned).collect()
}

fn refused(ask: &Ask<'_>) -> String {
    write_request(ask, OLD).unwrap_err().field
}

fn call<'a>(id: &'a str, arguments: &'a str) -> Part<'a> {
    Part::ToolCall(ToolCall {
        id: id.into(),
        name: "weather".into(),
        arguments: arguments.into(),
        signature: None,
    })
}

fn result<'a>(id: &'a str, parts: Vec<Part<'a>>) -> Part<'a> {
    Part::ToolResult(ToolResult {
        id: id.into(),
        parts,
        is_error: false,
        cache: None,
    })
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
fn writes_the_least_there_is() {
    assert_eq!(
        said(&hello(), OLD),
        json!({
            "model": OLD,
            "max_tokens": 16384,
            "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
        })
    );
}

#[test]
fn writes_every_plain_field() {
    let ask = Ask {
        system: vec![Text::new("be brief"), Text::new("")],
        max_tokens: Some(100),
        temperature: Some(0.5),
        top_k: Some(5),
        stop: vec!["END".into()],
        user: Some("u-1".into()),
        stream: true,
        ..hello()
    };
    assert_eq!(
        said(&ask, OLD),
        json!({
            "model": OLD,
            "max_tokens": 100,
            "system": [{"type": "text", "text": "be brief"}],
            "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
            "temperature": 0.5,
            "top_k": 5,
            "stop_sequences": ["END"],
            "metadata": {"user_id": "u-1"},
            "stream": true,
        })
    );
    assert!(dropped(&ask, OLD).is_empty());
}

#[test]
fn writes_media_of_every_source() {
    let image = |source| {
        Part::Image(Media {
            source,
            detail: Some("high".into()),
            cache: None,
        })
    };
    let document = |source| {
        Part::Document(Document {
            source,
            name: Some("report".into()),
            cache: Some(CacheMark {
                ttl: Some("1h".into()),
            }),
        })
    };
    let base64 = |media_type: &'static str| Source::Base64 {
        media_type: media_type.into(),
        data: "aGk=".into(),
    };
    let parts = vec![
        image(base64("image/png")),
        image(Source::Url("https://example.com/a.png".into())),
        image(Source::File("file_1".into())),
        document(base64("application/pdf")),
        document(Source::Text("plain".into())),
    ];
    let ask = Ask {
        turns: vec![turn(Role::User, parts)],
        ..Ask::default()
    };
    let mark = json!({"type": "ephemeral", "ttl": "1h"});
    assert_eq!(
        said(&ask, OLD)["messages"][0]["content"],
        json!([
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
            {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
            {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
            {"type": "document", "title": "report", "cache_control": mark,
             "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}},
            {"type": "document", "title": "report", "cache_control": mark,
             "source": {"type": "text", "media_type": "text/plain", "data": "plain"}},
        ])
    );
    assert_eq!(dropped(&ask, OLD), ["messages[].content[].image_url.detail"]);
}

#[test]
fn puts_results_of_tools_first_and_joins_neighbours() {
    let thought = Part::Thought(Thought {
        text: "hm".into(),
        signature: Some("proof".into()),
        redacted: None,
    });
    let hidden = Part::Thought(Thought {
        redacted: Some("sealed".into()),
        ..Thought::default()
    });
    let picture = Part::Image(Media {
        source: Source::Url("https://example.com/map.png".into()),
        detail: None,
        cache: None,
    });
    let ask = Ask {
        turns: vec![
            user("how warm?"),
            turn(
                Role::Assistant,
                vec![
                    thought,
                    hidden,
                    call("functions.weather:0", r#"{ "city" : "Oslo" }"#),
                    call("b", ""),
                ],
            ),
            turn(
                Role::User,
                vec![result("functions.weather:0", vec![Part::Text(Text::new("3"))])],
            ),
            turn(
                Role::User,
                vec![
                    Part::Text(Text::new("well?")),
                    result("b", vec![picture]),
                    result("c", vec![]),
                ],
            ),
        ],
        ..Ask::default()
    };
    assert_eq!(
        said(&ask, OLD)["messages"],
        json!([
            {"role": "user", "content": [{"type": "text", "text": "how warm?"}]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "proof"},
                {"type": "redacted_thinking", "data": "sealed"},
                {"type": "tool_use", "id": "functions_weather_0", "name": "weather", "input": {"city": "Oslo"}},
                {"type": "tool_use", "id": "b", "name": "weather", "input": {}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "functions_weather_0", "content": "3"},
                {"type": "tool_result", "tool_use_id": "b", "content": [
                    {"type": "image", "source": {"type": "url", "url": "https://example.com/map.png"}}]},
                {"type": "tool_result", "tool_use_id": "c"},
                {"type": "text", "text": "well?"},
            ]},
        ])
    );
}

#[test]
fn wraps_arguments_that_are_no_json_object() {
    let ask = Ask {
        turns: vec![
            user("go"),
            turn(
                Role::Assistant,
                vec![call("a", "{\"city\": \"Os"), call("b", "7")],
            ),
        ],
        ..Ask::default()
    };
    let said = said(&ask, OLD);
    let input = |at: usize| said["messages"][1]["content"][at]["input"].clone();
    assert_eq!(input(0), json!({"INVALID_JSON": "{\"city\": \"Os"}));
    assert_eq!(input(1), json!({"INVALID_JSON": "7"}));
}

#[test]
fn says_of_a_failed_tool_that_it_failed() {
    let ask = Ask {
        turns: vec![turn(
            Role::User,
            vec![Part::ToolResult(ToolResult {
                id: "a".into(),
                parts: vec![Part::Text(Text::new("no such city"))],
                is_error: true,
                cache: Some(CacheMark { ttl: None }),
            })],
        )],
        ..Ask::default()
    };
    assert_eq!(
        said(&ask, OLD)["messages"][0]["content"][0],
        json!({"type": "tool_result", "tool_use_id": "a", "content": "no such city", "is_error": true,
               "cache_control": {"type": "ephemeral"}})
    );
}

#[test]
fn leaves_out_what_says_nothing() {
    let unsigned = Part::Thought(Thought {
        text: "hm".into(),
        ..Thought::default()
    });
    let ask = Ask {
        turns: vec![
            user("hello"),
            turn(Role::Assistant, vec![Part::Text(Text::new("")), unsigned]),
            user(""),
            turn(Role::Assistant, vec![Part::Refusal("I won't".into())]),
            user("why?"),
            turn(Role::Assistant, vec![Part::Text(Text::new("Because \n"))]),
        ],
        ..Ask::default()
    };
    let text = |role: &str, text: &str| json!({"role": role, "content": [{"type": "text", "text": text}]});
    assert_eq!(
        said(&ask, OLD)["messages"],
        json!([
            text("user", "hello"),
            text("assistant", "I won't"),
            text("user", "why?"),
            text("assistant", "Because"),
        ])
    );
    assert_eq!(dropped(&ask, OLD), ["messages[].reasoning_content"]);
}

#[test]
fn shows_claude_no_proof_of_geminis() {
    let thought = Part::Thought(Thought {
        text: "hm".into(),
        signature: Some(Thought::signature_of_gemini("cHJvb2Y=").into()),
        redacted: None,
    });
    let ask = Ask {
        turns: vec![
            user("hello"),
            turn(Role::Assistant, vec![thought, Part::Text(Text::new("hi"))]),
            user("well?"),
        ],
        ..Ask::default()
    };
    let said = said(&ask, OLD);
    assert_eq!(
        said["messages"][1]["content"],
        json!([{"type": "text", "text": "hi"}])
    );
    assert_eq!(dropped(&ask, OLD), ["messages[].reasoning_content"]);
}

#[test]
fn writes_a_schema_for_the_answer() {
    let schema = raw(r#"{"type":"object","properties":{"z":{},"a":{}},"additionalProperties":false}"#);
    let ask = Ask {
        output: Output::Schema(Schema {
            name: "reply".into(),
            description: Some("a reply".into()),
            schema: &schema,
            strict: Some(true),
        }),
        reasoning: Some(Reasoning::Effort(Effort::Max)),
        ..hello()
    };
    let written = write_request(&ask, NEW).unwrap();
    let body = String::from_utf8(written.body).unwrap();
    let config = format!(
        r#""output_config":{{"effort":"max","format":{{"type":"json_schema","schema":{}}}}}"#,
        schema.get()
    );
    assert!(body.contains(&config), "{body}");
    assert_eq!(dropped(&ask, NEW), ["response_format.json_schema.description"]);
}

#[test]
fn refuses_what_cannot_be_said() {
    let with = |change: fn(&mut Ask<'static>)| {
        let mut ask = hello();
        change(&mut ask);
        refused(&ask)
    };
    assert_eq!(with(|ask| ask.choices = Some(2)), "n");
    assert_eq!(with(|ask| ask.output = Output::Json), "response_format");
    assert_eq!(with(|ask| ask.stop = vec!["\n".into()]), "stop");
    assert_eq!(with(|ask| ask.turns = vec![user("")]), "messages");
    let essential = Extra {
        field: "logprobs".into(),
        weight: Weight::Essential,
    };
    let ask = Ask {
        extras: vec![essential],
        ..hello()
    };
    assert_eq!(refused(&ask), "logprobs");
    let sound = Part::Audio(Media {
        source: Source::Url("https://example.com/a.wav".into()),
        detail: None,
        cache: None,
    });
    let ask = Ask {
        turns: vec![turn(Role::User, vec![sound])],
        ..Ask::default()
    };
    assert_eq!(refused(&ask), "messages[].content[].input_audio");
}

#[test]
fn names_what_it_drops() {
    let ask = Ask {
        choices: Some(1),
        seed: Some(7),
        frequency_penalty: Some(0.5),
        presence_penalty: Some(0.0),
        user: Some("someone@example.com".into()),
        extras: vec![Extra {
            field: "store".into(),
            weight: Weight::Hint,
        }],
        ..hello()
    };
    assert_eq!(dropped(&ask, OLD), ["store", "seed", "frequency_penalty", "user"]);
    assert_eq!(said(&ask, OLD)["metadata"], Value::Null);
    let phone = Ask {
        user: Some("+44 20 7946 0000".into()),
        ..hello()
    };
    assert_eq!(dropped(&phone, OLD), ["user"]);
    let long = "u".repeat(257);
    let long = Ask {
        user: Some(long.as_str().into()),
        ..hello()
    };
    assert_eq!(dropped(&long, OLD), ["user"]);
}

#[test]
fn samples_as_the_model_can() {
    let ask = Ask {
        temperature: Some(0.2),
        top_p: Some(0.9),
        top_k: Some(4),
        ..hello()
    };
    assert_eq!(said(&ask, "deepseek-chat")["top_p"], json!(0.9));
    assert_eq!(said(&ask, OLD)["temperature"], json!(0.2));
    assert_eq!(dropped(&ask, OLD), ["top_p"]);
    assert_eq!(dropped(&ask, NEW), ["temperature", "top_p", "top_k"]);
    let nucleus = Ask {
        temperature: None,
        ..ask
    };
    assert_eq!(said(&nucleus, OLD)["top_p"], json!(0.9));
}

#[test]
fn leaves_out_a_temperature_above_the_highest_which_is_the_default() {
    let hot = Ask {
        temperature: Some(1.5),
        top_p: Some(1.0),
        ..hello()
    };
    assert_eq!(said(&hot, OLD)["temperature"], Value::Null);
    assert_eq!(dropped(&hot, OLD), ["temperature"]);
    let usual = Ask {
        temperature: Some(1.0),
        top_p: Some(1.0),
        ..hello()
    };
    assert!(dropped(&usual, NEW).is_empty(), "what is so anyway is not lost");
    assert_eq!(said(&usual, NEW)["temperature"], Value::Null);
}

#[test]
fn thinks_within_the_limit_and_samples_no_more() {
    let ask = Ask {
        reasoning: Some(Reasoning::Effort(Effort::Medium)),
        temperature: Some(0.2),
        ..hello()
    };
    assert_eq!(
        said(&ask, OLD)["thinking"],
        json!({"type": "enabled", "budget_tokens": 8192})
    );
    assert_eq!(said(&ask, OLD)["max_tokens"], json!(16_384 + 8192));
    assert_eq!(dropped(&ask, OLD), ["temperature"]);
    let small = Ask {
        max_tokens: Some(500),
        ..ask.clone()
    };
    assert_eq!(said(&small, OLD)["thinking"], Value::Null);
    assert_eq!(said(&small, OLD)["max_tokens"], json!(500));
    assert_eq!(dropped(&small, OLD), ["reasoning_effort"]);
    assert_eq!(said(&small, OLD)["temperature"], json!(0.2));
}

#[test]
fn later_models_think_by_effort() {
    let ask = Ask {
        reasoning: Some(Reasoning::Effort(Effort::High)),
        max_tokens: Some(500),
        ..hello()
    };
    assert_eq!(
        said(&ask, NEW)["thinking"],
        json!({"type": "adaptive", "display": "summarized"})
    );
    assert_eq!(said(&ask, NEW)["output_config"], json!({"effort": "high"}));
    let off = Ask {
        reasoning: Some(Reasoning::Off),
        ..hello()
    };
    assert_eq!(said(&off, NEW)["thinking"], Value::Null);
    assert_eq!(
        said(&off, "claude-sonnet-5")["thinking"],
        json!({"type": "disabled"})
    );
    assert_eq!(dropped(&off, "claude-opus-5-5"), ["reasoning_effort"]);
}

#[test]
fn sets_marks_only_where_the_caller_set_none() {
    let mut ask = Ask {
        system: vec![Text::new("one"), Text::new("two")],
        tools: vec![tool(None), tool(None)],
        turns: vec![
            user("hello"),
            turn(Role::Assistant, vec![call("a", "{}")]),
            turn(Role::User, vec![result("a", vec![])]),
        ],
        auto_cache: true,
        ..Ask::default()
    };
    let marks = |said: &Value| said.to_string().matches("cache_control").count();
    let mark = json!({"type": "ephemeral"});
    let automatic = said(&ask, OLD);
    assert_eq!(automatic["system"][1]["cache_control"], mark);
    assert_eq!(automatic["tools"][1]["cache_control"], mark);
    assert_eq!(automatic["messages"][2]["content"][0]["cache_control"], mark);
    assert_eq!(marks(&automatic), 3);
    ask.system[0].cache = Some(CacheMark {
        ttl: Some("2d".into()),
    });
    let own = said(&ask, OLD);
    assert_eq!(
        own["system"][0]["cache_control"], mark,
        "a time that Anthropic does not know"
    );
    assert_eq!(marks(&own), 1);
}
