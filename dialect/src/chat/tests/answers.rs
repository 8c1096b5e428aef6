//! Whole answers.

use super::stamp;
use crate::chat::{read_answer, write_answer};
use crate::form::{Answer, Choice, Finish, Media, Part, Source, Text, Thought, ToolCall, Usage};
use crate::{Unreadable, golden};

fn rich() -> Answer<'static> {
    let thought = |text: &'static str, signature: Option<&'static str>, redacted: Option<&'static str>| {
        Part::Thought(Thought {
            text: text.into(),
            signature: signature.map(Into::into),
            redacted: redacted.map(Into::into),
        })
    };
    let call = |id: &'static str, arguments: &'static str, signature: Option<&'static str>| {
        Part::ToolCall(ToolCall {
            id: id.into(),
            name: "f".into(),
            arguments: arguments.into(),
            signature: signature.map(Into::into),
        })
    };
    let spoken = vec![
        thought("Hm.", Some("sig"), None),
        thought("", None, Some("hidden")),
        Part::Text(Text::new("Hello ")),
        Part::Text(Text::new("world.")),
    ];
    Answer {
        id: Some("msg_01Ab".into()),
        model: Some("claude-x".into()),
        choices: vec![
            Choice {
                parts: spoken,
                finish: Some(Finish::Stop),
            },
            Choice {
                parts: vec![call("c1", r#"{"a":1}"#, Some("sig")), call("c2", "", None)],
                finish: Some(Finish::ToolCalls),
            },
            Choice {
                parts: vec![Part::Refusal("No.".into())],
                finish: Some(Finish::Refusal),
            },
        ],
        usage: Some(Usage {
            input: 10,
            cache_read: 4,
            cache_write: 2,
            output: 7,
            reasoning: 3,
        }),
    }
}

#[test]
fn an_answer_is_a_chat_completion() {
    golden::check("chat/answer.json", &write_answer(&rich(), &stamp()));
}

#[test]
fn an_answer_is_read_as_it_was_written() {
    let body = write_answer(&rich(), &stamp());
    let read = read_answer(&body).unwrap();
    assert_eq!(read.usage, rich().usage);
    assert_eq!(
        (read.id.as_deref(), read.model.as_deref()),
        (Some("chatcmpl-01Ab"), Some("claude-x"))
    );
    assert_eq!(write_answer(&read, &stamp()), body);
}

#[test]
fn the_stamp_fills_in_what_a_provider_does_not_say_and_usage_is_never_invented() {
    let bare = Answer {
        choices: vec![Choice {
            parts: vec![],
            finish: None,
        }],
        ..Answer::default()
    };
    let body = String::from_utf8(write_answer(&bare, &stamp())).unwrap();
    assert_eq!(
        body,
        r#"{"id":"chatcmpl-0123","object":"chat.completion","created":1700000000,"model":"upstream-1","choices":[{"index":0,"message":{"role":"assistant","content":null,"refusal":null},"logprobs":null,"finish_reason":"stop"}]}"#
    );
}

#[test]
fn pictures_stand_beside_the_text() {
    let source = Source::Base64 {
        media_type: "image/png".into(),
        data: "aa".into(),
    };
    let parts = vec![Part::Image(Media {
        source,
        detail: None,
        cache: None,
    })];
    let answer = Answer {
        choices: vec![Choice { parts, finish: None }],
        ..Answer::default()
    };
    let body = String::from_utf8(write_answer(&answer, &stamp())).unwrap();
    assert!(
        body.contains(r#""images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,aa"}}]"#),
        "{body}"
    );
}

#[test]
fn reads_what_those_who_speak_alike_write() {
    let deepseek = read_answer(br#"{"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":"a","reasoning_content":"r"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14,"prompt_cache_hit_tokens":8,"completion_tokens_details":{"reasoning_tokens":4}}}"#).unwrap();
    assert!(matches!(&*deepseek.choices[0].parts, [Part::Thought(t), Part::Text(_)] if t.text == "r"));
    assert_eq!(
        deepseek.usage.unwrap(),
        Usage {
            input: 9,
            cache_read: 8,
            cache_write: 0,
            output: 5,
            reasoning: 4
        }
    );
    let vllm = read_answer(
        br#"{"choices":[{"message":{"content":"a","reasoning":"r"},"finish_reason":"stop"}],"usage":null}"#,
    )
    .unwrap();
    assert!(matches!(&*vllm.choices[0].parts, [Part::Thought(t), Part::Text(_)] if t.text == "r"));
    let mistral = read_answer(br#"{"choices":[{"message":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"r"}]},{"type":"text","text":"a"}]},"finish_reason":"length"}]}"#).unwrap();
    assert!(matches!(&*mistral.choices[0].parts, [Part::Thought(t), Part::Text(_)] if t.text == "r"));
    assert_eq!(mistral.choices[0].finish, Some(Finish::Length));
}

#[test]
fn a_stop_with_calls_is_a_stop_for_calls() {
    let answer = read_answer(br#"{"choices":[{"message":{"content":null,"tool_calls":[{"function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}]}"#).unwrap();
    assert_eq!(answer.choices[0].finish, Some(Finish::ToolCalls));
    assert!(matches!(&*answer.choices[0].parts, [Part::ToolCall(call)] if call.id == "call_0"));
    let old = read_answer(br#"{"choices":[{"message":{"content":null,"function_call":{"name":"f","arguments":"{}"}},"finish_reason":"function_call"}]}"#).unwrap();
    assert!(matches!(&*old.choices[0].parts, [Part::ToolCall(call)] if call.name == "f"));
}

#[test]
fn answers_come_in_the_order_of_their_numbers() {
    let answer = read_answer(br#"{"choices":[{"index":1,"message":{"content":"b"},"finish_reason":"stop"},{"index":0,"message":{"content":"a"},"finish_reason":"content_filter"}]}"#).unwrap();
    assert!(matches!(&*answer.choices[0].parts, [Part::Text(text)] if text.text == "a"));
    assert_eq!(answer.choices[0].finish, Some(Finish::ContentFilter));
}

#[test]
fn no_choices_or_a_failure_at_the_end_is_no_answer() {
    for body in [
        r#"{"choices":[]}"#,
        r#"{"error":{"message":"m"}}"#,
        r#"{"choices":[{"message":{"content":"a"},"finish_reason":"insufficient_system_resource"}]}"#,
        "[]",
    ] {
        assert_eq!(read_answer(body.as_bytes()).unwrap_err(), Unreadable, "{body}");
    }
}
