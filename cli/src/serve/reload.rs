//! One look at the files after another: what is due is read, what it comes to is built, and what that
//! changed is logged. The decisions are `watch`'s, `shelf`'s and `build`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use weir_table::{Scope, Table};

use super::build::{Built, build};
use super::changes::Changes;
use super::scan::Scan;
use super::secrets::Secrets;
use super::shelf::{Given, Shelf};
use super::watch::{Due, Watch};
use crate::args::{Serve, System};
use crate::check::{Finding, Level};
use crate::error::Error;
use crate::files::{self, Depth};

/// The files that are served from, and what they came to so far.
#[derive(Debug)]
pub(super) struct Reloader {
    roots: Vec<PathBuf>,
    depth: Depth,
    system: System,
    secrets: Secrets,
    watch: Watch,
    shelf: Shelf,
    missing: BTreeSet<PathBuf>,
    told: BTreeSet<Finding>,
    published: Option<BTreeMap<Scope, Table>>,
}

impl Reloader {
    /// Looks at what `args` name for the first time; what is not there now is a mistake of the caller's.
    pub(super) fn new(args: &Serve) -> Result<Self, Error> {
        if args.paths.iter().any(|path| files::is_standard_input(path)) {
            return Err(Error::Usage(
                "standard input can't be watched: name files or folders".to_owned(),
            ));
        }
        let environment = |name: &str| std::env::var_os(name).map(std::ffi::OsString::into_encoded_bytes);
        let secrets = Secrets::new(&args.secrets, environment)?;
        let roots = args
            .paths
            .iter()
            .cloned()
            .chain(secrets.files().map(Path::to_owned))
            .collect();
        let reloader = Self {
            roots,
            depth: args.depth(),
            system: args.system.clone(),
            secrets,
            watch: Watch::default(),
            shelf: Shelf::default(),
            missing: BTreeSet::new(),
            told: BTreeSet::new(),
            published: None,
        };
        match Scan::of(&reloader.roots, reloader.depth)
            .missing
            .into_values()
            .next()
        {
            Some(why) => Err(Error::Usage(why)),
            None => Ok(reloader),
        }
    }

    /// Looks at the files; what they come to, if that is something new.
    pub(super) fn step(&mut self, now: Instant) -> Option<Built> {
        let scan = Scan::of(&self.roots, self.depth);
        self.tell_missing(&scan);
        let mut news = false;
        for due in self.watch.observe(&scan, now) {
            news |= self.take(&due);
        }
        let first = self.published.is_none() && self.watch.is_settled();
        (news || first).then(|| self.build())
    }

    /// Does what is due; says whether anything is new.
    fn take(&mut self, due: &Due) -> bool {
        let (path, given) = match due {
            Due::Read(path) if self.secrets.files().any(|file| file == path) => {
                return self.take_secret(path);
            }
            Due::Read(path) => (
                path,
                self.shelf
                    .put(path, files::text(path).map_err(|error| error.to_string())),
            ),
            Due::Forget(path) => (path, self.shelf.forget(path)),
        };
        if let Given::Unusable(why) = &given {
            tracing::error!(path = %path.display(), why, "a file can't be used; what it last gave stays in use");
        }
        given == Given::New
    }

    fn take_secret(&mut self, path: &Path) -> bool {
        match fs::read(path) {
            Ok(bytes) => {
                let changed = self.secrets.put(path, &bytes);
                if changed {
                    tracing::info!(path = %path.display(), "took a credential from its file");
                }
                changed
            }
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "a credential can't be read; the one before stays");
                false
            }
        }
    }

    /// Says of every path that was asked for when it goes out of sight, and when it is back.
    fn tell_missing(&mut self, scan: &Scan) {
        for (root, why) in scan
            .missing
            .iter()
            .filter(|(root, _)| !self.missing.contains(*root))
        {
            tracing::error!(path = %root.display(), why, "a path is out of sight; what it last gave stays in use");
        }
        for root in self
            .missing
            .iter()
            .filter(|root| !scan.missing.contains_key(*root))
        {
            tracing::info!(path = %root.display(), "a path is back");
        }
        self.missing = scan.missing.keys().cloned().collect();
    }

    fn build(&mut self) -> Built {
        let before = self.published.take().unwrap_or_default();
        let built = build(&self.shelf.inputs(), &self.secrets, &self.system, &before);
        let after = built.published();
        let Changes {
            added,
            changed,
            removed,
        } = Changes::between(&before, &after);
        let policies: usize = after.values().map(|table| table.policies.len()).sum();
        tracing::info!(?added, ?changed, ?removed, policies, "loaded");
        self.tell_findings(&built);
        self.published = Some(after);
        built
    }

    /// Says what is wrong that was not, and how much is still wrong.
    fn tell_findings(&mut self, built: &Built) {
        let findings: BTreeSet<Finding> = built.report.findings.iter().cloned().collect();
        for finding in findings.difference(&self.told) {
            tell(finding);
        }
        if !built.last_good.is_empty() {
            tracing::warn!(policies = ?built.last_good, "served in an earlier version, until they are mended");
        }
        if findings.is_empty() && !self.told.is_empty() {
            tracing::info!("everything is in order again");
        }
        self.told = findings;
    }
}

fn tell(finding: &Finding) {
    let place = finding
        .place
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let object = finding.object.as_deref().unwrap_or_default();
    let (cause, field) = (finding.rule.id(), finding.path.as_deref().unwrap_or_default());
    let message = &finding.message;
    match finding.level {
        Level::Error => tracing::error!(place, object, cause, field, "{message}"),
        Level::Warning => tracing::warn!(place, object, cause, field, "{message}"),
    }
}
