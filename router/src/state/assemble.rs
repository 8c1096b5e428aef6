//! Decides what is served: each reported table is decoded, checked, held back until its credentials are
//! there, made ready and swapped in. A table that fails on the way changes nothing but its report.
//!
//! It runs on a thread of its own and only computes, so that a large table delays no request.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use weir_table::check::check;
use weir_table::codec::{self, Decoded, Stored};
use weir_table::{Checked, CredentialId, Digest, Format, Scope};

use super::announce::announce;
use super::credentials::Credentials;
use super::prepare::prepare;
use super::registries::Registries;
use super::snapshot::{Report, Served, Snapshot, TableState};
use super::{Callers, Tables};
use crate::observe::Metrics;
use crate::secret::Secret;
use crate::source::cached::{Standing, Written};
use crate::source::{Part, Update, Updates};
use crate::surroundings::Surroundings;

/// The most updates that one swap takes in.
const BATCH: usize = 4_096;

/// Everything known of all scopes, good or not.
#[derive(Debug)]
pub(crate) struct Assembler {
    tables: Arc<Tables>,
    metrics: Arc<Metrics>,
    registries: Registries,
    clock: Surroundings,
    credentials: Credentials,
    scopes: BTreeMap<Scope, Entry>,
    /// What the source has not listed yet.
    awaited: BTreeSet<Part>,
    /// When what stands in for it was kept, in seconds since 1970.
    kept: Option<i64>,
    /// The scopes of which something else is known than when somebody was last told.
    changed: BTreeSet<Scope>,
}

/// One scope.
#[derive(Debug)]
struct Entry {
    /// The newest good table: the one that is served, or waits for its credentials.
    newest: Option<Good>,
    /// What is served now.
    served: Option<Arc<Served>>,
    /// Since when its content is served, in seconds since 1970.
    loaded: Option<i64>,
    /// What became of the newest table, good or not.
    state: TableState,
}

/// A table that may be served.
#[derive(Debug, Clone)]
struct Good {
    table: Arc<Checked>,
    digest: Digest,
    /// In which it has that digest.
    format: Format,
    needs: BTreeSet<CredentialId>,
}

impl Good {
    fn new(table: Checked, digest: Digest, format: Format) -> Self {
        let needs = table.table().credentials().into_iter().cloned().collect();
        Self {
            table: Arc::new(table),
            digest,
            format,
            needs,
        }
    }

    /// The same, holding together with what was the newest table `before` what did not change.
    fn beside(self, before: Option<&Self>) -> Self {
        let before = before.map(|before| &*before.table);
        let table = Arc::unwrap_or_clone(self.table).shared(before);
        Self {
            table: Arc::new(table),
            ..self
        }
    }

    fn written(&self) -> Written {
        Written {
            table: self.table.clone(),
            format: self.format,
        }
    }

    fn is_empty(&self) -> bool {
        self.table.table().is_empty()
    }
}

impl Assembler {
    /// An assembler that knows nothing yet, and puts its snapshots into `tables`.
    pub(crate) fn new(
        tables: Arc<Tables>,
        metrics: Arc<Metrics>,
        registries: Registries,
        clock: Surroundings,
    ) -> Self {
        let credentials = Credentials::default();
        Self {
            tables,
            metrics,
            registries,
            clock,
            credentials,
            scopes: BTreeMap::new(),
            awaited: Part::all().collect(),
            kept: None,
            changed: BTreeSet::new(),
        }
    }

    /// Takes in updates until their source ends, and tells it what became of them if it wants to know. Blocks;
    /// to be run on a thread of its own.
    pub(crate) fn run(mut self, updates: Updates) {
        let Updates {
            mut seen,
            desk,
            of: _,
        } = updates;
        let mut batch = Vec::new();
        while seen.blocking_recv_many(&mut batch, BATCH) > 0 {
            let begun = Instant::now();
            batch.drain(..).for_each(|update| self.take_in(update));
            self.publish();
            self.metrics.swapped(begun.elapsed());
            match &desk {
                Some(desk) => desk.lay(self.changed()),
                None => self.changed.clear(),
            }
        }
    }

    /// Takes in one update; [`Assembler::publish`] makes it seen.
    pub(crate) fn take_in(&mut self, update: Update) {
        match update {
            Update::Table { scope, stored } => match read(&scope, stored) {
                Ok(good) => self.accept(scope, good),
                Err(why) => self.reject(scope, why),
            },
            Update::Gone(scope) => self.gone(&scope),
            Update::Forget(scope) => self.forget(&scope),
            Update::Credentials { shard, values } => {
                let changed = self.credentials.replace(shard, values);
                self.refresh(&changed);
            }
            Update::Listed(part) => self.listed(part),
            Update::FromCache { kept } => {
                self.kept = Some(kept);
                self.tell_all();
            }
            Update::CacheFailed(used) => {
                self.metrics.cache_failed(used);
                self.tell_all();
            }
            Update::Everything { tables, credentials } => self.everything(tables, credentials),
        }
    }

    /// Puts what is known now in force.
    pub(crate) fn publish(&self) {
        // Callers come from the newest good tables, also from those that still wait for credentials: a key that
        // was withdrawn must not wait for somebody's provider.
        let newest = self.scopes.values().filter_map(|entry| entry.newest.as_ref());
        let mut next = Snapshot {
            callers: Callers::of(newest.map(|good| good.table.table())),
            listed: self.is_live() || self.kept.is_some(),
            kept: self.kept,
            ..Snapshot::default()
        };
        for (scope, entry) in &self.scopes {
            match scope {
                Scope::Cluster => next.cluster.clone_from(&entry.served),
                Scope::Namespace(name) => drop(next.namespaces.insert(name.clone(), entry.served.clone())),
            }
            next.reports.push(entry.report(scope));
        }
        let before = self.tables.load_full();
        self.tables.swap(next);
        announce(&before, &self.tables.load());
    }

    /// How it stands with every scope of which something else is known than when this was last asked. Nothing
    /// while the source has not listed everything, and nothing stands in for it: what is known then is not all.
    pub(crate) fn changed(&mut self) -> BTreeMap<Scope, Standing> {
        let changed = std::mem::take(&mut self.changed);
        if !self.is_live() && self.kept.is_none() {
            return BTreeMap::new();
        }
        let standing = |scope: Scope| Some((scope.clone(), self.standing(&scope)?));
        changed.into_iter().filter_map(standing).collect()
    }

    /// How it stands with `scope`; `None` if no good table of it was ever seen.
    fn standing(&self, scope: &Scope) -> Option<Standing> {
        let Some(entry) = self.scopes.get(scope) else {
            return Some(Standing::Gone);
        };
        let newest = entry.newest.as_ref()?;
        let table = newest.written();
        if entry
            .served
            .as_ref()
            .is_none_or(|served| served.digest != newest.digest)
        {
            return Some(Standing::Waits(table));
        }
        let held = |id: &CredentialId| Some((id.clone(), self.credentials.get(id)?.clone()));
        let credentials = newest.needs.iter().filter_map(held).collect();
        Some(Standing::Serves { table, credentials })
    }

    /// Whether the source has listed everything.
    fn is_live(&self) -> bool {
        self.awaited.is_empty()
    }

    fn listed(&mut self, part: Part) {
        self.awaited.remove(&part);
        if self.is_live() {
            self.kept = None;
            self.tell_all();
        }
    }

    /// Counts everything as changed.
    fn tell_all(&mut self) {
        self.changed.extend(self.scopes.keys().cloned());
    }

    fn forget(&mut self, scope: &Scope) {
        self.scopes.remove(scope);
        self.changed.insert(scope.clone());
    }

    fn accept(&mut self, scope: Scope, good: Good) {
        let mut entry = self.scopes.remove(&scope).unwrap_or_else(Entry::unseen);
        let already = entry
            .served
            .as_ref()
            .is_some_and(|served| served.digest == good.digest);
        if already
            && entry
                .newest
                .as_ref()
                .is_some_and(|newest| newest.digest == good.digest)
        {
            entry.state = TableState::Serving;
        } else {
            entry.newest = Some(good.beside(entry.newest.as_ref()));
            self.promote(&mut entry);
            self.changed.insert(scope.clone());
        }
        self.scopes.insert(scope, entry);
    }

    /// Serves an entry's newest table if every credential that it names is held.
    fn promote(&self, entry: &mut Entry) {
        let Some(newest) = entry.newest.clone() else {
            return;
        };
        let missing: Vec<&str> = newest
            .needs
            .iter()
            .filter(|id| self.credentials.get(id).is_none())
            .map(CredentialId::as_str)
            .collect();
        if missing.is_empty() {
            let Good { table, digest, .. } = newest;
            if entry.served.as_ref().is_none_or(|served| served.digest != digest) {
                entry.loaded = Some(self.clock.unix_time());
            }
            entry.served = Some(Arc::new(prepare(
                &table,
                digest,
                &self.credentials,
                &self.registries,
            )));
            entry.state = TableState::Serving;
        } else {
            entry.state = TableState::Waiting(format!("waits for credentials {}", missing.join(", ")));
        }
    }

    fn reject(&mut self, scope: Scope, why: String) {
        tracing::warn!(scope = ?scope, why, "a table was rejected; the last good one still serves");
        self.metrics.table_rejects.inc();
        self.scopes.entry(scope).or_insert_with(Entry::unseen).state = TableState::Rejected(why);
    }

    fn gone(&mut self, scope: &Scope) {
        let Some(entry) = self.scopes.get_mut(scope) else {
            return;
        };
        let emptied = entry.newest.as_ref().is_none_or(Good::is_empty);
        if entry.served.is_none() || (emptied && *scope != Scope::Cluster) {
            self.forget(scope);
        } else {
            tracing::warn!(scope = ?scope, "a table was deleted before it was emptied; the last one still serves");
            entry.state = TableState::Orphaned;
        }
    }

    /// Prepares anew what names one of the `changed` credentials. A credential that went away leaves what
    /// is served as it is: the operator takes it out of the table first, where that is what is meant.
    fn refresh(&mut self, changed: &[CredentialId]) {
        let mut scopes = std::mem::take(&mut self.scopes);
        for (scope, entry) in &mut scopes {
            let affected = entry
                .newest
                .as_ref()
                .is_some_and(|newest| changed.iter().any(|id| newest.needs.contains(id)));
            let spoilt = matches!(entry.state, TableState::Rejected(_) | TableState::Orphaned);
            let before = entry.state.clone();
            if affected {
                self.promote(entry);
                self.changed.insert(scope.clone());
            }
            if spoilt {
                entry.state = before;
            }
        }
        self.scopes = scopes;
    }

    fn everything(&mut self, tables: Vec<Checked>, credentials: BTreeMap<CredentialId, Secret>) {
        let mut shards: BTreeMap<char, BTreeMap<CredentialId, Secret>> = weir_table::credential::shards()
            .map(|shard| (shard, BTreeMap::new()))
            .collect();
        for (id, value) in credentials {
            shards.entry(id.shard()).or_default().insert(id, value);
        }
        let goods: BTreeMap<Scope, Good> = tables
            .into_iter()
            .map(|table| {
                let digest = codec::encode(table.table(), Format::NEWEST).digest;
                (
                    table.table().scope.clone(),
                    Good::new(table, digest, Format::NEWEST),
                )
            })
            .collect();
        self.scopes.retain(|scope, _| goods.contains_key(scope));
        let changed: Vec<CredentialId> = shards
            .into_iter()
            .flat_map(|(shard, values)| self.credentials.replace(shard, values))
            .collect();
        for (scope, good) in goods {
            self.accept(scope, good);
        }
        self.refresh(&changed);
        self.awaited.clear();
    }
}

impl Entry {
    /// A scope of which nothing has been seen.
    fn unseen() -> Self {
        Self {
            newest: None,
            served: None,
            loaded: None,
            state: TableState::Waiting("has not been read yet".to_owned()),
        }
    }

    /// What became of it.
    fn report(&self, scope: &Scope) -> Report {
        let Self {
            newest: _,
            served,
            loaded,
            state,
        } = self;
        Report {
            scope: scope.clone(),
            state: state.clone(),
            served: served.clone(),
            loaded: *loaded,
        }
    }
}

/// Decodes and checks a scope's document.
fn read(scope: &Scope, stored: Result<Stored, String>) -> Result<Good, String> {
    let Decoded {
        table,
        digest,
        format,
    } = codec::load(&stored?).map_err(|error| error.to_string())?;
    if table.scope != *scope {
        return Err(format!(
            "the table is of {:?}, but is labelled as of {scope:?}",
            table.scope
        ));
    }
    let checked = check(table).map_err(|violations| {
        let texts: Vec<String> = violations.iter().take(10).map(ToString::to_string).collect();
        format!(
            "the table breaks {} rules: {}",
            violations.len(),
            texts.join("; ")
        )
    })?;
    Ok(Good::new(checked, digest, format))
}

#[cfg(test)]
mod tests;
