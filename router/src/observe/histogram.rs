//! A histogram that nobody waits for: every bucket is a counter of its own. The field's library has one behind a
//! lock, which requests must not share.
//!
//! What is observed is a whole number of the smallest unit, such as microseconds, so that the sum is one atomic
//! addition and exact.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// The buckets of a histogram, and the unit in which they are told.
#[derive(Debug)]
pub(super) struct Scale {
    /// The upper bounds in ascending order, each within its bucket.
    pub(super) bounds: &'static [u64],
    /// How many of what is observed make one of what is told.
    pub(super) per_unit: f64,
}

/// Microseconds, told in seconds: 0.01 doubling to 81.92, as `OpenTelemetry` has them for whole operations.
pub(super) const DURATION: Scale = Scale {
    bounds: &[
        10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 640_000, 1_280_000, 2_560_000, 5_120_000,
        10_240_000, 20_480_000, 40_960_000, 81_920_000,
    ],
    per_unit: 1e6,
};

/// Microseconds, told in seconds: `OpenTelemetry`'s for one token of an answer.
pub(super) const PER_TOKEN: Scale = Scale {
    bounds: &[
        10_000, 25_000, 50_000, 75_000, 100_000, 150_000, 200_000, 300_000, 400_000, 500_000, 750_000,
        1_000_000, 2_500_000,
    ],
    per_unit: 1e6,
};

/// Tokens: 1 to 67,108,864 by fours, as `OpenTelemetry` has them.
pub(super) const TOKENS: Scale = Scale {
    bounds: &[
        1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216,
        67_108_864,
    ],
    per_unit: 1.0,
};

/// Microseconds, told in seconds: 0.5 ms doubling to 4 s, for work that only computes.
pub(super) const WORK: Scale = Scale {
    bounds: &[
        500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 512_000, 1_024_000,
        2_048_000, 4_096_000,
    ],
    per_unit: 1e6,
};

/// A histogram.
#[derive(Debug)]
pub(super) struct Histogram {
    scale: &'static Scale,
    /// One count for each bound, and one for all beyond.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Histogram {
    /// An empty histogram.
    pub(super) fn new(scale: &'static Scale) -> Self {
        let counts = (0..=scale.bounds.len()).map(|_| AtomicU64::new(0));
        Self {
            scale,
            counts: counts.collect(),
            sum: AtomicU64::new(0),
        }
    }

    /// Counts `value` in.
    pub(super) fn observe(&self, value: u64) {
        let at = self.scale.bounds.partition_point(|bound| *bound < value);
        self.counts[at].fetch_add(1, Relaxed);
        self.sum.fetch_add(value, Relaxed);
    }

    /// Counts in what `other`, of the same scale, has counted.
    pub(super) fn add(&self, other: &Self) {
        for (count, more) in self.counts.iter().zip(&other.counts) {
            count.fetch_add(more.load(Relaxed), Relaxed);
        }
        self.sum.fetch_add(other.sum.load(Relaxed), Relaxed);
    }

    /// Whether nothing was counted in.
    pub(super) fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| count.load(Relaxed) == 0)
    }
}

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let Scale { bounds, per_unit } = self.scale;
        let bounds = bounds.iter().map(|bound| float(*bound) / per_unit);
        let counts = self.counts.iter().map(|count| count.load(Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.chain([f64::INFINITY]).zip(counts).collect();
        // Added up rather than counted by itself: both are read at the same moment only this way.
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = float(self.sum.load(Relaxed)) / per_unit;
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[expect(clippy::cast_precision_loss, reason = "16 digits are enough to look at")]
fn float(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    use super::{DURATION, Histogram, PER_TOKEN, Scale, TOKENS, WORK};

    /// What is told of a histogram of seconds in which `values` were counted.
    fn told(scale: &'static Scale, values: &[u64]) -> Vec<String> {
        let histogram = Histogram::new(scale);
        for value in values {
            histogram.observe(*value);
        }
        let mut registry = Registry::default();
        registry.register("h", "h", histogram);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        text.lines()
            .filter(|line| !line.starts_with('#'))
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn a_value_on_a_bound_is_within_it_and_buckets_add_up() {
        let told = told(&DURATION, &[0, 10_000, 10_001, 81_920_001]);
        assert_eq!(
            told[..3],
            ["h_sum 81.940002", "h_count 4", "h_bucket{le=\"0.01\"} 2"]
        );
        assert_eq!(told[3], "h_bucket{le=\"0.02\"} 3");
        assert_eq!(told[15], "h_bucket{le=\"81.92\"} 3");
        assert_eq!(told[16], "h_bucket{le=\"+Inf\"} 4");
    }

    #[test]
    fn bounds_ascend_and_end_where_the_conventions_say() {
        for scale in [&DURATION, &PER_TOKEN, &TOKENS, &WORK] {
            assert!(scale.bounds.is_sorted_by(|a, b| a < b));
        }
        let last = |scale: &'static Scale| told(scale, &[])[scale.bounds.len() + 1].clone();
        assert_eq!(last(&TOKENS), "h_bucket{le=\"67108864.0\"} 0");
        assert_eq!(last(&PER_TOKEN), "h_bucket{le=\"2.5\"} 0");
    }

    #[test]
    fn nothing_is_lost_when_many_count_at_once() {
        let histogram = Histogram::new(&TOKENS);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1_000).for_each(|value| histogram.observe(value)));
            }
        });
        let counted: u64 = histogram
            .counts
            .iter()
            .map(|count| count.load(super::Relaxed))
            .sum();
        assert_eq!(counted, 4_000);
        assert_eq!(histogram.sum.load(super::Relaxed), 4 * 499_500);
    }
}
