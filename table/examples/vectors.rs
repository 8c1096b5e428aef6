//! Prints `docs/selection-vectors.json`: keys, names and weights with every intermediate value of
//! selection. `cargo run -p weir-table --example vectors > docs/selection-vectors.json`
#![allow(clippy::print_stdout, reason = "printing is all that it does")]

use serde_json::{Value, json};
use weir_table::select::{hash, score, seed, unit};

const SALTS: [&str; 3] = ["default/reasoning-experiment", "", "münchen/ü"];
const NAMES: [(&str, f64); 4] = [
    ("openai/o1", 50.0),
    ("openai/o3-mini", 25.0),
    ("policy/production-fallback", 33.3),
    ("é", 1e-6),
];
const KEYS: [&str; 9] = [
    "",
    "a",
    "user-42",
    "é",
    "\u{1F600}",
    "12345",
    "1.50",
    "trace-0000-4000",
    "LONG",
];

fn vector(salt: &str, (name, weight): (&str, f64), key: &str) -> Value {
    let key = if key == "LONG" {
        "0123456789abcdef".repeat(64)
    } else {
        key.to_owned()
    };
    let seed = seed(salt, name);
    let hash = hash(key.as_bytes(), seed);
    let bits = |value: f64| format!("{:016x}", value.to_bits());
    json!({
        "salt": salt, "name": name, "weight": weight, "key": key,
        "seed": format!("{seed:016x}"), "hash": format!("{hash:016x}"),
        "unitBits": bits(unit(hash)), "scoreBits": bits(score(hash, weight)),
    })
}

fn main() -> serde_json::Result<()> {
    let every = SALTS.iter().flat_map(|salt| NAMES.map(|target| (*salt, target)));
    let vectors: Vec<Value> = every
        .flat_map(|(salt, target)| KEYS.map(|key| vector(salt, target, key)))
        .collect();
    println!(
        "{}",
        serde_json::to_string_pretty(&json!({ "vectors": vectors }))?
    );
    Ok(())
}
