//! What is kept, and what of it can be read.

mod standing_in;

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc::Receiver;
use weir_table::check::check;
use weir_table::codec::{self, Stored};
use weir_table::{
    AccessKey, Allowed, Credential, CredentialId, Format, KeyHash, ProviderEntry, Scope, Table, Validity,
};

use super::keeper::{self, Pace};
use super::store::{Kept, Store};
use super::{Cache, Desk, Standing, Written, document};
use crate::samples;
use crate::secret::Secret;
use crate::source::{CacheUse, Reporter, Update, channel};

const HOUR: Duration = Duration::from_hours(1);

/// A little less than the source is waited for.
const ALMOST: Duration = Duration::from_millis(4_999);

/// How long anything may take before a test fails.
const TOO_LONG: Duration = Duration::from_secs(20);

/// A folder of a test's own, gone when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let nth = COUNT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("weir-cache-{}-{nth}", std::process::id())))
    }

    fn store(&self) -> Arc<Store> {
        Arc::new(Store::new(self.0.clone(), String::new(), HOUR))
    }

    fn cache(&self) -> Cache {
        Cache {
            dir: self.0.clone(),
            max_age: HOUR,
        }
    }

    /// What can be read, unless it is being replaced at this very moment.
    fn readable(&self) -> Option<Kept> {
        self.store().read().ok().flatten()
    }

    /// The names of its files, in order.
    fn files(&self) -> Vec<String> {
        let names = fs::read_dir(&self.0)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn id() -> CredentialId {
    CredentialId::of_secret_key("ns", "s", "k")
}

fn namespace(name: &str) -> Scope {
    Scope::Namespace(name.to_owned())
}

/// A table with one provider, which needs [`id`], and one caller for each of `keys`.
fn table(name: &str, keys: &[&str]) -> Table {
    let provider = samples::provider(Credential::Named(id()));
    let caller = |key: &&str| {
        let keys = [(KeyHash::of(key.as_bytes()), Validity::default())].into();
        let caller = AccessKey {
            keys,
            policies: Allowed::All,
            models: Allowed::All,
        };
        ((*key).to_owned(), caller)
    };
    Table {
        providers: [("p".to_owned(), ProviderEntry::Live(Box::new(provider)))].into(),
        access_keys: keys.iter().map(caller).collect(),
        ..Table::empty(namespace(name))
    }
}

fn stored(table: &Table) -> Update {
    let json = codec::encode(table, Format::OLDEST).json;
    Update::Table {
        scope: table.scope.clone(),
        stored: Ok(Stored::Plain(json)),
    }
}

fn credentials(value: &'static str) -> Update {
    Update::Credentials {
        shard: id().shard(),
        values: [(id(), Secret::new(value))].into(),
    }
}

fn written(table: Table) -> Written {
    Written {
        table: Arc::new(check(table).unwrap()),
        format: Format::OLDEST,
    }
}

fn serves(table: Table, value: &'static str) -> BTreeMap<Scope, Standing> {
    let scope = table.scope.clone();
    let standing = Standing::Serves {
        table: written(table),
        credentials: [(id(), Secret::new(value))].into(),
    };
    [(scope, standing)].into()
}

fn quick() -> Pace {
    Pace {
        sign_of_life: Duration::from_millis(5),
        pause: Duration::ZERO,
        retry: Duration::from_millis(5),
    }
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < TOO_LONG, "waited in vain for {what}");
        thread::yield_now();
    }
}

/// A keeper of `folder`, and what it reports.
fn keeper(folder: &Folder) -> (Desk, Reporter, Receiver<Update>) {
    let (reporter, updates) = channel();
    let desk = keeper::start(folder.store(), reporter.downgrade(), quick()).unwrap();
    (desk, reporter, updates.seen)
}

/// A folder in which the table of `ns` was kept, with its credential, by a router that has ended.
fn kept() -> Folder {
    let folder = Folder::new();
    let store = folder.store();
    let (reporter, _updates) = channel();
    let desk = keeper::start(store.clone(), reporter.downgrade(), quick()).unwrap();
    desk.lay(serves(table("ns", &[]), "canary"));
    drop(desk);
    until("its end", || (Arc::strong_count(&store) == 1).then_some(()));
    folder
}

fn unusable(folder: &Folder) -> String {
    let why = folder.store().read().expect_err("it can't be used").to_string();
    assert!(!why.contains("canary") && !why.contains("Y2FuYXJ5"), "{why}");
    why
}

#[test]
fn what_was_served_reads_back_as_it_was_and_is_closed_to_others() {
    let folder = kept();
    let kept = folder.store().read().unwrap().unwrap();
    let json = codec::encode(&table("ns", &[]), Format::OLDEST).json;
    assert_eq!(kept.tables, [(namespace("ns"), vec![Stored::Plain(json)])].into());
    assert_eq!(kept.credentials, [(id(), Secret::new("canary"))].into());
    assert_eq!(folder.files().len(), 2, "an index and a page");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.0), 0o700);
    for file in folder.files() {
        assert_eq!(mode(&folder.0.join(&file)), 0o600, "{file}");
    }
}

#[test]
fn a_folder_without_a_cache_is_no_trouble() {
    assert!(Folder::new().store().read().unwrap().is_none());
}

/// What becomes of a file's text.
type Spoil = fn(&str) -> String;

#[test]
fn what_was_cut_changed_or_written_by_another_version_is_not_read() {
    let bitten = |text: &str| text.replacen("canary", "Canary", 1).replacen("Y2Fu", "Y2Fv", 1);
    let spoilt: [(&str, Spoil); 4] = [
        ("cut", |text| text[..text.len() / 2].to_owned()),
        ("empty", |_| String::new()),
        ("foreign", |_| "{\"format\":2,\"anything\":\"else\"}".to_owned()),
        ("no json", |_| "canary".to_owned()),
    ];
    for file in [0, 1] {
        for (how, spoil) in &spoilt {
            let folder = kept();
            let path = folder.0.join(&folder.files()[file]);
            fs::write(&path, spoil(&fs::read_to_string(&path).unwrap())).unwrap();
            let why = unusable(&folder);
            let said = if *how == "foreign" && path.ends_with("index.json") {
                "has format 2"
            } else {
                "is damaged"
            };
            assert!(
                why.contains(said) && why.contains(&folder.files()[file]),
                "{how}: {why}"
            );
        }
    }
    let folder = kept();
    let page = folder
        .files()
        .into_iter()
        .find(|file| file.ends_with(".page.json"))
        .unwrap();
    let text = fs::read_to_string(folder.0.join(&page)).unwrap();
    assert_ne!(bitten(&text), text, "the credential is in the page");
    fs::write(folder.0.join(&page), bitten(&text)).unwrap();
    assert!(unusable(&folder).contains("is damaged"));
    fs::remove_file(folder.0.join(&page)).unwrap();
    assert!(unusable(&folder).contains(&page));
}

#[test]
fn what_others_may_have_touched_is_not_read() {
    let folder = kept();
    for file in folder.files() {
        let path = folder.0.join(file);
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(unusable(&folder).contains("mode 0600"));
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    }
    assert!(folder.store().read().is_ok());
}

#[test]
fn what_lay_about_for_too_long_is_deleted_unread() {
    let index = |folder: &Folder| {
        File::options()
            .write(true)
            .open(folder.0.join("index.json"))
            .unwrap()
    };
    let folder = kept();
    index(&folder)
        .set_modified(SystemTime::now() - HOUR + Duration::from_mins(1))
        .unwrap();
    assert!(folder.store().read().unwrap().is_some());
    for wrong in [SystemTime::now() - 2 * HOUR, SystemTime::now() + 2 * HOUR] {
        let folder = kept();
        index(&folder).set_modified(wrong).unwrap();
        assert!(unusable(&folder).contains("--cache-max-age"));
        assert_eq!(folder.files(), [""; 0]);
    }
}

#[test]
fn a_router_that_runs_keeps_its_cache_young_and_only_its_own() {
    let folder = kept();
    let path = folder.0.join("index.json");
    let age = || {
        File::open(&path)
            .unwrap()
            .metadata()
            .unwrap()
            .modified()
            .unwrap()
            .elapsed()
            .unwrap_or_default()
    };
    let old = || {
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(SystemTime::now() - HOUR / 2)
    };
    let store = folder.store();
    old().unwrap();
    store.touch().unwrap();
    assert!(
        age() >= HOUR / 2,
        "it was never read, so it is none of this router's"
    );
    let kept = store.read().unwrap().unwrap();
    store.adopt(kept.entries);
    store.touch().unwrap();
    assert!(age() < HOUR / 4);
    old().unwrap();
    let (desk, _reporter, _seen) = keeper(&folder);
    desk.lay(serves(table("ns", &["more"]), "canary"));
    until("a sign of life", || (age() < HOUR / 4).then_some(()));
}

#[test]
fn what_changed_takes_the_place_of_what_was_and_what_is_gone_is_deleted() {
    let folder = kept();
    let before = folder.files();
    let (desk, _reporter, _seen) = keeper(&folder);
    desk.lay(serves(table("ns", &["key"]), "rotated"));
    desk.lay(serves(table("other", &[]), "rotated"));
    until("both", || (folder.readable()?.tables.len() == 2).then_some(()));
    assert_eq!(
        folder.store().read().unwrap().unwrap().credentials,
        [(id(), Secret::new("rotated"))].into()
    );
    desk.lay([(namespace("ns"), Standing::Gone)].into());
    until("one", || (folder.readable()?.tables.len() == 1).then_some(()));
    until("no old page", || (folder.files().len() == 2).then_some(()));
    assert!(
        before
            .iter()
            .all(|file| file == "index.json" || !folder.files().contains(file))
    );
}

#[test]
fn a_table_that_waits_is_kept_beside_the_one_that_is_served() {
    let folder = kept();
    let (desk, _reporter, _seen) = keeper(&folder);
    desk.lay(serves(table("ns", &["old"]), "canary"));
    let waits = Standing::Waits(written(table("ns", &["new"])));
    until("the first", || folder.readable());
    until("the first alone", || {
        let tables = folder.readable()?.tables;
        (tables[&namespace("ns")]
            == [Stored::Plain(
                codec::encode(&table("ns", &["old"]), Format::OLDEST).json,
            )])
        .then_some(())
    });
    desk.lay([(namespace("ns"), waits)].into());
    let kept = until("both", || {
        folder
            .readable()
            .filter(|kept| kept.tables[&namespace("ns")].len() == 2)
    });
    assert_eq!(kept.credentials.len(), 1);
}

#[test]
fn what_can_not_be_written_leaves_nothing_out_of_date_behind_and_is_tried_again() {
    let folder = kept();
    let (desk, _reporter, mut seen) = keeper(&folder);
    desk.lay(serves(table("ns", &["old"]), "canary"));
    until("the first", || (folder.files().len() == 2).then_some(()));
    let next = table("ns", &["new"]);
    let values = [(id(), Secret::new("canary"))].into();
    let page = document::page(&written(next.clone()), &values).unwrap();
    let blocked = folder
        .0
        .join(format!("{}.page.json.unfinished", weir_table::Digest::of(&page)));
    fs::create_dir(&blocked).unwrap();
    desk.lay(serves(next, "canary"));
    let told = until("the trouble", || seen.try_recv().ok());
    assert!(matches!(told, Update::CacheFailed(CacheUse::Write)), "{told:?}");
    assert!(
        folder.store().read().unwrap().is_none(),
        "the withdrawn key must not come back"
    );
    fs::remove_dir(&blocked).unwrap();
    desk.lay(serves(table("ns", &["new"]), "canary"));
    until("the next try", || folder.readable());
}

#[test]
fn files_that_somebody_took_away_are_missed_and_written_again() {
    let folder = Folder::new();
    let (desk, _reporter, mut seen) = keeper(&folder);
    desk.lay(serves(table("ns", &[]), "canary"));
    until("the cache", || folder.readable());
    for gone in folder.files() {
        fs::remove_file(folder.0.join(&gone)).unwrap();
        let told = until("the trouble", || seen.try_recv().ok());
        assert!(
            matches!(told, Update::CacheFailed(CacheUse::Write)),
            "{gone}: {told:?}"
        );
        assert!(folder.readable().is_none(), "{gone}");
        desk.lay(serves(table("ns", &[]), "canary"));
        until("the cache again", || folder.readable());
    }
}

#[test]
fn what_is_of_another_cluster_is_not_read() {
    let folder = kept();
    let other = Store::new(folder.0.clone(), "https://other weir-system".to_owned(), HOUR);
    let why = other.read().expect_err("it is another's").to_string();
    assert!(why.contains("is of another cluster or namespace"), "{why}");
}

#[test]
fn a_link_is_not_followed() {
    let folder = kept();
    let index = folder.0.join("index.json");
    fs::rename(&index, folder.0.join("elsewhere")).unwrap();
    std::os::unix::fs::symlink("elsewhere", &index).unwrap();
    assert!(unusable(&folder).contains("index.json"));
}

#[test]
fn files_of_others_stay() {
    let folder = Folder::new();
    fs::create_dir_all(&folder.0).unwrap();
    let others = ["notes.page.json", "x.unfinished", "data"];
    for name in others {
        fs::write(folder.0.join(name), "of others").unwrap();
    }
    let (desk, _reporter, _seen) = keeper(&folder);
    desk.lay(serves(table("ns", &[]), "canary"));
    until("the cache", || folder.readable());
    assert!(
        others.iter().all(|name| folder.0.join(name).exists()),
        "{:?}",
        folder.files()
    );
}
