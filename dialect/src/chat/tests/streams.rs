//! Streams of targets, chunk by chunk.

use crate::form::{Finish, Usage};
use crate::{Event, Fault, Incoming, Unreadable, chat};

fn incoming(data: &str) -> Incoming<'_> {
    Incoming {
        name: "",
        data: data.as_bytes(),
    }
}

/// The events of a stream of these chunks, without its beginning, and whether it may end there.
pub(super) fn read(chunks: &[&str]) -> (Vec<Event<'static>>, bool) {
    let mut reader = chat::reader();
    let mut events = Vec::new();
    for chunk in chunks {
        events.extend(reader.read(incoming(chunk)).unwrap().into_iter().map(owned));
    }
    events.retain(|event| !matches!(event, Event::Start { .. }));
    (events, reader.is_complete())
}

fn owned(event: Event<'_>) -> Event<'static> {
    let own = |text: std::borrow::Cow<'_, str>| text.into_owned().into();
    match event {
        Event::Start { id, model } => Event::Start {
            id: id.map(own),
            model: model.map(own),
        },
        Event::Text { choice, text } => Event::Text {
            choice,
            text: own(text),
        },
        Event::Refusal { choice, text } => Event::Refusal {
            choice,
            text: own(text),
        },
        Event::Thought { choice, text } => Event::Thought {
            choice,
            text: own(text),
        },
        Event::ThoughtSignature { choice, signature } => Event::ThoughtSignature {
            choice,
            signature: own(signature),
        },
        Event::RedactedThought { choice, data } => Event::RedactedThought {
            choice,
            data: own(data),
        },
        Event::ToolCall {
            choice,
            call,
            id,
            name,
            signature,
        } => Event::ToolCall {
            choice,
            call,
            id: own(id),
            name: own(name),
            signature: signature.map(own),
        },
        Event::Arguments { choice, call, text } => Event::Arguments {
            choice,
            call,
            text: own(text),
        },
        Event::Finish { choice, finish } => Event::Finish { choice, finish },
        Event::Usage(usage) => Event::Usage(usage),
        Event::Failed(fault) => Event::Failed(fault),
        Event::End => Event::End,
    }
}

pub(super) fn text(choice: u32, text: &'static str) -> Event<'static> {
    Event::Text {
        choice,
        text: text.into(),
    }
}

pub(super) fn call(call: u32, id: &'static str, name: &'static str) -> Event<'static> {
    Event::ToolCall {
        choice: 0,
        call,
        id: id.into(),
        name: name.into(),
        signature: None,
    }
}

pub(super) fn arguments(call: u32, text: &'static str) -> Event<'static> {
    Event::Arguments {
        choice: 0,
        call,
        text: text.into(),
    }
}

pub(super) fn finish(choice: u32, finish: Finish) -> Event<'static> {
    Event::Finish { choice, finish }
}

const RICH: [&str; 9] = [
    r#"{"id":"","model":"","object":"","created":0,"choices":[],"prompt_filter_results":[]}"#,
    r#"{"id":"chatcmpl-1","model":"gpt-x","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}],"usage":null}"#,
    r#"{"id":"chatcmpl-1","choices":[{"index":0,"delta":{"reasoning_content":"Hm"},"finish_reason":null}]}"#,
    r#"{"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"Hel"},"finish_reason":null}]}"#,
    r#"{"choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":null},{"index":1,"delta":{"refusal":"No"},"finish_reason":null}]}"#,
    r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
    r#"{"choices":[{"index":1,"delta":{},"finish_reason":"length"}]}"#,
    r#"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":3,"total_tokens":8,"prompt_tokens_details":{"cached_tokens":2},"completion_tokens_details":{"reasoning_tokens":1}}}"#,
    "[DONE]",
];

pub(super) const USAGE: Usage = Usage {
    input: 5,
    cache_read: 2,
    cache_write: 0,
    output: 3,
    reasoning: 1,
};

#[test]
fn reads_every_chunk_for_what_it_says() {
    let (events, complete) = read(&RICH);
    let thought = Event::Thought {
        choice: 0,
        text: "Hm".into(),
    };
    let refusal = Event::Refusal {
        choice: 1,
        text: "No".into(),
    };
    assert_eq!(
        events,
        [
            thought,
            text(0, "Hel"),
            text(0, "lo"),
            refusal,
            finish(0, Finish::Stop),
            finish(1, Finish::Length),
            Event::Usage(USAGE),
            Event::End,
        ]
    );
    assert!(complete);
}

#[test]
fn an_answer_begins_with_the_first_choice_and_begins_once() {
    let mut reader = chat::reader();
    assert_eq!(reader.read(incoming(RICH[0])).unwrap(), []);
    let start = Event::Start {
        id: Some("chatcmpl-1".into()),
        model: Some("gpt-x".into()),
    };
    assert_eq!(reader.read(incoming(RICH[1])).unwrap(), [start]);
    assert_eq!(reader.read(incoming(RICH[3])).unwrap(), [text(0, "Hel")]);
}

#[test]
fn a_stream_is_complete_once_every_choice_has_ended() {
    assert!(!read(&[]).1);
    assert!(!read(&RICH[..6]).1);
    assert!(read(&RICH[..7]).1);
    assert!(!read(&["[DONE]"]).1);
}

#[test]
fn usage_may_come_with_the_last_choice() {
    let (events, _) = read(&[
        r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
    ]);
    let usage = Usage {
        input: 1,
        output: 2,
        ..Usage::default()
    };
    assert_eq!(
        events,
        [text(0, "a"), finish(0, Finish::Stop), Event::Usage(usage)]
    );
}

#[test]
fn calls_are_told_apart_by_index() {
    let (events, _) = read(&[
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{}"}},{"index":0,"id":"","function":{"arguments":"}"}}]}}]}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
    ]);
    assert_eq!(
        events,
        [
            call(0, "a", "f"),
            arguments(0, "{"),
            call(1, "b", "g"),
            arguments(1, "{}"),
            arguments(0, "}"),
            finish(0, Finish::ToolCalls),
        ]
    );
}

#[test]
fn calls_that_share_an_index_are_told_apart_by_id() {
    let (events, _) = read(&[
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"s"}}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"b","function":{"name":"f","arguments":"{}"}}]}}]}"#,
    ]);
    let proven = Event::ToolCall {
        choice: 0,
        call: 0,
        id: "a".into(),
        name: "f".into(),
        signature: Some("s".into()),
    };
    assert_eq!(
        events,
        [proven, arguments(0, "{}"), call(1, "b", "f"), arguments(1, "{}")]
    );
}

#[test]
fn calls_without_index_or_id_are_told_apart_by_name() {
    let (events, _) = read(&[
        r#"{"choices":[{"delta":{"tool_calls":[{"function":{"name":"f","arguments":"{"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"}"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"function":{"name":"g","arguments":"{}"}}]}}]}"#,
    ]);
    assert_eq!(
        events,
        [
            call(0, "call_0_0", "f"),
            arguments(0, "{"),
            arguments(0, "}"),
            call(1, "call_0_1", "g"),
            arguments(1, "{}"),
        ]
    );
}

#[test]
fn proofs_of_reasoning_are_read_from_blocks_without_saying_it_twice() {
    let (events, _) = read(&[
        r#"{"choices":[{"delta":{"reasoning_content":"a","thinking_blocks":[{"type":"thinking","thinking":"a"}]}}]}"#,
        r#"{"choices":[{"delta":{"thinking_blocks":[{"type":"thinking","thinking":"b","signature":"s"}]}}]}"#,
        r#"{"choices":[{"delta":{"thinking_blocks":[{"type":"redacted_thinking","data":"d"}]}}]}"#,
    ]);
    assert_eq!(
        events,
        [
            Event::Thought {
                choice: 0,
                text: "a".into()
            },
            Event::Thought {
                choice: 0,
                text: "b".into()
            },
            Event::ThoughtSignature {
                choice: 0,
                signature: "s".into()
            },
            Event::RedactedThought {
                choice: 0,
                data: "d".into()
            },
        ]
    );
}

#[test]
fn errors_in_a_stream_are_failures_whatever_their_shape() {
    let fault = |name, data: &str| {
        let message = Incoming {
            name,
            data: data.as_bytes(),
        };
        match chat::reader().read(message).unwrap().remove(0) {
            Event::Failed(fault) => fault,
            other => panic!("{other:?}"),
        }
    };
    let full = fault(
        "",
        r#"{"error":{"message":"m","type":"server_error","code":"c","param":null}}"#,
    );
    assert_eq!(
        full,
        Fault {
            kind: "server_error".into(),
            code: "c".into(),
            message: "m".into(),
            ..Fault::default()
        }
    );
    let number = fault("", r#"{"error":{"message":"m","code":429}}"#);
    assert_eq!((number.status, &*number.code), (Some(429), "429"));
    assert_eq!(fault("", r#"{"error":"m"}"#).message, "m");
    assert_eq!(fault("error", r#"{"message":"m","type":"t"}"#).kind, "t");
    let end = r#"{"choices":[{"delta":{},"finish_reason":"insufficient_system_resource"}]}"#;
    assert!(
        matches!(&read(&[end]).0[..], [Event::Failed(fault)] if fault.kind == "insufficient_system_resource")
    );
}

#[test]
fn garbage_is_unreadable_and_what_says_nothing_gives_nothing() {
    let mut reader = chat::reader();
    for data in ["{", "7", r#"{"choices":[{"index":999}]}"#, r#"{"choices":{}}"#] {
        assert_eq!(reader.read(incoming(data)).unwrap_err(), Unreadable, "{data}");
    }
    for data in ["", " ", "{}", r#"{"choices":null}"#] {
        assert_eq!(reader.read(incoming(data)).unwrap(), [], "{data}");
    }
    assert!(!reader.is_complete());
}

#[test]
fn ids_that_are_made_up_do_not_come_twice_in_a_conversation() {
    let chunk = |answer: &str| {
        format!(
            r#"{{"id":"{answer}","choices":[{{"delta":{{"tool_calls":[{{"index":0,"id":"","function":{{"name":"f"}}}}]}}}}]}}"#
        )
    };
    let id = |answer: &str| match read(&[&chunk(answer)]).0.remove(0) {
        Event::ToolCall { id, .. } => id,
        other => panic!("{other:?}"),
    };
    assert_eq!([id("resp_a-1"), id("b")], ["call_a1_0_0", "call_b_0_0"]);
}
