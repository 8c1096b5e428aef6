//! What each maker's models are told of thinking and sampling.

use serde_json::{Value, json};

use super::write::{CLAUDE, hello, written};
use crate::form::{Ask, Effort, Reasoning};

fn sampled() -> Ask<'static> {
    Ask {
        temperature: Some(0.5),
        top_p: Some(0.9),
        top_k: Some(40),
        ..hello()
    }
}

fn thinking(reasoning: Reasoning) -> Ask<'static> {
    Ask {
        reasoning: Some(reasoning),
        ..hello()
    }
}

/// What is said beside Converse's own fields, the level of effort, and what was dropped.
fn told(ask: &Ask<'_>, model: &str) -> (Value, Value, Vec<String>) {
    let (body, dropped) = written(ask, model);
    let extra = body["additionalModelRequestFields"].clone();
    (extra, body["outputConfig"]["effort"].clone(), dropped)
}

#[test]
fn claude_thinks_within_a_budget_or_by_effort() {
    let ask = thinking(Reasoning::Effort(Effort::Low));
    let (extra, effort, dropped) = told(&ask, CLAUDE);
    assert_eq!(
        extra,
        json!({"thinking": {"type": "enabled", "budget_tokens": 4_096}})
    );
    assert_eq!((effort, dropped), (Value::Null, vec![]));
    let (extra, effort, dropped) = told(&ask, "global.anthropic.claude-opus-4-7");
    assert_eq!(
        extra,
        json!({"thinking": {"type": "adaptive", "display": "summarized"}})
    );
    assert_eq!((effort, dropped), (json!("low"), vec![]));
}

#[test]
fn claude_gets_the_sampling_that_its_generation_takes() {
    let (body, dropped) = written(&sampled(), "anthropic.claude-3-7-sonnet-20250219-v1:0");
    assert_eq!(body["inferenceConfig"], json!({"temperature": 0.5, "topP": 0.9}));
    assert_eq!(body["additionalModelRequestFields"], json!({"top_k": 40}));
    assert_eq!(dropped, Vec::<String>::new());
    let (body, dropped) = written(&sampled(), CLAUDE);
    assert_eq!(body["inferenceConfig"], json!({"temperature": 0.5}));
    assert_eq!(dropped, ["top_p"]);
    let (body, dropped) = written(&sampled(), "anthropic.claude-opus-4-8");
    assert_eq!(body["inferenceConfig"], Value::Null);
    assert_eq!(dropped, ["temperature", "top_p", "top_k"]);
}

#[test]
fn claude_gets_no_sampling_beside_thinking() {
    let ask = Ask {
        reasoning: Some(Reasoning::Budget(2_000)),
        ..sampled()
    };
    let (body, dropped) = written(&ask, CLAUDE);
    assert_eq!(body["inferenceConfig"], Value::Null);
    assert_eq!(
        body["additionalModelRequestFields"],
        json!({"thinking": {"type": "enabled", "budget_tokens": 2_000}})
    );
    assert_eq!(dropped, ["temperature", "top_p", "top_k"]);
}

#[test]
fn nova_has_words_of_its_own() {
    let (extra, _, dropped) = told(&sampled(), "us.amazon.nova-pro-v1:0");
    assert_eq!(extra, json!({"inferenceConfig": {"topK": 40}}));
    assert_eq!(dropped, Vec::<String>::new());
    let (extra, _, dropped) = told(&thinking(Reasoning::Effort(Effort::Low)), "amazon.nova-pro-v1:0");
    assert_eq!(
        (extra, dropped),
        (Value::Null, vec!["reasoning_effort".to_owned()])
    );
}

#[test]
fn nova_2_thinks_without_sampling_and_deepest_without_a_limit() {
    let ask = Ask {
        reasoning: Some(Reasoning::Effort(Effort::High)),
        ..sampled()
    };
    let config = |level: &str| json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": level}});
    let (extra, _, dropped) = told(&ask, "us.amazon.nova-2-lite-v1:0");
    assert_eq!(extra, config("high"));
    assert_eq!(dropped, ["temperature", "top_p", "top_k"]);
    let limited = Ask {
        max_tokens: Some(500),
        ..thinking(Reasoning::Effort(Effort::High))
    };
    let (extra, _, dropped) = told(&limited, "us.amazon.nova-2-lite-v1:0");
    assert_eq!(
        (extra, dropped),
        (config("medium"), vec!["reasoning_effort".to_owned()])
    );
}

#[test]
fn models_of_openai_have_their_own_effort() {
    let ask = thinking(Reasoning::Effort(Effort::ExtraHigh));
    let (extra, ..) = told(&ask, "openai.gpt-oss-120b-1:0");
    assert_eq!(extra, json!({"reasoning_effort": "high"}));
    let (extra, ..) = told(&ask, "us.openai.gpt-5.5");
    assert_eq!(extra, json!({"reasoning": {"effort": "xhigh"}}));
    let (extra, _, dropped) = told(&thinking(Reasoning::Off), "us.openai.gpt-oss-20b-1:0");
    assert_eq!(extra, json!({"reasoning_effort": "low"}));
    assert_eq!(dropped, ["reasoning_effort"]);
}

#[test]
fn a_model_whose_maker_is_unknown_gets_what_every_model_takes() {
    let arn = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/a1b2c3";
    let ask = Ask {
        reasoning: Some(Reasoning::Adaptive),
        ..sampled()
    };
    let (body, dropped) = written(&ask, arn);
    assert_eq!(body["inferenceConfig"], json!({"temperature": 0.5, "topP": 0.9}));
    assert_eq!(body["additionalModelRequestFields"], Value::Null);
    assert_eq!(dropped, ["top_k", "reasoning_effort"]);
}

#[test]
fn the_maker_is_found_in_an_arn() {
    let arn = "arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-opus-4-6-v1";
    let (extra, effort, _) = told(&thinking(Reasoning::Effort(Effort::High)), arn);
    assert_eq!(extra, json!({"thinking": {"type": "adaptive"}}));
    assert_eq!(effort, "high");
    let arn = "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-lite-v1:0";
    assert_eq!(told(&sampled(), arn).0, json!({"inferenceConfig": {"topK": 40}}));
}

#[test]
fn a_temperature_above_one_is_one_and_named() {
    let ask = Ask {
        temperature: Some(1.5),
        ..hello()
    };
    let (body, dropped) = written(&ask, "meta.llama4-scout-17b-instruct-v1:0");
    assert_eq!(body["inferenceConfig"], json!({"temperature": 1.0}));
    assert_eq!(dropped, ["temperature"]);
}
