use serde_json::{Value, json};

use super::Model;
use crate::form::{Effort, Reasoning};

/// The field `thinkingConfig` for `model`, and whether it is what was asked for.
fn plan(model: &str, reasoning: Reasoning) -> (Value, bool) {
    let plan = Model::named(model).plan(reasoning);
    (json!(plan.thinking), plan.is_as_asked)
}

#[test]
fn tells_generations_by_name_and_takes_unknown_names_for_the_newest() {
    let generations = [
        ("gemini-2.0-flash", false, false),
        ("gemini-2.5-pro", false, true),
        ("gemini-3-pro-preview", true, true),
        ("gemini-3.1-flash-lite", true, true),
        ("gemini-flash-latest", true, true),
        ("my-tuned-model", true, true),
    ];
    for (name, signs, fetches) in generations {
        let model = Model::named(name);
        assert_eq!(
            (model.wants_signatures(), model.fetches()),
            (signs, fetches),
            "{name}"
        );
    }
}

#[test]
fn says_effort_as_a_level_from_the_third_generation_on() {
    let levels = [
        ("gemini-3-flash-preview", Effort::Minimal, "MINIMAL"),
        ("gemini-3.8-flash", Effort::Minimal, "LOW"),
        ("gemini-3.1-pro-preview", Effort::Minimal, "LOW"),
        ("gemini-4-flash-lite", Effort::Minimal, "MINIMAL"),
        ("gemini-3.1-pro-preview", Effort::Low, "LOW"),
        ("gemini-3.1-pro-preview", Effort::Medium, "MEDIUM"),
        ("gemini-3.1-pro-preview", Effort::High, "HIGH"),
        ("gemini-3.1-pro-preview", Effort::Max, "HIGH"),
    ];
    for (model, effort, level) in levels {
        let golden = json!({"includeThoughts": true, "thinkingLevel": level});
        assert_eq!(
            plan(model, Reasoning::Effort(effort)),
            (golden, true),
            "{model} {effort:?}"
        );
    }
}

#[test]
fn says_effort_as_a_budget_to_the_generation_before() {
    let budgets = [
        ("gemini-2.5-flash", Reasoning::Effort(Effort::Low), 4_096, true),
        ("gemini-2.5-flash", Reasoning::Effort(Effort::Max), 24_576, true),
        ("gemini-2.5-pro", Reasoning::Effort(Effort::Max), 32_768, true),
        ("gemini-2.5-pro", Reasoning::Budget(2_000), 2_000, true),
        ("gemini-2.5-pro", Reasoning::Budget(100), 128, false),
        ("gemini-2.5-flash-lite", Reasoning::Budget(100), 512, false),
        ("gemini-2.5-flash", Reasoning::Budget(u64::MAX), 24_576, true),
        ("gemini-2.5-flash", Reasoning::Adaptive, -1, true),
    ];
    for (model, reasoning, budget, is_as_asked) in budgets {
        let golden = json!({"includeThoughts": true, "thinkingBudget": budget});
        assert_eq!(
            plan(model, reasoning),
            (golden, is_as_asked),
            "{model} {reasoning:?}"
        );
    }
}

#[test]
fn turns_thinking_off_where_it_can_and_else_says_that_it_could_not() {
    let off = [
        (
            "gemini-2.5-flash",
            json!({"includeThoughts": false, "thinkingBudget": 0}),
            true,
        ),
        (
            "gemini-2.5-pro",
            json!({"includeThoughts": false, "thinkingBudget": 128}),
            false,
        ),
        (
            "gemini-3-flash",
            json!({"includeThoughts": false, "thinkingLevel": "MINIMAL"}),
            false,
        ),
        (
            "gemini-3.1-pro",
            json!({"includeThoughts": false, "thinkingLevel": "LOW"}),
            false,
        ),
        ("gemini-2.0-flash", Value::Null, true),
    ];
    for (model, golden, is_as_asked) in off {
        assert_eq!(
            plan(model, Reasoning::Off),
            (golden.clone(), is_as_asked),
            "{model}"
        );
        assert_eq!(
            plan(model, Reasoning::Budget(0)),
            (golden, is_as_asked),
            "{model}"
        );
    }
}

#[test]
fn asks_a_model_that_does_not_think_for_no_thoughts() {
    assert_eq!(
        plan("gemini-2.0-flash", Reasoning::Effort(Effort::High)),
        (Value::Null, false)
    );
}

#[test]
fn leaves_the_amount_to_the_newest_when_it_is_adaptive() {
    assert_eq!(
        plan("gemini-3.1-pro", Reasoning::Adaptive),
        (json!({"includeThoughts": true}), true)
    );
}
