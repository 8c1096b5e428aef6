//! What a router serves while its source is away, and how it lets go of it.

use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use weir_table::{Scope, Table};

use super::{ALMOST, Folder, TOO_LONG, credentials, id, stored, table, until};
use crate::observe::Metrics;
use crate::source::cached::{PATIENCE, cached};
use crate::source::{Part, Reporter, Update, channel};
use crate::state::{Assembler, Registries, Snapshot, Tables};
use crate::surroundings::Surroundings;

/// A router's tables, fed by a source that a test plays and a cache.
struct Bench {
    live: Reporter,
    tables: Arc<Tables>,
    metrics: Arc<Metrics>,
}

impl Bench {
    fn new(folder: &Folder) -> Self {
        let (live, updates) = channel();
        let updates = cached(updates, folder.cache()).unwrap();
        let tables = Arc::new(Tables::default());
        let registries = Registries::default();
        let metrics = Arc::new(Metrics::new(&tables, &registries.healths, &Arc::default()));
        let assembler = Assembler::new(
            tables.clone(),
            metrics.clone(),
            registries,
            Surroundings::default(),
        );
        thread::spawn(move || assembler.run(updates));
        Self {
            live,
            tables,
            metrics,
        }
    }

    async fn report(&self, updates: impl IntoIterator<Item = Update>) {
        for update in updates {
            self.live.send(update).await.unwrap();
        }
    }

    /// Waits until the snapshot in force is as wanted. Time that is paused stands still meanwhile.
    async fn until(&self, what: &str, holds: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        let begun = Instant::now();
        loop {
            let snapshot = self.tables.load_full();
            if holds(&snapshot) {
                return (**snapshot).clone();
            }
            assert!(
                begun.elapsed() < TOO_LONG,
                "waited in vain for {what}: {snapshot:?}"
            );
            tokio::task::yield_now().await;
        }
    }

    fn measured(&self, line: &str) -> bool {
        self.metrics.encode().lines().any(|measured| measured == line)
    }
}

fn everything_listed() -> impl Iterator<Item = Update> {
    Part::all().map(Update::Listed)
}

/// Has a router with an API server keep three tables in a folder.
async fn fill(folder: &Folder) -> Arc<Snapshot> {
    let bench = Bench::new(folder);
    let tables = [
        table("ns", &["stays", "revoked"]),
        table("gone", &["another"]),
        Table::empty(Scope::Cluster),
    ];
    bench.report([credentials("canary")]).await;
    bench.report(tables.iter().map(stored)).await;
    bench.report(everything_listed()).await;
    let snapshot = bench.until("ready", Snapshot::is_ready).await;
    until("the cache", || {
        folder.readable().filter(|kept| kept.tables.len() == 3)
    });
    snapshot
}

/// A folder as a router leaves it that had tables of the cluster and of namespaces `ns` and `gone`.
async fn left() -> Folder {
    let folder = Folder::new();
    let snapshot = fill(&folder).await;
    assert_eq!(snapshot.kept, None);
    folder
}

fn knows(snapshot: &Snapshot, key: &str) -> bool {
    snapshot.callers.find(key.as_bytes(), 0).is_some()
}

#[tokio::test(start_paused = true)]
async fn a_router_that_starts_without_its_source_serves_what_was_kept_and_says_so() {
    let folder = left().await;
    let bench = Bench::new(&folder);
    tokio::time::sleep(ALMOST).await;
    assert!(!bench.tables.load().is_ready(), "the source has its time");
    tokio::time::sleep(Duration::from_millis(2)).await;
    let snapshot = bench.until("ready", Snapshot::is_ready).await;
    assert!(snapshot.kept.is_some());
    assert!(knows(&snapshot, "stays") && knows(&snapshot, "revoked") && knows(&snapshot, "another"));
    assert!(snapshot.namespaces["ns"].is_some(), "its credential was kept too");
    assert!(bench.measured("weir_router_tables_stale 1"));
}

#[tokio::test(start_paused = true)]
async fn what_was_withdrawn_meanwhile_goes_when_the_source_is_back() {
    let folder = left().await;
    let bench = Bench::new(&folder);
    bench.until("no source", |_| true).await;
    tokio::time::sleep(PATIENCE + Duration::from_millis(1)).await;
    bench
        .until("stale", |snapshot| snapshot.kept.is_some() && snapshot.is_ready())
        .await;
    // The table of `ns` came back without a key and without its credential, `gone` is gone.
    let mut mended = table("ns", &["stays"]);
    mended.missing.insert(id());
    bench
        .report([
            stored(&mended),
            stored(&Table::empty(Scope::Cluster)),
            Update::Listed(Part::Tables),
        ])
        .await;
    let snapshot = bench
        .until("the new tables", |snapshot| !knows(snapshot, "revoked"))
        .await;
    assert!(knows(&snapshot, "stays"));
    let snapshot = bench
        .until("one namespace less", |snapshot| {
            !snapshot.namespaces.contains_key("gone")
        })
        .await;
    assert!(!knows(&snapshot, "another"));
    assert!(
        snapshot.kept.is_some(),
        "the credentials are still those that were kept"
    );
    bench.report(everything_listed()).await;
    let snapshot = bench.until("live", |snapshot| snapshot.kept.is_none()).await;
    assert!(snapshot.is_ready());
    assert!(bench.measured("weir_router_tables_stale 0"));
    until("the cache to follow", || {
        folder
            .readable()
            .filter(|kept| kept.tables.len() == 2 && kept.credentials.is_empty())
    });
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_nobody_has_any_more_is_not_held() {
    let folder = left().await;
    let bench = Bench::new(&folder);
    tokio::time::sleep(PATIENCE + Duration::from_millis(1)).await;
    bench.until("stale", |snapshot| snapshot.kept.is_some()).await;
    bench.report(everything_listed()).await;
    bench.until("live", |snapshot| snapshot.kept.is_none()).await;
    bench.report([stored(&table("new", &[]))]).await;
    let snapshot = bench
        .until("the table", |snapshot| snapshot.namespaces.contains_key("new"))
        .await;
    assert!(
        snapshot.namespaces["new"].is_none(),
        "it waits for a credential that was kept and is gone"
    );
}

#[tokio::test(start_paused = true)]
async fn a_source_that_listed_some_of_it_is_believed_in_that() {
    let folder = left().await;
    let bench = Bench::new(&folder);
    let tables = [
        stored(&table("ns", &["stays"])),
        stored(&Table::empty(Scope::Cluster)),
    ];
    bench.report(tables).await;
    bench.report([Update::Listed(Part::Tables)]).await;
    tokio::time::sleep(PATIENCE + Duration::from_millis(1)).await;
    let snapshot = bench.until("stale", |snapshot| snapshot.kept.is_some()).await;
    assert!(
        snapshot.is_ready() && snapshot.namespaces["ns"].is_some(),
        "with the credential that was kept"
    );
    assert!(!knows(&snapshot, "revoked") && !snapshot.namespaces.contains_key("gone"));
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_can_not_be_used_is_counted_and_the_router_waits() {
    let folder = left().await;
    fs::write(folder.0.join("index.json"), "{").unwrap();
    let bench = Bench::new(&folder);
    tokio::time::sleep(PATIENCE + Duration::from_millis(1)).await;
    let line = "weir_router_cache_failures_total{operation=\"read\"} 1";
    until("the count", || bench.measured(line).then_some(()));
    assert!(!bench.tables.load().is_ready());
    bench.report([stored(&Table::empty(Scope::Cluster))]).await;
    bench.report(everything_listed()).await;
    assert_eq!(bench.until("ready", Snapshot::is_ready).await.kept, None);
    until("a good cache", || folder.readable());
}

#[tokio::test(start_paused = true)]
async fn a_source_that_answers_in_time_leaves_the_cache_unread() {
    let folder = left().await;
    fs::write(folder.0.join("index.json"), "{").unwrap();
    let bench = Bench::new(&folder);
    bench.report([stored(&Table::empty(Scope::Cluster))]).await;
    bench.report(everything_listed()).await;
    bench.until("ready", Snapshot::is_ready).await;
    tokio::time::sleep(PATIENCE * 2).await;
    assert!(bench.measured("weir_router_cache_failures_total{operation=\"read\"} 0"));
}

#[tokio::test(start_paused = true)]
async fn a_table_that_was_read_alive_is_not_replaced_by_an_older_one() {
    let folder = left().await;
    let bench = Bench::new(&folder);
    bench.report([stored(&table("ns", &["stays"]))]).await;
    tokio::time::sleep(ALMOST).await;
    tokio::time::sleep(Duration::from_millis(2)).await;
    let snapshot = bench.until("stale", |snapshot| snapshot.kept.is_some()).await;
    assert!(knows(&snapshot, "stays") && knows(&snapshot, "another"));
    assert!(
        !knows(&snapshot, "revoked"),
        "withdrawn before the cache was read"
    );
    bench.report([Update::Listed(Part::Tables)]).await;
    let snapshot = bench
        .until("the list", |snapshot| !knows(snapshot, "another"))
        .await;
    assert!(!knows(&snapshot, "revoked"));
}

#[tokio::test(start_paused = true)]
async fn what_is_withdrawn_while_not_all_is_listed_is_withdrawn_from_the_cache() {
    let folder = left().await;
    let bench = Bench::new(&folder);
    bench
        .report([
            stored(&table("ns", &["stays"])),
            stored(&Table::empty(Scope::Cluster)),
        ])
        .await;
    bench.report([Update::Listed(Part::Tables)]).await;
    tokio::time::sleep(PATIENCE + Duration::from_millis(1)).await;
    bench.until("stale", |snapshot| snapshot.kept.is_some()).await;
    let kept = until("the cache to follow", || {
        folder.readable().filter(|kept| kept.tables.len() == 2)
    });
    assert!(!format!("{kept:?}").contains("revoked") && format!("{kept:?}").contains("stays"));
    assert_eq!(kept.credentials.len(), 1, "what stood in for the rest is kept");
}

#[tokio::test(start_paused = true)]
async fn a_damaged_page_is_written_again() {
    let folder = left().await;
    for file in folder.files() {
        fs::write(folder.0.join(file), "{").unwrap();
    }
    fill(&folder).await;
}
