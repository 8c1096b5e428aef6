//! Selection: weighted rendezvous hashing on xxHash. Deterministic and stateless: the same key gets the
//! same target in every replica, on every processor, after every restart.
//!
//! For a key and every target `t` of a split:
//! `seed_t = XXH3_64(salt ‖ 0x00 ‖ name_t)`, `h = XXH3_64(key, seed_t)`, `u = ((h >> 11) + 0.5) · 2⁻⁵³`,
//! and the target with the least `−ln(u) / weight_t` wins; on a tie the lesser name. `−ln(u)/w` is an
//! exponential variable with rate `w`, and of independent ones the least is `t` with probability
//! `w_t / Σw`: shares follow the weights, and a weight that changes moves only the keys it must
//! (Thaler and Ravishankar, "Using name-based mappings to increase hit rates", 1998, with the weights of
//! Schindelhauer and Schomaker, "Weighted distributed hash tables", 2005).
//!
//! `ln` is `libm`'s, pure Rust, so that no platform's own decides. These formulae are a public contract:
//! `docs/selection.md` publishes vectors. No constant here may ever change.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::model::{Split, SplitTarget};

/// 2⁻⁵³, the distance between neighbours of the 53-bit grid on which `u` lies.
const GRID: f64 = 1.0 / 9_007_199_254_740_992.0;

/// One and a little: scores are rounded three times, each time by at most 2⁻⁵² of themselves.
const MARGIN: f64 = 1.0 + 1e-12;

/// The seed of a target's hash: `XXH3_64(salt ‖ 0x00 ‖ name)`.
pub fn seed(salt: &str, name: &str) -> u64 {
    xxh3_64(&[salt.as_bytes(), &[0], name.as_bytes()].concat())
}

/// A target's hash of a key.
pub fn hash(key: &[u8], seed: u64) -> u64 {
    xxh3_64_with_seed(key, seed)
}

/// The point in (0, 1] that a hash stands for: the middle of its cell on the 53-bit grid. From one half
/// on, a double can't hold the middle and it is rounded to even, which is part of the contract.
#[allow(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
pub fn unit(hash: u64) -> f64 {
    ((hash >> 11) as f64 + 0.5) * GRID
}

/// How far a target is from a key; the least wins. Infinite for a weight of 0, which never wins.
pub fn score(hash: u64, weight: f64) -> f64 {
    if weight > 0.0 {
        -libm::log(unit(hash)) / weight
    } else {
        f64::INFINITY
    }
}

impl Split {
    /// The target that `key` belongs to; `None` only if no weight is positive, which `check` refuses.
    pub fn select(&self, key: &[u8]) -> Option<&SplitTarget> {
        let mut best: Option<(f64, &SplitTarget)> = None;
        for target in self.targets.iter().filter(|target| target.weight > 0.0) {
            let hash = hash(key, target.seed());
            if best.is_some_and(|(least, _)| is_surely_farther(hash, target.weight, least)) {
                continue;
            }
            let candidate = (score(hash, target.weight), target);
            if best.is_none_or(|best| comes_before(candidate, best)) {
                best = Some(candidate);
            }
        }
        best.map(|(_, target)| target)
    }

    /// The share of keys that each target gets, in the order of the targets; they add up to 1.
    pub fn shares(&self) -> Vec<f64> {
        let total: f64 = self.targets.iter().map(|target| target.weight).sum();
        self.targets.iter().map(|target| target.weight / total).collect()
    }
}

/// Whether the score of `hash` and `weight` is greater than `least`, as far as that can be told without a logarithm.
/// `−ln(u) ≥ 1 − u`, and [`MARGIN`] is far more than what rounding takes from either side.
fn is_surely_farther(hash: u64, weight: f64, least: f64) -> bool {
    1.0 - unit(hash) > least * weight * MARGIN
}

fn comes_before(a: (f64, &SplitTarget), b: (f64, &SplitTarget)) -> bool {
    a.0.total_cmp(&b.0).then_with(|| a.1.name.cmp(&b.1.name)).is_lt()
}

#[cfg(test)]
mod tests;
