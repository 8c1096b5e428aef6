use serde_json::{Value, json};

use super::writer;
use crate::form::{Finish, Usage};
use crate::{Event, Fault, Stamp};

fn stamp() -> Stamp {
    Stamp {
        id: "req_0123".to_owned(),
        model: "gpt-5".to_owned(),
        created: 0,
    }
}

/// The data of all events, each of which is named as its data is.
fn written(events: &[Event<'_>]) -> Vec<Value> {
    let mut writer = writer(stamp(), true);
    let mut stream = Vec::new();
    for event in events {
        writer.write(event, &mut stream);
    }
    writer.end(&mut stream);
    let stream = String::from_utf8(stream).unwrap();
    stream.split_terminator("\n\n").map(data).collect()
}

fn data(event: &str) -> Value {
    let (name, data) = event.split_once('\n').unwrap();
    let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(name.strip_prefix("event: "), data["type"].as_str());
    data
}

fn start<'a>() -> Event<'a> {
    Event::Start {
        id: Some("chatcmpl-9".into()),
        model: Some("gpt-5-2026".into()),
    }
}

fn text(text: &str) -> Event<'_> {
    Event::Text {
        choice: 0,
        text: text.into(),
    }
}

fn thought(text: &str) -> Event<'_> {
    Event::Thought {
        choice: 0,
        text: text.into(),
    }
}

fn signature(signature: &str) -> Event<'_> {
    Event::ThoughtSignature {
        choice: 0,
        signature: signature.into(),
    }
}

fn call<'a>(call: u32, id: &'a str, signature: Option<&'a str>) -> Event<'a> {
    Event::ToolCall {
        choice: 0,
        call,
        id: id.into(),
        name: "weather".into(),
        signature: signature.map(Into::into),
    }
}

fn arguments(call: u32, text: &str) -> Event<'_> {
    Event::Arguments {
        choice: 0,
        call,
        text: text.into(),
    }
}

fn finish<'a>(finish: Finish) -> Event<'a> {
    Event::Finish { choice: 0, finish }
}

fn message_start(id: &str, model: &str) -> Value {
    json!({"type": "message_start", "message": {
        "id": id, "type": "message", "role": "assistant", "model": model, "content": [],
        "stop_reason": null, "stop_sequence": null,
        "usage": {"input_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
                  "output_tokens": 0}}})
}

fn block_start(index: u32, block: &Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn block_delta(index: u32, delta: &Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn block_stop(index: u32) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

fn text_delta(index: u32, text: &str) -> Value {
    block_delta(index, &json!({"type": "text_delta", "text": text}))
}

fn json_delta(index: u32, text: &str) -> Value {
    block_delta(index, &json!({"type": "input_json_delta", "partial_json": text}))
}

fn ending(reason: &str, usage: &Value) -> [Value; 2] {
    [
        json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null}, "usage": usage}),
        json!({"type": "message_stop"}),
    ]
}

fn no_usage() -> Value {
    json!({"input_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 0})
}

#[test]
fn writes_thoughts_text_and_two_calls_each_in_its_block() {
    let usage = Usage {
        input: 18,
        cache_read: 5,
        cache_write: 3,
        output: 40,
        reasoning: 30,
    };
    let events = [
        start(),
        thought("h"),
        thought("m"),
        signature("proof"),
        text("I"),
        text(""),
        text(" ask"),
        Event::RedactedThought {
            choice: 0,
            data: "sealed".into(),
        },
        call(0, "a", None),
        arguments(0, "{\"city\":"),
        arguments(0, "1}"),
        call(1, "b", None),
        arguments(1, "{}"),
        finish(Finish::ToolCalls),
        Event::Usage(usage),
        Event::End,
    ];
    let tool = |id: &str| json!({"type": "tool_use", "id": id, "name": "weather", "input": {}});
    let mut expected = vec![
        message_start("msg_chatcmpl-9", "gpt-5-2026"),
        block_start(0, &json!({"type": "thinking", "thinking": "", "signature": ""})),
        block_delta(0, &json!({"type": "thinking_delta", "thinking": "h"})),
        block_delta(0, &json!({"type": "thinking_delta", "thinking": "m"})),
        block_delta(0, &json!({"type": "signature_delta", "signature": "proof"})),
        block_stop(0),
        block_start(1, &json!({"type": "text", "text": ""})),
        text_delta(1, "I"),
        text_delta(1, " ask"),
        block_stop(1),
        block_start(2, &json!({"type": "redacted_thinking", "data": "sealed"})),
        block_stop(2),
        block_start(3, &tool("a")),
        json_delta(3, "{\"city\":"),
        json_delta(3, "1}"),
        block_stop(3),
        block_start(4, &tool("b")),
        json_delta(4, "{}"),
        block_stop(4),
    ];
    expected.extend(ending(
        "tool_use",
        &json!({"input_tokens": 10, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 5,
                "output_tokens": 40, "output_tokens_details": {"thinking_tokens": 30}}),
    ));
    assert_eq!(written(&events), expected);
}

#[test]
fn begins_by_itself_and_ends_an_empty_answer_in_order() {
    let mut expected = vec![message_start("msg_0123", "gpt-5")];
    expected.extend(ending("end_turn", &no_usage()));
    assert_eq!(written(&[]), expected);
    let mut expected = vec![
        message_start("msg_0123", "gpt-5"),
        block_start(0, &json!({"type": "text", "text": ""})),
        text_delta(0, "hi"),
        block_stop(0),
    ];
    expected.extend(ending("max_tokens", &no_usage()));
    assert_eq!(written(&[text("hi"), finish(Finish::Length)]), expected);
}

#[test]
fn says_usage_at_the_start_where_it_is_known_by_then() {
    let usage = Event::Usage(Usage {
        input: 7,
        ..Usage::default()
    });
    assert_eq!(written(&[usage])[0]["message"]["usage"]["input_tokens"], json!(7));
}

#[test]
fn a_proof_ends_its_thought_and_one_alone_is_a_thought_not_shown() {
    let events = written(&[
        thought("a"),
        signature("1"),
        thought("b"),
        text("c"),
        signature("2"),
    ]);
    let starts: Vec<_> = events
        .iter()
        .filter(|event| event["type"] == "content_block_start")
        .map(|event| event["content_block"]["type"].clone())
        .collect();
    assert_eq!(starts, ["thinking", "thinking", "text", "thinking"]);
}

#[test]
fn the_proof_of_a_call_travels_as_a_thought_before_it() {
    let events = written(&[call(0, "a", Some("proof")), arguments(0, "{}")]);
    assert_eq!(
        events[2],
        block_delta(0, &json!({"type": "signature_delta", "signature": "call:proof"}))
    );
    assert_eq!(events[4]["content_block"]["id"], json!("a"));
    assert_eq!(events[5], json_delta(1, "{}"));
}

#[test]
fn late_arguments_say_which_call_they_are_of() {
    let events = written(&[
        call(0, "a", None),
        call(1, "b", None),
        arguments(0, "{}"),
        arguments(7, "{}"),
    ]);
    let deltas: Vec<_> = events
        .iter()
        .filter(|event| event["type"] == "content_block_delta")
        .collect();
    assert_eq!(deltas, [&json_delta(0, "{}")]);
}

#[test]
fn an_answer_that_calls_ends_in_a_call() {
    let events = written(&[call(0, "a", None), finish(Finish::Stop)]);
    assert_eq!(
        events[events.len() - 2]["delta"]["stop_reason"],
        json!("tool_use")
    );
}

#[test]
fn says_which_stop_text_came_and_shows_refusals_as_text() {
    let refusal = Event::Refusal {
        choice: 0,
        text: "no".into(),
    };
    let events = written(&[refusal, finish(Finish::StopText(Some("END".to_owned())))]);
    assert_eq!(events[2], text_delta(0, "no"));
    assert_eq!(
        events[4]["delta"],
        json!({"stop_reason": "stop_sequence", "stop_sequence": "END"})
    );
}

#[test]
fn leaves_other_choices_failures_and_ends_to_others() {
    let other = Event::Text {
        choice: 1,
        text: "other".into(),
    };
    let failed = Event::Failed(Fault::default());
    assert_eq!(written(&[other, failed, Event::End]), written(&[]));
}
