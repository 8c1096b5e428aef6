//! Golden files: objects in, tables and statuses out, in one file each.
//!
//! A file holds documents, then a line `# Output`, then what the compiler makes of them. Lines `# Then`
//! part it into steps: each is compiled against the tables that the one before published, as if every
//! object had been replaced, and the output is the last step's. `UPDATE_GOLDEN=1 cargo test -p weir-policy
//! --test golden` writes the outputs anew. A line `# Namespaced providers: disabled` in a step says that there
//! Providers do not count.

#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::{Value, json};
use weir_policy::compile::{Compiled, compile};
use weir_policy::document::{Source, read};
use weir_policy::snapshot::NamespacedProviders;
use weir_policy::verdict::{Rollout, Serving, Verdict};
use weir_table::{Scope, Table};

const OUTPUT: &str = "# Output\n";
const THEN: &str = "# Then\n";
/// Compiles a step as a cluster does in which Providers do not count.
const DISABLED: &str = "# Namespaced providers: disabled\n";

fn condition_lines(verdict: &Verdict) -> Vec<Value> {
    let line = |condition: weir_policy::verdict::ConditionDraft| {
        let status = if condition.status { "True" } else { "False" };
        json!(format!(
            "{}={status} {}: {}",
            condition.kind, condition.reason, condition.message
        ))
    };
    verdict.conditions(&Rollout::Done).into_iter().map(line).collect()
}

fn status(verdict: &Verdict) -> Value {
    let mut status = json!({ "object": verdict.object.to_string(), "conditions": condition_lines(verdict) });
    if let Some(policy) = &verdict.policy {
        let serving = match policy.serving {
            Serving::Current(_) => "Current",
            Serving::LastGood(_) => "LastGood",
            Serving::Nothing => "Nothing",
        };
        status["serving"] = json!(serving);
        status["kind"] = json!(format!("{:?}", policy.kind));
        status["targets"] = json!(policy.targets);
    }
    status
}

/// The models of a direct table come from the catalogue, which changes: only the provider's own are shown.
fn shown(table: &Table) -> Value {
    let mut value = serde_json::to_value(table).unwrap();
    for provider in value["providers"]
        .as_object_mut()
        .into_iter()
        .flat_map(|providers| providers.values_mut())
    {
        if let Some(models) = provider
            .pointer_mut("/live/models")
            .and_then(Value::as_object_mut)
        {
            models.retain(|name, _| name.starts_with("acme-"));
        }
    }
    value
}

fn output(compiled: &BTreeMap<Scope, Compiled>) -> String {
    let tables: Vec<Value> = compiled
        .values()
        .map(|compiled| shown(compiled.table.as_ref().expect("a table that holds").table()))
        .collect();
    let statuses: Vec<Value> = compiled
        .values()
        .flat_map(|compiled| &compiled.verdicts)
        .map(status)
        .collect();
    let credentials: Vec<Value> = compiled
        .values()
        .flat_map(|compiled| &compiled.credentials)
        .map(|(id, origin)| json!(format!("{id}: {origin:?}")))
        .collect();
    serde_saphyr::to_string(&json!({ "statuses": statuses, "tables": tables, "credentials": credentials }))
        .unwrap()
}

fn run(input: &str) -> String {
    let mut published: BTreeMap<Scope, Table> = BTreeMap::new();
    let mut compiled = BTreeMap::new();
    for step in input.split(THEN) {
        let mut documents = read(
            &[Source {
                name: "golden",
                text: step,
            }],
            "weir-system",
        );
        assert!(documents.problems.is_empty(), "{:?}", documents.problems);
        if step.contains(DISABLED) {
            documents.snapshot.namespaced_providers = NamespacedProviders::Disabled;
        }
        compiled = compile(&documents.snapshot, &published);
        let tables = compiled.iter().map(|(scope, compiled)| {
            (
                scope.clone(),
                compiled
                    .table
                    .as_ref()
                    .expect("a table that holds")
                    .table()
                    .clone(),
            )
        });
        published = tables.collect();
    }
    output(&compiled)
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

#[test]
fn every_golden_file_compiles_to_what_it_says() {
    let update = env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for path in cases() {
        let text = fs::read_to_string(&path).unwrap();
        let (input, expected) = text.split_once(OUTPUT).unwrap_or((&text, ""));
        let found = run(input);
        if update {
            fs::write(&path, format!("{input}{OUTPUT}{found}")).unwrap();
        } else if found != expected {
            wrong.push(format!("{}:\n{found}", path.display()));
        }
    }
    assert!(cases().len() >= 20, "the golden files are gone");
    assert!(
        wrong.is_empty(),
        "UPDATE_GOLDEN=1 writes them anew; look at the difference:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn compiling_again_against_its_own_tables_changes_nothing() {
    for path in cases() {
        let text = fs::read_to_string(&path).unwrap();
        let input = text.split_once(OUTPUT).map_or(text.as_str(), |(input, _)| input);
        let once = run(input);
        let last = input.rsplit(THEN).next().unwrap();
        assert_eq!(run(&format!("{input}{THEN}{last}")), once, "{}", path.display());
    }
}
