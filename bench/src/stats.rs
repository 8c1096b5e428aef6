//! Numbers out of repetitions. Pure: figures in, figures out.
//!
//! A repetition can only be made slower by what else a machine does, never faster, so the least of several
//! is the steadiest estimate of what something costs. Two things measured in turns are compared by the
//! ratio of their minima; the ratios of the single rounds show how far that can be trusted.

use serde::Serialize;

/// The least, the middle and the greatest of some figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Spread {
    /// The least.
    pub(crate) min: f64,
    /// The middle one, or the mean of the two in the middle.
    pub(crate) median: f64,
    /// The greatest.
    pub(crate) max: f64,
}

impl Spread {
    /// The spread of `figures`; `None` if there are none.
    pub(crate) fn of(figures: &[f64]) -> Option<Self> {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let upper = sorted.len() / 2;
        let lower = (sorted.len() - 1) / 2;
        Some(Self {
            min,
            median: f64::midpoint(sorted[lower], sorted[upper]),
            max,
        })
    }

    /// The spread of what was spread here, in a unit that is `unit` times as great.
    pub(crate) fn divided(self, unit: f64) -> Self {
        Self {
            min: self.min / unit,
            median: self.median / unit,
            max: self.max / unit,
        }
    }
}

/// One target's figures as multiples of another's, taken in the same rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Ratio {
    /// The ratio of the minima, or of the maxima where more is better: the figure to quote.
    pub(crate) of_best: f64,
    /// The ratios of the rounds: how far to trust it.
    pub(crate) rounds: Spread,
}

impl Ratio {
    /// The ratio of `figures` to `base`, round by round; `None` without rounds, or where `base` is not
    /// positive throughout and so means nothing.
    pub(crate) fn between(figures: &[f64], base: &[f64]) -> Option<Self> {
        if base.iter().any(|base| *base <= 0.0) {
            return None;
        }
        let rounds: Vec<f64> = figures
            .iter()
            .zip(base)
            .map(|(figure, base)| figure / base)
            .collect();
        let of_best = Spread::of(figures)?.min / Spread::of(base)?.min;
        Some(Self {
            of_best,
            rounds: Spread::of(&rounds)?,
        })
    }

    /// The same of figures of which more is better: the ratio of the maxima, because what disturbs makes them less.
    pub(crate) fn of_maxima(figures: &[f64], base: &[f64]) -> Option<Self> {
        let rounds = Self::between(figures, base)?.rounds;
        Some(Self {
            of_best: Spread::of(figures)?.max / Spread::of(base)?.max,
            rounds,
        })
    }
}

/// The least of `sorted` that at least `percent` of them do not exceed (the nearest rank); `None` if there
/// are none.
pub(crate) fn percentile<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

/// A count as a number to calculate with.
#[allow(
    clippy::cast_precision_loss,
    reason = "nothing that is counted or sized here comes near 2⁵³"
)]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::{Ratio, Spread, percentile};

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        let spread = Spread {
            min: 1.0,
            median: 2.5,
            max: 9.0,
        };
        assert_eq!(Spread::of(&[9.0, 2.0, 1.0, 3.0]), Some(spread));
        assert_eq!(
            Spread::of(&[5.0]),
            Some(Spread {
                min: 5.0,
                median: 5.0,
                max: 5.0
            })
        );
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn a_ratio_is_that_of_the_minima_whichever_rounds_they_fell_in() {
        let ratio = Ratio::between(&[30.0, 24.0, 90.0], &[10.0, 60.0, 20.0]).unwrap();
        assert!((ratio.of_best - 2.4).abs() < 1e-12, "{ratio:?}");
        assert_eq!(
            ratio.rounds,
            Spread {
                min: 0.4,
                median: 3.0,
                max: 4.5
            }
        );
    }

    #[test]
    fn where_more_is_better_the_maxima_are_compared() {
        let ratio = Ratio::of_maxima(&[30.0, 24.0], &[10.0, 60.0]).unwrap();
        assert!((ratio.of_best - 0.5).abs() < 1e-12, "{ratio:?}");
        assert!((ratio.rounds.max - 3.0).abs() < 1e-12, "{ratio:?}");
    }

    #[test]
    fn there_is_no_ratio_to_nothing() {
        assert_eq!(Ratio::between(&[1.0, 2.0], &[1.0, 0.0]), None);
        assert_eq!(Ratio::between(&[1.0], &[-3.0]), None);
        assert_eq!(Ratio::between(&[], &[]), None);
    }

    #[test]
    fn a_percentile_is_the_nearest_rank() {
        let hundred: Vec<u32> = (1..=100).collect();
        assert_eq!(percentile(&hundred, 50), Some(50));
        assert_eq!(percentile(&hundred, 99), Some(99));
        assert_eq!(percentile(&[7, 8, 9], 50), Some(8));
        assert_eq!(percentile(&[7, 8, 9], 99), Some(9));
        assert_eq!(percentile::<u32>(&[], 50), None);
    }
}
