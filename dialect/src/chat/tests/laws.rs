//! What holds for every request and every byte.

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
use serde_json::value::RawValue;

use crate::chat;
use crate::form::{
    Ask, Choice, Document, Effort, Media, Output, Part, Reasoning, Role, Schema, Source, Text, Tool,
    ToolCall, ToolChoice, ToolResult, Turn,
};
use crate::{Incoming, Stamp};

const SCHEMAS: [&str; 2] = [r#"{"type":"object","properties":{"z":{},"a":{}}}"#, "true"];

fn words() -> impl Strategy<Value = String> {
    prop_oneof![".{1,12}", Just("\"\\\u{1f600}\n\u{0}é".to_owned())]
}

fn schema() -> impl Strategy<Value = &'static RawValue> {
    prop::sample::select(&SCHEMAS[..]).prop_map(|text| serde_json::from_str(text).unwrap())
}

fn text() -> impl Strategy<Value = Part<'static>> {
    words().prop_map(|text| Part::Text(Text::new(text)))
}

fn base64(media_type: &'static str) -> impl Strategy<Value = Source<'static>> {
    "[A-Za-z0-9+/]{4,8}".prop_map(move |data| Source::Base64 {
        media_type: media_type.into(),
        data: data.into(),
    })
}

fn media() -> impl Strategy<Value = Part<'static>> {
    let image = |source| {
        let detail = Some("low".into());
        Part::Image(Media {
            source,
            detail,
            cache: None,
        })
    };
    let sound = |source| {
        Part::Audio(Media {
            source,
            detail: None,
            cache: None,
        })
    };
    let document = |source| {
        let name = Some("a.pdf".into());
        Part::Document(Document {
            source,
            name,
            cache: None,
        })
    };
    prop_oneof![
        base64("image/png").prop_map(image),
        Just(Source::Url("https://a/b".into())).prop_map(image),
        base64("audio/wav").prop_map(sound),
        base64("application/pdf").prop_map(document),
    ]
}

fn said() -> impl Strategy<Value = Turn<'static>> {
    let mixed = (media(), prop::collection::vec(prop_oneof![text(), media()], 0..3)).prop_map(
        |(first, mut parts)| {
            parts.push(first);
            parts
        },
    );
    let parts = prop_oneof![text().prop_map(|text| vec![text]), mixed];
    parts.prop_map(|parts| Turn {
        role: Role::User,
        parts,
    })
}

fn call() -> impl Strategy<Value = Part<'static>> {
    (words(), words(), prop::option::of(words())).prop_map(|(id, name, signature)| {
        Part::ToolCall(ToolCall {
            id: id.into(),
            name: name.into(),
            arguments: r#"{"a": "é"}"#.into(),
            signature: signature.map(Into::into),
        })
    })
}

fn answered() -> impl Strategy<Value = Turn<'static>> {
    let calls = prop::collection::vec(call(), 1..3);
    (prop::option::of(text()), calls).prop_map(|(text, calls)| Turn {
        role: Role::Assistant,
        parts: text.into_iter().chain(calls).collect(),
    })
}

fn returned() -> impl Strategy<Value = Turn<'static>> {
    (words(), text()).prop_map(|(id, text)| Turn {
        role: Role::User,
        parts: vec![Part::ToolResult(ToolResult {
            id: id.into(),
            parts: vec![text],
            is_error: false,
            cache: None,
        })],
    })
}

fn turns() -> impl Strategy<Value = Vec<Turn<'static>>> {
    let exchange = (said(), answered(), returned())
        .prop_map(|(said, answered, returned)| vec![said, answered, returned]);
    prop::collection::vec(exchange, 1..3).prop_map(|exchanges| exchanges.concat())
}

fn tool() -> impl Strategy<Value = Tool<'static>> {
    (
        words(),
        prop::option::of(words()),
        prop::option::of(schema()),
        any::<Option<bool>>(),
    )
        .prop_map(|(name, description, parameters, strict)| Tool {
            name: name.into(),
            description: description.map(Into::into),
            parameters,
            strict,
            cache: None,
        })
}

fn output() -> impl Strategy<Value = Output<'static>> {
    let shaped = (words(), schema(), any::<Option<bool>>()).prop_map(|(name, schema, strict)| {
        Output::Schema(Schema {
            name: name.into(),
            description: None,
            schema,
            strict,
        })
    });
    prop_oneof![Just(Output::Text), Just(Output::Json), shaped]
}

fn choice() -> impl Strategy<Value = ToolChoice<'static>> {
    prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::None),
        Just(ToolChoice::Required),
        words().prop_map(|name| ToolChoice::Named(name.into())),
    ]
}

fn ask() -> impl Strategy<Value = Ask<'static>> {
    let tools = (
        prop::collection::vec(tool(), 1..3),
        prop::option::of(choice()),
        any::<Option<bool>>(),
    );
    let numbers = (
        any::<Option<u32>>(),
        any::<Option<i64>>(),
        prop::option::of(prop::sample::select(&[0.0, 0.25, 1.3][..])),
    );
    let effort = prop::option::of(prop_oneof![
        Just(Effort::Minimal),
        Just(Effort::High),
        Just(Effort::Max)
    ]);
    let rest = (
        output(),
        prop::collection::vec(words(), 0..3),
        prop::option::of(words()),
        any::<bool>(),
    );
    (prop::option::of(words()), turns(), tools, numbers, effort, rest).prop_map(
        |(system, turns, tools, (limit, seed, float), effort, (output, stop, user, stream))| Ask {
            system: system.map(Text::new).into_iter().collect(),
            turns,
            tools: tools.0,
            tool_choice: tools.1,
            parallel_tool_calls: tools.2,
            output,
            max_tokens: limit.map(u64::from),
            temperature: float,
            top_p: float,
            seed,
            frequency_penalty: float,
            choices: limit.map(u64::from),
            stop: stop.into_iter().map(Into::into).collect(),
            reasoning: effort.map(Reasoning::Effort),
            user: user.map(Into::into),
            stream,
            stream_usage: stream,
            ..Ask::default()
        },
    )
}

/// Bytes, and bytes that are nearly right.
fn bytes(right: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let nearly = (
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        any::<u8>(),
    )
        .prop_map(move |(end, at, byte)| {
            let mut bytes = right.as_bytes()[..=end.index(right.len())].to_vec();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes
        });
    prop_oneof![prop::collection::vec(any::<u8>(), 0..64), nearly]
}

const RICH: &str = include_str!("../../../tests/golden/chat/rich.request.json");
const ANSWER: &str = include_str!("../../../tests/golden/chat/answer.json");
const CHUNK: &str = r#"{"id":"a","choices":[{"index":0,"delta":{"content":"a","tool_calls":[{"index":0,"id":"b","function":{"name":"c","arguments":"d"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}"#;

proptest! {
    #[test]
    fn what_is_written_is_read_to_the_same_meaning(ask in ask()) {
        let written = chat::write_request(&ask, "m").unwrap();
        assert!(written.dropped.is_empty());
        let read = chat::read_request(&written.body).unwrap();
        assert_eq!(format!("{read:?}"), format!("{ask:?}"));
    }

    #[test]
    fn answers_are_read_as_they_were_written(turn in answered()) {
        let choices = vec![Choice { parts: turn.parts, finish: Some(crate::form::Finish::ToolCalls) }];
        let answer = crate::form::Answer { choices, ..Default::default() };
        let stamp = Stamp { id: String::new(), model: String::new(), created: 0 };
        let body = chat::write_answer(&answer, &stamp);
        let read = chat::read_answer(&body).unwrap();
        assert_eq!(format!("{:?}", read.choices), format!("{:?}", answer.choices));
    }

    #[test]
    fn no_request_makes_the_reader_panic(body in bytes(RICH)) {
        let _ = chat::read_request(&body);
    }

    #[test]
    fn no_answer_makes_the_reader_panic(body in bytes(ANSWER)) {
        let _ = chat::read_answer(&body);
    }

    #[test]
    fn no_stream_makes_the_reader_panic(chunks in prop::collection::vec(bytes(CHUNK), 0..4)) {
        let mut reader = chat::reader();
        for chunk in &chunks {
            let _ = reader.read(Incoming { name: "", data: chunk });
        }
    }
}
