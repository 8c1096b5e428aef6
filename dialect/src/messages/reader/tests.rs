use super::reader;
use crate::form::{Finish, Usage};
use crate::{Event, Fault, Incoming, Reader};

fn read<'a>(reader: &mut Box<dyn Reader>, data: &'a str) -> Vec<Event<'a>> {
    reader
        .read(Incoming {
            name: "",
            data: data.as_bytes(),
        })
        .unwrap()
}

fn all<'a>(reader: &mut Box<dyn Reader>, events: &[&'a str]) -> Vec<Event<'a>> {
    events.iter().flat_map(|data| read(reader, data)).collect()
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

fn call(call: u32, id: &str) -> Event<'_> {
    Event::ToolCall {
        choice: 0,
        call,
        id: id.into(),
        name: "weather".into(),
        signature: None,
    }
}

fn arguments(call: u32, text: &str) -> Event<'_> {
    Event::Arguments {
        choice: 0,
        call,
        text: text.into(),
    }
}

const START: &str = r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[],"stop_reason":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":3,"cache_read_input_tokens":5,"output_tokens":1}}}"#;

#[test]
fn reads_thoughts_text_and_two_calls_in_between() {
    let mut reader = reader();
    let events = all(
        &mut reader,
        &[
            START,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
            r#"{"type":"ping"}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"h\u006d"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"proof"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":"I"}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":" ask"}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"citations_delta","citation":{}}}"#,
            r#"{"type":"content_block_stop","index":1}"#,
            r#"{"type":"content_block_start","index":2,"content_block":{"type":"redacted_thinking","data":"sealed"}}"#,
            r#"{"type":"content_block_stop","index":2}"#,
            r#"{"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"a","name":"weather","input":{}}}"#,
            r#"{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":""}}"#,
            r#"{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{\"city\":"}}"#,
            r#"{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":" 1}"}}"#,
            r#"{"type":"content_block_stop","index":3}"#,
            r#"{"type":"content_block_start","index":4,"content_block":{"type":"tool_use","id":"b","name":"weather","input":{"city":2}}}"#,
            r#"{"type":"content_block_stop","index":4}"#,
        ],
    );
    assert_eq!(
        events,
        [
            Event::Start {
                id: Some("msg_1".into()),
                model: Some("claude".into()),
            },
            Event::Usage(Usage {
                input: 18,
                cache_read: 5,
                cache_write: 3,
                output: 1,
                reasoning: 0,
            }),
            thought("hm"),
            Event::ThoughtSignature {
                choice: 0,
                signature: "proof".into(),
            },
            text("I"),
            text(" ask"),
            Event::RedactedThought {
                choice: 0,
                data: "sealed".into(),
            },
            call(0, "a"),
            arguments(0, "{\"city\":"),
            arguments(0, " 1}"),
            call(1, "b"),
            arguments(1, "{\"city\":2}"),
        ]
    );
    assert!(!reader.is_complete());
}

#[test]
fn ends_with_the_reason_and_the_total_of_usage() {
    let mut reader = reader();
    read(&mut reader, START);
    let events = read(
        &mut reader,
        r#"{"type":"message_delta","delta":{"stop_reason":"stop_sequence","stop_sequence":"END"},"usage":{"output_tokens":40,"output_tokens_details":{"thinking_tokens":30}}}"#,
    );
    assert_eq!(
        events,
        [
            Event::Finish {
                choice: 0,
                finish: Finish::StopText(Some("END".to_owned())),
            },
            Event::Usage(Usage {
                input: 18,
                cache_read: 5,
                cache_write: 3,
                output: 40,
                reasoning: 30,
            }),
        ]
    );
    assert!(reader.is_complete());
    assert_eq!(read(&mut reader, r#"{"type":"message_stop"}"#), [Event::End]);
}

#[test]
fn a_delta_without_a_reason_does_not_end_the_stream() {
    let mut reader = reader();
    read(&mut reader, START);
    let events = read(
        &mut reader,
        r#"{"type":"message_delta","delta":{"stop_reason":null},"usage":{"output_tokens":4}}"#,
    );
    assert!(matches!(events[..], [Event::Usage(Usage { output: 4, .. })]));
    assert!(!reader.is_complete());
}

#[test]
fn usage_that_is_not_said_again_stays() {
    let mut reader = reader();
    read(&mut reader, START);
    let events = read(
        &mut reader,
        r#"{"type":"message_delta","delta":{},"usage":{"input_tokens":20}}"#,
    );
    let usage = Usage {
        input: 28,
        cache_read: 5,
        cache_write: 3,
        output: 1,
        reasoning: 0,
    };
    assert_eq!(events, [Event::Usage(usage)]);
}

#[test]
fn reads_every_reason() {
    let finish = |reason: &str| {
        let data = format!(r#"{{"type":"message_delta","delta":{{"stop_reason":"{reason}"}}}}"#);
        match &read(&mut reader(), &data)[..] {
            [Event::Finish { finish, .. }] => finish.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(finish("end_turn"), Finish::Stop);
    assert_eq!(finish("max_tokens"), Finish::Length);
    assert_eq!(finish("model_context_window_exceeded"), Finish::Length);
    assert_eq!(finish("stop_sequence"), Finish::StopText(None));
    assert_eq!(finish("tool_use"), Finish::ToolCalls);
    assert_eq!(finish("pause_turn"), Finish::Stop);
    assert_eq!(finish("refusal"), Finish::Refusal);
    assert_eq!(finish("something_new"), Finish::Stop);
}

#[test]
fn tells_a_refusal_in_the_providers_words() {
    let events = all(
        &mut reader(),
        &[
            r#"{"type":"message_delta","delta":{"stop_reason":"refusal","stop_details":{"type":"refusal","category":"bio","explanation":"no"}}}"#,
        ],
    );
    assert_eq!(
        events,
        [
            Event::Refusal {
                choice: 0,
                text: "no".into(),
            },
            Event::Finish {
                choice: 0,
                finish: Finish::Refusal,
            },
        ]
    );
}

#[test]
fn tells_what_went_wrong() {
    let failed = all(
        &mut reader(),
        &[
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}"#,
        ],
    );
    assert_eq!(
        failed,
        [Event::Failed(Fault {
            kind: "overloaded_error".to_owned(),
            message: "Overloaded".to_owned(),
            ..Fault::default()
        })]
    );
}

#[test]
fn passes_over_what_it_does_not_know() {
    let mut reader = reader();
    let events = all(
        &mut reader,
        &[
            r#"{"type":"something_new","delta":"of another shape"}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"query\":1}"}}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"web_search_tool_result","tool_use_id":"s","content":{"error_code":"x"}}}"#,
            r#"{"type":"content_block_delta","index":2,"delta":{"type":"something_newer","new":1}}"#,
        ],
    );
    assert_eq!(events, []);
}

#[test]
fn the_name_of_an_event_goes_before_its_data() {
    let incoming = Incoming {
        name: "ping",
        data: b"whatever",
    };
    assert_eq!(reader().read(incoming).unwrap(), []);
    let incoming = Incoming {
        name: "message_start",
        data: b"{}",
    };
    assert!(reader().read(incoming).is_err());
}

#[test]
fn borrows_from_the_message() {
    let events = all(
        &mut reader(),
        &[r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"plain"}}"#],
    );
    assert!(matches!(
        &events[..],
        [Event::Text {
            text: std::borrow::Cow::Borrowed("plain"),
            ..
        }]
    ));
}

proptest::proptest! {
    #[test]
    fn survives_any_bytes(name in "(message_start|content_block_start|content_block_delta|message_delta|error|)",
                          data in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = reader().read(Incoming { name: &name, data: &data });
    }
}
