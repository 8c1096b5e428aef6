use serde_json::json;

use crate::bedrock::read_answer;
use crate::form::{Finish, Part, Usage};

fn answer(content: &serde_json::Value, reason: &str) -> Vec<u8> {
    json!({
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": reason,
        "usage": {"inputTokens": 10, "outputTokens": 5, "totalTokens": 115,
                  "cacheReadInputTokens": 80, "cacheWriteInputTokens": 20},
        "metrics": {"latencyMs": 12},
    })
    .to_string()
    .into_bytes()
}

fn finish(reason: &str) -> Option<Finish> {
    let body = answer(&json!([{"text": "a"}]), reason);
    read_answer(&body).expect("an answer").choices[0].finish.clone()
}

#[test]
fn everything_that_a_model_says_is_read_in_its_order() {
    let body = answer(
        &json!([
            {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}},
            {"reasoningContent": {"redactedContent": "AAEC"}},
            {"text": "So \"be\" it."},
            {"citationsContent": {"content": [{"text": "Cited."}], "citations": []}},
            {"unheardOf": {"x": 1}},
            {"toolUse": {"toolUseId": "tooluse_1", "name": "f", "input": {"b": 1, "a": [2]}}},
        ]),
        "tool_use",
    );
    let answer = read_answer(&body).expect("an answer");
    assert_eq!((answer.id, answer.model), (None, None));
    let choice = &answer.choices[0];
    assert_eq!(choice.finish, Some(Finish::ToolCalls));
    match &choice.parts[..] {
        [
            Part::Thought(shown),
            Part::Thought(hidden),
            Part::Text(text),
            Part::Text(cited),
            Part::ToolCall(call),
        ] => {
            assert_eq!((&*shown.text, shown.signature.as_deref()), ("Hm.", Some("c2ln")));
            assert_eq!(hidden.redacted.as_deref(), Some("AAEC"));
            assert_eq!((&*text.text, &*cited.text), ("So \"be\" it.", "Cited."));
            assert_eq!((&*call.id, &*call.name), ("tooluse_1", "f"));
            let arguments: serde_json::Value = serde_json::from_str(&call.arguments).expect("JSON");
            assert_eq!(arguments, json!({"a": [2], "b": 1}));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn usage_counts_what_came_from_and_went_to_the_cache() {
    let body = answer(&json!([{"text": "a"}]), "end_turn");
    assert_eq!(
        read_answer(&body).expect("an answer").usage,
        Some(Usage {
            input: 110,
            cache_read: 80,
            cache_write: 20,
            output: 5,
            reasoning: 0,
        })
    );
}

#[test]
fn every_reason_for_ending_is_understood() {
    for (reason, wanted) in [
        ("end_turn", Finish::Stop),
        ("tool_use", Finish::ToolCalls),
        ("max_tokens", Finish::Length),
        ("stop_sequence", Finish::StopText(None)),
        ("guardrail_intervened", Finish::ContentFilter),
        ("content_filtered", Finish::ContentFilter),
        ("model_context_window_exceeded", Finish::Length),
        ("never_heard_of", Finish::Stop),
    ] {
        assert_eq!(finish(reason), Some(wanted), "{reason}");
    }
}

#[test]
fn the_text_at_which_claude_stopped_is_told() {
    let body =
        br#"{"output":{"message":{"role":"assistant","content":[{"text":"a"}]}},"stopReason":"stop_sequence",
        "additionalModelResponseFields":{"stop_sequence":"END"}}"#;
    let answer = read_answer(body).expect("an answer");
    assert_eq!(
        answer.choices[0].finish,
        Some(Finish::StopText(Some("END".to_owned())))
    );
    assert_eq!(answer.usage, None, "a missing usage is never invented");
}

#[test]
fn a_malformed_answer_is_none() {
    for reason in ["malformed_model_output", "malformed_tool_use"] {
        assert!(
            read_answer(&answer(&json!([{"text": "a"}]), reason)).is_err(),
            "{reason}"
        );
    }
    for body in [
        "",
        "{}",
        r#"{"message": "Too many requests"}"#,
        r#"{"output": {}}"#,
    ] {
        assert!(read_answer(body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn plain_text_is_not_copied() {
    let body = answer(&json!([{"text": "plain"}]), "end_turn");
    let answer = read_answer(&body).expect("an answer");
    assert!(matches!(
        &answer.choices[0].parts[0],
        Part::Text(text) if matches!(text.text, std::borrow::Cow::Borrowed("plain"))
    ));
}
