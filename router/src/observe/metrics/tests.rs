use std::collections::BTreeSet;
use std::sync::Arc;

use super::Metrics;
use crate::observe::series::TargetName;

const DOCUMENTED: &str = include_str!("../../../../docs/metrics.md");

fn metrics() -> Metrics {
    Metrics::new(&Arc::default(), &Arc::default(), &Arc::default())
}

/// The names in the document's tables: the first cell of a row, between backquotes.
fn documented() -> BTreeSet<String> {
    let rows = DOCUMENTED.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| Some(row.split_once('`')?.0.to_owned()))
        .collect()
}

/// The names of all metrics, as they are asked for: counters end in `_total`.
fn told(text: &str) -> BTreeSet<String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .filter_map(|line| line.split_once(' '))
        .map(|(name, kind)| {
            if kind == "counter" {
                format!("{name}_total")
            } else {
                name.to_owned()
            }
        })
        .collect()
}

#[test]
fn the_document_names_every_metric_and_no_other() {
    assert_eq!(documented(), told(&metrics().encode()));
}

#[test]
fn a_series_that_nobody_holds_goes_once_it_was_told() {
    let metrics = metrics();
    let name = TargetName {
        namespace: "ns".into(),
        path: "p".into(),
        target: "gone/m".into(),
    };
    let held = metrics.targets.find(name);
    held.own().requests.count(None);
    assert!(metrics.encode().contains("gone/m") && metrics.encode().contains("gone/m"));
    drop(held);
    assert!(metrics.encode().contains("gone/m"));
    assert!(!metrics.encode().contains("gone/m"));
}

#[test]
fn the_text_ends_as_its_format_wants() {
    assert!(metrics().encode().ends_with("# EOF\n"));
}
