//! Whole answers.

use super::stamp;
use crate::form::{Answer, Choice, Finish, Media, Part, Source, Text, Thought, ToolCall, Usage};
use crate::golden;
use crate::responses::{read_request, write_answer};

fn thought(
    text: &'static str,
    signature: Option<&'static str>,
    redacted: Option<&'static str>,
) -> Part<'static> {
    Part::Thought(Thought {
        text: text.into(),
        signature: signature.map(Into::into),
        redacted: redacted.map(Into::into),
    })
}

fn answer(parts: Vec<Part<'static>>, finish: Finish) -> Answer<'static> {
    Answer {
        id: Some("msg_01Ab".into()),
        model: Some("claude-x".into()),
        choices: vec![Choice {
            parts,
            finish: Some(finish),
        }],
        usage: Some(Usage {
            input: 10,
            cache_read: 4,
            cache_write: 2,
            output: 7,
            reasoning: 3,
        }),
    }
}

fn rich() -> Answer<'static> {
    let call = |id: &'static str, arguments: &'static str, signature: Option<&'static str>| {
        Part::ToolCall(ToolCall {
            id: id.into(),
            name: "f".into(),
            arguments: arguments.into(),
            signature: signature.map(Into::into),
        })
    };
    let source = Source::Base64 {
        media_type: "image/png".into(),
        data: "aGk=".into(),
    };
    let parts = vec![
        thought("Hm.", Some("sig"), None),
        thought("", None, Some("hidden")),
        Part::Text(Text::new("Hello.")),
        Part::Refusal("But no.".into()),
        Part::Image(Media {
            source,
            detail: None,
            cache: None,
        }),
        call("c1", r#"{"a":1}"#, Some("s")),
        call("c2", "", None),
    ];
    answer(parts, Finish::ToolCalls)
}

#[test]
fn an_answer_is_a_response() {
    golden::check("responses/answer.json", &write_answer(&rich(), &stamp()));
}

#[test]
fn an_answer_that_was_cut_is_incomplete() {
    for (finish, reason) in [
        (Finish::Length, "max_output_tokens"),
        (Finish::ContentFilter, "content_filter"),
    ] {
        let body = write_answer(&answer(vec![Part::Text(Text::new("He"))], finish), &stamp());
        let body = String::from_utf8(body).unwrap();
        assert!(
            body.contains(&format!(r#""incomplete_details":{{"reason":"{reason}"}}"#)),
            "{body}"
        );
        assert_eq!(body.matches(r#""status":"incomplete""#).count(), 2, "{body}");
    }
}

#[test]
fn the_items_of_an_answer_are_read_back_as_what_they_were() {
    let body = write_answer(&rich(), &stamp());
    let body = String::from_utf8(body).unwrap();
    let output = body
        .split_once(r#""output":"#)
        .unwrap()
        .1
        .split_once(r#","parallel_tool_calls""#)
        .unwrap()
        .0;
    let request = format!(r#"{{"input":{output}}}"#);
    let ask = read_request(request.as_bytes()).unwrap();
    let mut said = rich().choices.remove(0).parts;
    let Some(Part::ToolCall(bare)) = said.last_mut() else {
        panic!("a call")
    };
    bare.arguments = "{}".into();
    assert_eq!(format!("{:?}", ask.turns[0].parts), format!("{said:?}"));
    assert!(ask.extras.is_empty());
}
