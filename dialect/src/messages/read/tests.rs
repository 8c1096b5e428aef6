use std::borrow::Cow;

use serde_json::{Value, json};

use super::{read_count, read_request, write_count};
use crate::form::{Ask, Effort, Output, Part, Reasoning, Role, Source, ToolChoice, Weight};
use crate::{Dropped, Refusal};

mod roundtrip;

/// A request with the fields of `more`.
fn body(more: Value) -> Vec<u8> {
    let mut body =
        json!({"model": "policy/x", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]});
    let Value::Object(more) = more else {
        panic!("an object")
    };
    body.as_object_mut().unwrap().extend(more);
    serde_json::to_vec(&body).unwrap()
}

fn asked<T>(more: Value, of: impl FnOnce(Ask<'_>) -> T) -> T {
    of(read_request(&body(more)).unwrap())
}

/// What is asked for in one user's message of these blocks.
fn said<T>(content: &Value, of: impl FnOnce(Ask<'_>) -> T) -> T {
    asked(json!({"messages": [{"role": "user", "content": content}]}), of)
}

fn extras(ask: &Ask<'_>) -> Vec<(String, Weight)> {
    let extra = |extra: &crate::form::Extra<'_>| (extra.field.to_string(), extra.weight);
    ask.extras.iter().map(extra).collect()
}

fn refused(more: Value) -> Refusal {
    read_request(&body(more)).unwrap_err()
}

#[test]
fn reads_every_plain_field() {
    let more = json!({
        "system": "be brief", "temperature": 0.5, "top_p": 0.25, "top_k": 5, "stop_sequences": ["END"],
        "stream": true, "metadata": {"user_id": "u-1"}, "requesty": {"tags": []}, "weir": {},
    });
    asked(more, |ask| {
        assert_eq!(&*ask.system[0].text, "be brief");
        assert_eq!(ask.turns[0].role, Role::User);
        assert!(matches!(&ask.turns[0].parts[..], [Part::Text(text)] if text.text == "hi"));
        assert_eq!(ask.max_tokens, Some(10));
        assert_eq!(
            (ask.temperature, ask.top_p, ask.top_k),
            (Some(0.5), Some(0.25), Some(5))
        );
        assert_eq!(ask.stop, ["END"]);
        assert_eq!(ask.user.as_deref(), Some("u-1"));
        assert!(ask.stream && ask.stream_usage && !ask.auto_cache);
        assert_eq!(ask.choices, None);
        assert!(extras(&ask).is_empty(), "{:?}", ask.extras);
    });
}

#[test]
fn borrows_media_from_the_body() {
    let body = br#"{"max_tokens":1,"messages":[{"role":"user","content":[
        {"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGk="}}]}]}"#;
    let ask = read_request(body).unwrap();
    let [Part::Image(image)] = &ask.turns[0].parts[..] else {
        panic!("an image")
    };
    assert!(matches!(
        &image.source,
        Source::Base64 {
            media_type: Cow::Borrowed("image/png"),
            data: Cow::Borrowed("aGk="),
        }
    ));
}

#[test]
fn reads_media_of_every_source() {
    let mark = json!({"type": "ephemeral", "ttl": "1h"});
    let content = json!([
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}, "cache_control": mark},
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "document", "title": "t", "source": {"type": "text", "media_type": "text/plain", "data": "plain"}},
        {"type": "document", "source": {"type": "content", "content": "also plain"}, "citations": {"enabled": false}},
    ]);
    said(&content, |ask| {
        let [
            Part::Image(url),
            Part::Image(file),
            Part::Document(text),
            Part::Document(plain),
        ] = &ask.turns[0].parts[..]
        else {
            panic!("four parts")
        };
        assert_eq!(url.source, Source::Url("https://example.com/a.png".into()));
        assert_eq!(url.cache.as_ref().unwrap().ttl.as_deref(), Some("1h"));
        assert_eq!(file.source, Source::File("file_1".into()));
        assert_eq!(
            (&text.source, text.name.as_deref()),
            (&Source::Text("plain".into()), Some("t"))
        );
        assert_eq!(plain.source, Source::Text("also plain".into()));
        assert!(ask.extras.is_empty());
    });
}

#[test]
fn reads_calls_results_and_thoughts() {
    let more = json!({"messages": [
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "proof"},
            {"type": "thinking", "thinking": "unsigned", "signature": ""},
            {"type": "redacted_thinking", "data": "sealed"},
            {"type": "text", "text": "I ask", "citations": null},
            {"type": "thinking", "thinking": "", "signature": "call:key"},
            {"type": "tool_use", "id": "a", "name": "f", "input": {"z": 1, "a": 2}, "caller": {"type": "direct"}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a", "is_error": true, "cache_control": {"type": "ephemeral"},
             "content": [{"type": "text", "text": "no"}]},
            {"type": "tool_result", "tool_use_id": "b", "content": "yes"},
            {"type": "tool_result", "tool_use_id": "c"}]}]});
    asked(more, |ask| {
        let [
            Part::Thought(signed),
            Part::Thought(unsigned),
            Part::Thought(sealed),
            Part::Text(_),
            Part::ToolCall(call),
        ] = &ask.turns[0].parts[..]
        else {
            panic!("five parts, the proof of the call being none")
        };
        assert_eq!(
            (&*signed.text, signed.signature.as_deref()),
            ("hm", Some("proof"))
        );
        assert_eq!(unsigned.signature, None);
        assert_eq!(sealed.redacted.as_deref(), Some("sealed"));
        assert_eq!((&*call.id, &*call.name), ("a", "f"));
        assert_eq!(
            serde_json::from_str::<Value>(&call.arguments).unwrap(),
            json!({"z": 1, "a": 2})
        );
        assert_eq!(call.signature.as_deref(), Some("key"));
        let [
            Part::ToolResult(failed),
            Part::ToolResult(plain),
            Part::ToolResult(empty),
        ] = &ask.turns[1].parts[..]
        else {
            panic!("three results")
        };
        assert!(failed.is_error && failed.cache.is_some() && !plain.is_error);
        assert!(matches!(&failed.parts[..], [Part::Text(text)] if text.text == "no"));
        assert!(matches!(&plain.parts[..], [Part::Text(text)] if text.text == "yes"));
        assert!(empty.parts.is_empty());
        assert!(ask.extras.is_empty(), "{:?}", ask.extras);
    });
}

#[test]
fn what_the_system_says_later_goes_to_its_end() {
    let more = json!({
        "system": [{"type": "text", "text": "one", "cache_control": {"type": "ephemeral", "ttl": "5m"}}],
        "messages": [{"role": "user", "content": "hi"}, {"role": "system", "content": "two"}],
    });
    asked(more, |ask| {
        let texts: Vec<_> = ask.system.iter().map(|text| &*text.text).collect();
        assert_eq!(texts, ["one", "two"]);
        assert!(ask.system[0].cache.is_some() && ask.system[1].cache.is_none());
        assert_eq!(ask.turns.len(), 1);
    });
}

#[test]
fn reads_tools_and_every_choice_of_them() {
    let schema = json!({"type": "object"});
    let tools = json!([
        {"name": "f", "description": "d", "input_schema": schema, "strict": true,
         "cache_control": {"type": "ephemeral"}, "input_examples": [{}]},
        {"type": "custom", "name": "g", "input_schema": schema},
    ]);
    asked(json!({"tools": tools}), |ask| {
        assert_eq!(ask.tools.len(), 2);
        assert_eq!(ask.tools[0].strict, Some(true));
        assert_eq!(ask.tools[0].description.as_deref(), Some("d"));
        assert_eq!(ask.tools[0].parameters.unwrap().get(), r#"{"type":"object"}"#);
        assert!(ask.tools[0].cache.is_some() && ask.tool_choice.is_none());
        assert_eq!(
            extras(&ask),
            [("tools[].input_examples".to_owned(), Weight::Hint)]
        );
    });
    let choice = |choice: Value| {
        asked(json!({"tool_choice": choice}), |ask| {
            let choice = match ask.tool_choice.unwrap() {
                ToolChoice::Named(name) => ToolChoice::Named(name.into_owned().into()),
                ToolChoice::Auto => ToolChoice::Auto,
                ToolChoice::None => ToolChoice::None,
                ToolChoice::Required => ToolChoice::Required,
            };
            (choice, ask.parallel_tool_calls)
        })
    };
    assert_eq!(choice(json!({"type": "auto"})), (ToolChoice::Auto, None));
    assert_eq!(choice(json!({"type": "none"})), (ToolChoice::None, None));
    assert_eq!(
        choice(json!({"type": "any", "disable_parallel_tool_use": true})),
        (ToolChoice::Required, Some(false))
    );
    assert_eq!(
        choice(json!({"type": "tool", "name": "f", "disable_parallel_tool_use": false})),
        (ToolChoice::Named("f".into()), Some(true))
    );
}

#[test]
fn reads_how_much_to_think() {
    let reasoning = |more: Value| asked(more, |ask| ask.reasoning);
    assert_eq!(reasoning(json!({})), None);
    assert_eq!(
        reasoning(json!({"thinking": {"type": "enabled", "budget_tokens": 2048}})),
        Some(Reasoning::Budget(2048))
    );
    assert_eq!(
        reasoning(json!({"thinking": {"type": "disabled"}})),
        Some(Reasoning::Off)
    );
    assert_eq!(
        reasoning(json!({"thinking": {"type": "between_tools"}})),
        Some(Reasoning::Off)
    );
    assert_eq!(
        reasoning(json!({"thinking": {"type": "adaptive"}})),
        Some(Reasoning::Adaptive)
    );
    let effort = |effort: &str, thinking: Value| {
        reasoning(json!({"thinking": thinking, "output_config": {"effort": effort}}))
    };
    let adaptive = json!({"type": "adaptive"});
    assert_eq!(effort("low", Value::Null), Some(Reasoning::Effort(Effort::Low)));
    assert_eq!(
        effort("medium", adaptive.clone()),
        Some(Reasoning::Effort(Effort::Medium))
    );
    assert_eq!(
        effort("high", adaptive.clone()),
        Some(Reasoning::Effort(Effort::High))
    );
    assert_eq!(
        effort("xhigh", adaptive.clone()),
        Some(Reasoning::Effort(Effort::ExtraHigh))
    );
    assert_eq!(effort("max", adaptive), Some(Reasoning::Effort(Effort::Max)));
    assert_eq!(effort("max", json!({"type": "disabled"})), Some(Reasoning::Off));
}

#[test]
fn reads_a_schema_in_both_places_that_it_had() {
    let format = json!({"type": "json_schema", "schema": {"type": "object"}});
    for more in [
        json!({"output_config": {"format": format}}),
        json!({"output_format": format}),
    ] {
        asked(more, |ask| {
            let Output::Schema(schema) = ask.output else {
                panic!("a schema")
            };
            assert_eq!(schema.schema.get(), r#"{"type":"object"}"#);
            assert_eq!(schema.strict, Some(true));
        });
    }
}

#[test]
fn a_mark_on_the_whole_request_asks_for_marks() {
    asked(json!({"cache_control": {"type": "ephemeral"}}), |ask| {
        assert!(ask.auto_cache);
    });
}

#[test]
fn names_hints_that_it_has_no_place_for() {
    let more = json!({"service_tier": "auto", "speed": "fast", "thinking": {"type": "adaptive", "display": "omitted"},
                      "container": null, "mcp_servers": []});
    asked(more, |ask| {
        let mut fields: Vec<_> = Dropped::of_extras(&ask, "x")
            .unwrap()
            .fields()
            .map(str::to_owned)
            .collect();
        fields.sort_unstable();
        assert_eq!(fields, ["service_tier", "speed", "thinking.display"]);
    });
}

#[test]
fn knows_what_would_be_missed() {
    let missed = |more: Value| {
        asked(more, |ask| {
            let essential = |extra: &&crate::form::Extra<'_>| extra.weight == Weight::Essential;
            let fields = ask
                .extras
                .iter()
                .filter(essential)
                .map(|extra| extra.field.to_string());
            fields.collect::<Vec<_>>()
        })
    };
    let message = |block: Value| json!({"messages": [{"role": "user", "content": [block]}]});
    assert_eq!(missed(json!({"container": "c"})), ["container"]);
    assert_eq!(missed(json!({"mcp_servers": [{"type": "url"}]})), ["mcp_servers"]);
    assert_eq!(
        missed(json!({"context_management": {"edits": [1]}})),
        ["context_management"]
    );
    assert_eq!(missed(json!({"inference_geo": "us"})), ["inference_geo"]);
    assert_eq!(
        missed(json!({"tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 5}]})),
        ["tools[0].type"]
    );
    assert_eq!(
        missed(message(
            json!({"type": "search_result", "source": "https://example.com", "title": "t", "content": []})
        )),
        ["messages[0].content[0]"]
    );
    assert_eq!(
        missed(message(
            json!({"type": "web_search_tool_result", "tool_use_id": "s", "content": {"error_code": "x"}})
        )),
        ["messages[0].content[0]"]
    );
    let plain = json!({"type": "text", "media_type": "text/plain", "data": "x"});
    assert_eq!(
        missed(message(
            json!({"type": "document", "source": plain, "citations": {"enabled": true}})
        )),
        ["messages[0].content[0].citations"]
    );
    assert_eq!(
        missed(message(
            json!({"type": "document", "source": {"type": "content", "content": [{"type": "text"}]}})
        )),
        ["messages[0].content[0].source"]
    );
    assert_eq!(missed(json!({"system": [{"type": "image"}]})), ["system[0]"]);
}

#[test]
fn refuses_what_is_no_request_and_says_where() {
    let field = |more: Value| refused(more).field;
    assert_eq!(field(json!({"messages": []})), "messages");
    assert_eq!(field(json!({"max_tokens": null})), "max_tokens");
    assert_eq!(
        field(json!({"messages": [{"role": "tool", "content": "x"}]})),
        "messages[0].role"
    );
    assert_eq!(field(json!({"tools": [{"input_schema": {}}]})), "tools[0].name");
    assert_eq!(
        field(json!({"tool_choice": {"type": "tool"}})),
        "tool_choice.name"
    );
    assert_eq!(
        field(json!({"tool_choice": {"type": "some"}})),
        "tool_choice.type"
    );
    assert_eq!(
        field(json!({"thinking": {"type": "enabled"}})),
        "thinking.budget_tokens"
    );
    assert_eq!(field(json!({"thinking": {"type": "deep"}})), "thinking.type");
    assert_eq!(
        field(json!({"output_config": {"effort": "utmost"}})),
        "output_config.effort"
    );
    assert_eq!(
        field(json!({"output_config": {"format": {"type": "xml"}}})),
        "output_config.format.type"
    );
    assert_eq!(
        field(json!({"output_config": {"format": {"type": "json_schema"}}})),
        "output_config.format.schema"
    );
    let block = |block: Value| field(json!({"messages": [{"role": "user", "content": [block]}]}));
    assert_eq!(block(json!({"type": "image"})), "messages[0].content[0].source");
    assert_eq!(
        block(json!({"type": "image", "source": {"type": "base64", "data": "x"}})),
        "messages[0].content[0].source.media_type"
    );
    assert_eq!(
        block(json!({"type": "tool_use", "id": "a", "input": {}})),
        "messages[0].content[0].name"
    );
    assert_eq!(
        block(json!({"type": "tool_result"})),
        "messages[0].content[0].tool_use_id"
    );
    assert_eq!(
        block(json!({"type": "redacted_thinking"})),
        "messages[0].content[0].data"
    );
}

#[test]
fn never_repeats_what_was_said() {
    let refusal =
        refused(json!({"messages": [{"role": "user", "content": [{"type": "text", "text": ["a secret"]}]}]}));
    assert!(!refusal.message.contains("secret"), "{}", refusal.message);
    assert!(
        read_request(b"a secret")
            .unwrap_err()
            .message
            .contains("not JSON")
    );
}

#[test]
fn counts_need_no_limit() {
    let body = br#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
    assert_eq!(read_count(body).unwrap().max_tokens, None);
    assert_eq!(read_request(body).unwrap_err().field, "max_tokens");
    assert_eq!(write_count(12), br#"{"input_tokens":12}"#);
}

proptest::proptest! {
    #[test]
    fn survives_any_bytes(data in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        let _ = read_request(&data);
    }

    #[test]
    fn survives_any_block(kind in "(text|image|document|tool_use|tool_result|thinking|new)",
                          field in "(text|source|content|input|id|signature|citations|cache_control)",
                          value in "(null|1|\"x\"|\\[\\]|\\{\\}|\\[\\{\"type\":\"text\"\\}\\]|\\{\"type\":\"url\"\\})") {
        let body = format!(r#"{{"max_tokens":1,"messages":[{{"role":"user","content":[{{"type":"{kind}","{field}":{value}}}]}}]}}"#);
        let _ = read_request(body.as_bytes());
    }
}
