//! `weir explain` against the table's own selection.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::Value;
use weir_policy::compile::compile_namespace;
use weir_policy::document::{Source, read};
use weir_policy::holders::KeyHolders;
use weir_policy::snapshot::Follow;
use weir_table::{Node, Split};

use crate::run::{Said, examples, file, weir, with_input};

fn explain(arguments: &[&str], input: &str) -> Said {
    let examples = examples().display().to_string();
    with_input(&[&["explain", "-f", &examples], arguments].concat(), input)
}

fn keys() -> Vec<String> {
    (0..3_000).map(|n| format!("user-{n}")).collect()
}

/// The split of an example, compiled here.
fn example(name: &str) -> Split {
    let text = std::fs::read_to_string(examples().join(format!("{name}.yaml"))).unwrap();
    let mut documents = read(&[Source { name, text: &text }], "weir-system");
    documents.snapshot.checking.providers = Follow::OnTrust;
    let compiled = compile_namespace(&documents.snapshot, &KeyHolders::default(), "default", None);
    match compiled.table.unwrap().table().policies[name].root.clone() {
        Node::Split(split) => Arc::unwrap_or_clone(split),
        other => panic!("{other:?}"),
    }
}

fn lines(said: &Said) -> Vec<Value> {
    said.out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn every_key_goes_where_the_tables_own_selection_sends_it() {
    let split = example("reasoning-experiment");
    let input = keys().join("\n");
    let said = explain(
        &["policy/Reasoning-experiment", "--keys", "-", "-o", "json"],
        &input,
    );
    assert_eq!(said.code, 0, "{}", said.err);
    let explained = lines(&said);
    assert_eq!(explained.len(), keys().len());
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for (key, line) in keys().iter().zip(&explained) {
        let target = &split.select(key.as_bytes()).unwrap().name;
        assert_eq!(line["key"], *key);
        assert_eq!(line["target"], **target);
        assert_eq!(line["model"], **target);
        *counts.entry(target.clone()).or_default() += 1;
    }
    assert_eq!(counts.len(), 3);
    assert!(counts["openai/o1"].abs_diff(1_500) < 100, "{counts:?}");
}

#[test]
fn a_line_says_the_way_and_the_upstream() {
    let said = explain(
        &["policy/reasoning-experiment", "--keys", "-", "-o", "json"],
        "5\n",
    );
    let expected = r#"{"key":"5","path":"reasoning-experiment","target":"deepseek/reasoner","model":"deepseek/reasoner","provider":"deepseek","upstream":"deepseek-reasoner"}"#;
    assert_eq!(said.out, format!("{expected}\n"));
}

#[test]
fn one_key_is_explained_with_every_candidate() {
    let said = explain(&["policy/gradual-rollout", "--key", "user-42"], "");
    let expected = "\
key \"user-42\"

gradual-rollout draws by weight (salt \"default/gradual-rollout\"); the least score wins
    target                          weight     share  hash              score
    policy/production-fallback          80   80.00 %  77e1953a39f9b3ea  0.009483454
  → policy/experimental-fallback        20   20.00 %  dcbdc8cf2f0f2c12  0.007409291
experimental-fallback tries in this order
  1. google/gemini-2.5-pro (gemini-2.5-pro at provider google), 1 retry
  2. openai/gpt-5.2 (gpt-5.2 at provider openai), 2 retries

→ google/gemini-2.5-pro (gemini-2.5-pro at provider google), by gradual-rollout/experimental-fallback
";
    assert_eq!(said.out, expected);
}

#[test]
fn json_of_one_key_holds_hashes_and_order() {
    let explained = explain(&["policy/gradual-rollout", "--key", "user-42", "-o", "json"], "").json();
    assert_eq!(explained["path"], "gradual-rollout/experimental-fallback");
    let draw = &explained["steps"]["split"];
    assert_eq!(draw["candidates"][1]["hash"], "dcbdc8cf2f0f2c12");
    assert_eq!(draw["candidates"][1]["standing"], "wins");
    let rungs = &draw["next"]["chain"]["rungs"];
    assert_eq!(rungs[0]["step"]["model"]["provider"], "google");
    assert_eq!(rungs[1]["retries"], 2);
}

#[test]
fn people_get_columns_and_a_tally() {
    let said = explain(&["policy/reasoning-experiment", "--keys", "-"], "1\r\n\n5\n");
    assert_eq!(
        said.out,
        "1\topenai/o1\treasoning-experiment\n5\tdeepseek/reasoner\treasoning-experiment\n"
    );
    assert!(said.err.contains("1   50.00 %  openai/o1"), "{said:?}");
}

#[test]
fn a_policy_of_another_namespace_is_reached_both_ways() {
    let mut text = String::new();
    for namespace in ["team-a", "team-b"] {
        write!(
            text,
            "---\napiVersion: weir.dev/v1alpha1\nkind: FallbackPolicy\nmetadata: {{name: chat, namespace: {namespace}}}\n\
             spec: {{targets: [{{model: openai/{namespace}}}]}}\n"
        )
        .unwrap();
    }
    let path = file("namespaces", &text).display().to_string();
    let short = weir(&[
        "explain",
        "-f",
        &path,
        "policy/chat",
        "-n",
        "team-b",
        "--key",
        "k",
        "-o",
        "json",
    ]);
    assert_eq!(short.json()["model"], "openai/team-b");
    let long = weir(&[
        "explain",
        "-f",
        &path,
        "policy/team-a/chat",
        "--key",
        "k",
        "-o",
        "json",
    ]);
    assert_eq!(long.json()["model"], "openai/team-a");
}

#[test]
fn an_unknown_policy_is_answered_with_those_that_there_are() {
    let said = explain(&["policy/nope", "--key", "k"], "");
    assert_eq!(said.code, 1);
    assert!(
        said.err
            .contains("no policy nope in namespace default; there: cost-optimised, "),
        "{said:?}"
    );
}

#[test]
fn a_policy_that_is_not_in_order_says_why() {
    let text = "apiVersion: weir.dev/v1alpha1\nkind: FallbackPolicy\nmetadata: {name: chat}\n\
                spec: {targets: [{policy: gone}]}\n";
    let said = with_input(&["explain", "-f", "-", "policy/chat", "--key", "k"], text);
    assert_eq!(said.code, 1);
    assert!(
        said.err
            .contains("spec.targets[0].policy: policy gone does not exist"),
        "{said:?}"
    );
}

#[test]
fn a_key_that_no_router_takes_is_refused_with_its_line() {
    let long = "x".repeat(1_025);
    let said = explain(
        &["policy/gradual-rollout", "--keys", "-"],
        &format!("a\n{long}\n"),
    );
    assert_eq!(said.code, 2);
    assert!(
        said.err
            .contains("-:2: the key must not be longer than 1024 bytes"),
        "{said:?}"
    );
    assert_eq!(
        explain(&["policy/gradual-rollout"], "").code,
        2,
        "a key must be given"
    );
}
