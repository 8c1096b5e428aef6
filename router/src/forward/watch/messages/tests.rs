//! What the events of a message mean.

use weir_table::{Dialect, FailureClass};

use super::{Progress, prove};
use crate::forward::watch::Meaning;

fn event(data: &str) -> String {
    let kind: serde_json::Value = serde_json::from_str(data).unwrap();
    format!("event: {}\ndata: {data}\n\n", kind["type"].as_str().unwrap())
}

fn look(data: &str) -> Meaning {
    Progress::new(Dialect::Anthropic).look(event(data).as_bytes())
}

#[test]
fn every_kind_of_content_commits() {
    for data in [
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"a"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{"}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"n","input":{}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"redacted_thinking","data":"x"}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}"#,
    ] {
        assert_eq!(look(data), Meaning::Commits, "{data}");
    }
}

#[test]
fn what_is_no_content_is_held_back() {
    for data in [
        r#"{"type":"ping"}"#,
        r#"{"type":"message_start","message":{"content":[],"stop_reason":null,"usage":{"input_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
    ] {
        assert_eq!(look(data), Meaning::Passes, "{data}");
    }
}

#[test]
fn an_error_in_a_stream_has_the_class_of_its_type() {
    let data = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    for event in [event(data), format!("data: {data}\n\n")] {
        let Meaning::Failed(failure) = Progress::new(Dialect::Anthropic).look(event.as_bytes()) else {
            panic!("{event}");
        };
        assert_eq!(failure.class, FailureClass::Overloaded);
    }
}

#[test]
fn a_stream_is_whole_once_the_model_has_stopped() {
    let mut progress = Progress::new(Dialect::Anthropic);
    let start = r#"{"type":"message_start","message":{"usage":{"input_tokens":5,"cache_read_input_tokens":2,"output_tokens":1}}}"#;
    progress.look(event(start).as_bytes());
    assert!(!progress.has_stopped());
    let delta = r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}}"#;
    progress.look(event(delta).as_bytes());
    assert!(progress.has_stopped());
    let usage = progress.usage().unwrap();
    assert_eq!((usage.input, usage.cache_read, usage.output), (7, 2, 9));
    assert_eq!(
        progress.look(event(r#"{"type":"message_stop"}"#).as_bytes()),
        Meaning::Done
    );
}

#[test]
fn what_is_not_json_is_malformed() {
    assert_eq!(
        Progress::new(Dialect::Anthropic).look(b"data: {\n\n"),
        Meaning::Malformed
    );
}

#[test]
fn a_whole_message_says_something_or_why_not() {
    let of = |text: &str| prove(Dialect::Anthropic, text.as_bytes()).map_err(|failure| failure.class);
    assert!(of(r#"{"content":[{"type":"text","text":"a"}],"stop_reason":null}"#).is_ok());
    assert!(of(r#"{"content":[],"stop_reason":"max_tokens"}"#).is_ok());
    assert_eq!(
        of(r#"{"content":[],"stop_reason":null}"#),
        Err(FailureClass::MalformedResponse)
    );
    assert_eq!(of("[]"), Err(FailureClass::MalformedResponse));
    assert_eq!(
        of(r#"{"type":"error","error":{"type":"rate_limit_error","message":"x"}}"#),
        Err(FailureClass::RateLimited)
    );
    let usage = of(r#"{"content":[1],"usage":{"input_tokens":3,"output_tokens":4}}"#)
        .unwrap()
        .unwrap();
    assert_eq!((usage.input, usage.output), (3, 4));
}
