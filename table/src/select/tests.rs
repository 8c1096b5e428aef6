use proptest::prelude::{prop, prop_assert, prop_assert_eq, proptest};

use super::{hash, score, seed, unit};
use crate::model::{Model, Node, Split, SplitTarget};
use crate::price::Prices;

fn leaf() -> Node {
    Node::from(Model {
        model: "openai/m".to_owned(),
        provider: "openai".to_owned(),
        upstream: "m".to_owned(),
        region: None,
        credential: None,
        context_window: None,
        reasoning: false,
        prices: Prices::default(),
    })
}

fn split(salt: &str, targets: &[(&str, f64)]) -> Split {
    let targets = targets
        .iter()
        .map(|(name, weight)| SplitTarget::new((*name).to_owned(), *weight, leaf()));
    Split::new("p".to_owned(), salt.to_owned(), Vec::new(), targets.collect())
}

fn winner(split: &Split, key: usize) -> &str {
    &split.select(format!("user-{key}").as_bytes()).unwrap().name
}

fn count(split: &Split, name: &str, keys: usize) -> usize {
    (0..keys).filter(|&key| winner(split, key) == name).count()
}

/// Four standard deviations of a binomial share: a correct draw fails once in 16,000 tries, and these
/// draws are fixed, so either always or never.
#[allow(clippy::cast_precision_loss)]
fn is_share(found: usize, keys: usize, share: f64) -> bool {
    let expected = share * keys as f64;
    (found as f64 - expected).abs() <= 4.0 * (expected * (1.0 - share)).sqrt()
}

#[test]
fn shares_follow_the_weights() {
    let split = split("default/p", &[("a", 50.0), ("b", 25.0), ("c", 24.9), ("d", 0.1)]);
    for (target, share) in split.targets.iter().zip(split.shares()) {
        let found = count(&split, &target.name, 40_000);
        assert!(
            is_share(found, 40_000, share),
            "{}: {found} of 40000 for {share}",
            target.name
        );
    }
}

#[test]
fn a_weight_of_zero_gets_nothing() {
    let split = split("s", &[("a", 0.0), ("b", 100.0)]);
    assert_eq!(count(&split, "a", 5_000), 0);
}

#[test]
fn no_positive_weight_selects_nobody() {
    assert!(split("s", &[("a", 0.0)]).select(b"k").is_none());
}

#[test]
fn a_growing_canary_never_sends_anyone_back() {
    let mut on_canary = vec![false; 5_000];
    for percent in 0..=100 {
        let split = split(
            "s",
            &[
                ("stable", f64::from(100 - percent)),
                ("canary", f64::from(percent)),
            ],
        );
        for (key, was_on) in on_canary.iter_mut().enumerate() {
            let is_on = winner(&split, key) == "canary";
            assert!(is_on || !*was_on, "key {key} went back at {percent} %");
            *was_on = is_on;
        }
    }
    assert!(on_canary.iter().all(|on| *on));
}

#[test]
fn a_single_changed_weight_moves_nobody_between_the_others() {
    let before = split("s", &[("a", 40.0), ("b", 40.0), ("c", 20.0)]);
    let after = split("s", &[("a", 40.0), ("b", 40.0), ("c", 60.0)]);
    for key in 0..20_000 {
        let (was, is) = (winner(&before, key), winner(&after, key));
        assert!(was == is || is == "c", "key {key}: {was} to {is}");
    }
}

#[test]
#[allow(clippy::cast_precision_loss)]
fn any_other_change_moves_little_more_than_it_must() {
    let before = split("s", &[("a", 50.0), ("b", 30.0), ("c", 20.0)]);
    let after = split("s", &[("a", 30.0), ("b", 40.0), ("c", 30.0)]);
    let keys = 100_000;
    let moved = (0..keys)
        .filter(|&key| winner(&before, key) != winner(&after, key))
        .count();
    let share = moved as f64 / keys as f64;
    assert!((0.19..0.21).contains(&share), "moved {share}, least possible 0.2");
}

/// Chi-square of a 3×3 contingency table, 4 degrees of freedom: 23.5 is its 0.9999 quantile.
#[test]
#[allow(clippy::cast_precision_loss)]
fn nested_levels_are_independent() {
    let outer = split("default/outer", &[("a", 1.0), ("b", 1.0), ("c", 1.0)]);
    let inner = split("default/inner", &[("a", 1.0), ("b", 1.0), ("c", 1.0)]);
    let keys = 30_000;
    let names = ["a", "b", "c"];
    let mut cells = [[0_usize; 3]; 3];
    for key in 0..keys {
        let place = |name: &str| names.iter().position(|n| *n == name).unwrap();
        cells[place(winner(&outer, key))][place(winner(&inner, key))] += 1;
    }
    let row = |r: usize| cells[r].iter().sum::<usize>() as f64;
    let column = |c: usize| cells.iter().map(|row| row[c]).sum::<usize>() as f64;
    let cell = |r: usize, c: usize| (cells[r][c] as f64, row(r) * column(c) / keys as f64);
    let squares = (0..9)
        .map(|at| cell(at / 3, at % 3))
        .map(|(found, expected)| (found - expected).powi(2) / expected);
    let chi_square: f64 = squares.sum();
    assert!(chi_square < 23.5, "chi-square {chi_square}");
}

#[test]
fn one_salt_for_two_levels_would_correlate_them() {
    let outer = split("same", &[("a", 1.0), ("b", 1.0)]);
    let inner = split("same", &[("a", 1.0), ("b", 1.0)]);
    let both = (0..1_000)
        .filter(|&key| winner(&outer, key) == winner(&inner, key))
        .count();
    assert_eq!(both, 1_000, "this is why check refuses it");
}

#[test]
fn published_vectors_hold() {
    let text = include_str!("../../../docs/selection-vectors.json");
    let vectors: serde_json::Value = serde_json::from_str(text).unwrap();
    let rows = vectors["vectors"].as_array().unwrap();
    assert!(rows.len() >= 100);
    for row in rows {
        let text = |field: &str| row[field].as_str().unwrap();
        let seed = seed(text("salt"), text("name"));
        assert_eq!(format!("{seed:016x}"), text("seed"), "{row}");
        let hash = hash(text("key").as_bytes(), seed);
        assert_eq!(format!("{hash:016x}"), text("hash"), "{row}");
        let bits = |value: f64| format!("{:016x}", value.to_bits());
        assert_eq!(bits(unit(hash)), text("unitBits"), "{row}");
        assert_eq!(
            bits(score(hash, row["weight"].as_f64().unwrap())),
            text("scoreBits"),
            "{row}"
        );
    }
}

#[test]
fn no_hash_has_an_infinite_or_negative_score() {
    assert!(unit(0) > 0.0 && score(0, 1.0).is_finite());
    assert!(unit(u64::MAX) <= 1.0 && score(u64::MAX, 1.0) >= 0.0);
}

proptest! {
    #[test]
    fn order_and_scale_have_no_meaning(
        weights in prop::collection::vec(1e-3..1e6_f64, 2..20), key in "\\PC{0,40}", rotate in 0..20_usize, exponent in -6..6_i32,
    ) {
        let names: Vec<String> = (0..weights.len()).map(|n| format!("t{n}")).collect();
        let targets: Vec<(&str, f64)> = names.iter().map(String::as_str).zip(weights.iter().copied()).collect();
        let scale = 2_f64.powi(exponent);
        let mut changed: Vec<(&str, f64)> = targets.iter().map(|(name, weight)| (*name, weight * scale)).collect();
        changed.rotate_left(rotate % targets.len());
        let (one, other) = (split("s", &targets), split("s", &changed));
        prop_assert_eq!(&one.select(key.as_bytes()).unwrap().name, &other.select(key.as_bytes()).unwrap().name);
    }

    #[test]
    fn what_is_passed_over_without_a_logarithm_was_never_the_least(
        exponents in prop::collection::vec(-9.0..12.0_f64, 1..80), key in "\\PC{0,40}",
    ) {
        let names: Vec<String> = (0..exponents.len()).map(|n| format!("t{n}")).collect();
        let weights = exponents.iter().map(|exponent| 10_f64.powf(*exponent));
        let targets: Vec<(&str, f64)> = names.iter().map(String::as_str).zip(weights).collect();
        let split = split("s", &targets);
        let far = |target: &&SplitTarget| score(hash(key.as_bytes(), target.seed()), target.weight);
        let least = split.targets.iter().min_by(|a, b| far(a).total_cmp(&far(b))).unwrap();
        prop_assert_eq!(&split.select(key.as_bytes()).unwrap().name, &least.name);
    }

    #[test]
    fn shares_add_up_to_one(weights in prop::collection::vec(1e-6..1e9_f64, 1..64)) {
        let names: Vec<String> = (0..weights.len()).map(|n| format!("t{n}")).collect();
        let targets: Vec<(&str, f64)> = names.iter().map(String::as_str).zip(weights).collect();
        let total: f64 = split("s", &targets).shares().iter().sum();
        prop_assert!((total - 1.0).abs() < 1e-9);
    }
}
