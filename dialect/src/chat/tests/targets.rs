//! What targets are asked.

use super::read;
use crate::chat::write_request;
use crate::form::{
    Ask, CacheMark, Document, Effort, Part, Reasoning, Role, Source, Text, Thought, ToolCall, ToolResult,
    Turn,
};
use crate::golden;

const RICH: &str = include_str!("../../../tests/golden/chat/rich.request.json");

fn written(ask: &Ask<'_>) -> String {
    String::from_utf8(write_request(ask, "upstream-1").unwrap().body).unwrap()
}

fn dropped(ask: &Ask<'_>) -> Vec<String> {
    let written = write_request(ask, "m").unwrap();
    written.dropped.fields().map(str::to_owned).collect()
}

fn of_turns(turns: Vec<Turn<'_>>) -> Ask<'_> {
    Ask {
        turns,
        ..Ask::default()
    }
}

fn turn(role: Role, parts: Vec<Part<'_>>) -> Turn<'_> {
    Turn { role, parts }
}

fn text(text: &str) -> Part<'_> {
    Part::Text(Text::new(text))
}

fn result<'a>(id: &'a str, parts: Vec<Part<'a>>) -> Part<'a> {
    Part::ToolResult(ToolResult {
        id: id.into(),
        parts,
        is_error: false,
        cache: None,
    })
}

#[test]
fn a_rich_request_is_written_as_it_was_read() {
    let body = written(&read(RICH));
    golden::check("chat/rich.written.json", body.as_bytes());
    assert_eq!(written(&read(&body)), body, "what is written is read as the same");
}

#[test]
fn results_stand_before_whatever_else_the_user_says_and_their_images_behind() {
    let image = super::read(
        r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,aa"}}]}]}"#,
    );
    let image = image.turns[0].parts[0].clone();
    let ask = of_turns(vec![
        turn(
            Role::User,
            vec![text("first"), result("a", vec![text("1"), image])],
        ),
        turn(Role::User, vec![result("b", vec![text("2")]), text("last")]),
    ]);
    let messages = r#""messages":[{"role":"tool","tool_call_id":"a","content":"1"},{"role":"tool","tool_call_id":"b","content":"2"},{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,aa"}}]},{"role":"user","content":"first"},{"role":"user","content":"last"}]"#;
    assert!(written(&ask).contains(messages), "{}", written(&ask));
}

#[test]
fn thoughts_go_back_within_a_loop_of_calls_unless_another_provider_proved_them() {
    let thought = |text: &'static str, signature: Option<&'static str>| {
        let signature = signature.map(Into::into);
        Part::Thought(Thought {
            text: text.into(),
            signature,
            redacted: None,
        })
    };
    let ask = of_turns(vec![
        turn(Role::User, vec![text("q1")]),
        turn(Role::Assistant, vec![thought("old", None), text("a1")]),
        turn(Role::User, vec![text("q2")]),
        turn(
            Role::Assistant,
            vec![thought("new", None), thought("proven", Some("s")), text("a2")],
        ),
        turn(Role::User, vec![result("a", vec![])]),
    ]);
    let body = written(&ask);
    assert!(body.contains(r#""reasoning_content":"new""#), "{body}");
    assert!(!body.contains("old") && !body.contains("proven"), "{body}");
    assert_eq!(dropped(&ask), ["thinking"]);
}

#[test]
fn what_this_dialect_cannot_say_is_named() {
    let mut ask = read(RICH);
    ask.top_k = Some(4);
    ask.reasoning = Some(Reasoning::Off);
    ask.system[0].cache = Some(CacheMark { ttl: None });
    assert_eq!(
        dropped(&ask),
        ["store", "top_k", "reasoning_effort", "cache_control"]
    );
    ask.turns.push(turn(
        Role::User,
        vec![Part::ToolResult(ToolResult {
            id: "x".into(),
            parts: vec![],
            is_error: true,
            cache: None,
        })],
    ));
    assert!(dropped(&ask).contains(&"is_error".to_owned()));
}

#[test]
fn media_that_this_dialect_cannot_say_are_refused() {
    let ask = of_turns(vec![turn(
        Role::User,
        vec![Part::Document(Document {
            source: Source::Url("https://a/b.pdf".into()),
            name: None,
            cache: None,
        })],
    )]);
    assert_eq!(write_request(&ask, "m").unwrap_err().field, "messages");
}

#[test]
fn essential_fields_of_another_dialect_are_refused() {
    let ask = read(r#"{"messages":[{"role":"user","content":"a"}],"logprobs":true}"#);
    assert_eq!(write_request(&ask, "m").unwrap_err().field, "logprobs");
}

#[test]
fn a_budget_becomes_a_step_and_usage_is_asked_for_in_streams_only() {
    let mut ask = read(
        r#"{"messages":[{"role":"user","content":"a"}],"stream":true,"stream_options":{"include_usage":true}}"#,
    );
    ask.reasoning = Some(Reasoning::Budget(Effort::Medium.budget()));
    let body = written(&ask);
    assert!(body.contains(r#""reasoning_effort":"medium""#), "{body}");
    assert!(
        body.contains(r#""stream":true,"stream_options":{"include_usage":true}"#),
        "{body}"
    );
    ask.stream = false;
    assert!(!written(&ask).contains("\"stream"));
}

#[test]
fn without_tools_nothing_is_said_of_how_to_choose() {
    let ask = read(
        r#"{"messages":[{"role":"user","content":"a"}],"tool_choice":"auto","parallel_tool_calls":true}"#,
    );
    assert!(!written(&ask).contains("tool"));
}

#[test]
fn neighbouring_turns_of_the_model_are_one_message_so_that_results_follow_all_calls() {
    let call = |id: &'static str| {
        Part::ToolCall(ToolCall {
            id: id.into(),
            name: "f".into(),
            arguments: "{}".into(),
            signature: None,
        })
    };
    let ask = of_turns(vec![
        turn(Role::Assistant, vec![text("a"), call("1")]),
        turn(Role::Assistant, vec![text("b"), call("2")]),
        turn(Role::User, vec![result("1", vec![])]),
        turn(Role::User, vec![result("2", vec![])]),
    ]);
    let body = written(&ask);
    let roles: Vec<_> = body.split(r#""role":""#).skip(1).map(|rest| &rest[..4]).collect();
    assert_eq!(roles, ["assi", "tool", "tool"], "{body}");
    assert!(body.contains(r#""content":"a\n\nb""#), "{body}");
}

#[test]
fn media_that_the_model_made_are_named_as_dropped() {
    let image = read(
        r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://a/b"}}]}]}"#,
    );
    let ask = of_turns(vec![turn(Role::Assistant, image.turns[0].parts.clone())]);
    assert_eq!(dropped(&ask), ["images"]);
}
