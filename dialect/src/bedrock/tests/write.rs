use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::Refusal;
use crate::bedrock::write_request;
use crate::form::{
    Ask, CacheMark, Document, Extra, Media, Output, Part, Role, Schema, Source, Text, Thought, Tool,
    ToolCall, ToolChoice, ToolResult, Turn, Weight,
};

pub(super) const CLAUDE: &str = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";
const NOVA: &str = "amazon.nova-lite-v1:0";
const LLAMA: &str = "meta.llama3-3-70b-instruct-v1:0";

pub(super) fn says(role: Role, parts: Vec<Part<'_>>) -> Turn<'_> {
    Turn { role, parts }
}

pub(super) fn text(text: &str) -> Part<'_> {
    Part::Text(Text::new(text))
}

pub(super) fn hello() -> Ask<'static> {
    Ask {
        turns: vec![says(Role::User, vec![text("Hello")])],
        ..Ask::default()
    }
}

pub(super) fn written(ask: &Ask<'_>, model: &str) -> (Value, Vec<String>) {
    let written = write_request(ask, model).expect("can be said");
    let body = serde_json::from_slice(&written.body).expect("JSON");
    (body, written.dropped.fields().map(str::to_owned).collect())
}

fn body(ask: &Ask<'_>, model: &str) -> Value {
    let (body, dropped) = written(ask, model);
    assert_eq!(dropped, Vec::<String>::new());
    body
}

fn refused(ask: &Ask<'_>) -> Refusal {
    write_request(ask, CLAUDE).expect_err("can't be said")
}

fn marked(text: &str) -> Text<'_> {
    Text {
        text: text.into(),
        cache: Some(CacheMark { ttl: None }),
    }
}

fn png() -> Media<'static> {
    Media {
        source: Source::Base64 {
            media_type: "image/png".into(),
            data: "iVBORw0=".into(),
        },
        detail: None,
        cache: None,
    }
}

fn pdf(name: Option<&str>) -> Part<'_> {
    Part::Document(Document {
        source: Source::Base64 {
            media_type: "application/pdf".into(),
            data: "JVBERi0=".into(),
        },
        name: name.map(Into::into),
        cache: None,
    })
}

fn call<'a>(id: &'a str, arguments: &'a str) -> Part<'a> {
    Part::ToolCall(ToolCall {
        id: id.into(),
        name: "weather".into(),
        arguments: arguments.into(),
        signature: None,
    })
}

fn result<'a>(id: &'a str, parts: Vec<Part<'a>>) -> Part<'a> {
    Part::ToolResult(ToolResult {
        id: id.into(),
        parts,
        is_error: false,
        cache: None,
    })
}

fn tool(name: &str) -> Tool<'_> {
    Tool {
        name: name.into(),
        description: None,
        parameters: None,
        strict: None,
        cache: None,
    }
}

fn raw(json: &str) -> &RawValue {
    serde_json::from_str(json).expect("JSON")
}

#[test]
fn a_plain_request_says_no_more_than_was_asked() {
    assert_eq!(
        body(&hello(), CLAUDE),
        json!({"messages": [{"role": "user", "content": [{"text": "Hello"}]}]})
    );
}

#[test]
fn instructions_limits_and_sampling_have_their_places() {
    let ask = Ask {
        system: vec![Text::new("Be brief."), Text::new("Be kind.")],
        max_tokens: Some(100),
        temperature: Some(0.7),
        stop: vec!["END".into()],
        ..hello()
    };
    let body = body(&ask, CLAUDE);
    assert_eq!(
        body["system"],
        json!([{"text": "Be brief."}, {"text": "Be kind."}])
    );
    assert_eq!(
        body["inferenceConfig"],
        json!({"maxTokens": 100, "temperature": 0.7, "stopSequences": ["END"]})
    );
    assert_eq!(
        body["additionalModelResponseFieldPaths"],
        json!(["/stop_sequence"])
    );
}

#[test]
fn roles_alternate_and_blank_texts_are_left_out() {
    let ask = Ask {
        turns: vec![
            says(Role::User, vec![text("a"), text(" \n")]),
            says(Role::Assistant, vec![text("")]),
            says(Role::User, vec![text("b")]),
            says(Role::Assistant, vec![Part::Refusal("no".into())]),
            says(Role::User, vec![text("c")]),
        ],
        ..Ask::default()
    };
    assert_eq!(
        body(&ask, CLAUDE)["messages"],
        json!([
            {"role": "user", "content": [{"text": "a"}, {"text": "b"}]},
            {"role": "assistant", "content": [{"text": "no"}]},
            {"role": "user", "content": [{"text": "c"}]},
        ])
    );
    let nothing = Ask {
        turns: vec![says(Role::User, vec![text(" ")])],
        ..Ask::default()
    };
    assert_eq!(refused(&nothing).field, "messages");
}

#[test]
fn images_and_documents_stand_in_the_request_with_names_that_bedrock_takes() {
    let plain = Part::Document(Document {
        source: Source::Text("häh".into()),
        name: None,
        cache: None,
    });
    let parts = vec![
        text("Look"),
        Part::Image(png()),
        pdf(Some("Q3 / report_final.pdf")),
        pdf(Some("Q3 report final.pdf")),
        pdf(Some("表")),
        plain,
    ];
    let ask = Ask {
        turns: vec![says(Role::User, parts)],
        ..Ask::default()
    };
    let document = |format: &str, name: &str, bytes: &str| json!({"document": {"format": format, "name": name, "source": {"bytes": bytes}}});
    assert_eq!(
        body(&ask, CLAUDE)["messages"][0]["content"],
        json!([
            {"text": "Look"},
            {"image": {"format": "png", "source": {"bytes": "iVBORw0="}}},
            document("pdf", "Q3 report final pdf", "JVBERi0="),
            document("pdf", "Q3 report final pdf (2)", "JVBERi0="),
            document("pdf", "document", "JVBERi0="),
            document("txt", "document (2)", "aMOkaA=="),
        ])
    );
}

#[test]
fn what_lies_elsewhere_is_refused_even_in_s3() {
    for source in [
        Source::Url("https://example.com/cat.png".into()),
        Source::Url("s3://bucket/cat.png".into()),
        Source::File("file-1".into()),
    ] {
        let image = Part::Image(Media { source, ..png() });
        let ask = Ask {
            turns: vec![says(Role::User, vec![image])],
            ..Ask::default()
        };
        let refusal = refused(&ask);
        assert!(refusal.message.contains("base64"), "{refusal}");
        assert!(!refusal.message.contains("cat"), "{refusal}");
    }
}

#[test]
fn a_format_that_bedrock_does_not_know_is_refused() {
    let source = Source::Base64 {
        media_type: "image/tiff".into(),
        data: "AA==".into(),
    };
    let ask = Ask {
        turns: vec![says(Role::User, vec![Part::Image(Media { source, ..png() })])],
        ..Ask::default()
    };
    assert!(refused(&ask).message.contains("WebP"));
}

#[test]
fn sound_is_named_as_bedrock_names_it() {
    let source = Source::Base64 {
        media_type: "audio/mpeg".into(),
        data: "AA==".into(),
    };
    let ask = Ask {
        turns: vec![says(Role::User, vec![Part::Audio(Media { source, ..png() })])],
        ..Ask::default()
    };
    assert_eq!(
        body(&ask, NOVA)["messages"][0]["content"],
        json!([{"audio": {"format": "mp3", "source": {"bytes": "AA=="}}}])
    );
}

fn tool_loop<'a>() -> Ask<'a> {
    let mut failed = result("call_1", vec![text("no such place"), Part::Image(png())]);
    if let Part::ToolResult(result) = &mut failed {
        result.is_error = true;
    }
    Ask {
        tools: vec![tool("weather")],
        turns: vec![
            says(Role::User, vec![text("Weather?")]),
            says(
                Role::Assistant,
                vec![
                    text(""),
                    call("call_1", r#"{"city":  "Köln"}"#),
                    call("call|2", ""),
                ],
            ),
            says(Role::User, vec![failed]),
            says(Role::User, vec![result("call|2", vec![text("")])]),
        ],
        ..Ask::default()
    }
}

#[test]
fn calls_and_results_keep_together_whatever_their_ids_look_like() {
    let body = body(&tool_loop(), CLAUDE);
    assert_eq!(
        body["messages"][1]["content"],
        json!([
            {"toolUse": {"toolUseId": "call_1", "name": "weather", "input": {"city": "Köln"}}},
            {"toolUse": {"toolUseId": "weir_0", "name": "weather", "input": {}}},
        ])
    );
    assert_eq!(
        body["messages"][2]["content"],
        json!([
            {"toolResult": {"toolUseId": "call_1", "status": "error", "content": [
                {"text": "no such place"},
                {"image": {"format": "png", "source": {"bytes": "iVBORw0="}}},
            ]}},
            {"toolResult": {"toolUseId": "weir_0", "content": [{"text": "(empty)"}]}},
        ])
    );
}

#[test]
fn arguments_that_are_no_object_are_refused_and_not_repeated() {
    for arguments in ["[1]", "{\"secret\":", "secret"] {
        let mut ask = tool_loop();
        ask.turns[1].parts = vec![call("call_1", arguments)];
        let refusal = refused(&ask);
        assert_eq!(refusal.field, "messages");
        assert!(!refusal.message.contains("secret"), "{refusal}");
    }
}

#[test]
fn a_conversation_with_calls_and_no_tools_is_refused() {
    let ask = Ask {
        tools: Vec::new(),
        ..tool_loop()
    };
    assert_eq!(refused(&ask).field, "tools");
}

#[test]
fn tools_keep_their_schema_to_the_byte() {
    let schema = raw(r#"{"type":"object","properties":{"z":{"type":"string"},"a":{"type":"number"}}}"#);
    let described = Tool {
        description: Some("The weather".into()),
        parameters: Some(schema),
        strict: Some(true),
        ..tool("weather")
    };
    let ask = Ask {
        tools: vec![described, tool("now")],
        ..hello()
    };
    let written = write_request(&ask, CLAUDE).expect("can be said");
    let text = String::from_utf8(written.body).expect("text");
    assert!(text.contains(schema.get()), "{text}");
    let body: Value = serde_json::from_str(&text).expect("JSON");
    let tools = &body["toolConfig"]["tools"];
    assert_eq!(tools[0]["toolSpec"]["description"], "The weather");
    assert_eq!(tools[0]["toolSpec"]["strict"], true);
    assert_eq!(
        tools[1],
        json!({"toolSpec": {"name": "now", "inputSchema": {"json": {"type": "object", "properties": {}}}}})
    );
}

#[test]
fn every_choice_of_tools_is_said() {
    for (choice, wanted) in [
        (None, json!(null)),
        (Some(ToolChoice::Auto), json!({"auto": {}})),
        (Some(ToolChoice::Required), json!({"any": {}})),
        (
            Some(ToolChoice::Named("now".into())),
            json!({"tool": {"name": "now"}}),
        ),
    ] {
        let ask = Ask {
            tools: vec![tool("now")],
            tool_choice: choice,
            ..hello()
        };
        assert_eq!(body(&ask, CLAUDE)["toolConfig"]["toolChoice"], wanted);
    }
}

#[test]
fn no_tools_may_be_called_if_none_are_sent() {
    let ask = Ask {
        tools: vec![tool("now")],
        tool_choice: Some(ToolChoice::None),
        ..hello()
    };
    assert_eq!(body(&ask, CLAUDE)["toolConfig"], json!(null));
    let ask = Ask {
        tool_choice: Some(ToolChoice::None),
        ..tool_loop()
    };
    let (body, dropped) = written(&ask, CLAUDE);
    assert_eq!(dropped, ["tool_choice"]);
    assert_eq!(body["toolConfig"]["toolChoice"], json!(null));
}

#[test]
fn thoughts_go_back_with_their_proof_and_not_without() {
    let proven = Thought {
        text: "Hm.".into(),
        signature: Some("c2ln".into()),
        redacted: None,
    };
    let hidden = Thought {
        redacted: Some("AAEC".into()),
        ..Thought::default()
    };
    let bare = Thought {
        text: "Hm?".into(),
        ..Thought::default()
    };
    let geminis = Thought {
        text: "Hm!".into(),
        signature: Some(Thought::signature_of_gemini("cHJvb2Y=").into()),
        redacted: None,
    };
    let thoughts = [proven, hidden, bare, geminis].map(Part::Thought);
    let ask = Ask {
        turns: vec![
            says(Role::User, vec![text("a")]),
            says(Role::Assistant, thoughts.into_iter().chain([text("b")]).collect()),
            says(Role::User, vec![text("c")]),
        ],
        ..Ask::default()
    };
    let (body, dropped) = written(&ask, CLAUDE);
    assert_eq!(dropped, ["messages[].reasoning_content"]);
    assert_eq!(
        body["messages"][1]["content"],
        json!([
            {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}},
            {"reasoningContent": {"redactedContent": "AAEC"}},
            {"text": "b"},
        ])
    );
    let (body, _) = written(&ask, NOVA);
    assert_eq!(body["messages"][1]["content"], json!([{"text": "b"}]));
}

fn cached<'a>() -> Ask<'a> {
    let mut marked_tool = tool("weather");
    marked_tool.cache = Some(CacheMark {
        ttl: Some("1h".into()),
    });
    let within = result("call_1", vec![Part::Text(marked("fine"))]);
    Ask {
        system: vec![marked("Be brief.")],
        tools: vec![marked_tool, tool("now")],
        turns: vec![
            says(Role::User, vec![Part::Text(marked("a")), text("b")]),
            says(Role::Assistant, vec![call("call_1", "{}")]),
            says(Role::User, vec![within]),
        ],
        ..Ask::default()
    }
}

#[test]
fn marks_stand_behind_what_they_mark() {
    let point = json!({"cachePoint": {"type": "default"}});
    let body = body(&cached(), CLAUDE);
    assert_eq!(body["system"], json!([{"text": "Be brief."}, point]));
    assert_eq!(
        body["toolConfig"]["tools"][1],
        json!({"cachePoint": {"type": "default", "ttl": "1h"}})
    );
    assert_eq!(
        body["messages"][0]["content"],
        json!([{"text": "a"}, point, {"text": "b"}])
    );
    let result = &body["messages"][2]["content"];
    assert_eq!(result[0]["toolResult"]["content"], json!([{"text": "fine"}]));
    assert_eq!(result[1], point);
}

#[test]
fn marks_are_named_where_a_model_does_not_know_them() {
    let (body, dropped) = written(&cached(), LLAMA);
    assert_eq!(dropped, ["cache_control"]);
    assert!(!body.to_string().contains("cachePoint"));
    let (body, dropped) = written(&cached(), NOVA);
    assert_eq!(dropped, ["cache_control"], "Nova caches no tools");
    assert_eq!(body["system"][1], json!({"cachePoint": {"type": "default"}}));
    assert_eq!(body["toolConfig"]["tools"].as_array().map(Vec::len), Some(2));
}

#[test]
fn marks_are_set_where_the_caller_wants_them_and_set_none() {
    let mut ask = Ask {
        auto_cache: true,
        system: vec![Text::new("Be brief.")],
        ..tool_loop()
    };
    let point = json!({"cachePoint": {"type": "default"}});
    let marked = body(&ask, CLAUDE);
    assert_eq!(marked["system"][1], point);
    assert_eq!(marked["toolConfig"]["tools"][1], point);
    assert_eq!(marked["messages"][2]["content"][2], point);
    assert_eq!(marked.to_string().matches("cachePoint").count(), 3);
    assert!(!body(&ask, LLAMA).to_string().contains("cachePoint"));
    ask.system[0].cache = Some(CacheMark { ttl: None });
    assert_eq!(body(&ask, CLAUDE).to_string().matches("cachePoint").count(), 1);
}

#[test]
fn a_schema_for_the_answer_is_sent_as_text() {
    let ask = Ask {
        output: Output::Schema(Schema {
            name: "answer".into(),
            description: Some("The answer".into()),
            schema: raw(r#"{"type":"object"}"#),
            strict: Some(true),
        }),
        ..hello()
    };
    assert_eq!(
        body(&ask, CLAUDE)["outputConfig"],
        json!({"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {
            "name": "answer", "description": "The answer", "schema": r#"{"type":"object"}"#,
        }}}})
    );
}

#[test]
fn what_would_give_another_answer_is_refused() {
    let n = Ask {
        choices: Some(2),
        ..hello()
    };
    assert_eq!(refused(&n).field, "n");
    let json = Ask {
        output: Output::Json,
        ..hello()
    };
    assert_eq!(refused(&json).field, "response_format");
    let logprobs = Ask {
        extras: vec![Extra {
            field: "logprobs".into(),
            weight: Weight::Essential,
        }],
        ..hello()
    };
    assert_eq!(refused(&logprobs).field, "logprobs");
}

#[test]
fn what_is_only_a_hint_is_dropped_and_named() {
    let mut image = png();
    image.detail = Some("high".into());
    let mut ask = Ask {
        seed: Some(1),
        frequency_penalty: Some(0.1),
        presence_penalty: Some(0.1),
        user: Some("u".into()),
        parallel_tool_calls: Some(false),
        tools: vec![tool("now")],
        extras: vec![Extra {
            field: "store".into(),
            weight: Weight::Hint,
        }],
        ..hello()
    };
    ask.turns[0].parts.push(Part::Image(image));
    let (_, dropped) = written(&ask, CLAUDE);
    let wanted = [
        "store",
        "seed",
        "frequency_penalty",
        "presence_penalty",
        "user",
        "messages[].content[].image_url.detail",
        "parallel_tool_calls",
    ];
    assert_eq!(dropped, wanted);
}
