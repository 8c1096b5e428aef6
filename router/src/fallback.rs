//! What a failure means for the next attempt: pure decisions, without clock, sockets or random numbers.
//! The table is documented in `docs/failover.md`; each row of it is a test here.

use std::time::Duration;

use tokio::time::Instant;
use weir_table::{Backoff, Chain, FailureClass, Origin};

use crate::error::Failure;

/// How a class of failure is met where the policy says nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// The same target again after a wait, then the next.
    Retry,
    /// As the provider says, else like [`Reaction::Retry`].
    WhenTold,
    /// The next target at once.
    Next,
    /// The next target that takes longer prompts, at once.
    NextLarger,
    /// No other target.
    Stop,
}

/// The default reaction to `class`.
pub(crate) fn reaction(class: FailureClass) -> Reaction {
    match class {
        FailureClass::RateLimited => Reaction::WhenTold,
        FailureClass::Overloaded
        | FailureClass::ServerError
        | FailureClass::ConnectFailed
        | FailureClass::MalformedResponse
        | FailureClass::StreamCut => Reaction::Retry,
        FailureClass::FirstTokenTimeout
        | FailureClass::Timeout
        | FailureClass::StreamStalled
        | FailureClass::Unauthorized
        | FailureClass::QuotaExhausted
        | FailureClass::ModelNotFound
        | FailureClass::InvalidRequest
        | FailureClass::RequestTooLarge
        | FailureClass::CircuitOpen
        | FailureClass::PolicyUnavailable => Reaction::Next,
        FailureClass::ContextLengthExceeded => Reaction::NextLarger,
        FailureClass::ContentFiltered
        | FailureClass::DeadlineExceeded
        | FailureClass::Unauthenticated
        | FailureClass::Forbidden
        | FailureClass::PolicyNotFound
        | FailureClass::LimitExceeded
        | FailureClass::Cancelled
        | FailureClass::Overload => Reaction::Stop,
    }
}

/// Whether `class` shows a target to be silent: it is then not asked again in this request.
pub(crate) fn is_silence(class: FailureClass) -> bool {
    matches!(
        class,
        FailureClass::FirstTokenTimeout | FailureClass::Timeout | FailureClass::StreamStalled
    )
}

/// Whether `class` shows a credential to be refused: it is then not used again in this request.
pub(crate) fn is_refusal(class: FailureClass) -> bool {
    class.origin() == Origin::Credential
}

/// Whether `chain` tries another target after `class`.
pub(crate) fn moves_on(chain: &Chain, class: FailureClass) -> bool {
    chain
        .on
        .as_ref()
        .map_or_else(|| reaction(class) != Reaction::Stop, |on| on.contains(&class))
}

/// Whether another target remains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Others {
    /// One does.
    Remain,
    /// This is the last.
    None,
}

/// How long to wait before the same target is asked again, if that is right at all. `retry` counts the
/// waits at this target from 0; `jitter` is between 0 and 1.
pub(crate) fn wait(
    failure: &Failure,
    backoff: Backoff,
    retry: u8,
    others: Others,
    jitter: f64,
) -> Option<Duration> {
    match (reaction(failure.class), failure.retry_after) {
        (Reaction::WhenTold, Some(told)) => {
            let patient = others == Others::None || told <= Duration::from_millis(backoff.max_retry_after_ms);
            patient.then_some(told)
        }
        (Reaction::WhenTold, None) => Some(step(backoff, retry, jitter)),
        // Some providers say it beside other failures too: never earlier than told.
        (Reaction::Retry, told) => {
            let told = told.unwrap_or_default();
            let patient = others == Others::None || told <= Duration::from_millis(backoff.max_retry_after_ms);
            patient.then(|| step(backoff, retry, jitter).max(told))
        }
        _ => None,
    }
}

/// `initial · 2ⁿ`, at most `max`, ±10 %.
fn step(backoff: Backoff, retry: u8, jitter: f64) -> Duration {
    let doubled = backoff
        .initial_ms
        .saturating_mul(1_u64.checked_shl(u32::from(retry)).unwrap_or(u64::MAX));
    let base = Duration::from_millis(doubled.min(backoff.max_ms));
    base.mul_f64(0.9 + 0.2 * jitter)
}

/// What an exhausted chain counts as.
#[derive(Debug, Default)]
pub(crate) struct Useful {
    first_rung_caller: Option<Noted>,
    soonest: Option<Noted>,
    last: Option<Noted>,
}

/// A failure, and when it came: its `retry_after` counts from then.
#[derive(Debug, Clone)]
struct Noted {
    failure: Failure,
    at: Instant,
}

impl Noted {
    /// When it is worth asking again, if anyone said so and a clock can hold it.
    fn recovery(&self) -> Option<Instant> {
        self.at.checked_add(self.failure.retry_after?)
    }

    /// Unknown recoveries come after known ones.
    fn is_sooner_than(&self, other: &Self) -> bool {
        match (self.recovery(), other.recovery()) {
            (Some(mine), Some(theirs)) => mine < theirs,
            (mine, None) => mine.is_some(),
            (None, Some(_)) => false,
        }
    }

    /// How much it says where no more particular rule holds: what the router itself decided says least.
    fn rank(&self) -> u8 {
        match self.failure.class.origin() {
            Origin::Provider => 2,
            Origin::Credential | Origin::Caller => 1,
            Origin::Router => 0,
        }
    }

    /// The failure as if it had come at `now`.
    fn aged(self, now: Instant) -> Failure {
        let age = now.saturating_duration_since(self.at);
        let retry_after = self.failure.retry_after.map(|told| told.saturating_sub(age));
        Failure {
            retry_after,
            ..self.failure
        }
    }
}

impl Useful {
    /// Notes that `rung` failed at `at`.
    pub(crate) fn note(&mut self, rung: usize, failure: &Failure, at: Instant) {
        let noted = Noted {
            failure: failure.clone(),
            at,
        };
        if rung == 0 && failure.class.origin() == Origin::Caller {
            self.first_rung_caller = Some(noted.clone());
        }
        let is_soonest = (self.soonest.as_ref()).is_none_or(|soonest| noted.is_sooner_than(soonest));
        if failure.class == FailureClass::RateLimited && is_soonest {
            self.soonest = Some(noted.clone());
        }
        if self.last.as_ref().is_none_or(|last| noted.rank() >= last.rank()) {
            self.last = Some(noted);
        }
    }

    /// A caller error of the first rung, else the rate limit with the soonest recovery, else the last
    /// provider error, else the last error; its recovery counted from `now`.
    pub(crate) fn most(self, now: Instant) -> Option<Failure> {
        let most = self.first_rung_caller.or(self.soonest).or(self.last);
        most.map(|noted| noted.aged(now))
    }
}

#[cfg(test)]
mod tests;
