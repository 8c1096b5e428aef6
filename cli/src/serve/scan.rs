//! What can be told of files without reading them. Links are followed, so that a mounted `ConfigMap`'s
//! `..data` is seen to move.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::files::{Depth, expand};

/// What tells one state of a file from another, most of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    file: (u64, u64),
    modified: (i64, i64),
    changed: (i64, i64),
    size: u64,
}

/// Everything that was seen at one moment.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// The files.
    pub(super) files: BTreeMap<PathBuf, Stamp>,
    /// The paths that were asked for and can't be looked at, and why.
    pub(super) missing: BTreeMap<PathBuf, String>,
}

impl Scan {
    /// Looks at `roots`: files, or folders read to `depth`.
    pub(super) fn of(roots: &[PathBuf], depth: Depth) -> Self {
        let mut scan = Self::default();
        for root in roots {
            match expand(root, depth) {
                Ok(files) => files.iter().for_each(|file| scan.look(file)),
                Err(error) => drop(scan.missing.insert(root.clone(), error.to_string())),
            }
        }
        scan
    }

    /// Whether nothing can be said of `path`, because what it lies in can't be looked at.
    pub(super) fn is_out_of_sight(&self, path: &Path) -> bool {
        self.missing.keys().any(|root| path.starts_with(root))
    }

    /// A file that vanished since its folder was read is not there.
    fn look(&mut self, file: &Path) {
        if let Ok(facts) = fs::metadata(file) {
            self.files.insert(file.to_owned(), Stamp::from(&facts));
        }
    }
}

impl From<&Metadata> for Stamp {
    fn from(facts: &Metadata) -> Self {
        Self {
            file: (facts.dev(), facts.ino()),
            modified: (facts.mtime(), facts.mtime_nsec()),
            changed: (facts.ctime(), facts.ctime_nsec()),
            size: facts.size(),
        }
    }
}

#[cfg(test)]
impl Stamp {
    /// A stamp that differs from every one of another `size`.
    pub(super) fn of_size(size: u64) -> Self {
        Self {
            file: (0, 0),
            modified: (0, 0),
            changed: (0, 0),
            size,
        }
    }
}
