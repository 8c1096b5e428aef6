//! What the events of a chat completion mean.

use weir_table::{Dialect, FailureClass};

use super::Progress;
use crate::forward::watch::{Meaning, UsageEvent};

fn watched(choices: u64) -> Progress {
    Progress::new(Dialect::OpenAI, choices, UsageEvent::Callers)
}

fn chunk(delta: &str, finish: &str) -> String {
    format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n")
}

fn open(event: &str) -> Meaning {
    watched(1).open(event.as_bytes())
}

#[test]
fn every_kind_of_content_commits() {
    for delta in [
        r#"{"content":"a"}"#,
        r#"{"reasoning_content":"a"}"#,
        r#"{"reasoning":"a"}"#,
        r#"{"refusal":"no"}"#,
        r#"{"audio":{"data":"x"}}"#,
        r#"{"tool_calls":[{"index":0}]}"#,
        r#"{"function_call":{"name":"f"}}"#,
    ] {
        assert_eq!(open(&chunk(delta, "null")), Meaning::Commits, "{delta}");
    }
}

#[test]
fn what_is_no_content_does_not() {
    for event in [
        ": ping\n\n".to_owned(),
        "event: x\n\n".to_owned(),
        "data: {\"choices\":[]}\n\n".to_owned(),
        chunk(r#"{"role":"assistant","content":""}"#, "null"),
        chunk(r#"{"content":null,"tool_calls":[]}"#, "null"),
        chunk("{}", "\"stop\""),
    ] {
        assert_eq!(open(&event), Meaning::Passes, "{event}");
    }
}

#[test]
fn an_empty_answer_that_was_cut_off_is_an_answer() {
    assert_eq!(open(&chunk("{}", "\"length\"")), Meaning::Commits);
    assert_eq!(open(&chunk("{}", "\"content_filter\"")), Meaning::Commits);
}

#[test]
fn an_error_inside_a_stream_is_one() {
    for event in [
        "data: {\"error\":{\"message\":\"x\",\"code\":\"insufficient_quota\"}}\n\n",
        "data: {\"id\":\"1\",\"error\":{\"message\":\"x\",\"type\":\"insufficient_quota\"}}\n\n",
    ] {
        for meaning in [open(event), watched(1).pass(event.as_bytes())] {
            let Meaning::Failed(failure) = meaning else {
                panic!("{event}: {meaning:?}")
            };
            assert_eq!(failure.class, FailureClass::QuotaExhausted);
        }
    }
    let vllm = "data: {\"object\":\"error\",\"message\":\"too busy\",\"code\":503}\n\n";
    let Meaning::Failed(failure) = watched(1).pass(vllm.as_bytes()) else {
        panic!("not seen")
    };
    assert_eq!(failure.class, FailureClass::Overloaded);
}

#[test]
fn a_text_about_errors_is_none() {
    let event = chunk(r#"{"content":"\"error\":1 \"finish_reason\":\"stop\""}"#, "null");
    let mut progress = watched(1);
    assert_eq!(progress.pass(event.as_bytes()), Meaning::Passes);
    assert!(!progress.all_finished());
}

#[test]
fn a_stream_is_finished_when_every_choice_is() {
    let mut progress = watched(2);
    let end =
        |index: u32| format!("data: {{\"choices\":[{{\"index\":{index},\"finish_reason\": \"stop\"}}]}}\n\n");
    assert_eq!(progress.pass(end(0).as_bytes()), Meaning::Passes);
    assert_eq!(progress.pass(end(0).as_bytes()), Meaning::Passes);
    assert!(!progress.all_finished());
    assert_eq!(progress.pass(end(1).as_bytes()), Meaning::Passes);
    assert!(progress.all_finished());
}

#[test]
fn an_empty_finish_reason_is_none() {
    let mut progress = watched(1);
    let unfinished = chunk(r#"{"content":"half"}"#, "\"\"");
    assert_eq!(progress.open(unfinished.as_bytes()), Meaning::Commits);
    assert_eq!(progress.pass(unfinished.as_bytes()), Meaning::Passes);
    assert!(!progress.all_finished());
}

#[test]
fn every_choice_that_was_seen_has_to_finish_however_many_were_asked_for() {
    let mut progress = watched(1);
    let said = |index: u32| {
        format!("data: {{\"choices\":[{{\"index\":{index},\"delta\":{{\"content\":\"a\"}}}}]}}\n\n")
    };
    let end =
        |index: u32| format!("data: {{\"choices\":[{{\"index\":{index},\"finish_reason\":\"stop\"}}]}}\n\n");
    progress.open(said(0).as_bytes());
    progress.pass(said(1).as_bytes());
    progress.pass(end(0).as_bytes());
    assert!(!progress.all_finished());
    progress.pass(end(1).as_bytes());
    assert!(progress.all_finished());
}

#[test]
fn a_chunk_may_hold_a_message_beside_its_delta() {
    for message in ["null", r#"{"role":"assistant","content":"a"}"#] {
        let event = format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"a\"}},\"message\":{message}}}]}}\n\n"
        );
        assert_eq!(open(&event), Meaning::Commits, "{event}");
    }
}

#[test]
fn data_in_several_lines_is_one_document() {
    let event = "data: {\"choices\":[{\"index\":0,\r\ndata: \"delta\":{\"content\":\"a\"}}]}\r\n\r\n";
    assert_eq!(open(event), Meaning::Commits);
    assert_eq!(watched(1).pass(event.as_bytes()), Meaning::Passes);
}

#[test]
fn an_event_named_error_is_one() {
    for data in [
        r#"{"type":"overloaded_error","message":"busy"}"#,
        r#"{"error":{"type":"overloaded_error"}}"#,
    ] {
        let event = format!("event: error\ndata: {data}\n\n");
        for meaning in [open(&event), watched(1).pass(event.as_bytes())] {
            let Meaning::Failed(failure) = meaning else {
                panic!("{event}: {meaning:?}")
            };
            assert_eq!(failure.class, FailureClass::Overloaded, "{event}");
        }
    }
    assert!(matches!(open("event:error\n\n"), Meaning::Failed(_)));
}

#[test]
fn a_malformed_event_is_seen_at_any_time() {
    let broken = "data: {\"choices\":[{\n\n";
    assert_eq!(open(broken), Meaning::Malformed);
    assert_eq!(watched(1).pass(broken.as_bytes()), Meaning::Malformed);
}

#[test]
fn the_end_is_seen() {
    assert_eq!(open("data: [DONE]\n\n"), Meaning::Done);
    assert_eq!(watched(1).pass(b"data:[DONE]\r\n\r\n"), Meaning::Done);
}

#[test]
fn the_event_that_was_asked_for_here_is_left_out_and_read() {
    let usage = r#"{"prompt_tokens":2,"completion_tokens":3}"#;
    let only = format!("data: {{\"choices\":[],\"usage\":{usage}}}\n\n");
    let beside = format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{}}}}],\"usage\":{usage}}}\n\n");
    let null = "data: {\"choices\":[],\"usage\":null}\n\n";
    for (event, whose, meaning) in [
        (only.as_str(), UsageEvent::Ours, Meaning::LeftOut),
        (&only, UsageEvent::Callers, Meaning::Passes),
        (&beside, UsageEvent::Ours, Meaning::Passes),
        (null, UsageEvent::Ours, Meaning::Passes),
    ] {
        let mut progress = Progress::new(Dialect::OpenAI, 1, whose);
        assert_eq!(progress.pass(event.as_bytes()), meaning, "{event}");
        let read = progress.usage().map(|usage| (usage.input, usage.output));
        assert_eq!(read, (event != null).then_some((2, 3)), "{event}");
    }
}

#[test]
fn a_completions_text_is_content() {
    assert_eq!(
        open("data: {\"choices\":[{\"index\":0,\"text\":\"a\"}]}\n\n"),
        Meaning::Commits
    );
    assert_eq!(
        open("data: {\"choices\":[{\"index\":0,\"text\":\"\"}]}\n\n"),
        Meaning::Passes
    );
}
