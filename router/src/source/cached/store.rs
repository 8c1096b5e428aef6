//! The files of a cache: pages named by their digests, and an index that is renamed into place when all that it
//! names is there. A router that ends in the midst of it leaves the index before and its pages.
//!
//! Nothing here is synced to a disk: the folder is meant to be memory, and what the digests do not prove is not
//! read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::OFlags;
use weir_table::codec::Stored;
use weir_table::{CredentialId, Digest, Scope};
use zeroize::Zeroizing;

use super::document::{self, Damage, Entry};
use crate::secret::Secret;

/// The index's file.
const INDEX: &str = "index.json";

/// What the name of a page ends with.
const PAGE: &str = ".page.json";

/// What the name of a file ends with that is being written.
const UNFINISHED: &str = ".unfinished";

/// The largest file that is read, in bytes: the largest table, and more credentials than anybody has.
const LONGEST: u64 = 128 * 1024 * 1024;

/// A cache's folder.
#[derive(Debug)]
pub(super) struct Store {
    dir: PathBuf,
    of: String,
    max_age: Duration,
    /// What the index in force names, if that is what this router knows: every page in it was written or read by
    /// this process.
    entries: Mutex<Option<Entries>>,
}

/// What an index names.
pub(super) type Entries = BTreeMap<Scope, Entry>;

/// All that was kept.
#[derive(Debug)]
pub(super) struct Kept {
    /// When the router that kept it was last known to run, in seconds since 1970.
    pub(super) at: i64,
    /// The tables of each scope: what was served, and then what waited.
    pub(super) tables: BTreeMap<Scope, Vec<Stored>>,
    /// Every credential that the served ones need.
    pub(super) credentials: BTreeMap<CredentialId, Secret>,
    /// What the index names.
    pub(super) entries: Entries,
}

/// Why what lies there can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    /// A file can't be read.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// A file is not what it should be.
    #[error("{}: {damage}", path.display())]
    Document {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        damage: Damage,
    },
    /// Others may have written it, or read it.
    #[error("{}: it must be this user's own, and closed to all others (mode 0600)", path.display())]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// Its router has been away for too long.
    #[error("its router last ran {} s ago, which is longer than --cache-max-age; the files are deleted", age.as_secs())]
    TooOld {
        /// For how long it has been away.
        age: Duration,
    },
    /// The reader panicked.
    #[error("reading it failed")]
    Unread,
}

impl Store {
    /// The cache in `dir` of the source that is called `of`. Nothing is looked at yet.
    pub(super) fn new(dir: PathBuf, of: String, max_age: Duration) -> Self {
        Self {
            dir,
            of,
            max_age,
            entries: Mutex::default(),
        }
    }

    /// All that was kept; `None` if nothing was.
    pub(super) fn read(&self) -> Result<Option<Kept>, Unusable> {
        let path = self.dir.join(INDEX);
        let (bytes, modified) = match read(&path) {
            Err(Unusable::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        let age = distance(SystemTime::now(), modified);
        if age > self.max_age {
            self.tidy(&BTreeSet::new(), Index::Goes);
            return Err(Unusable::TooOld { age });
        }
        let damaged = |damage| Unusable::Document {
            path: path.clone(),
            damage,
        };
        let entries = document::read_index(&bytes, &self.of).map_err(damaged)?;
        self.pages(entries, modified).map(Some)
    }

    /// From now on this router goes by `entries`, which were read here.
    pub(super) fn adopt(&self, entries: Entries) {
        *self.known() = Some(entries);
    }

    /// What the index in force names, as far as this router knows.
    pub(super) fn entries(&self) -> Entries {
        self.known().clone().unwrap_or_default()
    }

    fn known(&self) -> MutexGuard<'_, Option<Entries>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pages(&self, entries: Vec<Entry>, modified: SystemTime) -> Result<Kept, Unusable> {
        let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut kept = Kept {
            at: i64::try_from(since).unwrap_or(i64::MAX),
            tables: BTreeMap::new(),
            credentials: BTreeMap::new(),
            entries: BTreeMap::new(),
        };
        for entry in entries {
            let tables = kept.tables.entry(entry.scope.clone()).or_default();
            for digest in entry.pages() {
                let page = self.page(digest)?;
                tables.push(page.table);
                kept.credentials.extend(page.credentials);
            }
            kept.entries.insert(entry.scope.clone(), entry);
        }
        Ok(kept)
    }

    fn page(&self, digest: &Digest) -> Result<document::Page, Unusable> {
        let path = self.page_path(digest);
        let (bytes, _) = read(&path)?;
        let damaged = |damage| Unusable::Document {
            path: path.clone(),
            damage,
        };
        if Digest::of(&bytes) != *digest {
            return Err(damaged(Damage::Damaged));
        }
        document::read_page(&bytes).map_err(damaged)
    }

    /// Writes a page, unless the index in force names it.
    pub(super) fn write_page(&self, bytes: &[u8]) -> io::Result<Digest> {
        let digest = Digest::of(bytes);
        let is_there = |known: &Entries| known.values().flat_map(Entry::pages).any(|page| *page == digest);
        if !self.known().as_ref().is_some_and(is_there) {
            self.write(&self.page_path(&digest), bytes)?;
        }
        Ok(digest)
    }

    /// Puts an index of `entries` in force, and deletes every page that it does not name.
    pub(super) fn write_index(&self, entries: Entries) -> io::Result<()> {
        self.are_there(&entries)?;
        let bytes = document::index(&self.of, entries.values())?;
        self.write(&self.dir.join(INDEX), &bytes)?;
        let named = entries.values().flat_map(Entry::pages).map(page_name).collect();
        *self.known() = Some(entries);
        self.tidy(&named, Index::Stays);
        Ok(())
    }

    /// Says that the router of which this is what it knows runs. Fails if somebody has taken files away.
    pub(super) fn touch(&self) -> io::Result<()> {
        let known = self.known();
        let Some(entries) = known.as_ref() else {
            return Ok(());
        };
        self.are_there(entries)?;
        let index = OpenOptions::new().write(true).open(self.dir.join(INDEX))?;
        index.set_modified(SystemTime::now())
    }

    fn are_there(&self, entries: &Entries) -> io::Result<()> {
        let mut pages = entries
            .values()
            .flat_map(Entry::pages)
            .map(|page| self.page_path(page));
        pages.try_for_each(|page| fs::metadata(page).map(drop))
    }

    /// Makes sure that nothing which is known to be out of date is ever read.
    pub(super) fn invalidate(&self) {
        *self.known() = None;
        // What can't be deleted is too old before long: nobody touches it.
        drop(fs::remove_file(self.dir.join(INDEX)));
    }

    /// Deletes files of this cache's that are not named.
    fn tidy(&self, named: &BTreeSet<String>, index: Index) {
        let files = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        for file in files {
            let name = file.file_name().to_string_lossy().into_owned();
            let old_page = is_page(&name) && !named.contains(&name);
            let old_index = name == INDEX && index == Index::Goes;
            let unfinished = name.strip_suffix(UNFINISHED);
            if old_page || old_index || unfinished.is_some_and(|name| is_page(name) || name == INDEX) {
                // It is no more than untidy.
                drop(fs::remove_file(file.path()));
            }
        }
    }

    /// Puts `bytes` where `path` is in one step; nobody else may read them.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut folder = DirBuilder::new();
        folder.recursive(true).mode(0o700).create(&self.dir)?;
        let mut name = path.as_os_str().to_owned();
        name.push(UNFINISHED);
        let unfinished = PathBuf::from(name);
        drop(fs::remove_file(&unfinished));
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&unfinished)?;
        file.write_all(bytes)?;
        fs::rename(&unfinished, path)
    }

    fn page_path(&self, digest: &Digest) -> PathBuf {
        self.dir.join(page_name(digest))
    }
}

/// The bytes of a file, and when it was last touched.
fn read(path: &Path) -> Result<(Zeroizing<Vec<u8>>, SystemTime), Unusable> {
    let failed = |error| Unusable::Io {
        path: path.to_owned(),
        error,
    };
    // A link leads elsewhere, and a pipe waits for ever.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(flags.bits().cast_signed());
    let file = options.open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    let others = about.mode() & 0o777 & !0o700;
    if about.uid() != rustix::process::geteuid().as_raw() || others != 0 || !about.is_file() {
        return Err(Unusable::Open {
            path: path.to_owned(),
        });
    }
    let size = about.len().min(LONGEST);
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(size).unwrap_or_default() + 1));
    file.take(LONGEST).read_to_end(&mut bytes).map_err(failed)?;
    Ok((bytes, about.modified().map_err(failed)?))
}

/// What becomes of the index when things are tidied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Index {
    Stays,
    Goes,
}

fn page_name(digest: &Digest) -> String {
    format!("{digest}{PAGE}")
}

/// Whether a file of this name can only be a page of a cache.
fn is_page(name: &str) -> bool {
    let digest = name.strip_suffix(PAGE).map(str::to_owned);
    digest.is_some_and(|digest| Digest::try_from(digest).is_ok())
}

/// From one moment to the other, whichever is later: a clock that was set back makes nothing young.
fn distance(one: SystemTime, other: SystemTime) -> Duration {
    one.duration_since(other).unwrap_or_else(|error| error.duration())
}
