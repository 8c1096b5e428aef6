//! How many requests there may be at once, over all workers. Each worker has places in reserve, so that most requests
//! take and leave one without touching what others write: it fetches several when it has none, and takes them back
//! when it has too many.
//!
//! There are never more requests than the limit. One may be refused a little before it, while other workers have
//! places in reserve: together an eighth of the limit at most. A small limit, or one worker's, is exact.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::worker::{Apart, Each};

/// A worker may have twice the limit in reserve, divided by this and by the number of workers.
const PARTS: u64 = 16;

/// The places of a router.
#[derive(Debug)]
pub(crate) struct Places(Each<Arc<Reserve>>);

/// A request's place, until this is dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<Reserve>);

/// One worker's places.
#[derive(Debug)]
struct Reserve {
    spare: Apart<AtomicU64>,
    all: Arc<Bound>,
}

/// What all workers share.
#[derive(Debug)]
struct Bound {
    limit: u64,
    /// How many a worker fetches for later.
    more: u64,
    /// Those in use or in reserve.
    taken: AtomicU64,
}

impl Places {
    /// `limit` places for so many workers.
    pub(crate) fn new(workers: usize, limit: u64) -> Self {
        let more = match workers as u64 {
            0 | 1 => 0,
            many => limit / PARTS / many,
        };
        let all = Arc::new(Bound {
            limit,
            more,
            taken: AtomicU64::new(0),
        });
        let reserve = |_| Reserve {
            spare: Apart::default(),
            all: all.clone(),
        };
        Self(Each::new(workers, |number| Arc::new(reserve(number))))
    }

    /// How many workers it is for.
    pub(crate) fn workers(&self) -> usize {
        self.0.all().len()
    }

    /// A place, if there is one left.
    pub(crate) fn take(&self) -> Option<Place> {
        let own = self.0.own();
        let spare = own
            .spare
            .fetch_update(Relaxed, Relaxed, |spare| spare.checked_sub(1));
        (spare.is_ok() || own.fetch()).then(|| Place(own.clone()))
    }

    /// How many are in use.
    pub(crate) fn used(&self) -> u64 {
        let reserves = self.0.all();
        let taken = reserves.first().map_or(0, |own| own.all.taken.load(Relaxed));
        let spare = reserves.iter().map(|own| own.spare.load(Relaxed)).sum();
        taken.saturating_sub(spare)
    }
}

impl Default for Places {
    /// As many as anybody may want.
    fn default() -> Self {
        Self::new(1, u64::MAX)
    }
}

impl Reserve {
    /// Takes one of all, and several more for later where there are as many.
    fn fetch(&self) -> bool {
        let Bound { limit, more, taken } = &*self.all;
        let take = |places: u64| {
            let left = |taken: u64| taken.checked_add(places).filter(|taken| taken <= limit);
            taken.fetch_update(Relaxed, Relaxed, left).is_ok()
        };
        if *more > 0 && take(more + 1) {
            self.spare.fetch_add(*more, Relaxed);
            return true;
        }
        take(1)
    }

    /// Takes one back, for the next request or, where there are enough, for other workers.
    fn take_back(&self) {
        let Bound { more, taken, .. } = &*self.all;
        let enough = |spare: u64| spare.checked_sub(*more).filter(|left| left >= more);
        if *more == 0 {
            taken.fetch_sub(1, Relaxed);
        } else if self.spare.fetch_update(Relaxed, Relaxed, enough).is_ok() {
            taken.fetch_sub(more + 1, Relaxed);
        } else {
            self.spare.fetch_add(1, Relaxed);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.take_back();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;
    use std::thread;

    use super::Places;
    use crate::worker;

    #[test]
    fn one_workers_limit_is_exact() {
        let places = Places::new(1, 2);
        let held = [places.take().unwrap(), places.take().unwrap()];
        assert!(places.take().is_none());
        assert_eq!(places.used(), 2);
        drop(held);
        assert_eq!(places.used(), 0);
        assert!(places.take().is_some());
    }

    #[test]
    fn a_small_limit_is_exact_for_many_workers() {
        let places = Places::new(8, 3);
        let held: Vec<_> = (0..3).map(|_| places.take().unwrap()).collect();
        assert!(places.take().is_none());
        drop(held);
        assert_eq!(places.0.own().all.taken.load(Relaxed), 0);
    }

    /// On 4 threads, each of which holds what it gets until all have got theirs.
    #[test]
    fn workers_together_never_have_more_than_the_limit_nor_much_less() {
        const LIMIT: u64 = 1_600;
        let places = Places::new(4, LIMIT);
        let got: Vec<Vec<_>> = thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|number| {
                    let places = &places;
                    scope.spawn(move || {
                        worker::be(number);
                        std::iter::from_fn(|| places.take()).collect()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let all = got.iter().map(Vec::len).sum::<usize>() as u64;
        assert_eq!(all, places.used());
        assert!((LIMIT - LIMIT / 8..=LIMIT).contains(&all), "{all}");
        drop(got);
        assert_eq!(places.used(), 0);
        let kept = places.0.own().all.taken.load(Relaxed);
        assert!(kept <= LIMIT / 8, "{kept} are in reserve");
    }

    #[test]
    fn who_takes_and_leaves_touches_nothing_that_others_write() {
        let places = Places::new(2, 1_600);
        drop(places.take());
        let taken = || places.0.own().all.taken.load(Relaxed);
        let before = taken();
        for _ in 0..100 {
            let held: Vec<_> = (0..20).map(|_| places.take()).collect();
            assert_eq!(taken(), before);
            drop(held);
        }
        assert_eq!(taken(), before);
    }
}
