//! What it takes to choose among the targets of a split. No I/O, one thread.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use weir_table::{Model, Node, Prices, Split, SplitTarget};

/// How many targets there are to choose among.
const TARGETS: [usize; 2] = [3, 64];

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("select");
    for targets in TARGETS {
        let (split, keys) = (split(targets), keys());
        let mut keys = keys.iter().cycle();
        group.bench_function(BenchmarkId::new("targets", targets), |bencher| {
            bencher.iter(|| split.select(black_box(keys.next().map_or(&[], |key| key.as_bytes()))));
        });
    }
    group.finish();
    criterion.final_summary();
}

/// Keys that look like trace ids.
fn keys() -> Vec<String> {
    (0..1_000)
        .map(|index| format!("4bf92f3577b34da6a3ce929d0e{index:06}"))
        .collect()
}

/// Weights differ, as they do where people set them.
fn split(targets: usize) -> Split {
    let weights = [50.0, 30.0, 20.0].into_iter().cycle();
    let target =
        |(index, weight)| SplitTarget::new(format!("mock/{index}"), weight, Node::from(model(index)));
    Split::new(
        "bench".to_owned(),
        "default/bench".to_owned(),
        Vec::new(),
        (0..targets).zip(weights).map(target).collect(),
    )
}

fn model(index: usize) -> Model {
    Model {
        model: format!("mock/{index}"),
        provider: "mock".to_owned(),
        upstream: index.to_string(),
        region: None,
        credential: None,
        context_window: None,
        reasoning: false,
        prices: Prices::default(),
    }
}
