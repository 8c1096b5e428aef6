use std::borrow::Cow;

use serde_json::{Value, json};

use super::{read_answer, write_answer};
use crate::Stamp;
use crate::form::{Answer, Choice, Finish, Part, Text, Thought, ToolCall, Usage};

fn stamp() -> Stamp {
    Stamp {
        id: "req_0123".to_owned(),
        model: "gpt-5".to_owned(),
        created: 0,
    }
}

fn written(parts: Vec<Part<'_>>, finish: Option<Finish>) -> Value {
    let answer = Answer {
        choices: vec![Choice { parts, finish }],
        ..Answer::default()
    };
    serde_json::from_slice(&write_answer(&answer, &stamp())).unwrap()
}

fn call(arguments: &str) -> Part<'_> {
    Part::ToolCall(ToolCall {
        id: "functions.f:0".into(),
        name: "f".into(),
        arguments: arguments.into(),
        signature: None,
    })
}

const WHOLE: &str = r#"{
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-4-8",
    "content": [
        {"type": "thinking", "thinking": "hm", "signature": "proof"},
        {"type": "redacted_thinking", "data": "sealed"},
        {"type": "text", "text": "well"},
        {"type": "tool_use", "id": "a", "name": "f", "input": {"z": 1, "a": 2}}
    ],
    "stop_reason": "tool_use", "stop_sequence": null,
    "usage": {"input_tokens": 10, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 5,
              "output_tokens": 7, "output_tokens_details": {"thinking_tokens": 2}}
}"#;

#[test]
fn reads_a_whole_answer() {
    let answer = read_answer(WHOLE.as_bytes()).unwrap();
    assert_eq!(answer.id.as_deref(), Some("msg_1"));
    assert_eq!(answer.model.as_deref(), Some("claude-opus-4-8"));
    assert_eq!(
        answer.usage,
        Some(Usage {
            input: 18,
            cache_read: 5,
            cache_write: 3,
            output: 7,
            reasoning: 2,
        })
    );
    let [Choice { parts, finish }] = &answer.choices[..] else {
        panic!("one choice")
    };
    assert_eq!(*finish, Some(Finish::ToolCalls));
    let [
        Part::Thought(seen),
        Part::Thought(sealed),
        Part::Text(text),
        Part::ToolCall(call),
    ] = &parts[..]
    else {
        panic!("four parts")
    };
    assert_eq!((&*seen.text, seen.signature.as_deref()), ("hm", Some("proof")));
    assert_eq!(sealed.redacted.as_deref(), Some("sealed"));
    assert!(matches!(text.text, Cow::Borrowed("well")));
    assert_eq!(
        (&*call.id, &*call.name, &*call.arguments),
        ("a", "f", r#"{"z": 1, "a": 2}"#)
    );
}

#[test]
fn what_was_read_is_written_the_same() {
    let answer = read_answer(WHOLE.as_bytes()).unwrap();
    let written: Value = serde_json::from_slice(&write_answer(&answer, &stamp())).unwrap();
    assert_eq!(written, serde_json::from_str::<Value>(WHOLE).unwrap());
}

#[test]
fn an_answer_without_content_is_none() {
    assert!(read_answer(br#"{"type":"error","error":{"type":"api_error","message":"no"}}"#).is_err());
    assert!(read_answer(b"{}").is_err());
    assert!(read_answer(b"").is_err());
}

#[test]
fn passes_over_the_work_of_the_providers_own_tools() {
    let body = br#"{"content":[{"type":"server_tool_use","id":"s","name":"web_search","input":{}},
        {"type":"web_search_tool_result","tool_use_id":"s","content":[{"type":"web_search_result"}]},
        {"type":"text","text":"found","citations":[{"type":"x"}]}],"stop_reason":"end_turn","container":{"id":"c"}}"#;
    let answer = read_answer(body).unwrap();
    assert!(matches!(&answer.choices[0].parts[..], [Part::Text(Text { text, .. })] if text == "found"));
    assert_eq!(answer.usage, None);
}

#[test]
fn tells_a_refusal_in_the_providers_words() {
    let body =
        br#"{"content":[],"stop_reason":"refusal","stop_details":{"type":"refusal","explanation":"no"}}"#;
    let answer = read_answer(body).unwrap();
    assert!(matches!(&answer.choices[0].parts[..], [Part::Refusal(words)] if words == "no"));
    assert_eq!(answer.choices[0].finish, Some(Finish::Refusal));
}

#[test]
fn writes_what_the_dialect_requires_even_if_it_is_not_known() {
    assert_eq!(
        written(vec![Part::Text(Text::new("hi"))], None),
        json!({
            "id": "msg_0123", "type": "message", "role": "assistant", "model": "gpt-5",
            "content": [{"type": "text", "text": "hi"}],
            "stop_reason": "end_turn", "stop_sequence": null,
            "usage": {"input_tokens": 0, "cache_creation_input_tokens": 0,
                      "cache_read_input_tokens": 0, "output_tokens": 0},
        })
    );
}

#[test]
fn writes_every_reason() {
    let reason = |finish| {
        let written = written(vec![Part::Text(Text::new("hi"))], Some(finish));
        (written["stop_reason"].clone(), written["stop_sequence"].clone())
    };
    assert_eq!(reason(Finish::Stop), (json!("end_turn"), Value::Null));
    assert_eq!(reason(Finish::StopText(None)), (json!("end_turn"), Value::Null));
    assert_eq!(
        reason(Finish::StopText(Some("END".to_owned()))),
        (json!("stop_sequence"), json!("END"))
    );
    assert_eq!(reason(Finish::Length), (json!("max_tokens"), Value::Null));
    assert_eq!(reason(Finish::ToolCalls), (json!("tool_use"), Value::Null));
    assert_eq!(reason(Finish::ContentFilter), (json!("refusal"), Value::Null));
    assert_eq!(reason(Finish::Refusal), (json!("refusal"), Value::Null));
}

#[test]
fn an_answer_that_calls_ends_in_a_call() {
    let written = written(vec![call("{}")], Some(Finish::Stop));
    assert_eq!(written["stop_reason"], json!("tool_use"));
    assert_eq!(
        written["content"],
        json!([{"type": "tool_use", "id": "functions.f:0", "name": "f", "input": {}}]),
        "the id is the provider's own"
    );
}

#[test]
fn wraps_arguments_that_are_no_json_object() {
    let written = written(vec![call("{\"a\":"), call(" ")], Some(Finish::Length));
    assert_eq!(written["content"][0]["input"], json!({"INVALID_JSON": "{\"a\":"}));
    assert_eq!(written["content"][1]["input"], json!({}));
    assert_eq!(written["stop_reason"], json!("max_tokens"));
}

#[test]
fn writes_thoughts_refusals_and_proofs_of_calls() {
    let thought = Part::Thought(Thought {
        text: "hm".into(),
        ..Thought::default()
    });
    let Part::ToolCall(plain) = call("{}") else {
        unreachable!()
    };
    let proven = Part::ToolCall(ToolCall {
        signature: Some("proof".into()),
        ..plain
    });
    let parts = vec![
        thought,
        Part::Refusal("no".into()),
        Part::Text(Text::new("")),
        proven,
    ];
    assert_eq!(
        written(parts, None)["content"],
        json!([
            {"type": "thinking", "thinking": "hm", "signature": ""},
            {"type": "text", "text": "no"},
            {"type": "thinking", "thinking": "", "signature": "call:proof"},
            {"type": "tool_use", "id": "functions.f:0", "name": "f", "input": {}},
        ])
    );
}

#[test]
fn takes_usage_apart_even_where_it_does_not_add_up() {
    let answer = Answer {
        usage: Some(Usage {
            input: 3,
            cache_read: 5,
            cache_write: 1,
            output: 2,
            reasoning: 0,
        }),
        ..Answer::default()
    };
    let written: Value = serde_json::from_slice(&write_answer(&answer, &stamp())).unwrap();
    assert_eq!(
        written["usage"],
        json!({"input_tokens": 0, "cache_creation_input_tokens": 1, "cache_read_input_tokens": 5, "output_tokens": 2})
    );
    assert_eq!(written["content"], json!([]));
}

proptest::proptest! {
    #[test]
    fn survives_any_bytes(data in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        let _ = read_answer(&data);
    }
}
