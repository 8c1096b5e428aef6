//! What is written to a target is read back with the same meaning.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use serde_json::value::RawValue;

use super::super::read_request;
use crate::form::{
    Ask, CacheMark, Document, Media, Output, Part, Reasoning, Role, Schema, Source, Text, Thought, Tool,
    ToolCall, ToolChoice, ToolResult, Turn,
};
use crate::messages::write_request;

/// A model that takes everything.
const MODEL: &str = "deepseek-chat";

type Owned = Ask<'static>;

fn words() -> impl Strategy<Value = String> {
    "\\PC{1,12}"
}

fn id() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9_-]{1,12}"
}

fn mark() -> impl Strategy<Value = Option<CacheMark<'static>>> {
    let ttl = of(prop_oneof![Just("5m"), Just("1h")]);
    of(ttl.prop_map(|ttl| CacheMark {
        ttl: ttl.map(Into::into),
    }))
}

fn text() -> impl Strategy<Value = Text<'static>> {
    (words(), mark()).prop_map(|(text, cache)| Text {
        text: text.into(),
        cache,
    })
}

fn place() -> impl Strategy<Value = Source<'static>> {
    prop_oneof![
        words().prop_map(|data| Source::Base64 {
            media_type: "image/png".into(),
            data: data.into(),
        }),
        words().prop_map(|url| Source::Url(url.into())),
        words().prop_map(|file| Source::File(file.into())),
    ]
}

fn picture() -> impl Strategy<Value = Part<'static>> {
    (place(), mark()).prop_map(|(source, cache)| {
        Part::Image(Media {
            source,
            detail: None,
            cache,
        })
    })
}

fn document() -> impl Strategy<Value = Part<'static>> {
    let source = prop_oneof![place(), words().prop_map(|text| Source::Text(text.into()))];
    (source, of(words()), mark()).prop_map(|(source, name, cache)| {
        Part::Document(Document {
            source,
            name: name.map(Into::into),
            cache,
        })
    })
}

fn shown() -> impl Strategy<Value = Part<'static>> {
    prop_oneof![text().prop_map(Part::Text), picture(), document()]
}

fn result() -> impl Strategy<Value = Part<'static>> {
    (id(), vec(shown(), 0..3), any::<bool>(), mark()).prop_map(|(id, parts, is_error, cache)| {
        Part::ToolResult(ToolResult {
            id: id.into(),
            parts,
            is_error,
            cache,
        })
    })
}

fn user() -> impl Strategy<Value = Turn<'static>> {
    (vec(result(), 0..2), vec(shown(), 1..3)).prop_map(|(results, others)| Turn {
        role: Role::User,
        parts: results.into_iter().chain(others).collect(),
    })
}

fn call() -> impl Strategy<Value = Part<'static>> {
    (id(), id(), words()).prop_map(|(id, name, value)| {
        let arguments = serde_json::json!({"value": value}).to_string();
        Part::ToolCall(ToolCall {
            id: id.into(),
            name: name.into(),
            arguments: arguments.into(),
            signature: None,
        })
    })
}

fn thought() -> impl Strategy<Value = Part<'static>> {
    prop_oneof![
        ("\\PC{0,12}", id()).prop_map(|(text, proof)| Thought {
            text: text.into(),
            signature: Some(proof.into()),
            redacted: None,
        }),
        words().prop_map(|data| Thought {
            redacted: Some(data.into()),
            ..Thought::default()
        }),
    ]
    .prop_map(Part::Thought)
}

fn assistant() -> impl Strategy<Value = Turn<'static>> {
    let part = prop_oneof![text().prop_map(Part::Text), call(), thought()];
    vec(part, 1..4).prop_map(|parts| Turn {
        role: Role::Assistant,
        parts,
    })
}

fn turns() -> impl Strategy<Value = Vec<Turn<'static>>> {
    (vec((user(), assistant()), 0..3), user()).prop_map(|(pairs, last)| {
        let said = pairs.into_iter().flat_map(|(asked, answered)| [asked, answered]);
        said.chain([last]).collect()
    })
}

fn schema() -> &'static RawValue {
    Box::leak(RawValue::from_string(r#"{"type":"object","properties":{"b":{},"a":{}}}"#.to_owned()).unwrap())
}

fn tools() -> impl Strategy<Value = Vec<Tool<'static>>> {
    let tool = (id(), of(words()), of(Just(true)), mark());
    let tool = tool.prop_map(|(name, description, strict, cache)| Tool {
        name: name.into(),
        description: description.map(Into::into),
        parameters: Some(schema()),
        strict,
        cache,
    });
    vec(tool, 1..3)
}

fn choice() -> impl Strategy<Value = (Option<ToolChoice<'static>>, Option<bool>)> {
    let one = prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::Required),
        id().prop_map(|name| ToolChoice::Named(name.into())),
    ];
    prop_oneof![
        Just((None, None)),
        Just((Some(ToolChoice::None), None)),
        (one, of(Just(false))).prop_map(|(choice, parallel)| (Some(choice), parallel)),
    ]
}

fn ask() -> impl Strategy<Value = Owned> {
    let words = (vec(text(), 0..3), turns(), tools(), choice());
    let numbers = (1..100_000_u64, of(0..=64_u8), of(0..=64_u8), of(any::<u32>()));
    let rest = (vec("[a-z]{1,5}", 0..3), of("[a-z]{1,9}"), any::<[bool; 3]>());
    (words, numbers, rest).prop_map(|(words, numbers, rest)| {
        let (system, turns, tools, (tool_choice, parallel_tool_calls)) = words;
        let (max_tokens, temperature, top_p, top_k) = numbers;
        let (stop, user, [stream, shaped, off]) = rest;
        let shape = Schema {
            name: "answer".into(),
            description: None,
            schema: schema(),
            strict: Some(true),
        };
        Ask {
            system,
            turns,
            tools,
            tool_choice,
            parallel_tool_calls,
            output: if shaped {
                Output::Schema(shape)
            } else {
                Output::Text
            },
            max_tokens: Some(max_tokens),
            temperature: temperature.map(|part| f64::from(part) / 64.0),
            top_p: top_p.map(|part| f64::from(part) / 64.0),
            top_k: top_k.map(u64::from),
            stop: stop.into_iter().map(Into::into).collect(),
            reasoning: off.then_some(Reasoning::Off),
            user: user.map(Into::into),
            stream,
            stream_usage: true,
            ..Ask::default()
        }
    })
}

proptest! {
    #[test]
    fn a_written_request_is_read_with_the_same_meaning(ask in ask()) {
        let written = write_request(&ask, MODEL).unwrap();
        assert!(written.dropped.is_empty(), "{:?}", written.dropped);
        let read = read_request(&written.body).unwrap();
        assert_eq!(format!("{read:?}"), format!("{ask:?}"));
    }
}
