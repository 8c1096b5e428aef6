//! The built-in data file, and the rules by which names are looked up.

use serde_json::Value;

use super::{Catalogue, CatalogueError, Feature, ModelFacts, ModelKind};

const MODELS: &str = include_str!("../../catalogue/models.json");
const OVERLAY: &str = include_str!("../../catalogue/overlay.json");

/// One model `long` with profiles `eu` and `global`, its alias `short`, and regions with and without them.
fn small() -> Catalogue {
    parse(
        r#"{"short": "long"}"#,
        r#"{"kind": "chat", "profiles": ["eu", "global"]}"#,
    )
    .unwrap()
}

fn parse(aliases: &str, long: &str) -> Result<Catalogue, CatalogueError> {
    Catalogue::parse(&format!(
        r#"{{"source": {{"package": "p", "version": "1", "file": "f", "licence": "MIT", "copyright": "c",
             "date": "2026-01-02"}},
            "providers": {{"cloud": {{
              "aliases": {aliases},
              "regions": {{"eu-1": ["de", "eu"], "us-1": ["us"], "moon-1": ["global"]}},
              "models": {{"long": {long}}}}}}}}}"#
    ))
}

fn known(provider: &str, model: &str) -> &'static ModelFacts {
    Catalogue::builtin()
        .lookup(provider, model)
        .unwrap_or_else(|| panic!("{provider}/{model} is not in the catalogue"))
}

#[test]
fn the_models_of_the_examples_are_known() {
    let chat = [
        ("openai", "o1"),
        ("openai", "o3-mini"),
        ("openai", "gpt-5.2"),
        ("openai", "gpt-4o"),
        ("openai", "gpt-4o-mini"),
        ("deepseek", "reasoner"),
        ("anthropic", "claude-sonnet-4-5"),
        ("bedrock", "claude-sonnet-4-5"),
        ("google", "gemini-2.5-pro"),
    ];
    for (provider, model) in chat {
        let facts = known(provider, model);
        assert_eq!(facts.kind, ModelKind::Chat, "{provider}/{model}");
        assert!(
            facts.context_window > Some(100_000),
            "{provider}/{model}: {facts:?}"
        );
        assert!(
            facts.prices.input.is_some() && facts.prices.output.is_some(),
            "{provider}/{model}"
        );
    }
}

#[test]
fn one_embedding_model_has_the_same_dimensions_at_two_providers() {
    for provider in ["openai", "azure"] {
        let facts = known(provider, "text-embedding-3-small");
        assert_eq!(
            (facts.kind, facts.embedding_dimensions),
            (ModelKind::Embedding, Some(1536)),
            "{provider}"
        );
    }
}

#[test]
fn reasoning_models_are_told_from_others() {
    for (provider, model, reasons) in [
        ("openai", "o1", true),
        ("openai", "o3-mini", true),
        ("deepseek", "reasoner", true),
        ("openai", "gpt-4o", false),
    ] {
        let features = &known(provider, model).features;
        assert_eq!(
            features.contains(&Feature::Reasoning),
            reasons,
            "{provider}/{model}"
        );
    }
}

#[test]
fn dated_names_are_known_and_go_upstream_as_written() {
    for (provider, model) in [
        ("openai", "gpt-4o-2024-08-06"),
        ("anthropic", "claude-sonnet-4-5-20250929"),
        ("vertex", "claude-sonnet-4-5@20250929"),
        ("bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    ] {
        assert_eq!(known(provider, model).kind, ModelKind::Chat);
        assert_eq!(
            Catalogue::builtin().upstream_name(provider, model, Some("eu-central-1")),
            model
        );
    }
}

#[test]
fn deepseek_s_short_names_stand_for_its_own() {
    for (alias, upstream) in [("reasoner", "deepseek-reasoner"), ("chat", "deepseek-chat")] {
        assert_eq!(
            Catalogue::builtin().upstream_name("deepseek", alias, None),
            upstream
        );
        assert_eq!(known("deepseek", alias), known("deepseek", upstream));
    }
}

#[test]
fn a_bedrock_model_goes_by_the_profile_of_its_region() {
    let name = "anthropic.claude-sonnet-4-5-20250929-v1:0";
    for (region, profile) in [
        (Some("eu-central-1"), "eu."),
        (Some("us-east-1"), "us."),
        (Some("us-gov-west-1"), "us-gov."),
        (Some("ap-northeast-1"), "jp."),
        (Some("ap-southeast-2"), "au."),
        (Some("sa-east-1"), "global."),
        (None, "global."),
    ] {
        let upstream = Catalogue::builtin().upstream_name("bedrock", "claude-sonnet-4-5", region);
        assert_eq!(upstream, format!("{profile}{name}"), "{region:?}");
    }
}

#[test]
fn a_named_european_region_never_leaves_its_geography() {
    let catalogue = Catalogue::builtin();
    let regions = &catalogue.providers["bedrock"].regions;
    for (region, profiles) in regions.iter().filter(|(region, _)| region.starts_with("eu-")) {
        assert_eq!(profiles, &["eu"], "{region}");
    }
}

#[test]
fn regions_are_known_by_provider() {
    let catalogue = Catalogue::builtin();
    assert!(catalogue.knows_region("bedrock", "eu-central-1"));
    assert!(catalogue.knows_region("vertex", "europe-west1"));
    assert!(
        !catalogue.knows_region("vertex", "20250929"),
        "a version is not a region"
    );
    assert!(!catalogue.knows_region("openai", "eu-central-1"));
    assert!(!catalogue.knows_region("nobody", "eu-central-1"));
}

#[test]
fn what_is_not_known_is_none_and_goes_upstream_as_written() {
    let catalogue = Catalogue::builtin();
    for (provider, model) in [
        ("openai", "no-such-model"),
        ("nobody", "gpt-4o"),
        ("openai", "GPT-4o"),
        ("", ""),
    ] {
        assert_eq!(catalogue.lookup(provider, model), None);
        assert_eq!(
            catalogue.upstream_name(provider, model, Some("eu-central-1")),
            model
        );
    }
    assert_eq!(catalogue.models("nobody").count(), 0);
}

#[test]
fn every_listed_name_can_be_looked_up() {
    let catalogue = Catalogue::builtin();
    for provider in catalogue.providers.keys() {
        let names: Vec<_> = catalogue.models(provider).collect();
        assert!(!names.is_empty(), "{provider}");
        for (name, facts) in names {
            assert_eq!(catalogue.lookup(provider, name), Some(facts), "{provider}/{name}");
        }
    }
    assert!(catalogue.models("deepseek").any(|(name, _)| name == "reasoner"));
}

#[test]
fn every_price_is_finite_and_not_negative() {
    let catalogue = Catalogue::builtin();
    for (provider, known) in &catalogue.providers {
        for (name, ModelFacts { prices, .. }) in &known.models {
            for price in [prices.input, prices.output, prices.cache_read, prices.cache_write]
                .into_iter()
                .flatten()
            {
                assert!(
                    (0.0..=2000.0).contains(&price.get()),
                    "{provider}/{name} costs {price:?}"
                );
            }
        }
    }
}

#[test]
fn a_price_below_zero_is_refused() {
    let error = parse("{}", r#"{"kind": "chat", "prices": {"input": -1}}"#).unwrap_err();
    assert!(error.to_string().contains("0 or more"), "{error}");
}

#[test]
fn only_embedding_models_have_dimensions() {
    for provider in Catalogue::builtin().providers.values() {
        for (name, facts) in &provider.models {
            assert!(
                facts.kind == ModelKind::Embedding || facts.embedding_dimensions.is_none(),
                "{name}"
            );
        }
    }
}

#[test]
fn the_header_says_where_and_when_the_facts_were_taken() {
    let source = Catalogue::builtin().source();
    assert_eq!(
        (source.package.as_str(), source.licence.as_str()),
        ("litellm", "MIT")
    );
    let date: Vec<&str> = source.date.split('-').collect();
    assert_eq!(
        date.iter().map(|part| part.len()).collect::<Vec<_>>(),
        [4, 2, 2],
        "{}",
        source.date
    );
    assert!(
        date.concat().bytes().all(|digit| digit.is_ascii_digit()),
        "{}",
        source.date
    );
}

#[test]
fn the_file_is_sorted_without_repeats() {
    let mut before = "";
    let mut entries = 0;
    for line in MODELS.lines() {
        let key = line.split("\": ").next().unwrap_or(line);
        if line.ends_with('{') || line.starts_with('}') {
            before = "";
        } else {
            assert!(before < key, "{key} comes after {before}");
            before = key;
            entries += 1;
        }
    }
    assert!(entries > 1_000, "{entries} entries");
}

#[test]
fn the_overlay_is_part_of_the_file() {
    let file: Value = serde_json::from_str(MODELS).unwrap();
    let overlay: Value = serde_json::from_str(OVERLAY).unwrap();
    for (provider, parts) in overlay["providers"].as_object().unwrap() {
        for (part, entries) in parts.as_object().unwrap() {
            for (key, wanted) in entries.as_object().unwrap() {
                let found = &file["providers"][provider][part][key];
                assert!(
                    says(found, wanted),
                    "{provider}.{part}.{key}: run policy/catalogue/refresh"
                );
            }
        }
    }
}

/// Whether `found` says everything that `wanted` says.
fn says(found: &Value, wanted: &Value) -> bool {
    match wanted.as_object() {
        Some(fields) => fields.iter().all(|(key, value)| &found[key] == value),
        None => found == wanted,
    }
}

#[test]
fn features_are_read_by_the_names_that_they_print() {
    for provider in Catalogue::builtin().providers.values() {
        for feature in provider.models.values().flat_map(|facts| &facts.features) {
            assert_eq!(
                serde_json::from_str::<Feature>(&format!("\"{feature}\"")).unwrap(),
                *feature
            );
        }
    }
}

#[test]
fn the_first_profile_that_the_model_has_is_taken() {
    assert_eq!(small().upstream_name("cloud", "short", Some("eu-1")), "eu.long");
}

#[test]
fn a_region_without_a_profile_for_the_model_takes_the_plain_name() {
    for region in ["us-1", "unheard-of"] {
        assert_eq!(small().upstream_name("cloud", "short", Some(region)), "long");
    }
}

#[test]
fn a_long_name_goes_as_written_in_every_region() {
    for region in [None, Some("eu-1"), Some("moon-1")] {
        assert_eq!(small().upstream_name("cloud", "long", region), "long");
    }
}

#[test]
fn an_alias_to_nothing_is_refused_with_its_place() {
    let error = parse(r#"{"short": "gone"}"#, r#"{"kind": "chat"}"#).unwrap_err();
    assert_eq!(
        error.to_string(),
        "providers.cloud.aliases.short names gone, which is not in providers.cloud.models"
    );
}

#[test]
fn an_unknown_field_or_feature_is_refused() {
    for facts in [
        r#"{"kind": "chat", "colour": "red"}"#,
        r#"{"kind": "chat", "features": ["telepathy"]}"#,
    ] {
        assert!(
            matches!(parse("{}", facts), Err(CatalogueError::Malformed(_))),
            "{facts}"
        );
    }
}
