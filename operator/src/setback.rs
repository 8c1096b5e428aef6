//! What could not be written, why, and how long to wait before the next attempt. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::health::Tidings;
use crate::publish::Failure;

/// The first wait; each further one is twice as long.
const FIRST: Duration = Duration::from_secs(1);
/// The longest: so long after the end of the trouble all is as it should be, at the latest.
const LONGEST: Duration = Duration::from_secs(15);

/// One thing that could not be written.
#[derive(Debug, Clone, Copy)]
struct Setback {
    /// `None` as long as it may still be a matter of course.
    cause: Option<(&'static str, &'static str)>,
    wait: Duration,
}

/// The things that could not be written at their last attempt.
#[derive(Debug)]
pub struct Setbacks<K>(BTreeMap<K, Setback>);

impl<K> Default for Setbacks<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Clone> Setbacks<K> {
    /// Whether the last attempt succeeded, or there was none.
    pub fn is_free(&self, key: &K) -> bool {
        !self.0.contains_key(key)
    }

    /// The attempt failed as it may; only another failure is trouble.
    pub fn expect(&mut self, key: &K) {
        let setback = Setback {
            cause: None,
            wait: FIRST,
        };
        self.0.insert(key.clone(), setback);
    }

    /// The attempt failed: how long to wait, and whether that is worth a word.
    pub fn note(&mut self, key: &K, failure: &Failure) -> (Tidings, Duration) {
        let cause = Some((failure.word(), failure.meaning()));
        let known = self.0.get(key).copied();
        let wait = known.map_or(FIRST, |known| known.wait);
        let is_known = known.is_some_and(|known| known.cause == cause);
        let next = (wait * 2).min(LONGEST);
        self.0.insert(key.clone(), Setback { cause, wait: next });
        let tidings = if is_known { Tidings::Old } else { Tidings::New };
        (tidings, wait)
    }

    /// The attempt succeeded, or is not needed any more.
    pub fn clear(&mut self, key: &K) {
        self.0.remove(key);
    }

    /// What stands in the way, for people.
    pub fn meaning(&self, key: &K) -> Option<&'static str> {
        let (_, meaning) = self.0.get(key)?.cause?;
        Some(meaning)
    }

    /// How many things each cause keeps from being written.
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for (word, _) in self.0.values().filter_map(|setback| setback.cause) {
            *counts.entry(word).or_default() += 1;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{LONGEST, Setbacks};
    use crate::health::Tidings;
    use crate::publish::Failure;

    #[test]
    fn each_attempt_waits_longer_up_to_a_limit_and_success_begins_anew() {
        let mut setbacks = Setbacks::default();
        let mut wait = || setbacks.note(&"a", &Failure::Timeout).1.as_secs();
        let waits = [wait(), wait(), wait(), wait(), wait(), wait()];
        assert_eq!(waits, [1, 2, 4, 8, 15, 15]);
        setbacks.clear(&"a");
        assert_eq!(setbacks.note(&"a", &Failure::Timeout).1, Duration::from_secs(1));
        assert!(LONGEST < Duration::from_secs(30));
    }

    #[test]
    fn a_cause_is_told_once_and_counted_as_long_as_it_lasts() {
        let mut setbacks = Setbacks::default();
        setbacks.expect(&"a");
        assert_eq!((setbacks.meaning(&"a"), setbacks.counts().len()), (None, 0));
        assert_eq!(setbacks.note(&"a", &Failure::Timeout).0, Tidings::New);
        assert_eq!(setbacks.note(&"a", &Failure::Timeout).0, Tidings::Old);
        assert_eq!(setbacks.note(&"a", &Failure::Altered).0, Tidings::New);
        setbacks.note(&"b", &Failure::Altered);
        assert_eq!(setbacks.counts(), [("Altered", 2)].into());
        assert_eq!(setbacks.meaning(&"a"), Some(Failure::Altered.meaning()));
        setbacks.clear(&"a");
        assert!(setbacks.is_free(&"a") && !setbacks.is_free(&"b"));
    }
}
