//! What Weir is to reach, as data: which figure, and its limit. Pure.

use serde::Serialize;

/// A figure that a goal is about, or that stands in a column of the summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Figure {
    /// CPU time per unit, as a multiple of nginx's.
    Cpu,
    /// Latency added at the median, as a multiple of what nginx adds.
    AddedP50,
    /// The median latency, as a multiple of nginx's.
    P50,
    /// The latency that one in a hundred exceeds, as a multiple of nginx's.
    P99,
    /// CPU time per unit, as a multiple of that of the scenario's base.
    CpuToBase,
    /// Units per second, as a multiple of the base's.
    RateToBase,
    /// Latency added at the median, in milliseconds.
    AddedMillis,
    /// The greatest latency of all, in milliseconds.
    WorstMillis,
    /// Memory at rest, in MiB.
    Idle,
    /// The most memory under this load, in MiB.
    Loaded,
}

impl Figure {
    /// It in a few words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Cpu => "CPU time to nginx's",
            Self::AddedP50 => "added p50 to nginx's",
            Self::P50 => "p50 to nginx's",
            Self::P99 => "p99 to nginx's",
            Self::CpuToBase => "CPU time",
            Self::RateToBase => "throughput",
            Self::AddedMillis => "added p50, ms",
            Self::WorstMillis => "the slowest of all, ms",
            Self::Idle => "MiB at rest",
            Self::Loaded => "MiB under load",
        }
    }

    /// Whether it compares with nginx, so that it can stand beside others in one table.
    pub(crate) fn is_to_nginx(self) -> bool {
        matches!(self, Self::Cpu | Self::AddedP50 | Self::P50 | Self::P99)
    }

    /// What is added to a scenario's name at the head of its column.
    pub(crate) fn column(self) -> &'static str {
        match self {
            Self::AddedP50 => " added p50",
            Self::P50 => " p50",
            Self::P99 => " p99",
            _ => "",
        }
    }
}

/// What Weir is to reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Goal {
    /// Of what.
    pub(crate) figure: Figure,
    /// How far.
    pub(crate) limit: Limit,
}

/// The side on which a figure is to stay.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Limit {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
}

impl Goal {
    /// `figure` is to be `limit` or less.
    pub(crate) const fn at_most(figure: Figure, limit: f64) -> Self {
        Self {
            figure,
            limit: Limit::AtMost(limit),
        }
    }

    /// `figure` is to be `limit` or more.
    pub(crate) const fn at_least(figure: Figure, limit: f64) -> Self {
        Self {
            figure,
            limit: Limit::AtLeast(limit),
        }
    }

    /// Whether `found` reaches it.
    pub(crate) fn is_reached_by(self, found: f64) -> bool {
        match self.limit {
            Limit::AtMost(limit) => found <= limit,
            Limit::AtLeast(limit) => found >= limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Figure, Goal};

    #[test]
    fn a_goal_is_reached_at_its_limit_and_on_its_own_side() {
        let at_most = Goal::at_most(Figure::Cpu, 1.4);
        assert!(at_most.is_reached_by(1.4) && at_most.is_reached_by(0.9));
        assert!(!at_most.is_reached_by(1.41));
        let at_least = Goal::at_least(Figure::RateToBase, 0.95);
        assert!(at_least.is_reached_by(0.95) && at_least.is_reached_by(1.1));
        assert!(!at_least.is_reached_by(0.94));
        assert!(
            !at_most.is_reached_by(f64::NAN),
            "nothing is reached by what is no number"
        );
    }
}
