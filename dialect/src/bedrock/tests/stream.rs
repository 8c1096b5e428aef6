use proptest::prelude::*;
use serde_json::{Value, json};

use crate::bedrock::reader;
use crate::form::{Finish, Usage};
use crate::{Event, Fault, Incoming, Reader, Unreadable};

fn read(reader: &mut dyn Reader, name: &str, data: &Value) -> Result<Vec<String>, Unreadable> {
    let data = data.to_string();
    let data = data.as_bytes();
    let events = reader.read(Incoming { name, data })?;
    Ok(events.iter().map(|event| format!("{event:?}")).collect())
}

/// Reads one message; the events as the tests compare them.
fn events(reader: &mut dyn Reader, name: &str, data: &Value) -> Vec<String> {
    read(reader, name, data).expect("of the dialect")
}

fn shown(wanted: &[Event<'_>]) -> Vec<String> {
    wanted.iter().map(|event| format!("{event:?}")).collect()
}

fn begun() -> Box<dyn Reader> {
    let mut reader = reader();
    let start = Event::Start {
        id: None,
        model: None,
    };
    assert_eq!(
        events(&mut *reader, "messageStart", &json!({"role": "assistant"})),
        shown(&[start])
    );
    reader
}

fn delta(block: u64, delta: &Value) -> Value {
    json!({"contentBlockIndex": block, "delta": delta, "p": "abcd"})
}

#[test]
fn text_and_thoughts_come_piece_by_piece() {
    let mut reader = begun();
    let choice = 0;
    for (piece, wanted) in [
        (
            json!({"reasoningContent": {"text": "Hm"}}),
            Event::Thought {
                choice,
                text: "Hm".into(),
            },
        ),
        (
            json!({"reasoningContent": {"signature": "c2ln"}}),
            Event::ThoughtSignature {
                choice,
                signature: "c2ln".into(),
            },
        ),
        (
            json!({"reasoningContent": {"redactedContent": "AAEC"}}),
            Event::RedactedThought {
                choice,
                data: "AAEC".into(),
            },
        ),
        (
            json!({"text": "Hi \"you\""}),
            Event::Text {
                choice,
                text: "Hi \"you\"".into(),
            },
        ),
    ] {
        assert_eq!(
            events(&mut *reader, "contentBlockDelta", &delta(0, &piece)),
            shown(&[wanted])
        );
    }
    assert_eq!(
        events(&mut *reader, "contentBlockStop", &json!({"contentBlockIndex": 0})),
        shown(&[])
    );
    assert!(!reader.is_complete());
}

#[test]
fn calls_are_counted_by_themselves_whatever_their_blocks() {
    let mut reader = begun();
    events(
        &mut *reader,
        "contentBlockDelta",
        &delta(0, &json!({"text": "So"})),
    );
    for (block, call, id) in [(1, 0, "tooluse_a"), (4, 1, "tooluse_b")] {
        let start = json!({"contentBlockIndex": block, "start": {"toolUse": {"toolUseId": id, "name": "f"}}});
        assert_eq!(
            events(&mut *reader, "contentBlockStart", &start),
            shown(&[Event::ToolCall {
                choice: 0,
                call,
                id: id.into(),
                name: "f".into(),
                signature: None,
            }])
        );
    }
    for (block, call) in [(4, 1), (1, 0)] {
        let input = delta(block, &json!({"toolUse": {"input": "{\"a\""}}));
        assert_eq!(
            events(&mut *reader, "contentBlockDelta", &input),
            shown(&[Event::Arguments {
                choice: 0,
                call,
                text: "{\"a\"".into(),
            }])
        );
    }
    let empty = delta(1, &json!({"toolUse": {"input": ""}}));
    assert_eq!(events(&mut *reader, "contentBlockDelta", &empty), shown(&[]));
    let stray = delta(2, &json!({"toolUse": {"input": "{"}}));
    assert_eq!(read(&mut *reader, "contentBlockDelta", &stray), Err(Unreadable));
}

#[test]
fn it_is_complete_with_its_reason_and_ends_with_its_usage() {
    let mut reader = begun();
    events(
        &mut *reader,
        "contentBlockDelta",
        &delta(0, &json!({"text": "Hi"})),
    );
    let stop =
        json!({"stopReason": "stop_sequence", "additionalModelResponseFields": {"stop_sequence": "END"}});
    let finish = Finish::StopText(Some("END".to_owned()));
    assert_eq!(
        events(&mut *reader, "messageStop", &stop),
        shown(&[Event::Finish { choice: 0, finish }])
    );
    assert!(reader.is_complete());
    let usage = json!({"usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 6, "cacheReadInputTokens": 3},
                       "metrics": {"latencyMs": 9}});
    let counted = Usage {
        input: 4,
        cache_read: 3,
        output: 2,
        ..Usage::default()
    };
    assert_eq!(
        events(&mut *reader, "metadata", &usage),
        shown(&[Event::Usage(counted), Event::End])
    );
    assert!(reader.is_complete());
}

#[test]
fn what_comes_twice_counts_once() {
    let mut reader = begun();
    assert_eq!(events(&mut *reader, "messageStart", &json!({})), shown(&[]));
    let stop = json!({"stopReason": "end_turn"});
    assert_eq!(events(&mut *reader, "messageStop", &stop).len(), 1);
    assert_eq!(events(&mut *reader, "messageStop", &stop), shown(&[]));
    let late = delta(0, &json!({"text": "late"}));
    assert_eq!(events(&mut *reader, "contentBlockDelta", &late), shown(&[]));
    assert_eq!(events(&mut *reader, "metadata", &json!({})), shown(&[Event::End]));
    assert_eq!(events(&mut *reader, "metadata", &json!({})), shown(&[]));
}

#[test]
fn a_start_comes_first_even_if_bedrock_sent_none() {
    let mut reader = reader();
    let seen = events(
        &mut *reader,
        "contentBlockDelta",
        &delta(0, &json!({"text": "Hi"})),
    );
    assert_eq!(seen.len(), 2);
    assert_eq!(
        seen[..1],
        shown(&[Event::Start {
            id: None,
            model: None
        }])
    );
}

#[test]
fn every_exception_is_a_fault_with_the_status_that_it_has_elsewhere() {
    for (name, status) in [
        ("throttlingException", Some(429)),
        ("modelStreamErrorException", Some(424)),
        ("internalServerException", Some(500)),
        ("serviceUnavailableException", Some(503)),
        ("validationException", Some(400)),
        ("modelTimeoutException", Some(408)),
        ("unheardOfException", None),
    ] {
        let mut reader = begun();
        let fault = Fault {
            status,
            kind: name.to_owned(),
            message: "Wait.".to_owned(),
            ..Fault::default()
        };
        assert_eq!(
            events(&mut *reader, name, &json!({"message": "Wait."})),
            shown(&[Event::Failed(fault)]),
            "{name}"
        );
        assert!(!reader.is_complete());
    }
}

#[test]
fn a_failure_of_the_transport_is_a_fault_in_its_words() {
    let data = b"Internal failure";
    let name = "InternalFailure";
    let mut reader = begun();
    let events = reader.read(Incoming { name, data }).expect("of the dialect");
    assert!(matches!(
        &events[..],
        [Event::Failed(fault)] if fault.kind == "InternalFailure" && fault.message == "Internal failure"
    ));
}

#[test]
fn a_malformed_answer_failed() {
    let mut reader = begun();
    let stop = json!({"stopReason": "malformed_tool_use"});
    let fault = Fault {
        kind: "malformed_tool_use".to_owned(),
        ..Fault::default()
    };
    assert_eq!(
        events(&mut *reader, "messageStop", &stop),
        shown(&[Event::Failed(fault)])
    );
    assert!(!reader.is_complete());
}

#[test]
fn what_is_not_known_yet_means_nothing() {
    let mut reader = begun();
    assert_eq!(events(&mut *reader, "pingPong", &json!({})), shown(&[]));
    let image = json!({"contentBlockIndex": 0, "start": {"image": {"format": "png"}}});
    assert_eq!(events(&mut *reader, "contentBlockStart", &image), shown(&[]));
    let cited = delta(0, &json!({"citation": {"title": "t"}}));
    assert_eq!(events(&mut *reader, "contentBlockDelta", &cited), shown(&[]));
}

fn any_message() -> impl Strategy<Value = (String, String)> {
    let name = prop::sample::select(vec![
        "messageStart",
        "contentBlockStart",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
        "throttlingException",
        "x",
    ]);
    let data = prop::sample::select(vec![
        r#"{"role":"assistant"}"#,
        r#"{"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"a","name":"f"}}}"#,
        r#"{"contentBlockIndex":1,"delta":{"toolUse":{"input":"{"}}}"#,
        r#"{"contentBlockIndex":0,"delta":{"text":"t"}}"#,
        r#"{"stopReason":"end_turn"}"#,
        r#"{"usage":{"inputTokens":18446744073709551615,"outputTokens":1,"cacheReadInputTokens":1}}"#,
        "{",
        "\u{fffd}",
    ]);
    (name, data).prop_map(|(name, data)| (name.to_owned(), data.to_owned()))
}

proptest! {
    #[test]
    fn no_order_of_messages_makes_it_panic_or_start_twice(messages in prop::collection::vec(any_message(), 0..40)) {
        let mut reader = reader();
        let mut starts = 0;
        for (name, data) in &messages {
            let message = Incoming { name, data: data.as_bytes() };
            let events = reader.read(message).unwrap_or_default();
            starts += events.iter().filter(|event| matches!(event, Event::Start { .. })).count();
        }
        prop_assert!(starts <= 1);
    }

    #[test]
    fn no_bytes_make_it_panic(name in ".{0,20}", data in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = reader().read(Incoming { name: &name, data: &data });
        let _ = crate::bedrock::read_answer(&data);
    }
}
