//! Who is let in, and what is left for whom.

use http::HeaderMap;
use weir_table::{AccessKey, Allowed, KeyHash, Names, Scope, Table, Validity};

use super::{Admission, Caller, Rules, admit};
use crate::error::Failure;
use crate::state::{Callers, Snapshot};

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn only(parts: &[(&str, &[&str])]) -> Allowed {
    let names = |names: &[&str]| Names::Only(names.iter().map(|name| (*name).to_owned()).collect());
    Allowed::Within(
        parts
            .iter()
            .map(|(first, second)| ((*first).to_owned(), names(second)))
            .collect(),
    )
}

/// One caller of namespace `home`, whose key expires at 100.
fn with_one_caller() -> Snapshot {
    let validity = Validity {
        expires_at: Some(100),
    };
    let caller = AccessKey {
        keys: [(KeyHash::of(KEY.as_bytes()), validity)].into(),
        policies: only(&[("home", &["mine"]), ("other", &["theirs"])]),
        models: only(&[("openai", &["gpt-4o"])]),
    };
    let mut table = Table::empty(Scope::Namespace("home".to_owned()));
    table.access_keys = [("web".to_owned(), caller)].into();
    Snapshot {
        callers: Callers::of([&table]),
        listed: true,
        ..Snapshot::default()
    }
}

fn without_callers() -> Snapshot {
    Snapshot {
        listed: true,
        ..Snapshot::default()
    }
}

fn rules(admission: Admission) -> Rules {
    Rules {
        admission,
        default_namespace: "default".to_owned(),
    }
}

/// As whom `key` is let in: a holder's label, `anybody`, or the class of the failure.
fn let_in(snapshot: &Snapshot, admission: Admission, key: Option<&str>, now: i64) -> String {
    let headers: HeaderMap = key
        .map(|key| {
            (
                http::header::AUTHORIZATION,
                format!("Bearer {key}").parse().unwrap(),
            )
        })
        .into_iter()
        .collect();
    match admit(snapshot, &rules(admission), &headers, now) {
        Ok(Caller {
            holder: Some(holder),
            namespace,
        }) => format!("{} of {namespace}", holder.label),
        Ok(Caller {
            holder: None,
            namespace,
        }) => format!("anybody of {namespace}"),
        Err(Failure { class, .. }) => class.to_string(),
    }
}

const ANYBODY: &str = "anybody of default";
const WEB: &str = "home/web of home";
const REFUSED: &str = "Unauthenticated";

#[test]
fn a_router_that_wants_keys_takes_nobody_without_a_valid_one() {
    let (some, none) = (with_one_caller(), without_callers());
    let keys = |snapshot, key, now| let_in(snapshot, Admission::Keys, key, now);
    assert_eq!(keys(&some, Some(KEY), 99), WEB);
    assert_eq!(keys(&some, Some(KEY), 100), REFUSED, "it has expired");
    assert_eq!(keys(&some, Some("unused"), 0), REFUSED);
    assert_eq!(keys(&some, None, 0), REFUSED);
    assert_eq!(keys(&none, None, 0), REFUSED);
    assert_eq!(keys(&none, Some(KEY), 0), REFUSED);
}

#[test]
fn without_any_access_key_a_keyless_router_does_not_look_at_keys() {
    for admission in [Admission::KeysIfAny, Admission::KeysOrNone] {
        for key in [None, Some("unused")] {
            assert_eq!(let_in(&without_callers(), admission, key, 0), ANYBODY);
        }
    }
}

#[test]
fn with_access_keys_everybody_needs_one_unless_that_was_waived() {
    let snapshot = with_one_caller();
    assert_eq!(let_in(&snapshot, Admission::KeysIfAny, None, 0), REFUSED);
    assert_eq!(let_in(&snapshot, Admission::KeysOrNone, None, 0), ANYBODY);
    for admission in [Admission::KeysIfAny, Admission::KeysOrNone] {
        assert_eq!(let_in(&snapshot, admission, Some(KEY), 0), WEB);
        assert_eq!(let_in(&snapshot, admission, Some("unused"), 0), REFUSED);
    }
}

#[test]
fn nobody_is_refused_for_a_key_nor_let_in_without_one_before_the_tables_are_read() {
    let unread = Snapshot::default();
    assert_eq!(
        let_in(&unread, Admission::Keys, Some(KEY), 0),
        "PolicyUnavailable"
    );
    assert_eq!(
        let_in(&unread, Admission::KeysIfAny, None, 0),
        "PolicyUnavailable"
    );
}

#[test]
fn a_holder_may_name_what_its_lists_say_where_it_can_see_it() {
    let snapshot = with_one_caller();
    let caller = Caller::holding(snapshot.callers.find(KEY.as_bytes(), 0).unwrap());
    let to_home = |home: &str| home == "home";
    let to_nobody = |_: &str| false;
    assert!(caller.may_name_policy("home", "mine", to_nobody));
    assert!(!caller.may_name_policy("home", "else", to_nobody));
    assert!(caller.may_name_policy("other", "theirs", to_home));
    assert!(!caller.may_name_policy("other", "theirs", to_nobody));
    assert!(!caller.may_name_policy("other", "else", to_home));
    assert!(caller.may_name_model("openai", "gpt-4o"));
    assert!(!caller.may_name_model("openai", "gpt-4o@eu"));
}

#[test]
fn no_refusal_repeats_a_key() {
    let snapshot = with_one_caller();
    let mut headers = HeaderMap::new();
    headers.insert("x-api-key", "canary-canary-canary-canary-canary".parse().unwrap());
    let rules = rules(Admission::Keys);
    let failure = admit(&snapshot, &rules, &headers, 0).unwrap_err();
    headers.insert("authorization", "Bearer canary-other".parse().unwrap());
    let other = admit(&snapshot, &rules, &headers, 0).unwrap_err();
    assert!(!format!("{failure:?}{other:?}").contains("canary"));
}
