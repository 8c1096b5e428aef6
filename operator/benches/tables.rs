//! What ten thousand policies cost the operator: all at once, and when one of them is edited. Nothing is sent: from
//! the change that a watch reports to the ConfigMap that would be written.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, SamplingMode, Throughput};
use k8s_openapi::api::core::v1::ConfigMap;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use weir_operator::config_map;
use weir_operator::credentials::demands;
use weir_operator::index::{Change, Delta, Index};
use weir_operator::observe::{Observed, Record};
use weir_operator::publish::TableWrite;
use weir_operator::room::withheld;
use weir_operator::work::Work;
use weir_policy::compile::compile;
use weir_policy::object::{ObjectKind, ObjectRef};
use weir_policy::snapshot::Object;
use weir_table::check::check;
use weir_table::codec::{Stored, encode, load, store};
use weir_table::{Format, Scope, Table};

const SYSTEM: &str = "weir-system";

/// How the policies lie: so many namespaces with so many policies each.
const SPREADS: [(usize, usize); 2] = [(100, 100), (10, 1_000)];

/// All policies, however they lie.
const POLICIES: usize = 10_000;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    compiled(&mut criterion);
    edited(&mut criterion);
    documents(&mut criterion);
    criterion.final_summary();
}

/// All policies at once.
fn compiled(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compile");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    let known = index(POLICIES / 100, 100);
    group.bench_function("10,000 policies", |bencher| {
        bencher.iter(|| compile(known.snapshot(), &BTreeMap::new()));
    });
    group.bench_function("10,000 policies, encoded and packed", |bencher| {
        bencher.iter_batched(|| index(POLICIES / 100, 100), everything, BatchSize::PerIteration);
    });
    group.finish();
}

/// One policy's weights.
fn edited(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("edit");
    group.sample_size(20);
    for (namespaces, each) in SPREADS {
        let mut site = Site::new(namespaces, each);
        let name = format!("one of 10,000 policies, {each} in its namespace");
        group.bench_function(name, |bencher| bencher.iter_custom(|rounds| site.edits(rounds)));
    }
    group.finish();
}

/// What is written and read of one namespace.
fn documents(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("document");
    group.sample_size(20);
    for policies in [100, 1_000] {
        let table = table(policies);
        let json = encode(&table, Format::NEWEST).json;
        group.throughput(Throughput::Bytes(wide(json.len())));
        group.bench_function(format!("encode {policies} policies"), |bencher| {
            bencher.iter(|| encode(&table, Format::NEWEST));
        });
        let packed = store(&json).expect("it fits a ConfigMap");
        if let Stored::Gzip(bytes) = &packed {
            group.throughput(Throughput::Bytes(wide(bytes.len())));
            group.bench_function(format!("pack {policies} policies"), |bencher| {
                bencher.iter(|| store(&json));
            });
        }
        group.bench_function(format!("read and check {policies} policies"), |bencher| {
            bencher.iter(|| load(&packed).map(|decoded| check(decoded.table)));
        });
    }
    group.finish();
}

fn wide(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// An operator's knowledge, once everything has been published.
struct Site {
    index: Index,
    work: Work,
    version: u64,
}

impl Site {
    fn new(namespaces: usize, each: usize) -> Self {
        let (mut index, mut work) = (index(namespaces, each), Work::default());
        for scope in index.scopes() {
            work.compile(&mut index, &scope);
        }
        let mut site = Self {
            index,
            work,
            version: 1,
        };
        let maps = site.drafts();
        site.written(maps);
        site
    }

    /// The time of so many edits; what follows each, the API server's answer, is not part of it.
    fn edits(&mut self, rounds: u64) -> Duration {
        let edit = |_| {
            let begun = Instant::now();
            let maps = black_box(self.edit());
            let took = begun.elapsed();
            self.written(maps);
            took
        };
        (0..rounds).map(edit).sum()
    }

    /// One policy's weights change: from the watch's event to the ConfigMaps that are to be written.
    fn edit(&mut self) -> Vec<ConfigMap> {
        let weight = 10 + self.version % 80;
        self.version += 1;
        let change = policy("team-3", "policy-7", self.version, weight);
        self.index.apply(change);
        let scope = Scope::Namespace("team-3".to_owned());
        self.work.compile(&mut self.index, &scope);
        let room = demands(&self.work.credentials(), self.index.secrets());
        self.index.withhold(withheld(room, SYSTEM));
        self.drafts()
    }

    /// The ConfigMaps that have to be written.
    fn drafts(&mut self) -> Vec<ConfigMap> {
        let drafts = self.work.take_drafts(&self.index);
        let map = |draft: &TableWrite| config_map::render(&draft.scope, &draft.encoded);
        drafts.iter().filter_map(map).collect()
    }

    /// Takes ConfigMaps in as the API server's answers.
    fn written(&mut self, maps: Vec<ConfigMap>) {
        assert!(!maps.is_empty(), "something changed");
        for mut map in maps {
            self.version += 1;
            map.metadata.uid.clone_from(&map.metadata.name);
            map.metadata.resource_version = Some(self.version.to_string());
            self.index
                .put_table(config_map::read(&map).expect("a table's name"));
        }
    }
}

/// Compiles, encodes and packs every scope of `index`.
fn everything(mut index: Index) -> usize {
    let mut work = Work::default();
    for scope in index.scopes() {
        work.compile(&mut index, &scope);
    }
    let drafts = work.take_drafts(&index);
    let packed = |draft: &TableWrite| config_map::render(&draft.scope, &draft.encoded);
    drafts.iter().filter_map(packed).count()
}

fn table(policies: usize) -> Table {
    let index = index(1, policies);
    let compiled = weir_policy::compile::compile_namespace(index.snapshot(), index.holders(), "team-0", None);
    compiled.table.expect("a sound table").table().clone()
}

fn index(namespaces: usize, each: usize) -> Index {
    let mut index = Index::new(SYSTEM);
    for name in ["openai", "anthropic", "google"] {
        let spec = json!({"dialect": "OpenAI", "baseURL": format!("https://{name}.example/v1")});
        let object = reference(ObjectKind::ClusterProvider, None, name);
        index.apply(Change::ClusterProvider(Delta::Applied(observed(object, 1, spec))));
    }
    for namespace in (0..namespaces).map(|number| format!("team-{number}")) {
        for number in 0..each {
            index.apply(policy(&namespace, &format!("policy-{number}"), 1, 50));
        }
    }
    index
}

fn policy(namespace: &str, name: &str, version: u64, weight: u64) -> Change {
    let spec = json!({"targets": [
        {"model": "openai/gpt-5.2", "weight": weight},
        {"model": "anthropic/claude-sonnet-4-5", "weight": 25},
        {"model": "google/gemini-2.5-pro", "weight": 25},
    ]});
    let object = reference(ObjectKind::LoadBalancingPolicy, Some(namespace), name);
    Change::LoadBalancing(Delta::Applied(observed(object, version, spec)))
}

fn reference(kind: ObjectKind, namespace: Option<&str>, name: &str) -> ObjectRef {
    ObjectRef {
        kind,
        namespace: namespace.map(ToOwned::to_owned),
        name: name.to_owned(),
    }
}

fn observed<S: DeserializeOwned>(object: ObjectRef, version: u64, spec: Value) -> Observed<S> {
    let record = Record {
        uid: object.to_string(),
        version,
        generation: 1,
        status: None,
    };
    let spec = serde_json::from_value(spec).map_err(|error| error.to_string());
    let value = Object {
        generation: 1,
        created: 0,
        spec,
    };
    Observed {
        object,
        record,
        value,
    }
}
