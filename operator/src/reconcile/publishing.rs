//! Publishing: plans are made here and carried out beside the reconciler, one at a time.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::task::JoinError;
use tokio::time::Instant;
use weir_table::credential::secret_name;
use weir_table::{CredentialId, Scope};

use crate::config_map::{Form, ObservedTable};
use crate::credentials::{Vault, desired, differing};
use crate::health::Tidings;
use crate::metrics::Written;
use crate::publish::{Failure, Outcome, Plan, Reading, Writer};
use crate::reconcile::Reconciler;

/// How soon a table that has changed under the writer's hands is looked at again: the watch tells by then.
const AFTER_CONFLICT: Duration = Duration::from_millis(100);

/// What a job came to.
#[derive(Debug)]
pub(super) enum Finished {
    Vault(Reading),
    Plan(Outcome),
}

impl Reconciler {
    /// Starts the next job, if there is something to do. There must be none under way.
    pub(super) fn start_job(&mut self, now: Instant) {
        let Some(term) = self.term else { return };
        let edges = &self.edges;
        let writer = Writer::new(&edges.client, &edges.namespace, edges.gate.clone(), term);
        if now >= self.custody.due() {
            let missing = self.custody.missing();
            self.job
                .spawn(async move { Finished::Vault(writer.read_vault(missing).await) });
        } else if (self.plan_due || self.work.has_drafts()) && self.custody.vault().is_some() {
            self.plan_due = false;
            let plan = self.plan();
            if !plan.is_empty() {
                self.job
                    .spawn(async move { Finished::Plan(writer.carry_out(plan).await) });
            }
        }
    }

    /// Everything that should be written now.
    fn plan(&mut self) -> Plan {
        let none = Vault::new();
        let vault = self.custody.vault().unwrap_or(&none);
        let published = self.index.tables().values();
        let retained: BTreeSet<CredentialId> =
            published.flat_map(|table| table.credentials().clone()).collect();
        let wanted = desired(
            &self.work.credentials(),
            &self.index.snapshot().withheld,
            &retained,
            self.index.secrets(),
            vault,
        );
        let (shards, waiting) = self.custody.part(differing(wanted, vault));
        let removals = self
            .fleet
            .as_deref()
            .map(|fleet| self.work.removals(&self.index, fleet));
        Plan {
            shards,
            waiting,
            tables: self.work.take_drafts(&self.index),
            removals: removals.unwrap_or_default(),
        }
    }

    pub(super) fn finish_job(&mut self, finished: Result<Finished, JoinError>) {
        match finished {
            Ok(Finished::Vault(Reading { read, result: Ok(()) })) => {
                self.custody.read(read, Instant::now());
                self.plan_due = true;
            }
            Ok(Finished::Vault(Reading { read, result })) => self.can_not_read_vault(read, &result),
            Ok(Finished::Plan(outcome)) => self.finish_plan(outcome),
            Err(_) => self.start_over(),
        }
    }

    fn finish_plan(&mut self, outcome: Outcome) {
        let Outcome {
            shards,
            tables,
            removals,
        } = outcome;
        for (shard, result) in shards {
            self.edges.metrics.published(Written::Credentials, &result);
            match result {
                Ok(content) => self.custody.written(shard, content),
                Err(failure) => self.can_not_write_shard(shard, &failure),
            }
        }
        for (scope, result) in tables {
            self.edges.metrics.published(Written::Table, &result);
            self.finish_table(&scope, result);
        }
        for (scope, result) in removals {
            self.edges.metrics.published(Written::Removal, &result);
            self.finish_removal(&scope, result);
        }
        // What the new tables do not name any more can go now.
        self.plan_due = true;
        self.expect();
    }

    /// Before it is known what stands there nothing may be written, for that might remove something from it.
    fn can_not_read_vault(&mut self, part: Vault, result: &Result<(), Failure>) {
        self.edges.metrics.published(Written::Credentials, result);
        let Err(failure) = result else { return };
        match self.custody.not_read(part, failure, Instant::now()) {
            Tidings::New => {
                tracing::warn!(%failure, "the gathered credentials could not be read; trying again");
            }
            Tidings::Old => tracing::debug!(%failure, "the gathered credentials could not be read again"),
        }
        let is_known = self.custody.vault().is_some();
        let held_up: Vec<Scope> = self.work.drafted().filter(|_| !is_known).cloned().collect();
        for scope in held_up {
            self.can_not_be_published(&scope, failure);
        }
    }

    fn can_not_write_shard(&mut self, shard: char, failure: &Failure) {
        let secret = secret_name(shard);
        match self.custody.not_written(shard, failure, Instant::now()) {
            Tidings::New => {
                tracing::warn!(secret, %failure, "gathered credentials could not be written; trying again");
            }
            Tidings::Old => {
                tracing::debug!(secret, %failure, "gathered credentials could not be written again");
            }
        }
    }

    fn finish_table(&mut self, scope: &Scope, result: Result<ObservedTable, Failure>) {
        match result {
            Ok(observed) => self.take_in_written(observed),
            Err(failure) => self.try_table_again(scope, &failure),
        }
    }

    /// If nothing has happened since, what was written is what the objects compile to, and is settled.
    fn take_in_written(&mut self, observed: ObservedTable) {
        let scope = observed.scope.clone();
        let form = observed.standing.form.clone();
        self.index.put_table(observed);
        match form {
            Form::Intact(digest) if self.work.is_made(&scope, &digest) => {
                tracing::info!(?scope, digest = digest.short(), "published");
                self.can_be_published(&scope);
                if !self.compile_due.contains(&scope) {
                    self.index.settle(&scope);
                }
            }
            // Something between here and the store changes what is written; writing faster would not help.
            _ => self.try_table_again(&scope, &Failure::Altered),
        }
        self.mark_reports(&scope);
    }

    fn try_table_again(&mut self, scope: &Scope, failure: &Failure) {
        let wait = match failure {
            Failure::NotLeading => return,
            // The watch tells by then what stands there; only if that goes on it is trouble.
            Failure::Conflict | Failure::NotFound if self.unpublished.is_free(scope) => {
                self.unpublished.expect(scope);
                AFTER_CONFLICT
            }
            _ => self.can_not_be_published(scope, failure),
        };
        self.compile_due.mark_at(scope.clone(), Instant::now() + wait);
    }

    /// Says how long to wait.
    fn can_not_be_published(&mut self, scope: &Scope, failure: &Failure) -> Duration {
        let (tidings, wait) = self.unpublished.note(scope, failure);
        match tidings {
            Tidings::New => {
                tracing::warn!(?scope, %failure, "the table was not published; trying again");
            }
            Tidings::Old => tracing::debug!(?scope, %failure, "the table was not published again"),
        }
        self.edges.metrics.unpublished(&self.unpublished.counts());
        self.mark_reports(scope);
        wait
    }

    /// The table stands as it should, or does not have to.
    pub(super) fn can_be_published(&mut self, scope: &Scope) {
        self.unpublished.clear(scope);
        self.edges.metrics.unpublished(&self.unpublished.counts());
    }

    fn finish_removal(&mut self, scope: &Scope, result: Result<(), Failure>) {
        match result {
            Ok(()) => {
                tracing::info!(?scope, "removed the table of a scope without objects");
                self.index.forget_table(scope);
                self.work.forget(scope);
                self.edges.metrics.table_gone(scope);
                // An object may have come meanwhile.
                self.compile_due.mark(scope.clone(), Instant::now());
            }
            Err(failure) => self.try_table_again(scope, &failure),
        }
    }
}
