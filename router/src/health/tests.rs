//! What opens a circuit, what closes it, and how often a request may be repeated. No clock runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use weir_table::FailureClass as C;
use weir_table::{Credential, CredentialId, FailureClass};

use super::{Account, Health, Healths, Identity, Scope, Standing};
use crate::error::Failure;

/// One target, and a clock that only moves when it is told to.
struct Rig {
    healths: Healths,
    account: Arc<Account>,
    health: Health,
    now: Instant,
}

fn identity(version: u64) -> Identity {
    Identity {
        namespace: "ns".to_owned(),
        provider: "p".to_owned(),
        base_url: "https://p.example/v1".to_owned(),
        region: None,
        credential: Credential::Named(CredentialId::of_secret_key("ns", "p", "key")),
        version,
    }
}

impl Rig {
    fn new() -> Self {
        let healths = Healths::default();
        let account = healths.account(identity(1));
        let health = Health::of(account.clone(), Some(healths.circuit(&account, "m")));
        let now = Instant::now() + Duration::from_mins(1);
        Self {
            healths,
            account,
            health,
            now,
        }
    }

    fn model(&self, name: &str) -> Health {
        Health::of(
            self.account.clone(),
            Some(self.healths.circuit(&self.account, name)),
        )
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    /// Asked and failed, both now.
    fn fails(&self, class: FailureClass) {
        self.told(class, None);
    }

    fn told(&self, class: FailureClass, retry_after: Option<Duration>) {
        let failure = Failure {
            retry_after,
            ..Failure::new(class, "x")
        };
        self.health.failed(self.now, &failure, self.now);
    }

    fn answers(&self) {
        self.health.answered(self.now, self.now);
    }

    fn fail_open(&self) {
        for _ in 0..5 {
            self.fails(C::ServerError);
        }
        assert!(self.is_open());
    }

    fn is_open(&self) -> bool {
        self.health.standing(self.now) != Standing::Well
    }

    /// How long until the next request is let through.
    fn left(&self) -> Option<Duration> {
        match self.health.standing(self.now) {
            Standing::Open(opened) => Some(opened.left),
            Standing::Well | Standing::Due => None,
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn five_failures_in_a_row_open_a_circuit() {
    let rig = Rig::new();
    for _ in 0..4 {
        rig.fails(C::ServerError);
    }
    rig.answers();
    for _ in 0..4 {
        rig.fails(C::StreamCut);
    }
    assert!(!rig.is_open(), "an answer between them begins the count anew");
    rig.fails(C::ConnectFailed);
    assert!(rig.is_open());
}

#[test]
fn half_of_twenty_failures_open_a_circuit() {
    let rig = Rig::new();
    for _ in 0..9 {
        rig.answers();
        rig.fails(C::ServerError);
    }
    rig.answers();
    assert!(!rig.is_open());
    rig.fails(C::ServerError);
    assert!(rig.is_open());
}

#[test]
fn a_share_is_one_of_ten_seconds() {
    let mut rig = Rig::new();
    for _ in 0..30 {
        rig.answers();
        rig.fails(C::ServerError);
        rig.pass(2 * SECOND);
    }
    assert!(!rig.is_open());
}

#[test]
fn one_request_is_let_through_after_five_seconds_and_then_one_every_fifteen() {
    let mut rig = Rig::new();
    rig.fail_open();
    assert_eq!(rig.left(), Some(5 * SECOND));
    assert!(rig.health.turned_away(rig.now).is_some());
    for _ in 0..3 {
        rig.pass(rig.left().unwrap());
        assert_eq!(rig.health.standing(rig.now), Standing::Due);
        assert_eq!(rig.health.turned_away(rig.now), None);
        assert!(rig.health.turned_away(rig.now).is_some(), "one at a time");
        rig.fails(C::ServerError);
        assert_eq!(rig.left(), Some(15 * SECOND));
    }
}

#[test]
fn an_answer_closes_a_circuit_and_forgets_what_was() {
    let mut rig = Rig::new();
    for _ in 0..30 {
        rig.fails(C::ServerError);
    }
    rig.pass(5 * SECOND);
    rig.answers();
    assert!(!rig.is_open());
    for _ in 0..4 {
        rig.fails(C::ServerError);
    }
    assert!(!rig.is_open());
}

#[test]
fn what_was_asked_before_a_change_says_nothing_after_it() {
    let mut rig = Rig::new();
    let before = rig.now;
    rig.pass(SECOND);
    rig.fail_open();
    rig.health.answered(before, rig.now);
    assert!(rig.is_open(), "it was well before");
    rig.pass(SECOND);
    rig.answers();
    let late = Failure::new(C::Timeout, "x");
    for _ in 0..9 {
        rig.health.failed(before, &late, rig.now);
    }
    assert!(!rig.is_open(), "it was ill before");
}

#[test]
fn a_rate_limit_opens_for_as_long_as_it_says_and_fifteen_seconds_at_most() {
    let cases = [(Some(3), 3), (Some(60), 15), (None, 1)];
    for (told, left) in cases {
        let rig = Rig::new();
        rig.told(C::RateLimited, told.map(Duration::from_secs));
        assert_eq!(rig.left(), Some(Duration::from_secs(left)), "{told:?}");
        rig.told(C::RateLimited, Some(2 * SECOND));
        assert_eq!(rig.left(), Some(2 * SECOND), "the last word counts");
    }
}

#[test]
fn a_rate_limit_of_one_model_stops_no_other() {
    let rig = Rig::new();
    rig.told(C::RateLimited, Some(9 * SECOND));
    assert!(rig.is_open());
    assert_eq!(rig.model("other").standing(rig.now), Standing::Well);
}

#[test]
fn a_refused_credential_stops_all_that_it_is_used_for_at_once() {
    for class in [C::Unauthorized, C::QuotaExhausted] {
        let mut rig = Rig::new();
        rig.fails(class);
        let Standing::Open(opened) = rig.model("other").standing(rig.now) else {
            panic!("another model goes on with it");
        };
        assert_eq!((opened.scope, opened.left), (Scope::Credential, 5 * SECOND));
        let other = rig.healths.account(identity(2));
        let rotated = Health::of(other.clone(), Some(rig.healths.circuit(&other, "m")));
        assert_eq!(rotated.standing(rig.now), Standing::Well, "a new key has no past");
        rig.pass(5 * SECOND);
        rig.model("other").answered(rig.now, rig.now);
        assert!(!rig.is_open());
    }
}

#[test]
fn what_others_are_to_blame_for_never_counts() {
    use weir_table::Origin::{Caller, Router};
    let rig = Rig::new();
    for class in C::ALL {
        if matches!(class.origin(), Caller | Router) {
            (0..50).for_each(|_| rig.fails(class));
        }
    }
    assert!(!rig.is_open());
}

#[test]
fn a_model_that_fails_is_less_bad_than_a_credential_that_is_refused() {
    let rig = Rig::new();
    rig.told(C::RateLimited, Some(15 * SECOND));
    let Standing::Open(failed) = rig.health.standing(rig.now) else {
        panic!("closed");
    };
    rig.fails(C::Unauthorized);
    let Standing::Open(refused) = rig.health.standing(rig.now) else {
        panic!("closed");
    };
    assert!(failed < refused, "{failed:?} {refused:?}");
}

#[test]
fn a_targets_past_is_found_again_as_long_as_somebody_holds_it() {
    let rig = Rig::new();
    rig.fail_open();
    let again = rig.healths.account(identity(1));
    let found = Health::of(again.clone(), Some(rig.healths.circuit(&again, "m")));
    assert!(matches!(found.standing(rig.now), Standing::Open(_)));
    assert_eq!(rig.healths.circuits()[1].name().model.as_deref(), Some("m"));
    assert_eq!(
        rig.healths
            .circuits()
            .iter()
            .filter(|circuit| circuit.is_open())
            .count(),
        1
    );
    let Rig {
        healths,
        account,
        health,
        now: _,
    } = rig;
    drop((again, found, account, health));
    assert!(healths.circuits().is_empty());
}

#[test]
fn ten_repetitions_a_second_are_always_allowed() {
    let mut rig = Rig::new();
    let allowed = |rig: &Rig| (0..100).filter(|_| rig.health.may_repeat(rig.now)).count();
    assert_eq!(allowed(&rig), 10);
    assert_eq!(allowed(&rig), 0);
    rig.pass(SECOND);
    assert_eq!(allowed(&rig), 10);
}

#[test]
fn a_fifth_of_the_requests_may_be_repeated() {
    let rig = Rig::new();
    (0..300).for_each(|_| rig.health.asked());
    let allowed = (0..300).filter(|_| rig.health.may_repeat(rig.now)).count();
    assert_eq!(allowed, 60);
}

#[test]
fn what_is_saved_for_later_is_bounded() {
    let rig = Rig::new();
    (0..100_000).for_each(|_| rig.health.asked());
    let allowed = (0..1_000).filter(|_| rig.health.may_repeat(rig.now)).count();
    assert_eq!(allowed, 100);
}
