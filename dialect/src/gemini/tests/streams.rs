use std::time::Duration;

use proptest::prelude::{Strategy, any, prop, proptest};
use serde_json::json;

use crate::form::{Finish, Usage};
use crate::gemini::reader;
use crate::{Event, Fault, Incoming, Reader};

/// A stream that is read message by message.
struct Stream(Box<dyn Reader>);

impl Stream {
    fn new() -> Self {
        Self(reader())
    }

    fn read<'a>(&mut self, data: &'a str) -> Vec<Event<'a>> {
        let message = Incoming {
            name: "",
            data: data.as_bytes(),
        };
        self.0.read(message).expect("read")
    }

    fn is_complete(&self) -> bool {
        self.0.is_complete()
    }
}

fn start(id: &'static str) -> Event<'static> {
    Event::Start {
        id: Some(id.into()),
        model: Some("gemini-3-flash".into()),
    }
}

fn text(choice: u32, text: &str) -> Event<'_> {
    Event::Text {
        choice,
        text: text.into(),
    }
}

fn finish(choice: u32, finish: Finish) -> Event<'static> {
    Event::Finish { choice, finish }
}

fn usage(input: u64, output: u64, reasoning: u64) -> Event<'static> {
    Event::Usage(Usage {
        input,
        output,
        reasoning,
        ..Usage::default()
    })
}

#[test]
fn reads_thoughts_then_text_then_the_end_with_usage_on_every_message() {
    let mut stream = Stream::new();
    let first = r#"{"candidates":[{"content":{"parts":[{"text":"Hm","thought":true}],"role":"model"},"index":0}],
        "usageMetadata":{"promptTokenCount":5,"thoughtsTokenCount":3},"modelVersion":"gemini-3-flash","responseId":"r1"}"#;
    let thought = Event::Thought {
        choice: 0,
        text: "Hm".into(),
    };
    assert_eq!(stream.read(first), [start("r1"), thought, usage(5, 3, 3)]);
    let second = r#"{"candidates":[{"content":{"parts":[{"text":"Hel"},{"text":"lo"}]},"index":0}],
        "usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":2,"thoughtsTokenCount":3},
        "modelVersion":"gemini-3-flash","responseId":"r1"}"#;
    assert_eq!(
        stream.read(second),
        [text(0, "Hel"), text(0, "lo"), usage(5, 5, 3)]
    );
    assert!(!stream.is_complete());
    let last = r#"{"candidates":[{"content":{"parts":[{"text":"","thoughtSignature":"P="}]},"finishReason":"STOP"}],
        "usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":4,"thoughtsTokenCount":3}}"#;
    let proof = Event::ThoughtSignature {
        choice: 0,
        signature: "gemini:P=".into(),
    };
    assert_eq!(
        stream.read(last),
        [proof, finish(0, Finish::Stop), usage(5, 7, 3)]
    );
    assert!(stream.is_complete());
}

#[test]
fn reads_calls_whole_and_counts_them_over_messages() {
    let mut stream = Stream::new();
    let first = r#"{"candidates":[{"content":{"parts":[
        {"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"S="}]}}],"responseId":"r1","modelVersion":"gemini-3-flash"}"#;
    let second = r#"{"candidates":[{"content":{"parts":[{"functionCall":{"id":"own","name":"g"}}]}}]}"#;
    let last = r#"{"candidates":[{"content":{"parts":[{"text":""}]},"finishReason":"STOP"}]}"#;
    let call =
        |call, id: &'static str, name: &'static str, signature: Option<&'static str>| Event::ToolCall {
            choice: 0,
            call,
            id: id.into(),
            name: name.into(),
            signature: signature.map(Into::into),
        };
    let arguments = |call, text: &'static str| Event::Arguments {
        choice: 0,
        call,
        text: text.into(),
    };
    let golden = [
        start("r1"),
        call(0, "call_r1_0", "f", Some("S=")),
        arguments(0, r#"{"a":1}"#),
    ];
    assert_eq!(stream.read(first), golden);
    assert_eq!(
        stream.read(second),
        [call(1, "own", "g", None), arguments(1, "{}")]
    );
    assert_eq!(stream.read(last), [finish(0, Finish::ToolCalls)]);
}

#[test]
fn keeps_several_candidates_apart_and_waits_for_all() {
    let mut stream = Stream::new();
    let first = r#"{"candidates":[{"index":0,"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"},
        {"index":1,"content":{"parts":[{"text":"b"}]}}],"responseId":"r1","modelVersion":"gemini-3-flash"}"#;
    assert_eq!(
        stream.read(first),
        [start("r1"), text(0, "a"), finish(0, Finish::Stop), text(1, "b")]
    );
    assert!(!stream.is_complete());
    let last = r#"{"candidates":[{"index":1,"finishReason":"MAX_TOKENS"}]}"#;
    assert_eq!(stream.read(last), [finish(1, Finish::Length)]);
    assert!(stream.is_complete());
}

#[test]
fn ends_an_answer_once() {
    let mut stream = Stream::new();
    let message =
        r#"{"candidates":[{"finishReason":"STOP"}],"responseId":"r1","modelVersion":"gemini-3-flash"}"#;
    assert_eq!(stream.read(message), [start("r1"), finish(0, Finish::Stop)]);
    assert_eq!(stream.read(message), []);
}

#[test]
fn tells_a_stop_for_safety_from_an_end() {
    let mut stream = Stream::new();
    stream.read(r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}"#);
    let last =
        r#"{"candidates":[{"content":{},"finishReason":"SAFETY","safetyRatings":[{"blocked":true}]}]}"#;
    assert_eq!(stream.read(last), [finish(0, Finish::ContentFilter)]);
    assert!(stream.is_complete());
}

#[test]
fn tells_a_refused_prompt() {
    let mut stream = Stream::new();
    let message = r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":5},
        "modelVersion":"gemini-3-flash","responseId":"r1"}"#;
    let golden = [start("r1"), finish(0, Finish::ContentFilter), usage(5, 0, 0)];
    assert_eq!(stream.read(message), golden);
    assert!(stream.is_complete());
}

#[test]
fn is_not_complete_before_anything_was_answered() {
    let mut stream = Stream::new();
    assert!(!stream.is_complete());
    stream.read(r#"{"usageMetadata":{"promptTokenCount":5}}"#);
    assert!(!stream.is_complete());
}

#[test]
fn fails_when_the_model_went_wrong() {
    let mut stream = Stream::new();
    stream.read(r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}"#);
    let last = r#"{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL","finishMessage":"f("}]}"#;
    let golden = Event::Failed(Fault {
        kind: "MALFORMED_FUNCTION_CALL".to_owned(),
        message: "f(".to_owned(),
        ..Fault::default()
    });
    assert_eq!(stream.read(last), [golden]);
    assert!(!stream.is_complete());
}

#[test]
fn reads_errors_with_when_to_ask_again() {
    let message = json!({"error": {
        "code": 429,
        "message": "Quota exceeded",
        "status": "RESOURCE_EXHAUSTED",
        "details": [
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": "x"}]},
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED"},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}
        ]
    }})
    .to_string();
    let golden = Event::Failed(Fault {
        status: Some(429),
        kind: "RESOURCE_EXHAUSTED".to_owned(),
        code: "RATE_LIMIT_EXCEEDED".to_owned(),
        message: "Quota exceeded".to_owned(),
        retry_after: Some(Duration::from_millis(34_500)),
    });
    assert_eq!(Stream::new().read(&message), [golden]);
}

#[test]
fn takes_an_error_whose_details_are_odd() {
    for details in [
        r#""x""#,
        r#"[{"retryDelay":7}]"#,
        r#"[{"retryDelay":"-1s"}]"#,
        r#"[{"retryDelay":"1e400s"}]"#,
    ] {
        let message = format!(r#"{{"error":{{"code":503,"status":"UNAVAILABLE","details":{details}}}}}"#);
        let golden = Event::Failed(Fault {
            status: Some(503),
            kind: "UNAVAILABLE".to_owned(),
            ..Fault::default()
        });
        assert_eq!(Stream::new().read(&message), [golden], "{details}");
    }
}

#[test]
fn skips_nothing_silently_that_is_not_of_the_dialect() {
    let message = Incoming {
        name: "",
        data: b"[DONE]",
    };
    assert!(reader().read(message).is_err());
}

/// A message of a stream, more or less.
fn message() -> impl Strategy<Value = String> {
    let part = any::<(String, bool, bool)>().prop_map(|(text, thought, is_call)| {
        if is_call {
            json!({"functionCall": {"name": text}})
        } else {
            json!({"text": text, "thought": thought})
        }
    });
    let reasons = prop::sample::select(vec![json!(null), json!("STOP"), json!("SAFETY"), json!("OTHER")]);
    (prop::collection::vec(part, 0..4), 0_u32..3, reasons).prop_map(|(parts, index, reason)| {
        json!({"candidates": [{"index": index, "content": {"parts": parts}, "finishReason": reason}]})
            .to_string()
    })
}

proptest! {
    #[test]
    fn never_panics_on_any_stream(messages in prop::collection::vec(any::<Vec<u8>>(), 0..8)) {
        let mut reader = reader();
        for data in &messages {
            let _ = reader.read(Incoming { name: "", data });
            let _ = reader.is_complete();
        }
    }

    #[test]
    fn begins_once_and_ends_each_answer_once(messages in prop::collection::vec(message(), 1..8)) {
        let mut stream = Stream::new();
        let events: Vec<_> = messages.iter().flat_map(|message| stream.read(message)).collect();
        let starts = events.iter().filter(|event| matches!(event, Event::Start { .. })).count();
        assert!(starts == 1 && matches!(events[0], Event::Start { .. }));
        for index in 0..3 {
            let ends = events.iter().filter(|event| matches!(event, Event::Finish { choice, .. } if *choice == index));
            assert!(ends.count() <= 1);
        }
    }
}
