//! What the events of a response mean.

use weir_table::{Dialect, FailureClass};

use super::{Progress, prove};
use crate::forward::watch::Meaning;

fn event(data: &str) -> String {
    format!("data: {data}\n\n")
}

fn look(data: &str) -> Meaning {
    Progress::new(Dialect::OpenAI).look(event(data).as_bytes())
}

#[test]
fn every_kind_of_content_commits() {
    for data in [
        r#"{"type":"response.output_text.delta","delta":"a"}"#,
        r#"{"type":"response.reasoning_summary_text.delta","delta":"a"}"#,
        r#"{"type":"response.refusal.delta","delta":"no"}"#,
        r#"{"type":"response.function_call_arguments.delta","delta":"{"}"#,
        r#"{"type":"response.output_item.added","item":{"type":"function_call","name":"f"}}"#,
    ] {
        assert_eq!(look(data), Meaning::Commits, "{data}");
    }
}

#[test]
fn what_is_no_content_is_held_back() {
    for data in [
        r#"{"type":"response.created","response":{"status":"in_progress","output":[],"error":null}}"#,
        r#"{"type":"response.output_item.added","item":{"type":"message","content":[]}}"#,
        r#"{"type":"response.content_part.added","part":{"type":"output_text","text":""}}"#,
        r#"{"type":"response.output_text.delta","delta":""}"#,
    ] {
        assert_eq!(look(data), Meaning::Passes, "{data}");
    }
}

#[test]
fn a_failed_response_is_a_failure_of_its_class() {
    for data in [
        r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"rate_limit_exceeded","message":"x"}}}"#,
        r#"{"type":"error","code":"rate_limit_exceeded","message":"x","param":null}"#,
    ] {
        let Meaning::Failed(failure) = look(data) else {
            panic!("{data}")
        };
        assert_eq!(failure.class, FailureClass::RateLimited);
    }
    assert!(matches!(
        look(r#"{"type":"response.failed"}"#),
        Meaning::Failed(_)
    ));
}

#[test]
fn the_last_event_may_be_the_whole_answer() {
    let completed =
        |output: &str| format!(r#"{{"type":"response.completed","response":{{"output":{output}}}}}"#);
    assert_eq!(look(&completed("[1]")), Meaning::IsAnswer);
    assert_eq!(look(&completed("[]")), Meaning::Done, "an end without an answer");
    assert_eq!(
        look(r#"{"type":"response.incomplete","response":{"output":[]}}"#),
        Meaning::IsAnswer
    );
    let mut progress = Progress::new(Dialect::OpenAI);
    progress.look(event(r#"{"type":"response.output_text.delta","delta":"a"}"#).as_bytes());
    let end = r#"{"type":"response.completed","response":{"output":[1],"usage":{"input_tokens":2,"output_tokens":3}}}"#;
    assert_eq!(progress.look(event(end).as_bytes()), Meaning::Done);
    assert_eq!(
        progress.usage().map(|usage| (usage.input, usage.output)),
        Some((2, 3))
    );
}

#[test]
fn a_whole_response_says_something_or_why_not() {
    let of = |text: &str| prove(Dialect::OpenAI, text.as_bytes()).map_err(|failure| failure.class);
    assert!(of(r#"{"status":"completed","output":[1],"error":null}"#).is_ok());
    assert!(
        of(r#"{"status":"queued","output":[]}"#).is_ok(),
        "in the background"
    );
    assert_eq!(
        of(r#"{"status":"completed","output":[]}"#),
        Err(FailureClass::MalformedResponse)
    );
    assert_eq!(
        of(r#"{"status":"failed","output":[],"error":{"code":"rate_limit_exceeded","message":"x"}}"#),
        Err(FailureClass::RateLimited)
    );
}
