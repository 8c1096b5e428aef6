//! Random numbers that follow from a seed. Everything that draws has dice of its own, so that one thing
//! drawing more often does not change what another draws.

use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng as _, RngExt as _, SeedableRng as _};

/// What dice are for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// The schedule itself.
    Schedule,
    /// What the router draws.
    Router,
    /// The answer to the visit of this number at a provider.
    Visit(usize, usize),
    /// One direction of a connection: by its number.
    Pipe(usize),
}

impl Purpose {
    fn number(self) -> u64 {
        let number = match self {
            Self::Schedule => 1,
            Self::Router => 2,
            Self::Visit(provider, nth) => 1_000_000 * (provider + 1) + nth,
            Self::Pipe(number) => 1_000_000_000 + number,
        };
        number as u64
    }
}

/// A source of numbers.
#[derive(Debug)]
pub(crate) struct Dice(Xoshiro256PlusPlus);

impl Dice {
    /// The dice of a schedule for one purpose.
    pub(crate) fn of(seed: u64, purpose: Purpose) -> Self {
        let mut first = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mixed = first.next_u64() ^ purpose.number().wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self(Xoshiro256PlusPlus::seed_from_u64(mixed))
    }

    /// A number of `from..=to`.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        self.0.random_range(from..=to)
    }

    /// The same, to count with.
    pub(crate) fn count(&mut self, from: usize, to: usize) -> usize {
        self.0.random_range(from..=to)
    }

    /// A time of so many milliseconds.
    pub(crate) fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.between(from, to))
    }

    /// Whether something happens that does so in `percent` of all cases.
    pub(crate) fn happens(&mut self, percent: u64) -> bool {
        self.between(1, 100) <= percent
    }

    /// Something in `percent` of all cases.
    pub(crate) fn maybe<T>(&mut self, percent: u64, draw: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.happens(percent).then(|| draw(self))
    }

    /// One of `these`.
    pub(crate) fn pick<T: Clone>(&mut self, these: &[T]) -> T {
        these[self.count(0, these.len() - 1)].clone()
    }

    /// A number from 0 up to 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        self.0.random()
    }

    /// Any number.
    pub(crate) fn number(&mut self) -> u128 {
        self.0.random()
    }
}
