//! How often requests may be repeated at one endpoint: so that when it fails, what it is asked does not
//! multiply.
//!
//! A fifth of its requests, and always ten in a second, so that a quiet endpoint's requests are still retried.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a repetition costs, in the bucket's unit.
const PRICE: u64 = 5;

/// What a request pays in: a fifth of the price.
const DEPOSIT: u64 = 1;

/// The most that is kept for later: a hundred repetitions.
const MOST: u64 = 100 * PRICE;

/// So many are allowed in each second, whatever the bucket holds.
const ALWAYS: u64 = 10;

/// One endpoint's budget.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    saved: AtomicU64,
    /// The second that is counted, above the lowest 16 bits, and the repetitions in it.
    second: AtomicU64,
}

impl Budget {
    /// A request was sent for the first time.
    pub(super) fn deposit(&self) {
        let saved = self.saved.load(Relaxed);
        if saved < MOST {
            // That two at once may save a little more than the most does no harm.
            self.saved.fetch_add(DEPOSIT, Relaxed);
        }
    }

    /// Whether one may be repeated in the second `now`, which counts it.
    pub(super) fn withdraw(&self, now: u64) -> bool {
        let count = |packed: u64| {
            if packed >> 16 == now {
                (packed & 0xffff) + 1
            } else {
                1
            }
        };
        let counted = |packed| Some(now << 16 | count(packed).min(0xffff));
        let before = self.second.fetch_update(Relaxed, Relaxed, counted);
        let saved = |saved: u64| saved.checked_sub(PRICE);
        let paid = self.saved.fetch_update(Relaxed, Relaxed, saved).is_ok();
        paid || count(before.unwrap_or_default()) <= ALWAYS
    }
}
