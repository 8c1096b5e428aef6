//! Prints how long compiling takes: `cargo run --release -p weir-policy --example compile_time [NAMESPACES [POLICIES]]`.
//! Every namespace holds POLICIES load-balancing policies of three models, and rollouts between pairs of them.
#![allow(clippy::print_stdout, reason = "printing is all that it does")]

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::time::Instant;

use weir_policy::compile::{compile, compile_namespace};
use weir_policy::document::{Source, read};
use weir_policy::holders::KeyHolders;
use weir_policy::snapshot::Snapshot;
use weir_table::{Scope, codec};

fn documents(namespaces: usize, policies: usize) -> String {
    let mut text = "apiVersion: weir.dev/v1alpha1\nkind: ClusterProvider\nmetadata: {name: openai}\n\
                    spec: {dialect: OpenAI, baseURL: https://api.openai.com/v1}\n"
        .to_owned();
    for (namespace, policy) in (0..namespaces).flat_map(|n| (0..policies).map(move |p| (n, p))) {
        let targets = if policy % 4 == 3 {
            format!(
                "[{{policy: p{}, weight: 80}}, {{policy: p{}, weight: 20}}]",
                policy - 1,
                policy - 2
            )
        } else {
            "[{model: openai/o1, weight: 50}, {model: openai/o3-mini, weight: 25}, {model: openai/gpt-4o, weight: 25}]"
                .to_owned()
        };
        // Writing to a string does not fail.
        let _ok = write!(
            text,
            "---\napiVersion: weir.dev/v1alpha1\nkind: LoadBalancingPolicy\n\
             metadata: {{name: p{policy}, namespace: ns{namespace}}}\nspec: {{targets: {targets}}}\n"
        );
    }
    text
}

fn snapshot(namespaces: usize, policies: usize) -> Snapshot {
    read(
        &[Source {
            name: "generated",
            text: &documents(namespaces, policies),
        }],
        "weir-system",
    )
    .snapshot
}

fn main() {
    let mut numbers = env::args().skip(1).filter_map(|number| number.parse().ok());
    let (namespaces, policies) = (numbers.next().unwrap_or(100), numbers.next().unwrap_or(100));
    let snapshot = snapshot(namespaces, policies);
    let begun = Instant::now();
    let compiled = compile(&snapshot, &BTreeMap::new());
    println!("all {} policies: {:?}", namespaces * policies, begun.elapsed());
    let table = compiled[&Scope::Namespace("ns0".to_owned())]
        .table
        .as_ref()
        .map(|checked| checked.table().clone());
    let Ok(table) = table else {
        return println!("the table does not hold");
    };
    let begun = Instant::now();
    let again = compile_namespace(&snapshot, &KeyHolders::of(&snapshot), "ns0", Some(&table));
    println!("one namespace again: {:?}", begun.elapsed());
    let begun = Instant::now();
    let json = again
        .table
        .map(|checked| codec::encode(checked.table(), weir_table::Format::NEWEST).json)
        .unwrap_or_default();
    println!("encoding it: {:?}, {} bytes", begun.elapsed(), json.len());
}
