use serde_json::json;
use serde_json::value::RawValue;

use super::{NEWEST, OLDER, assistant, hello, refused, text, user, written};
use crate::form::{Ask, Extra, Output, Part, Reasoning, Schema, Text, Thought, Weight};

#[test]
fn writes_instructions_and_turns_that_take_turns() {
    let ask = Ask {
        system: vec![Text::new("Be brief."), Text::new(""), Text::new("Be kind.")],
        turns: vec![
            user(vec![text("One")]),
            user(vec![text("Two")]),
            assistant(vec![text("Three"), Part::Refusal("No.".into())]),
            user(vec![text("Four")]),
        ],
        ..Ask::default()
    };
    let golden = json!({
        "systemInstruction": {"parts": [{"text": "Be brief."}, {"text": "Be kind."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "One"}, {"text": "Two"}]},
            {"role": "model", "parts": [{"text": "Three"}, {"text": "No."}]},
            {"role": "user", "parts": [{"text": "Four"}]}
        ],
        "generationConfig": {}
    });
    assert_eq!(written(&ask, NEWEST), (golden, vec![]));
}

#[test]
fn leaves_out_turns_in_which_nothing_is_said() {
    let ask = Ask {
        turns: vec![
            user(vec![text("One")]),
            assistant(vec![text("")]),
            user(vec![text("Two")]),
        ],
        ..Ask::default()
    };
    let (body, _) = written(&ask, NEWEST);
    let golden = json!([
        {"role": "user", "parts": [{"text": "One"}]},
        {"role": "user", "parts": [{"text": "Two"}]}
    ]);
    assert_eq!(body["contents"], golden);
}

#[test]
fn makes_bare_instructions_the_users_turn() {
    let ask = Ask {
        system: vec![Text::new("Tell a joke.")],
        ..Ask::default()
    };
    let (body, _) = written(&ask, NEWEST);
    assert_eq!(
        body["contents"],
        json!([{"role": "user", "parts": [{"text": "Tell a joke."}]}])
    );
    assert_eq!(body.get("systemInstruction"), None);
}

#[test]
fn writes_how_the_answer_is_to_be_made() {
    let ask = Ask {
        max_tokens: Some(100),
        temperature: Some(0.5),
        top_p: Some(0.9),
        top_k: Some(40),
        stop: vec!["END".into(), "\n".into()],
        seed: Some(-7),
        choices: Some(2),
        frequency_penalty: Some(0.25),
        presence_penalty: Some(-0.5),
        reasoning: Some(Reasoning::Adaptive),
        ..hello()
    };
    let golden = json!({
        "maxOutputTokens": 100,
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40,
        "stopSequences": ["END", "\n"],
        "seed": -7,
        "candidateCount": 2,
        "frequencyPenalty": 0.25,
        "presencePenalty": -0.5,
        "thinkingConfig": {"includeThoughts": true}
    });
    let (body, dropped) = written(&ask, NEWEST);
    assert_eq!((&body["generationConfig"], dropped), (&golden, vec![]));
}

#[test]
fn leaves_out_what_is_the_default() {
    let ask = Ask {
        choices: Some(1),
        frequency_penalty: Some(0.0),
        presence_penalty: Some(0.0),
        ..hello()
    };
    let (body, dropped) = written(&ask, OLDER);
    assert_eq!((&body["generationConfig"], dropped), (&json!({}), vec![]));
}

#[test]
fn names_what_the_model_does_not_know() {
    let ask = Ask {
        seed: Some(1 << 40),
        frequency_penalty: Some(0.5),
        presence_penalty: Some(0.5),
        reasoning: Some(Reasoning::Budget(0)),
        user: Some("u1".into()),
        extras: vec![Extra {
            field: "store".into(),
            weight: Weight::Hint,
        }],
        ..hello()
    };
    let (body, dropped) = written(&ask, "gemini-2.5-pro");
    let named = [
        "store",
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "reasoning_effort",
        "user",
    ];
    assert_eq!(dropped, named);
    assert_eq!(
        body["generationConfig"],
        json!({"thinkingConfig": {"includeThoughts": false, "thinkingBudget": 128}})
    );
}

#[test]
fn refuses_what_would_make_another_answer() {
    let ask = Ask {
        extras: vec![Extra {
            field: "logprobs".into(),
            weight: Weight::Essential,
        }],
        ..hello()
    };
    let (field, message) = refused(&ask, NEWEST);
    assert_eq!(field, "logprobs");
    assert!(message.contains("Gemini"), "{message}");
}

#[test]
fn asks_for_json_with_and_without_a_schema() {
    let ask = Ask {
        output: Output::Json,
        ..hello()
    };
    let (body, _) = written(&ask, NEWEST);
    assert_eq!(
        body["generationConfig"],
        json!({"responseMimeType": "application/json"})
    );

    let schema: &RawValue = serde_json::from_str(r#"{"z": 1.50,"a":true}"#).expect("JSON");
    let ask = Ask {
        output: Output::Schema(Schema {
            name: "s".into(),
            description: None,
            schema,
            strict: Some(true),
        }),
        ..hello()
    };
    let body = super::write_request(&ask, NEWEST).expect("written").body;
    let body = String::from_utf8(body).expect("UTF-8");
    assert!(
        body.contains(r#""responseMimeType":"application/json","responseJsonSchema":{"z": 1.50,"a":true}"#),
        "{body}"
    );
}

#[test]
fn gives_gemini_its_proofs_back_and_shows_it_no_others() {
    let thought = |signature: &str| {
        Part::Thought(Thought {
            text: "Hm".into(),
            signature: Some(signature.to_owned().into()),
            redacted: None,
        })
    };
    let own = Thought::signature_of_gemini("UFJPT0Y=");
    let ask = Ask {
        turns: vec![
            user(vec![text("Hello")]),
            assistant(vec![thought("ErUBCkYI"), text("Hi"), thought(&own)]),
            user(vec![text("And?")]),
        ],
        ..Ask::default()
    };
    let (body, dropped) = written(&ask, NEWEST);
    let golden = json!([{"text": "Hi"}, {"text": "", "thoughtSignature": "UFJPT0Y="}]);
    assert_eq!(body["contents"][1]["parts"], golden);
    assert_eq!(dropped, ["messages[].reasoning_content"]);
}
