use super::{Claude, Off};
use crate::form::Effort;

#[test]
fn reads_the_version_out_of_every_spelling() {
    let version = |name| Claude::named(name).version;
    assert_eq!(version("claude-3-7-sonnet-20250219"), Some((3, 7)));
    assert_eq!(version("claude-3-opus-20240229"), Some((3, 0)));
    assert_eq!(version("claude-sonnet-4-20250514"), Some((4, 0)));
    assert_eq!(version("claude-sonnet-4-5@20250929"), Some((4, 5)));
    assert_eq!(version("us.anthropic.claude-opus-4-6-v1"), Some((4, 6)));
    assert_eq!(version("anthropic.claude-opus-4-1-20250805-v1:0"), Some((4, 1)));
    assert_eq!(version("anthropic/claude-opus-4.7"), Some((4, 7)));
    assert_eq!(version("claude-opus-5"), Some((5, 0)));
    assert_eq!(version("claude-fable-5-1"), Some((5, 1)));
    assert_eq!(version("claude-mythos-preview"), Some((u32::MAX, 0)));
    assert_eq!(version("deepseek-chat"), None);
}

#[test]
fn knows_who_takes_sampling() {
    let takes = |name| Claude::named(name).takes_sampling();
    assert!(takes("claude-opus-4-6") && takes("claude-haiku-4-5") && takes("deepseek-chat"));
    assert!(!takes("claude-opus-4-7") && !takes("claude-sonnet-5") && !takes("claude-mythos-preview"));
    assert!(Claude::named("claude-opus-4-1").takes_one_sampling());
    assert!(!Claude::named("claude-3-7-sonnet").takes_one_sampling());
    assert!(!Claude::named("kimi-k2").takes_one_sampling());
}

#[test]
fn knows_how_each_thinks() {
    assert!(!Claude::named("claude-haiku-4-5-20251001").thinks_by_effort());
    assert!(!Claude::named("kimi-k2").thinks_by_effort());
    assert!(Claude::named("claude-sonnet-4-6").thinks_by_effort());
    let off = |name| Claude::named(name).off();
    assert_eq!(off("claude-opus-4-8"), Off::ByItself);
    assert_eq!(off("claude-3-7-sonnet-20250219"), Off::ByItself);
    assert_eq!(off("claude-opus-5"), Off::Disabled);
    assert_eq!(off("claude-opus-5-5"), Off::Never);
    assert_eq!(off("claude-sonnet-5"), Off::Disabled);
    assert_eq!(off("claude-sonnet-5-5"), Off::BetweenTools);
    assert_eq!(off("claude-haiku-5-5"), Off::Disabled);
    assert_eq!(off("claude-fable-5"), Off::Never);
    assert_eq!(off("claude-mythos-preview"), Off::Never);
    assert_eq!(off("glm-5"), Off::Disabled);
}

#[test]
fn calls_efforts_what_the_model_knows() {
    let old = Claude::named("claude-opus-4-6");
    let new = Claude::named("claude-opus-4-7");
    assert_eq!(old.effort(Effort::Minimal), "low");
    assert_eq!(old.effort(Effort::ExtraHigh), "high");
    assert_eq!(new.effort(Effort::ExtraHigh), "xhigh");
}

#[test]
fn asks_for_as_much_as_the_model_gives() {
    assert_eq!(Claude::named("claude-3-haiku-20240307").max_tokens(), 4_096);
    assert_eq!(Claude::named("claude-3-5-haiku-20241022").max_tokens(), 8_192);
    assert_eq!(Claude::named("claude-sonnet-4-5").max_tokens(), 16_384);
    assert_eq!(Claude::named("deepseek-chat").max_tokens(), 8_192);
}
