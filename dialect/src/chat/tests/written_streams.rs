//! Streams for callers.

use super::stamp;
use super::streams::{USAGE, arguments, call, finish, read, text};
use crate::form::Finish;
use crate::{Event, chat, golden};

fn events() -> Vec<Event<'static>> {
    vec![
        Event::Start {
            id: Some("msg_01".into()),
            model: Some("claude-x".into()),
        },
        Event::Thought {
            choice: 0,
            text: "Hm".into(),
        },
        Event::ThoughtSignature {
            choice: 0,
            signature: "sig".into(),
        },
        Event::RedactedThought {
            choice: 0,
            data: "hidden".into(),
        },
        text(0, "Hel"),
        text(0, "lo"),
        call(0, "c1", "f"),
        Event::ToolCall {
            choice: 0,
            call: 1,
            id: "c2".into(),
            name: "g".into(),
            signature: Some("s".into()),
        },
        arguments(1, "{\"a\""),
        arguments(1, ":1}"),
        finish(0, Finish::ToolCalls),
        Event::Refusal {
            choice: 1,
            text: "No".into(),
        },
        finish(1, Finish::Stop),
        Event::Usage(USAGE),
        Event::End,
    ]
}

fn write(stream_usage: bool) -> Vec<u8> {
    let mut writer = chat::writer(stamp(), stream_usage);
    let mut stream = Vec::new();
    for event in events() {
        writer.write(&event, &mut stream);
    }
    writer.end(&mut stream);
    stream
}

#[test]
fn a_stream_is_one_of_chat_completion_chunks() {
    golden::check("chat/stream.txt", &write(true));
}

#[test]
fn usage_is_told_only_to_those_who_asked() {
    let stream = String::from_utf8(write(false)).unwrap();
    assert!(!stream.contains("usage"), "{stream}");
    assert!(stream.ends_with("data: [DONE]\n\n"), "{stream}");
}

#[test]
fn a_stream_is_read_as_it_was_written() {
    let stream = String::from_utf8(write(true)).unwrap();
    let chunks: Vec<_> = stream
        .split("\n\n")
        .filter_map(|event| event.strip_prefix("data: "))
        .collect();
    let (read, complete) = read(&chunks);
    let mut told = events();
    told.remove(0);
    told.insert(6, arguments(0, "{}"));
    assert_eq!(read, told);
    assert!(complete);
}

#[test]
fn answers_begin_in_order_and_only_so_many() {
    let mut writer = chat::writer(stamp(), false);
    let mut stream = Vec::new();
    writer.write(&text(1, "b"), &mut stream);
    writer.write(&text(u32::MAX, "z"), &mut stream);
    let stream = String::from_utf8(stream).unwrap();
    let places: Vec<_> = stream
        .match_indices("\"index\":")
        .map(|(at, _)| &stream[at + 8..=at + 8])
        .collect();
    assert_eq!(places, ["0", "1", "1"]);
}
