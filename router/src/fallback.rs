//! What a failure means for the next attempt: pure decisions, without clock, sockets or random numbers.
//! The table is documented in `docs/failover.md`; each row of it is a test here.

use std::time::Duration;

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
    first_rung_caller: Option<Failure>,
    soonest: Option<Failure>,
    last: Option<Failure>,
}

impl Useful {
    /// Notes that `rung` failed.
    pub(crate) fn note(&mut self, rung: usize, failure: &Failure) {
        if rung == 0 && failure.class.origin() == Origin::Caller {
            self.first_rung_caller = Some(failure.clone());
        }
        if failure.class == FailureClass::RateLimited && self.is_sooner(failure) {
            self.soonest = Some(failure.clone());
        }
        let better = failure.class.origin() == Origin::Provider;
        if better
            || self
                .last
                .as_ref()
                .is_none_or(|last| last.class.origin() != Origin::Provider)
        {
            self.last = Some(failure.clone());
        }
    }

    /// A caller error of the first rung, else the rate limit with the soonest recovery, else the last
    /// provider error, else the last error.
    pub(crate) fn most(self) -> Option<Failure> {
        self.first_rung_caller.or(self.soonest).or(self.last)
    }

    /// Unknown recoveries come after known ones.
    fn is_sooner(&self, failure: &Failure) -> bool {
        let known = |failure: &Failure| failure.retry_after.unwrap_or(Duration::MAX);
        self.soonest
            .as_ref()
            .is_none_or(|soonest| known(failure) < known(soonest))
    }
}

#[cfg(test)]
mod tests;
