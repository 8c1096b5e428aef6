//! Keys that want attention soon, and when: a key that keeps being marked waits for quiet, but not for ever.
//!
//! Nothing here reads a clock; the caller says what time it is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

/// Keys with the time at which each is due.
#[derive(Debug)]
pub struct Debounce<K> {
    quiet: Duration,
    cap: Duration,
    waiting: BTreeMap<K, Waiting>,
    order: BTreeSet<(Instant, K)>,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    first: Instant,
    due: Instant,
}

impl<K: Ord + Clone> Debounce<K> {
    /// A key is due when it has not been marked for `quiet`, or `cap` after it was first marked.
    pub const fn new(quiet: Duration, cap: Duration) -> Self {
        Self {
            quiet,
            cap,
            waiting: BTreeMap::new(),
            order: BTreeSet::new(),
        }
    }

    /// Something happened to `key`.
    pub fn mark(&mut self, key: K, now: Instant) {
        let first = self
            .waiting
            .get(&key)
            .map_or(now, |waiting| waiting.first.min(now));
        let due = (now + self.quiet).min(first + self.cap);
        self.set(key, Waiting { first, due });
    }

    /// Look at `key` again at `at`, unless it is due earlier anyway.
    pub fn mark_at(&mut self, key: K, at: Instant) {
        if self.waiting.get(&key).is_none_or(|waiting| waiting.due > at) {
            self.set(key, Waiting { first: at, due: at });
        }
    }

    fn set(&mut self, key: K, waiting: Waiting) {
        self.forget(&key);
        self.order.insert((waiting.due, key.clone()));
        self.waiting.insert(key, waiting);
    }

    /// Nothing needs to happen to `key` any more.
    pub fn forget(&mut self, key: &K) {
        if let Some(old) = self.waiting.remove(key) {
            self.order.remove(&(old.due, key.clone()));
        }
    }

    /// Whether `key` wants attention.
    pub fn contains(&self, key: &K) -> bool {
        self.waiting.contains_key(key)
    }

    /// When the next key is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.order.first().map(|(due, _)| *due)
    }

    /// Takes the key that has been due the longest, if any is.
    pub fn pop(&mut self, now: Instant) -> Option<K> {
        if self.next_due()? > now {
            return None;
        }
        let (_, key) = self.order.pop_first()?;
        self.waiting.remove(&key);
        Some(key)
    }

    /// Takes every key that is due, in order.
    pub fn take(&mut self, now: Instant) -> BTreeSet<K> {
        std::iter::from_fn(|| self.pop(now)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Debounce;

    const QUIET: Duration = Duration::from_millis(25);
    const CAP: Duration = Duration::from_millis(100);

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn a_key_is_due_once_it_has_been_quiet() {
        let start = Instant::now();
        let mut keys = Debounce::new(QUIET, CAP);
        keys.mark("a", start);
        keys.mark("a", start + ms(20));
        assert_eq!(keys.pop(start + ms(44)), None);
        assert_eq!(keys.pop(start + ms(45)), Some("a"));
        assert_eq!(keys.pop(start + ms(500)), None, "it is taken once");
    }

    #[test]
    fn constant_churn_does_not_starve_a_key() {
        let start = Instant::now();
        let mut keys = Debounce::new(QUIET, CAP);
        let first_due = (0..1_000).map(|n| start + ms(n * 10)).find(|now| {
            keys.mark("a", *now);
            keys.next_due().is_some_and(|due| due <= *now)
        });
        assert_eq!(first_due, Some(start + CAP));
    }

    #[test]
    fn keys_wait_each_for_itself() {
        let start = Instant::now();
        let mut keys = Debounce::new(QUIET, CAP);
        keys.mark("quiet", start);
        keys.mark("busy", start + ms(20));
        assert_eq!(keys.take(start + QUIET), ["quiet"].into());
        assert_eq!(keys.next_due(), Some(start + ms(45)));
    }

    #[test]
    fn a_later_appointment_does_not_postpone_what_is_due_earlier() {
        let start = Instant::now();
        let mut keys = Debounce::new(QUIET, CAP);
        keys.mark("a", start);
        keys.mark_at("a", start + ms(500));
        assert_eq!(keys.next_due(), Some(start + QUIET));
    }

    #[test]
    fn a_mark_brings_a_far_appointment_forward() {
        let start = Instant::now();
        let mut keys = Debounce::new(QUIET, CAP);
        keys.mark_at("a", start + ms(5_000));
        keys.mark("a", start);
        assert_eq!(keys.next_due(), Some(start + QUIET));
    }

    #[test]
    fn a_forgotten_key_is_never_due() {
        let start = Instant::now();
        let mut keys = Debounce::new(QUIET, CAP);
        keys.mark("a", start);
        keys.forget(&"a");
        assert_eq!(keys.next_due(), None);
    }
}
