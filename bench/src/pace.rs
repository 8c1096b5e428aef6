//! When requests are sent. A closed load asks as soon as it was answered, and so waits for whoever is slow; an open
//! one asks when its plan says, and counts from then, so that what is late stays visible.

use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

/// The runtime's timer counts milliseconds and is up to one of them late. What is shorter, and the last stretch
/// of what is to be exact, is waited for by looking at the clock.
const TICK: Duration = Duration::from_millis(2);

/// How a load goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Each connection asks again as soon as it was answered.
    Closed,
    /// So many requests a second in all, evenly spaced to the microsecond. The load generator's core never
    /// sleeps, so that no wake-up of its own is in the figures.
    Even(u32),
    /// So many a second, to the millisecond. The core is free meanwhile.
    Ticked(u32),
}

impl Pace {
    /// What the connection number `index` of `connections` does, where the first request is due at `begun`.
    pub(crate) fn plan(self, begun: Instant, index: u32, connections: u32) -> Plan {
        let apart = self.apart();
        Plan {
            pace: self,
            next: begun + apart * index,
            step: apart * connections,
        }
    }

    /// The time between two requests of the whole load; none where nothing is planned.
    fn apart(self) -> Duration {
        match self {
            Self::Closed => Duration::ZERO,
            Self::Even(rate) | Self::Ticked(rate) => Duration::from_secs(1) / rate,
        }
    }
}

/// When one connection asks.
#[derive(Debug)]
pub(crate) struct Plan {
    pace: Pace,
    next: Instant,
    step: Duration,
}

impl Plan {
    /// Waits for the next request's turn, and says from when its time counts: from when it was planned, also if
    /// the answer before came too late for it.
    pub(crate) async fn turn(&mut self) -> Instant {
        let due = self.due();
        match self.pace {
            Pace::Closed => return Instant::now(),
            Pace::Even(_) => until(due).await,
            Pace::Ticked(_) => sleep_until(due).await,
        }
        due
    }

    /// When the next request is due; the one after it is next then.
    fn due(&mut self) -> Instant {
        let due = self.next;
        self.next += self.step;
        due
    }
}

/// Waits `pause` after pause: sleeping where that is exact enough, else by looking at the clock.
pub(crate) async fn paused(due: Instant, pause: Duration) {
    if pause >= TICK {
        sleep_until(due).await;
    } else if !pause.is_zero() {
        until(due).await;
    }
}

/// Waits until `due`, exactly. Others go on meanwhile, but this thread does not sleep at the end.
async fn until(due: Instant) {
    if let Some(nearly) = due.checked_sub(TICK) {
        sleep_until(nearly).await;
    }
    while Instant::now() < due {
        yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Pace, until};

    #[test]
    fn the_connections_of_an_open_load_take_turns_evenly() {
        let begun = Instant::now();
        let mut due = Vec::new();
        for index in 0..64 {
            let mut plan = Pace::Even(1_000).plan(begun, index, 64);
            due.extend([plan.due(), plan.due(), plan.due()]);
        }
        due.sort_unstable();
        let expected: Vec<Instant> = (0..192).map(|at| begun + Duration::from_millis(at)).collect();
        assert_eq!(due, expected);
    }

    #[tokio::test]
    async fn what_is_late_counts_from_when_it_was_planned() {
        let begun = Instant::now();
        let mut plan = Pace::Even(1_000).plan(begun, 0, 1);
        until(begun + Duration::from_millis(5)).await;
        let planned = [plan.turn().await, plan.turn().await];
        assert_eq!(planned, [begun, begun + Duration::from_millis(1)]);
        let due = begun + Duration::from_secs(1);
        assert!(
            Pace::Closed.plan(due, 0, 1).turn().await < due,
            "nothing is planned"
        );
    }

    #[tokio::test]
    async fn waiting_never_ends_early() {
        for micros in [0, 150, 1_100, 3_300] {
            let due = Instant::now() + Duration::from_micros(micros);
            until(due).await;
            assert!(Instant::now() >= due);
        }
    }
}
