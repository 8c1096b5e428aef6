//! Which of a router's threads this is, and what each of them has for itself. What only one thread writes is never
//! waited for by another, neither as a lock nor as a line of the processor's cache.

use std::cell::Cell;
use std::ops::Deref;
use std::thread;

thread_local! {
    static NUMBER: Cell<usize> = const { Cell::new(0) };
}

/// The most workers where nobody says how many. Each has connections to providers and counters of its own, which on
/// large machines would be many connections that are seldom used, and much memory.
const MOST: usize = 8;

/// How many workers a router has where nobody says: one for each processor that it may use, which a quota of the
/// container bounds, up to [`MOST`].
pub(crate) fn count() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(MOST)
}

/// Makes this thread the worker `number` of its router.
pub(crate) fn be(number: usize) {
    NUMBER.set(number);
}

/// One value for each worker of a router. Threads that are no workers have the first one's.
#[derive(Debug)]
pub(crate) struct Each<T>(Box<[T]>);

impl<T> Each<T> {
    /// What `make` makes for each of `workers`, of which there is at least one.
    pub(crate) fn new(workers: usize, make: impl FnMut(usize) -> T) -> Self {
        Self((0..workers.max(1)).map(make).collect())
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[T] {
        &self.0
    }

    /// This thread's.
    pub(crate) fn own(&self) -> &T {
        &self.0[NUMBER.get() % self.0.len()]
    }
}

impl<T: Default> Default for Each<T> {
    fn default() -> Self {
        Self::new(1, |_| T::default())
    }
}

/// A value on cache lines of its own: processors fetch two lines at a time.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Apart<T>(T);

impl<T> Apart<T> {
    /// `value`, apart from all others.
    pub(crate) fn new(value: T) -> Self {
        Self(value)
    }
}

impl<T> Deref for Apart<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::{Apart, Each, be};

    #[test]
    fn each_worker_has_its_own_and_other_threads_the_first_ones() {
        let each = Each::new(2, |number| number);
        assert_eq!(*each.own(), 0);
        let own = |number| {
            let each = &each;
            thread::scope(|scope| {
                let worker = scope.spawn(move || {
                    be(number);
                    *each.own()
                });
                worker.join().unwrap()
            })
        };
        assert_eq!([own(0), own(1)], [0, 1]);
        assert_eq!(Each::new(0, |number| number).all(), [0], "there is always one");
    }

    #[test]
    fn neighbours_share_no_line() {
        let each = Each::new(2, |_| Apart::new(0_u8));
        let at = |number: usize| std::ptr::from_ref(&each.all()[number]).addr();
        assert!(at(1) - at(0) >= 128);
    }
}
