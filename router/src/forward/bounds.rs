//! The times that bind one attempt, and what it means when one of them comes.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use weir_table::FailureClass;

use super::attempt::Patience;
use crate::error::Failure;
use crate::state::Limits;

/// The times that bind one attempt.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) limits: Limits,
    pub(super) patience: Patience,
    pub(super) deadline: Instant,
    pub(super) begun: Instant,
}

/// The nearest of several times, and what it means when it comes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Until {
    at: Instant,
    class: FailureClass,
    limit: Duration,
}

impl Bounds {
    /// Until `limit` after `from`, where the target's own limits bind and the deadline is not nearer.
    pub(super) fn until(&self, from: Instant, limit: Duration, class: FailureClass) -> Until {
        let own = Until {
            at: from + limit,
            class,
            limit,
        };
        if self.patience == Patience::Limited && own.at < self.deadline {
            own
        } else {
            self.by_deadline()
        }
    }

    /// The same from now on: what went before was not the target's time.
    pub(super) fn begun_now(self) -> Self {
        Self {
            begun: Instant::now(),
            ..self
        }
    }

    /// Until the request's deadline.
    pub(super) fn by_deadline(&self) -> Until {
        let limit = self.deadline.saturating_duration_since(self.begun);
        Until {
            at: self.deadline,
            class: FailureClass::DeadlineExceeded,
            limit,
        }
    }
}

impl Until {
    /// Whichever comes first.
    pub(super) fn earlier(self, other: Self) -> Self {
        if other.at < self.at { other } else { self }
    }

    /// What `work` gives, unless the time comes first. It is pinned already, because it is large: it would be
    /// copied each time that it is handed on.
    pub(super) async fn bound<T>(
        self,
        work: Pin<&mut impl Future<Output = Result<T, Failure>>>,
    ) -> Result<T, Failure> {
        match timeout_at(self.at, work).await {
            Ok(done) => done,
            Err(_elapsed) => Err(self.passed()),
        }
    }

    fn passed(self) -> Failure {
        let seconds = self.limit.as_secs_f32();
        let text = match self.class {
            FailureClass::DeadlineExceeded => {
                format!("the request's deadline passed; {seconds} s were left for this attempt")
            }
            FailureClass::FirstTokenTimeout => format!("the provider sent no content within {seconds} s"),
            FailureClass::StreamStalled => {
                format!("the provider's stream was silent for {seconds} s before its first content")
            }
            _ => format!("the provider did not answer within {seconds} s"),
        };
        Failure::new(self.class, text)
    }
}
