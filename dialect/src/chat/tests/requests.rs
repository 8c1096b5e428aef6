//! What callers write.

use std::borrow::Cow;

use super::{parts, read, refusal};
use crate::form::{Effort, Output, Part, Reasoning, Role, Source, ToolChoice, Weight};

const USER: &str = r#""messages":[{"role":"user","content":"hi"}]"#;

fn with(fields: &str) -> String {
    format!("{{{USER},{fields}}}")
}

#[test]
fn gathers_instructions_and_keeps_the_order_of_turns() {
    let ask = read(
        r#"{"model":"m","messages":[
        {"role":"developer","content":"a"},{"role":"user","content":"b"},{"role":"assistant","content":"c"},
        {"role":"system","content":[{"type":"text","text":"d"}]},{"role":"user","content":"e","name":"bob"}]}"#,
    );
    let system: Vec<_> = ask.system.iter().map(|text| &*text.text).collect();
    let roles: Vec<_> = ask.turns.iter().map(|turn| turn.role).collect();
    assert_eq!(system, ["a", "d"]);
    assert_eq!(roles, [Role::User, Role::Assistant, Role::User]);
    assert_eq!(ask.extras[0].field, "messages[].name");
}

#[test]
fn media_are_borrowed_from_the_body() {
    let body = r#"{"messages":[{"role":"user","content":[
        {"type":"image_url","image_url":{"url":"data:image/png;base64,aGk=","detail":"low"}},
        {"type":"image_url","image_url":{"url":"https://a/b.png"}},
        {"type":"input_audio","input_audio":{"data":"c291bmQ=","format":"wav"}},
        {"type":"file","file":{"file_data":"data:application/pdf;base64,cGRm","filename":"a.pdf"}},
        {"type":"file","file":{"file_id":"file-1"}}]}]}"#;
    let ask = read(body);
    let parts = parts(&ask);
    let Part::Image(image) = parts[0] else {
        panic!("an image")
    };
    assert!(
        matches!(&image.source, Source::Base64 { media_type, data: Cow::Borrowed("aGk=") } if media_type == "image/png")
    );
    assert_eq!(image.detail.as_deref(), Some("low"));
    assert!(matches!(parts[1], Part::Image(image) if image.source == Source::Url("https://a/b.png".into())));
    let Part::Audio(audio) = parts[2] else {
        panic!("audio")
    };
    assert!(
        matches!(&audio.source, Source::Base64 { media_type, data: Cow::Borrowed("c291bmQ=") } if media_type == "audio/wav")
    );
    let Part::Document(pdf) = parts[3] else {
        panic!("a document")
    };
    assert!(
        matches!(&pdf.source, Source::Base64 { media_type, data: Cow::Borrowed("cGRm") } if media_type == "application/pdf")
    );
    assert_eq!(pdf.name.as_deref(), Some("a.pdf"));
    assert!(matches!(parts[4], Part::Document(file) if file.source == Source::File("file-1".into())));
}

#[test]
fn calls_and_results_keep_their_ids_and_proofs() {
    let ask = read(
        r#"{"messages":[{"role":"user","content":"hi"},
        {"role":"assistant","content":"","tool_calls":[{"id":"c1","type":"function",
            "function":{"name":"f","arguments":"{\"a\":1}"},"extra_content":{"google":{"thought_signature":"sig"}}}]},
        {"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"42"}]}]}"#,
    );
    let parts = parts(&ask);
    let Part::ToolCall(call) = parts[1] else {
        panic!("a call")
    };
    assert_eq!(
        (&*call.id, &*call.name, &*call.arguments),
        ("c1", "f", r#"{"a":1}"#)
    );
    assert_eq!(call.signature.as_deref(), Some("sig"));
    let Part::ToolResult(result) = parts[2] else {
        panic!("a result")
    };
    assert!(matches!(&*result.parts, [Part::Text(text)] if result.id == "c1" && text.text == "42"));
    assert_eq!(ask.turns[2].role, Role::User);
}

#[test]
fn reasoning_comes_back_with_its_proofs() {
    let ask = read(
        r#"{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"c","reasoning_content":"ab",
        "thinking_blocks":[{"type":"thinking","thinking":"a","signature":"s"},{"type":"redacted_thinking","data":"r"}]},
        {"role":"assistant","content":"d","reasoning_content":"plain"}]}"#,
    );
    let parts = parts(&ask);
    assert!(matches!(parts[1], Part::Thought(t) if t.text == "a" && t.signature.as_deref() == Some("s")));
    assert!(matches!(parts[2], Part::Thought(t) if t.redacted.as_deref() == Some("r")));
    assert!(matches!(parts[3], Part::Text(text) if text.text == "c"));
    assert!(matches!(parts[4], Part::Thought(t) if t.text == "plain" && t.signature.is_none()));
}

#[test]
fn cache_marks_may_stand_on_pieces_messages_and_tools() {
    let ask = read(
        r#"{"messages":[{"role":"system","content":"s","cache_control":{"type":"ephemeral"}},
        {"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral","ttl":"1h"}},
        {"type":"text","text":"b","prompt_cache_breakpoint":{"mode":"explicit"}},{"type":"text","text":"c"}]}],
        "tools":[{"type":"function","function":{"name":"f"},"cache_control":{"type":"ephemeral"}}]}"#,
    );
    let marks: Vec<_> = parts(&ask)
        .iter()
        .map(|part| matches!(part, Part::Text(text) if text.cache.is_some()))
        .collect();
    assert_eq!(marks, [true, true, false]);
    assert!(
        matches!(parts(&ask)[0], Part::Text(text) if text.cache.as_ref().unwrap().ttl.as_deref() == Some("1h"))
    );
    assert!(ask.system[0].cache.is_some() && ask.tools[0].cache.is_some());
    assert!(ask.extras.is_empty());
}

#[test]
fn tools_keep_their_schemas_untouched() {
    let body = with(
        r#""tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{ "z":1, "a":2 },"strict":true}}],"tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false"#,
    );
    let ask = read(&body);
    assert_eq!(ask.tools[0].parameters.unwrap().get(), r#"{ "z":1, "a":2 }"#);
    assert_eq!(
        (ask.tools[0].strict, ask.parallel_tool_calls),
        (Some(true), Some(false))
    );
    assert_eq!(ask.tool_choice, Some(ToolChoice::Named("f".into())));
}

#[test]
fn tools_that_are_not_allowed_are_not_offered() {
    let body = with(
        r#""tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}],"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"g"}}]}}"#,
    );
    let ask = read(&body);
    assert_eq!(ask.tool_choice, Some(ToolChoice::Required));
    assert_eq!(
        ask.tools.iter().map(|tool| &*tool.name).collect::<Vec<_>>(),
        ["g"]
    );
}

#[test]
fn reads_the_shape_of_the_answer() {
    let schema = with(
        r#""response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{ "b":1,"a":2 }}}"#,
    );
    let Output::Schema(schema) = read(&schema).output else {
        panic!("a schema")
    };
    assert_eq!(
        (&*schema.name, schema.strict, schema.schema.get()),
        ("n", Some(true), r#"{ "b":1,"a":2 }"#)
    );
    assert!(matches!(
        read(&with(r#""response_format":{"type":"json_object"}"#)).output,
        Output::Json
    ));
    assert!(matches!(
        read(&with(r#""response_format":{"type":"text"}"#)).output,
        Output::Text
    ));
    assert_eq!(
        refusal(&with(r#""response_format":{"type":"grammar"}"#)).field,
        "response_format"
    );
}

#[test]
fn reads_every_plain_field() {
    let body = with(
        r#""max_tokens":1,"max_completion_tokens":2,"temperature":1,"top_p":0.5,"top_k":3,"stop":"x","seed":-4,"frequency_penalty":0.1,"presence_penalty":0.2,"n":5,"reasoning_effort":"xhigh","user":"u","safety_identifier":"s","stream":true,"stream_options":{"include_usage":true}"#,
    );
    let ask = read(&body);
    assert_eq!(
        (ask.max_tokens, ask.temperature, ask.top_p, ask.top_k),
        (Some(2), Some(1.0), Some(0.5), Some(3))
    );
    assert_eq!(
        (ask.stop, ask.seed, ask.choices),
        (vec!["x".into()], Some(-4), Some(5))
    );
    assert_eq!(
        (ask.frequency_penalty, ask.presence_penalty),
        (Some(0.1), Some(0.2))
    );
    assert_eq!(ask.reasoning, Some(Reasoning::Effort(Effort::ExtraHigh)));
    assert_eq!(
        (ask.user.as_deref(), ask.stream, ask.stream_usage),
        (Some("s"), true, true)
    );
    assert_eq!(
        read(&with(r#""reasoning_effort":"none","stop":["a","b"]"#)).reasoning,
        Some(Reasoning::Off)
    );
    assert_eq!(
        refusal(&with(r#""reasoning_effort":"lots""#)).field,
        "reasoning_effort"
    );
}

#[test]
fn null_is_as_good_as_nothing() {
    let body = with(
        r#""tools":null,"stop":null,"functions":null,"logprobs":null,"logit_bias":null,"response_format":null,"audio":null"#,
    );
    let ask = read(&body);
    assert!(ask.stop.is_empty() && ask.extras.iter().all(|extra| extra.weight == Weight::Hint));
}

#[test]
fn what_changes_the_answer_is_essential_and_the_rest_a_hint() {
    let body = with(
        r#""logprobs":true,"top_logprobs":2,"logit_bias":{"1":5},"modalities":["text","audio"],"web_search_options":{},"store":true,"metadata":{"a":"b"},"service_tier":"flex","prediction":{"type":"content"},"model":"m","requesty":{},"weir":{}"#,
    );
    let ask = read(&body);
    let of = |weight| -> Vec<_> {
        let extras = ask.extras.iter().filter(|extra| extra.weight == weight);
        extras.map(|extra| &*extra.field).collect()
    };
    assert_eq!(
        of(Weight::Essential),
        [
            "logprobs",
            "top_logprobs",
            "logit_bias",
            "modalities",
            "web_search_options"
        ]
    );
    assert_eq!(
        of(Weight::Hint),
        ["store", "metadata", "service_tier", "prediction"]
    );
    let harmless = with(r#""logprobs":false,"top_logprobs":0,"logit_bias":{},"modalities":["text"]"#);
    assert!(read(&harmless).extras.is_empty());
}

#[test]
fn refusals_say_where_and_what_to_do() {
    let cases = [
        (r#"{"messages":[]}"#, "messages"),
        (
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"video"}]}]}"#,
            "messages[0].content[1].type",
        ),
        (
            r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:a/b,c"}}]}]}"#,
            "messages[0].content[0].image_url.url",
        ),
        (
            r#"{"messages":[{"role":"user","content":"a"},{"role":"tool","content":"b"}]}"#,
            "messages[1].tool_call_id",
        ),
        (
            r#"{"messages":[{"role":"robot","content":"a"}]}"#,
            "messages[0].role",
        ),
        (
            r#"{"messages":[{"role":"assistant","function_call":{"name":"f","arguments":""}}]}"#,
            "messages[0].function_call",
        ),
        (
            r#"{"messages":[{"role":"function","name":"f","content":"a"}]}"#,
            "messages[0].role",
        ),
        (
            r#"{"messages":[{"role":"assistant","audio":{"id":"a"}}]}"#,
            "messages[0].audio",
        ),
        (
            r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"a","type":"custom","custom":{}}]}]}"#,
            "messages[0].tool_calls",
        ),
        (
            r#"{"messages":[{"role":"system","content":[{"type":"image_url","image_url":{"url":"http://a"}}]}]}"#,
            "messages[0].content",
        ),
        (
            r#"{"messages":[{"role":"user","content":"a"}],"functions":[]}"#,
            "functions",
        ),
        (
            r#"{"messages":[{"role":"user","content":"a"}],"tools":[{"type":"custom","custom":{"name":"x"}}]}"#,
            "tools[0]",
        ),
        (
            r#"{"messages":[{"role":"user","content":"a"}],"tool_choice":"any"}"#,
            "tool_choice",
        ),
        (
            r#"{"messages":[{"role":"user","content":"a"}],"max_tokens":-1}"#,
            "max_tokens",
        ),
        (
            r#"{"messages":[{"role":"user","content":"a"}],"messages":[]}"#,
            "",
        ),
    ];
    for (body, field) in cases {
        let refusal = refusal(body);
        assert_eq!(refusal.field, field, "{body}: {refusal}");
    }
}
