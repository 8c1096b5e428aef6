//! Streams, event by event.

use super::stamp;
use crate::form::{Finish, Usage};
use crate::{Event, golden, responses};

fn text(text: &'static str) -> Event<'static> {
    Event::Text {
        choice: 0,
        text: text.into(),
    }
}

fn finish(finish: Finish) -> Event<'static> {
    Event::Finish { choice: 0, finish }
}

fn call(call: u32, id: &'static str) -> Event<'static> {
    Event::ToolCall {
        choice: 0,
        call,
        id: id.into(),
        name: "f".into(),
        signature: Some("s".into()),
    }
}

fn arguments(call: u32, text: &'static str) -> Event<'static> {
    Event::Arguments {
        choice: 0,
        call,
        text: text.into(),
    }
}

fn write(events: &[Event<'_>]) -> String {
    let mut writer = responses::writer(stamp());
    let mut stream = Vec::new();
    for event in events {
        writer.write(event, &mut stream);
    }
    writer.end(&mut stream);
    String::from_utf8(stream).unwrap()
}

fn names(stream: &str) -> Vec<&str> {
    stream
        .lines()
        .filter_map(|line| line.strip_prefix("event: response."))
        .collect()
}

fn rich() -> Vec<Event<'static>> {
    vec![
        Event::Start {
            id: Some("msg_01".into()),
            model: Some("claude-x".into()),
        },
        Event::Thought {
            choice: 0,
            text: "H".into(),
        },
        Event::Thought {
            choice: 0,
            text: "m".into(),
        },
        Event::ThoughtSignature {
            choice: 0,
            signature: "sig".into(),
        },
        Event::RedactedThought {
            choice: 0,
            data: "hidden".into(),
        },
        text("Hel"),
        text("lo"),
        Event::Text {
            choice: 1,
            text: "other".into(),
        },
        call(0, "c1"),
        call(1, "c2"),
        arguments(0, "{\"a\""),
        arguments(0, ":1}"),
        finish(Finish::ToolCalls),
        Event::Usage(Usage {
            input: 5,
            cache_read: 2,
            cache_write: 0,
            output: 3,
            reasoning: 1,
        }),
        Event::End,
    ]
}

#[test]
fn a_stream_is_one_of_response_events() {
    golden::check("responses/stream.txt", write(&rich()).as_bytes());
}

#[test]
fn events_are_numbered_from_0_without_gaps() {
    let stream = write(&rich());
    let numbers = stream.split(r#""sequence_number":"#).skip(1);
    let numbers: Vec<usize> = numbers
        .map(|rest| rest.split([',', '}']).next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(numbers, (0..names(&stream).len()).collect::<Vec<_>>());
}

#[test]
fn the_last_event_repeats_every_item_as_it_was_when_done() {
    let stream = write(&rich());
    let last = stream.rsplit("data: ").next().unwrap();
    let done = stream
        .lines()
        .filter(|line| line.contains(r#""response.output_item.done""#));
    let items: Vec<_> = done
        .map(|line| {
            line.split_once(r#""item":"#)
                .unwrap()
                .1
                .strip_suffix('}')
                .unwrap()
        })
        .collect();
    assert_eq!(items.len(), 5);
    let places: Vec<_> = items.iter().map(|item| last.find(item).unwrap()).collect();
    assert!(places.is_sorted(), "{last}");
}

#[test]
fn a_refusal_is_a_message() {
    let refusal = |text: &'static str| Event::Refusal {
        choice: 0,
        text: text.into(),
    };
    let stream = write(&[refusal("N"), refusal("o"), finish(Finish::Stop)]);
    assert_eq!(
        names(&stream),
        [
            "created",
            "in_progress",
            "output_item.added",
            "content_part.added",
            "refusal.delta",
            "refusal.delta",
            "refusal.done",
            "content_part.done",
            "output_item.done",
            "completed",
        ]
    );
    assert!(stream.contains(r#""refusal":"No""#));
}

#[test]
fn a_stream_that_was_cut_is_incomplete() {
    let stream = write(&[text("a"), finish(Finish::Length)]);
    assert_eq!(names(&stream).last(), Some(&"incomplete"));
    assert!(
        stream.contains(r#""incomplete_details":{"reason":"max_output_tokens"}"#),
        "{stream}"
    );
}

#[test]
fn a_proof_without_a_thought_is_kept_on_its_own() {
    let proof = Event::ThoughtSignature {
        choice: 0,
        signature: "sig".into(),
    };
    let stream = write(&[text("a"), proof, text("b"), finish(Finish::Stop)]);
    assert_eq!(
        stream
            .matches(r#""encrypted_content":"weir-signature:sig""#)
            .count(),
        2,
        "{stream}"
    );
    assert!(!stream.contains("reasoning_summary"), "{stream}");
}

#[test]
fn an_answer_without_content_is_whole() {
    assert_eq!(
        names(&write(&[finish(Finish::Stop)])),
        ["created", "in_progress", "completed"]
    );
}

#[test]
fn nothing_of_what_was_said_shows_in_debug_output() {
    let mut writer = responses::writer(stamp());
    for event in &rich()[..6] {
        writer.write(event, &mut Vec::new());
    }
    let shown = format!("{writer:?}");
    assert!(!shown.contains("Hel") && !shown.contains("Hm"), "{shown}");
}
