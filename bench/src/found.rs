//! A figure, and beside it what it is to be. Pure.

use std::fmt::Display;

use crate::markdown::table;

/// One figure of Weir's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    what: String,
    seen: String,
    goal: String,
    verdict: &'static str,
}

impl Found {
    /// A figure without a goal.
    pub(crate) fn plain(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            seen: found.into(),
            goal: String::new(),
            verdict: "",
        }
    }

    /// A figure that is to be at most `limit`.
    pub(crate) fn at_most(what: impl Into<String>, found: f64, limit: f64, unit: &str) -> Self {
        let goal = format!("at most {}", with_unit(limit, unit));
        Self::judged(what, with_unit(rounded(found), unit), goal, found <= limit)
    }

    /// A figure that is to be at least `limit`.
    pub(crate) fn at_least(what: impl Into<String>, found: f64, limit: f64, unit: &str) -> Self {
        let goal = format!("at least {}", with_unit(limit, unit));
        Self::judged(what, with_unit(rounded(found), unit), goal, found >= limit)
    }

    /// It with more words behind what was found.
    #[must_use]
    pub(crate) fn with(mut self, more: impl Display) -> Self {
        self.seen = format!("{} ({more})", self.seen);
        self
    }

    fn judged(what: impl Into<String>, found: String, goal: String, is_reached: bool) -> Self {
        let verdict = if is_reached { "Reached" } else { "**Missed**" };
        Self {
            what: what.into(),
            seen: found,
            goal,
            verdict,
        }
    }
}

/// `figures` as Markdown.
pub(crate) fn listed(figures: &[Found]) -> String {
    let row = |figure: &Found| {
        let Found { what, seen, goal, .. } = figure;
        vec![
            what.clone(),
            seen.clone(),
            goal.clone(),
            figure.verdict.to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = figures.iter().map(row).collect();
    table(&["", "found", "goal for Weir", ""], &rows)
}

fn with_unit(figure: f64, unit: &str) -> String {
    if unit.is_empty() {
        return figure.to_string();
    }
    format!("{figure} {unit}")
}

/// Three digits, which is more than most figures are good for.
fn rounded(figure: f64) -> f64 {
    let digits = if figure.abs() >= 100.0 {
        0
    } else if figure.abs() >= 10.0 {
        1
    } else {
        2
    };
    format!("{figure:.digits$}").parse().unwrap_or(figure)
}

#[cfg(test)]
mod tests {
    use super::{Found, listed};

    #[test]
    fn a_goal_is_reached_or_missed_by_the_whole_figure_not_by_what_is_shown_of_it() {
        let figures = [
            Found::at_most("a", 100.2, 100.0, "ns").with("of 3"),
            Found::at_least("b", 4.0, 4.0, "GB/s"),
            Found::plain("c", "7 KiB"),
        ];
        let expected = "\
|   | found         | goal for Weir   |            |
| - | ------------- | --------------- | ---------- |
| a | 100 ns (of 3) | at most 100 ns  | **Missed** |
| b | 4 GB/s        | at least 4 GB/s | Reached    |
| c | 7 KiB         |                 |            |
";
        assert_eq!(listed(&figures), expected);
    }
}
