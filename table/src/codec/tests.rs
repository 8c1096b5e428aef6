use std::sync::Arc;

use proptest::prelude::{Strategy, any, prop, proptest};

use super::{DECODED_LIMIT, DecodeError, Decoded, Digest, PLAIN_LIMIT, Stored, decode, gzip, load, store};
use crate::access::{AccessKey, Allowed, KeyHash, Names, Validity};
use crate::format::Format;
use crate::model::{Model, ModelKind, Node, Policy, ProviderEntry, Scope, Split, SplitTarget, Table};
use crate::price::Prices;

/// The document of today.
fn encode(table: &Table) -> super::Encoded {
    super::encode(table, Format::NEWEST)
}

fn leaf(name: &str) -> Node {
    let (provider, upstream) = ("openai".to_owned(), name.to_owned());
    Node::from(Model {
        model: format!("openai/{name}"),
        provider,
        upstream,
        region: None,
        credential: None,
        context_window: None,
        reasoning: false,
        prices: Prices::default(),
    })
}

fn table(weights: &[f64]) -> Table {
    let targets = weights
        .iter()
        .enumerate()
        .map(|(at, &w)| SplitTarget::new(format!("t{at}"), w, leaf("m")));
    let split = Split::new(
        "p".to_owned(),
        "default/p".to_owned(),
        Vec::new(),
        targets.collect(),
    );
    let policy = Policy {
        kind: ModelKind::Chat,
        expose_to: [].into(),
        root: Node::from(split),
    };
    Table {
        scope: Scope::Namespace("default".to_owned()),
        policies: [("p".to_owned(), policy)].into(),
        providers: [("openai".to_owned(), ProviderEntry::Gone)].into(),
        missing: [].into(),
        access_keys: [].into(),
    }
}

#[test]
fn a_document_is_stable_to_the_byte() {
    let written = super::encode(&table(&[33.3, 66.0]), Format::One).json;
    let expected = concat!(
        r#"{"format":1,"digest":"fe3c0417c28403fbfe5858cd78d0bf6c1cf5df7e6952c41d7a60cdad71d42626","table":"#,
        r#"{"scope":{"namespace":"default"},"policies":{"p":{"kind":"chat","root":{"split":{"policy":"p","#,
        r#""salt":"default/p","targets":[{"name":"t0","weight":33.3,"node":{"model":{"model":"openai/m","#,
        r#""provider":"openai","upstream":"m"}}},{"name":"t1","weight":66.0,"node":{"model":"#,
        r#"{"model":"openai/m","provider":"openai","upstream":"m"}}}]}}}},"providers":{"openai":"gone"}}}"#,
    );
    assert_eq!(written, expected);
}

#[test]
fn a_document_of_format_two_does_not_say_twice_what_a_models_name_says() {
    let written = super::encode(&table(&[33.3, 66.0]), Format::Two).json;
    let expected = concat!(
        r#"{"format":2,"digest":"98a1b43abe3bbfe67fdfdd0cefc5c8fdaaeaf472e90b8b003e9a5f9099177a64","table":"#,
        r#"{"scope":{"namespace":"default"},"policies":{"p":{"kind":"chat","root":{"split":{"policy":"p","#,
        r#""salt":"default/p","targets":[{"name":"t0","weight":33.3,"node":{"model":{"model":"openai/m"}}},"#,
        r#"{"name":"t1","weight":66.0,"node":{"model":{"model":"openai/m"}}}]}}}},"providers":{"openai":"gone"}}}"#,
    );
    assert_eq!(written, expected);
}

#[test]
fn every_format_holds_the_same_table_and_policies_and_says_which_it_is() {
    let mut table = table(&[1.0]);
    let Some(Node::Split(split)) = table.policies.get_mut("p").map(|policy| &mut policy.root) else {
        unreachable!("the root is a split");
    };
    let variants = [
        ("openai/o1@eu", "o1", Some("eu")),
        ("openai/o1@eu", "o1@eu", None),
        ("openai/o1", "o1-2", None),
    ];
    for (model, upstream, region) in variants {
        let Node::Model(mut leaf) = leaf("m") else {
            unreachable!("a leaf is a model");
        };
        let changed = Arc::make_mut(&mut leaf);
        changed.model = model.to_owned();
        changed.upstream = upstream.to_owned();
        changed.region = region.map(str::to_owned);
        Arc::make_mut(split).targets.push(SplitTarget::new(
            format!("{model} {upstream}"),
            1.0,
            Node::Model(leaf),
        ));
    }
    let table = Table {
        policies: decode(&encode(&table).json).unwrap().table.policies,
        ..table
    };
    let documents = Format::ALL.map(|format| super::encode(&table, format));
    let read = documents.clone().map(|document| decode(&document.json).unwrap());
    for (decoded, format) in read.iter().zip(Format::ALL) {
        assert_eq!((&decoded.table, decoded.format), (&table, format));
        let (before, after) = (&table.policies["p"], &decoded.table.policies["p"]);
        assert_eq!(Digest::of_policy(before), Digest::of_policy(after));
    }
    assert_ne!(read[0].digest, read[1].digest);
    assert!(documents[0].json.len() < documents[1].json.len());
}

#[test]
fn prices_read_back_as_they_were_and_absent_ones_take_no_bytes() {
    let mut priced = table(&[1.0]);
    let Some(Node::Split(split)) = priced.policies.get_mut("p").map(|policy| &mut policy.root) else {
        unreachable!("the root is a split");
    };
    let Node::Model(model) = &mut Arc::make_mut(split).targets[0].node else {
        unreachable!("its target is a model");
    };
    Arc::make_mut(model).prices = Prices {
        input: Some(0.15),
        cache_read: Some(0.0),
        ..Prices::default()
    };
    let written = encode(&priced).json;
    assert!(
        written.contains(r#""prices":{"input":0.15,"cacheRead":0.0}"#),
        "{written}"
    );
    assert_eq!(decode(&written).unwrap().table, priced);
    assert!(!encode(&table(&[1.0])).json.contains("prices"));
}

#[test]
fn a_caller_is_written_by_the_hash_of_its_key_and_reads_back() {
    let mut table = Table::empty(Scope::Namespace("default".to_owned()));
    let validity = Validity {
        expires_at: Some(1_800_000_000),
    };
    let only = Names::Only(["gpt-4o".to_owned()].into());
    let caller = AccessKey {
        keys: [(KeyHash::of(b"abc"), validity)].into(),
        policies: Allowed::All,
        models: Allowed::Within([("openai".to_owned(), only), ("acme".to_owned(), Names::All)].into()),
    };
    table.access_keys = [("web".to_owned(), caller)].into();
    let written = encode(&table).json;
    let expected = concat!(
        r#""accessKeys":{"web":{"keys":{"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad":"#,
        r#"{"expiresAt":1800000000}},"policies":"all","#,
        r#""models":{"within":{"acme":"all","openai":{"only":["gpt-4o"]}}}}}}}"#,
    );
    assert!(written.ends_with(expected), "{written}");
    assert_eq!(decode(&written).unwrap().table, table);
}

#[test]
fn a_changed_byte_is_noticed() {
    let written = encode(&table(&[33.3, 66.0])).json.replace("33.3", "33.4");
    assert!(matches!(decode(&written), Err(DecodeError::Digest { .. })));
}

#[test]
fn a_newer_format_says_to_upgrade() {
    let written = encode(&table(&[1.0]))
        .json
        .replace("\"format\":2", "\"format\":3");
    let error = decode(&written).unwrap_err();
    assert!(error.to_string().contains("upgrade the router"), "{error}");
}

#[test]
fn a_large_document_is_stored_compressed_and_read_back() {
    let mut large = table(&[1.0]);
    let policy = large.policies["p"].clone();
    large
        .policies
        .extend((0..5_000).map(|n| (format!("p{n}"), policy.clone())));
    let written = encode(&large);
    assert!(written.json.len() > PLAIN_LIMIT);
    let stored = store(&written.json).unwrap();
    assert!(matches!(stored, Stored::Gzip(_)));
    let Decoded {
        table,
        digest,
        format,
    } = load(&stored).unwrap();
    assert_eq!((table, digest, format), (large, written.digest, Format::NEWEST));
}

#[test]
fn a_small_document_is_stored_as_it_is() {
    let written = encode(&table(&[1.0]));
    assert_eq!(store(&written.json), Some(Stored::Plain(written.json)));
}

#[test]
fn a_gzip_bomb_is_refused() {
    let bomb = gzip(&vec![b' '; usize::try_from(DECODED_LIMIT).unwrap() + 2]);
    assert!(matches!(load(&Stored::Gzip(bomb)), Err(DecodeError::TooLarge)));
}

#[test]
fn a_cut_gzip_stream_is_refused() {
    let packed = gzip(encode(&table(&[1.0])).json.as_bytes());
    assert!(matches!(
        load(&Stored::Gzip(packed[..packed.len() / 2].to_vec())),
        Err(DecodeError::Gzip(_))
    ));
}

fn weights() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(1e-6..1e9_f64, 1..64)
}

proptest! {
    #[test]
    fn every_table_reads_back_as_it_was_written(weights in weights()) {
        for format in Format::ALL {
            let table = table(&weights);
            let written = super::encode(&table, format);
            let digest = written.digest;
            assert_eq!(decode(&written.json).unwrap(), Decoded { table, digest, format });
        }
    }

    #[test]
    fn no_text_makes_the_decoder_panic(text in any::<String>()) {
        let _ = decode(&text);
        let _ = load(&Stored::Gzip(text.into_bytes()));
    }
}
