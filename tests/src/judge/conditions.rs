//! What must hold of every status by itself: the rules that Flux checks its own controllers by
//! (`fluxcd/pkg/runtime/conditions/check`), and Weir's own. Flux's FAIL0010 is left out: it wants a status that is
//! still reconciling to say so by an older `observedGeneration`; Weir has observed a generation once it was judged.

use super::record::Written;

/// Judges a status; the error says what is wrong with it.
pub type Rule = fn(&Written) -> Result<(), String>;

/// All of them, by name.
pub const RULES: [(&str, Rule); 8] = [
    ("no_generation_is_observed_ahead", no_generation_is_observed_ahead),
    ("ready_is_always_told", ready_is_always_told),
    ("nothing_bad_stands_beside_ready", nothing_bad_stands_beside_ready),
    ("not_ready_while_reconciling", not_ready_while_reconciling),
    ("not_ready_when_stalled", not_ready_when_stalled),
    ("never_reconciling_and_stalled", never_reconciling_and_stalled),
    (
        "every_condition_is_of_the_observed_generation",
        every_condition_is_of_the_observed_generation,
    ),
    ("ready_sums_up_the_others", ready_sums_up_the_others),
];

/// Conditions that are bad news when they are true.
const NEGATIVE: [&str; 2] = ["Reconciling", "Stalled"];

/// Conditions without which nothing is ready.
const POSITIVE: [&str; 3] = ["Accepted", "ResolvedRefs", "Programmed"];

fn demand(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

/// FAIL0006, at the root and in each condition.
pub fn no_generation_is_observed_ahead(written: &Written) -> Result<(), String> {
    let conditions = written.status.conditions.iter();
    let observed = conditions.map(|condition| condition.observed_generation);
    let newest = observed.chain([written.status.observed_generation]).max();
    demand(newest <= Some(written.generation), || {
        format!(
            "generation {newest:?} is observed, and there are only {}",
            written.generation
        )
    })
}

/// FAIL0002.
pub fn ready_is_always_told(written: &Written) -> Result<(), String> {
    demand(written.status.condition("Ready").is_some(), || {
        "there is no condition Ready".to_owned()
    })
}

/// FAIL0001.
pub fn nothing_bad_stands_beside_ready(written: &Written) -> Result<(), String> {
    let status = &written.status;
    let bad = NEGATIVE.iter().find(|kind| status.is_true(kind));
    demand(!status.is_true("Ready") || bad.is_none(), || {
        format!("Ready and {bad:?} are both true")
    })
}

/// FAIL0003 and FAIL0011.
pub fn not_ready_while_reconciling(written: &Written) -> Result<(), String> {
    false_if(written, "Reconciling")
}

/// FAIL0004.
pub fn not_ready_when_stalled(written: &Written) -> Result<(), String> {
    false_if(written, "Stalled")
}

fn false_if(written: &Written, negative: &str) -> Result<(), String> {
    let ready = written
        .status
        .condition("Ready")
        .map(|ready| ready.status.as_str());
    demand(
        !written.status.is_true(negative) || ready == Some("False"),
        || format!("{negative} is true and Ready is {ready:?}"),
    )
}

/// FAIL0005.
pub fn never_reconciling_and_stalled(written: &Written) -> Result<(), String> {
    let both = NEGATIVE
        .iter()
        .all(|kind| written.status.condition(kind).is_some());
    demand(!both, || "it is reconciling and stalled".to_owned())
}

/// FAIL0009, and more: of a status that is not ready, too.
pub fn every_condition_is_of_the_observed_generation(written: &Written) -> Result<(), String> {
    let observed = written.status.observed_generation;
    let conditions = &mut written.status.conditions.iter();
    let other = conditions.find(|condition| condition.observed_generation != observed);
    demand(other.is_none(), || {
        format!("{other:?} is of another generation than {observed}")
    })
}

/// A summary that is true over something false promises too much; one that is false must be followed by what comes
/// of it: tools wait as long as something is reconciling, and give up on what has stalled.
pub fn ready_sums_up_the_others(written: &Written) -> Result<(), String> {
    let status = &written.status;
    let lacking = POSITIVE.iter().find(|kind| {
        let condition = status.condition(kind);
        condition.is_some_and(|condition| condition.status != "True")
    });
    let moves = NEGATIVE.iter().any(|kind| status.is_true(kind));
    demand(
        status.is_true("Ready") == lacking.is_none() && status.is_true("Ready") != moves,
        || {
            format!(
                "Ready is {:?}, with {lacking:?} lacking, under way or stalled: {moves}",
                status.condition("Ready")
            )
        },
    )
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;
    use serde_json::{Value, json};

    use super::RULES;
    use crate::judge::record::{Written, written};

    fn condition(kind: &str, status: &str) -> Value {
        json!({"type": kind, "status": status, "observedGeneration": 2})
    }

    fn object(conditions: &[(&str, &str)]) -> Value {
        let conditions: Vec<Value> = conditions
            .iter()
            .map(|(kind, status)| condition(kind, status))
            .collect();
        json!({
            "kind": "LoadBalancingPolicy",
            "metadata": {"name": "p", "namespace": "a", "generation": 2},
            "status": {"observedGeneration": 2, "conditions": conditions},
        })
    }

    fn read(object: &Value) -> Written {
        written(Timestamp::UNIX_EPOCH, object).unwrap()
    }

    fn broken(object: &Value) -> Vec<&'static str> {
        let written = read(object);
        let broken = RULES.iter().filter(|(_, rule)| rule(&written).is_err());
        broken.map(|(name, _)| *name).collect()
    }

    const GOOD: [(&str, &str); 4] = [
        ("Accepted", "True"),
        ("ResolvedRefs", "True"),
        ("Programmed", "True"),
        ("Ready", "True"),
    ];

    #[test]
    fn a_good_status_breaks_no_rule() {
        assert!(broken(&object(&GOOD)).is_empty());
        let waiting = [
            ("Accepted", "True"),
            ("Programmed", "False"),
            ("Ready", "False"),
            ("Reconciling", "True"),
        ];
        assert!(broken(&object(&waiting)).is_empty());
        assert!(
            broken(&object(&[
                ("Accepted", "False"),
                ("Ready", "False"),
                ("Stalled", "True")
            ]))
            .is_empty()
        );
    }

    #[test]
    fn a_generation_that_is_not_there_yet_can_not_have_been_observed() {
        let mut ahead = object(&GOOD);
        ahead["metadata"]["generation"] = 1.into();
        assert_eq!(broken(&ahead), ["no_generation_is_observed_ahead"]);
        let mut condition_ahead = object(&GOOD);
        condition_ahead["status"]["conditions"][1]["observedGeneration"] = 3.into();
        let rules = [
            "no_generation_is_observed_ahead",
            "every_condition_is_of_the_observed_generation",
        ];
        assert_eq!(broken(&condition_ahead), rules);
    }

    #[test]
    fn a_condition_of_an_older_generation_is_found() {
        let mut stale = object(&GOOD);
        stale["status"]["conditions"][2]["observedGeneration"] = 1.into();
        assert_eq!(broken(&stale), ["every_condition_is_of_the_observed_generation"]);
    }

    #[test]
    fn ready_must_be_there_and_must_not_be_contradicted() {
        let silent = broken(&object(&[("Accepted", "True")]));
        assert_eq!(silent, ["ready_is_always_told", "ready_sums_up_the_others"]);
        for (negative, rule) in [
            ("Reconciling", "not_ready_while_reconciling"),
            ("Stalled", "not_ready_when_stalled"),
        ] {
            let contradicted = broken(&object(&[("Ready", "True"), (negative, "True")]));
            assert_eq!(
                contradicted,
                [
                    "nothing_bad_stands_beside_ready",
                    rule,
                    "ready_sums_up_the_others"
                ]
            );
            let unknown = broken(&object(&[("Ready", "Unknown"), (negative, "True")]));
            assert!(unknown.contains(&rule));
        }
    }

    #[test]
    fn nothing_is_both_stalled_and_reconciling() {
        let both = object(&[
            ("Accepted", "False"),
            ("Ready", "False"),
            ("Stalled", "True"),
            ("Reconciling", "True"),
        ]);
        assert_eq!(broken(&both), ["never_reconciling_and_stalled"]);
    }

    #[test]
    fn ready_is_no_more_than_all_of_the_others() {
        let rosy = object(&[("Accepted", "True"), ("Programmed", "False"), ("Ready", "True")]);
        assert_eq!(broken(&rosy), ["ready_sums_up_the_others"]);
        let stuck = object(&[("Accepted", "False"), ("Ready", "False")]);
        assert_eq!(broken(&stuck), ["ready_sums_up_the_others"]);
    }
}
