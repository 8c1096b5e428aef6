//! A run in two small tables: what everything costs beside nginx, and what became of each goal. Pure.

use std::iter::once;

use crate::figures::{Found, Measured, Row, Verdict};
use crate::goal::{Figure, Goal, Limit};
use crate::markdown::table;
use crate::target::{DIRECT, NGINX};

/// A column: a figure of a scenario.
type Column<'a> = (&'a Measured, Figure);

/// Both tables, each where there is something to say.
pub(crate) fn summary(scenarios: &[Measured]) -> String {
    compared(scenarios) + &goals(scenarios)
}

/// One line for each target, one column for each figure that compares with nginx.
fn compared(scenarios: &[Measured]) -> String {
    let columns: Vec<Column<'_>> = scenarios.iter().flat_map(columns).collect();
    if columns.is_empty() {
        return String::new();
    }
    let names = columns
        .iter()
        .map(|(measured, figure)| format!("{}{}", measured.scenario, figure.column()));
    let heads: Vec<String> = once(String::new()).chain(names).collect();
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    let rows: Vec<Vec<String>> = targets(scenarios)
        .into_iter()
        .map(|target| across(&columns, target))
        .collect();
    format!(
        "\n**As multiples of nginx's**: CPU time per request, for streams per event, and latency where a column says \
         so; ratios of the minima over all rounds (least and greatest ratio of a round)\n\n{}",
        table(&heads, &rows)
    )
}

fn columns(measured: &Measured) -> impl Iterator<Item = Column<'_>> {
    measured.columns.iter().map(move |figure| (measured, *figure))
}

/// The targets that any column is about, in the order in which they were first asked.
fn targets(scenarios: &[Measured]) -> Vec<&str> {
    let mut targets: Vec<&str> = Vec::new();
    let told = scenarios.iter().filter(|measured| !measured.columns.is_empty());
    for row in told.flat_map(|measured| &measured.rows) {
        if row.target != DIRECT && !targets.contains(&&*row.target) {
            targets.push(&row.target);
        }
    }
    targets
}

/// `target` in every column; not every scenario asks it.
fn across(columns: &[Column<'_>], target: &str) -> Vec<String> {
    let cells = columns.iter().map(|(measured, figure)| {
        let row = measured.rows.iter().find(|row| row.target == target);
        row.and_then(|row| cell(row, *figure))
            .unwrap_or_else(|| "–".to_owned())
    });
    once(target.to_owned()).chain(cells).collect()
}

/// The multiple of nginx's; of nginx itself, what it is a multiple of.
fn cell(row: &Row, figure: Figure) -> Option<String> {
    if row.target == NGINX {
        return row.unit(figure).map(|micros| format!("{micros:.1} µs"));
    }
    row.find(figure).map(found)
}

/// A figure, and between which the rounds' lie.
fn found(Found { value, rounds }: Found) -> String {
    let rounds = rounds.map(|rounds| format!(" ({:.2}–{:.2})", rounds.min, rounds.max));
    format!("{value:.2}{}", rounds.unwrap_or_default())
}

/// One line for each goal.
fn goals(scenarios: &[Measured]) -> String {
    let rows: Vec<Vec<String>> = scenarios
        .iter()
        .flat_map(|measured| {
            measured
                .verdicts
                .iter()
                .map(move |verdict| goal(measured, verdict))
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let heads = ["goal for Weir", "limit", "figure (rounds)", ""];
    format!("\n{}", table(&heads, &rows))
}

fn goal(measured: &Measured, verdict: &Verdict) -> Vec<String> {
    let Goal { figure, limit } = verdict.goal;
    let limit = match limit {
        Limit::AtMost(limit) => format!("≤ {limit}"),
        Limit::AtLeast(limit) => format!("≥ {limit}"),
    };
    let reached = match verdict.reached {
        Some(true) => "**reached**",
        Some(false) => "**missed**",
        None => "not known: something was left out, or nginx added nothing",
    };
    vec![
        format!("{}: {}", measured.scenario, about(measured, verdict, figure)),
        limit,
        verdict.found.map_or_else(|| "–".to_owned(), found),
        reached.to_owned(),
    ]
}

/// What is judged; with what it is compared, where that is Weir too.
fn about(measured: &Measured, verdict: &Verdict, figure: Figure) -> String {
    match &measured.base {
        Some(base) => format!("{} of {} to {base}'s", figure.words(), verdict.target),
        None => figure.words().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::summary;
    use crate::figures::tests::measured;
    use crate::scenario::Name;

    #[test]
    fn a_run_is_told_in_one_table_and_a_line_for_each_goal() {
        let expected = "
**As multiples of nginx's**: CPU time per request, for streams per event, and latency where a column says so; \
ratios of the minima over all rounds (least and greatest ratio of a round)

|       | sat              | c8 added p50     |
| ----- | ---------------- | ---------------- |
| nginx | 20.0 µs          | 80.0 µs          |
| weir  | 1.30 (0.87–2.50) | 1.50 (1.20–1.75) |

| goal for Weir            | limit | figure (rounds)  |             |
| ------------------------ | ----- | ---------------- | ----------- |
| sat: CPU time to nginx's | ≤ 1.4 | 1.30 (0.87–2.50) | **reached** |
| c8: added p50 to nginx's | ≤ 1.5 | 1.50 (1.20–1.75) | **reached** |
";
        let told = summary(&[measured(Name::Sat), measured(Name::C8)]);
        assert_eq!(told, expected, "{told}");
    }

    #[test]
    fn goals_are_told_without_a_table_that_would_be_empty() {
        let told = summary(&[measured(Name::First)]);
        assert!(!told.contains("multiples"), "{told}");
        assert!(told.contains("first: the slowest of all, ms"), "{told}");
        assert!(told.contains("**missed**"), "{told}");
    }
}
