use super::{Mode, Thinking};
use crate::claude::Claude;
use crate::form::{Ask, Effort, Part, Reasoning, Role, Text, Thought, ToolCall, ToolChoice, Turn};

fn thinking(model: &str, ask: &Ask<'_>) -> Thinking {
    Claude::named(model).thinking(ask)
}

fn asked(reasoning: Reasoning) -> Ask<'static> {
    Ask {
        reasoning: Some(reasoning),
        ..Ask::default()
    }
}

#[test]
fn effort_is_a_budget_up_to_4_5_and_a_level_from_4_6_on() {
    let ask = asked(Reasoning::Effort(Effort::Medium));
    let old = thinking("claude-sonnet-4-5-20250929", &ask);
    assert_eq!(old.mode, Some(Mode::Enabled { budget_tokens: 8_192 }));
    assert_eq!(old.effort, None);
    for (model, display) in [
        ("claude-opus-4-6", None),
        ("claude-opus-4-7", Some("summarized")),
        ("claude-opus-5-5", Some("summarized")),
    ] {
        let new = thinking(model, &ask);
        let wanted = (Some(Mode::Adaptive { display }), Some("medium"));
        assert_eq!((new.mode, new.effort), wanted, "{model}");
    }
}

#[test]
fn a_budget_stays_one_where_budgets_are_taken() {
    let ask = asked(Reasoning::Budget(2_000));
    assert_eq!(
        thinking("claude-opus-4-6", &ask).mode,
        Some(Mode::Enabled { budget_tokens: 2_000 })
    );
    let new = thinking("claude-opus-4-7", &ask);
    let display = Some("summarized");
    assert_eq!(
        (new.mode, new.effort),
        (Some(Mode::Adaptive { display }), Some("low"))
    );
}

#[test]
fn a_budget_leaves_room_for_the_answer_or_is_left_out() {
    let mut ask = asked(Reasoning::Budget(8_000));
    ask.max_tokens = Some(4_000);
    let less = thinking("claude-sonnet-4-5", &ask);
    assert_eq!(less.mode, Some(Mode::Enabled { budget_tokens: 3_999 }));
    assert!(!less.is_as_asked);
    ask.max_tokens = Some(500);
    let none = thinking("claude-sonnet-4-5", &ask);
    assert_eq!((none.mode, none.is_as_asked), (None, false));
}

#[test]
fn a_budget_is_left_out_where_a_call_comes_without_the_thoughts_before_it() {
    let call = Part::ToolCall(ToolCall {
        id: "a".into(),
        name: "f".into(),
        arguments: "{}".into(),
        signature: None,
    });
    let mut ask = asked(Reasoning::Effort(Effort::Low));
    ask.turns = vec![Turn {
        role: Role::Assistant,
        parts: vec![Part::Text(Text::new("so")), call],
    }];
    let without = thinking("claude-sonnet-4-5", &ask);
    assert_eq!((without.mode, without.is_as_asked), (None, false));
    ask.turns[0].parts.push(Part::Thought(Thought {
        signature: Some("proof".into()),
        ..Thought::default()
    }));
    assert!(thinking("claude-sonnet-4-5", &ask).is_on());
}

#[test]
fn off_is_the_least_that_a_generation_can_do() {
    let ask = asked(Reasoning::Off);
    for (model, mode, effort) in [
        ("claude-opus-4-8", None, None),
        ("claude-opus-5", Some(Mode::Disabled), None),
        ("claude-sonnet-5-5", Some(Mode::BetweenTools), None),
        ("claude-opus-5-5", None, Some("low")),
        ("claude-fable-5", None, Some("low")),
    ] {
        let least = thinking(model, &ask);
        assert_eq!((least.mode, least.effort), (mode, effort), "{model}");
        assert_eq!(least.is_as_asked, effort.is_none(), "{model}");
    }
}

#[test]
fn no_generation_thinks_before_a_call_that_it_is_forced_to() {
    let mut ask = asked(Reasoning::Effort(Effort::High));
    ask.tool_choice = Some(ToolChoice::Required);
    let forced = thinking("claude-sonnet-4-5", &ask);
    assert_eq!((forced.mode, forced.is_as_asked), (None, false));
    ask.reasoning = None;
    let quiet = thinking("claude-opus-5", &ask);
    assert_eq!((quiet.mode, quiet.is_as_asked), (Some(Mode::Disabled), true));
    assert_eq!(
        thinking("deepseek-chat", &ask).mode,
        None,
        "nothing is known of it"
    );
}

#[test]
fn no_step_of_effort_takes_all_that_a_model_may_say() {
    let budget = |model| thinking(model, &asked(Reasoning::Effort(Effort::Max))).mode;
    let enabled = |budget_tokens| Some(Mode::Enabled { budget_tokens });
    assert_eq!(budget("claude-opus-4-1"), enabled(16_000));
    assert_eq!(budget("claude-sonnet-4-5"), enabled(32_000));
    assert_eq!(budget("deepseek-chat"), enabled(65_536), "nothing is known of it");
}
