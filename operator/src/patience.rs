//! How long a failed watch waits before it is tried again. Pure.
//!
//! Every namespace of a list has five watches. When the API server comes back, they all come at once; the more there
//! are, the longer each waits, so that together they stay bearable.

use std::time::Duration;

use crate::trouble::Trouble;

/// The longest wait where there are few watches. The client library's half a minute, once for the failure and
/// once more for the full list that follows an outage, would be a minute of stale tables.
const SHORT: Duration = Duration::from_secs(2);
/// The same after a refusal: somebody has to do something first.
const REFUSED: Duration = Duration::from_secs(10);
/// The longest wait, however many watches there are.
const LONG: Duration = Duration::from_secs(30);
/// What each watch adds to the longest wait: so all of them together ask some twenty times in a second.
const EACH: Duration = Duration::from_millis(50);
/// The same after a refusal.
const EACH_REFUSED: Duration = Duration::from_millis(150);

/// The longest waits of a watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    failed: Duration,
    refused: Duration,
}

impl Patience {
    /// Of one among so many watches.
    pub fn of(watches: usize) -> Self {
        let watches = u32::try_from(watches).unwrap_or(u32::MAX);
        Self {
            failed: EACH.saturating_mul(watches).clamp(SHORT, LONG),
            refused: EACH_REFUSED.saturating_mul(watches).clamp(REFUSED, LONG),
        }
    }

    /// How long to wait after `trouble` where the client library, which spreads its waits at random, proposes
    /// `wait`. A wait that is cut short is spread anew, over the last quarter, by the fraction of a second in it.
    pub fn wait(&self, wait: Duration, trouble: Trouble) -> Duration {
        let longest = match trouble {
            Trouble::Forbidden | Trouble::NotInstalled => self.refused,
            _ => self.failed,
        };
        if wait <= longest {
            return wait;
        }
        let fraction = f64::from(wait.subsec_nanos()) / 1e9;
        longest.mul_f64(0.75 + fraction / 4.0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Patience;
    use crate::trouble::Trouble;

    /// What the client library proposes after a while.
    const PROPOSED: Duration = Duration::from_millis(45_999);

    fn longest(watches: usize, trouble: Trouble) -> u64 {
        Patience::of(watches)
            .wait(PROPOSED, trouble)
            .as_millis()
            .try_into()
            .expect("a short wait")
    }

    #[test]
    fn few_watches_are_back_soon() {
        assert!((1_900..=2_000).contains(&longest(8, Trouble::Unreachable)));
        assert!((9_900..=10_000).contains(&longest(8, Trouble::Forbidden)));
        assert!((9_900..=10_000).contains(&longest(8, Trouble::NotInstalled)));
        let short = Duration::from_millis(900);
        assert_eq!(Patience::of(8).wait(short, Trouble::Forbidden), short);
    }

    #[test]
    fn a_thousand_watches_together_ask_some_thirty_times_in_a_second_and_no_watch_waits_for_ever() {
        for trouble in [Trouble::Unreachable, Trouble::Forbidden] {
            let wait = longest(1_000, trouble);
            assert!((29_000..=30_000).contains(&wait), "{wait} ms");
        }
        assert!(longest(200, Trouble::Unreachable) > longest(100, Trouble::Unreachable));
    }

    #[test]
    fn waits_that_are_cut_short_are_spread() {
        let wait = |millis| Patience::of(8).wait(Duration::from_millis(millis), Trouble::Unreachable);
        assert!(wait(30_100) < wait(30_500) && wait(30_500) < wait(30_900));
        assert!(wait(30_000) >= Duration::from_millis(1_500));
    }
}
