//! The one place that names the steps: take a change in, compile, publish, report.
//!
//! One task owns everything that is known, so that there are no locks; writes run beside it, at most one plan
//! at a time and a bounded number of statuses. Every replica takes changes in and compiles, and so is warm
//! when it takes over; only the holder of the lease writes.

mod custody;
mod publishing;
mod reporting;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use weir_policy::object::ObjectRef;
use weir_policy::snapshot::NamespacedProviders;
use weir_table::Scope;

use crate::credentials::demands;
use crate::debounce::Debounce;
use crate::endpoints::{admin_addresses, coming_addresses};
use crate::index::{Change, Effect, Effects, Index};
use crate::lease::Gate;
use crate::metrics::{Foreign, Metrics};
use crate::reconcile::custody::Custody;
use crate::report::Reporter;
use crate::rollout::poll::{Expected, ExpectedTable};
use crate::rollout::{Fleet, Wanted};
use crate::room::withheld;
use crate::setback::Setbacks;
use crate::territory::{Listing, News, Part, Territory};
use crate::work::{Compilation, Work};

/// How long a scope must be quiet before it is compiled.
const QUIET: Duration = Duration::from_millis(25);
/// How long a scope that is not quiet waits at most.
const CAP: Duration = Duration::from_millis(100);
/// How long writes that are under way may take at the end.
const FAREWELL: Duration = Duration::from_secs(5);

/// The edges of the reconciler.
pub struct Edges {
    /// The API server.
    pub client: Client,
    /// Weir's own namespace.
    pub namespace: String,
    /// What is watched.
    pub territory: Territory,
    /// Whether Providers count.
    pub namespaced_providers: NamespacedProviders,
    /// The port of routers whose Service does not name one.
    pub router_admin_port: u16,
    /// Says whether this replica may write.
    pub gate: Gate,
    /// Writes statuses.
    pub reporter: Reporter,
    /// Counts.
    pub metrics: Metrics,
    /// Is told when every watch has delivered its first full list.
    pub synced: watch::Sender<bool>,
    /// Is told what routers should serve.
    pub expected: watch::Sender<Option<Expected>>,
    /// Says what they serve.
    pub fleet: watch::Receiver<Option<Arc<Fleet>>>,
}

impl std::fmt::Debug for Edges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edges")
            .field("namespace", &self.namespace)
            .field("gate", &self.gate)
            .finish_non_exhaustive()
    }
}

/// Everything that is known and under way.
#[derive(Debug)]
pub struct Reconciler {
    edges: Edges,
    index: Index,
    work: Work,
    listing: Listing,
    /// The tenure in which this replica writes.
    term: Option<u64>,
    fleet: Option<Arc<Fleet>>,
    compile_due: Debounce<Scope>,
    report_due: Debounce<ObjectRef>,
    /// The gathered Secrets.
    custody: Custody,
    /// Whether there may be room for other credentials than before.
    room_due: bool,
    /// Whether something may have to be published.
    plan_due: bool,
    /// The plan under way: never more than one, so that credentials and tables keep their order.
    job: JoinSet<publishing::Finished>,
    /// The statuses under way.
    patches: JoinSet<reporting::Finished>,
    patching: BTreeSet<ObjectRef>,
    /// The tables that can't be written now.
    unpublished: Setbacks<Scope>,
    /// The statuses that can't be written now.
    unreported: Setbacks<ObjectRef>,
    /// The status of each object as it was last written.
    told: BTreeMap<ObjectRef, reporting::Told>,
    /// Since when each policy has been on its way to the routers.
    on_the_way: BTreeMap<ObjectRef, Instant>,
}

impl Reconciler {
    /// A reconciler that knows nothing yet.
    pub fn new(edges: Edges) -> Self {
        Self {
            listing: Listing::of(&edges.territory),
            index: Index::new(&edges.namespace).with_providers(edges.namespaced_providers),
            edges,
            work: Work::default(),
            term: None,
            fleet: None,
            compile_due: Debounce::new(QUIET, CAP),
            report_due: Debounce::new(Duration::ZERO, Duration::ZERO),
            custody: Custody::new(Instant::now()),
            room_due: false,
            plan_due: false,
            job: JoinSet::new(),
            patches: JoinSet::new(),
            patching: BTreeSet::new(),
            unpublished: Setbacks::default(),
            unreported: Setbacks::default(),
            told: BTreeMap::new(),
            on_the_way: BTreeMap::new(),
        }
    }

    /// Works until `stop`, then waits for the writes that are under way.
    pub async fn run(mut self, mut changes: mpsc::Receiver<Change>, stop: CancellationToken) {
        self.check_term();
        while !stop.is_cancelled() {
            let alarm = self.next_alarm();
            tokio::select! {
                () = stop.cancelled() => break,
                change = changes.recv() => match change {
                    Some(change) => self.take_in(change),
                    None => break,
                },
                Some(finished) = self.job.join_next() => self.finish_job(finished),
                Some(finished) = self.patches.join_next() => self.finish_report(finished),
                Ok(()) = self.edges.fleet.changed() => self.hear_routers(),
                () = self.edges.gate.changed() => self.check_term(),
                () = sleep_until(alarm) => {}
            }
            self.advance();
        }
        self.finish().await;
    }

    /// What has come up since the last time: compile, publish, report. While a plan is under way nothing is
    /// compiled: what it came to could not be written yet, and would be compiled again for the next change.
    fn advance(&mut self) {
        if !self.listing.is_ready() {
            return;
        }
        let now = Instant::now();
        if self.job.is_empty() {
            for scope in self.compile_due.take(now) {
                self.compile(&scope);
            }
            self.share_room();
            self.start_job(now);
        }
        self.start_reports(now);
    }

    /// When to look again if nothing happens before.
    fn next_alarm(&self) -> Instant {
        let synced = self.listing.is_ready();
        let is_free = synced && self.job.is_empty();
        let compile = self.compile_due.next_due().filter(|_| is_free);
        let vault = Some(self.custody.due()).filter(|_| is_free && self.term.is_some());
        let report = self.report_due.next_due().filter(|_| synced && self.may_report());
        let idle = Instant::now() + Duration::from_hours(1);
        [compile, report, vault]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(idle)
    }

    fn take_in(&mut self, change: Change) {
        let listed = change.listed();
        if change.is_foreign() {
            self.edges.metrics.foreign_change(Foreign::Table);
        }
        let effects = self.index.apply(change);
        self.mark(effects);
        match listed.map_or(News::None, |part| self.listing.note(&part)) {
            News::None => {}
            News::Ready => self.begin(),
            News::Namespace(namespace) => {
                tracing::info!(namespace, "everything in the namespace has been listed");
                self.mark([Effect::Compile(Scope::Namespace(namespace)), Effect::Gather].into());
            }
        }
    }

    /// All that is everybody's has been listed.
    fn begin(&mut self) {
        tracing::info!("every watch that all depends on has delivered its first list");
        for Part { kind, namespace } in self.listing.missing() {
            tracing::info!(
                kind,
                namespace,
                "not listed yet; its namespace stays as it was until then"
            );
        }
        for scope in self.index.scopes() {
            if !self.edges.territory.holds(&scope) {
                tracing::warn!(?scope, "not watched any more: its table is emptied, then removed");
            }
        }
        self.edges.synced.send_replace(true);
        self.start_over();
    }

    fn mark(&mut self, effects: Effects) {
        let now = Instant::now();
        for effect in effects {
            match effect {
                Effect::Compile(scope) => self.compile_due.mark(scope, now),
                Effect::Report(object) => self.report_due.mark(object, now),
                Effect::Gather => {
                    self.room_due = true;
                    self.plan_due = true;
                }
                Effect::Routers => self.expect(),
            }
        }
    }

    /// Looks at everything anew.
    fn start_over(&mut self) {
        let now = Instant::now();
        for scope in self.index.scopes() {
            self.compile_due.mark_at(scope, now);
        }
        self.plan_due = true;
        self.expect();
    }

    fn compile(&mut self, scope: &Scope) {
        if !self.listing.covers(scope) {
            return;
        }
        let started = Instant::now();
        match self.work.compile(&mut self.index, scope) {
            Compilation::Nothing => self.edges.metrics.table_gone(scope),
            Compilation::Table { bytes } => {
                self.edges.metrics.compiled(started.elapsed());
                self.edges.metrics.table_size(scope, bytes);
            }
            Compilation::Defect(violations) => {
                self.edges.metrics.defect();
                let first = violations.first().map(ToString::to_string);
                tracing::error!(
                    ?scope,
                    first,
                    "the compiled table breaks an invariant and is not published"
                );
            }
        }
        if !self.work.has_draft(scope) {
            self.can_be_published(scope);
        }
        self.room_due = true;
        self.plan_due = true;
        self.mark_reports(scope);
    }

    /// Decides anew for which credentials there is room. What a table asks for does not depend on what it gets, so
    /// that once is enough.
    fn share_room(&mut self) {
        if !std::mem::take(&mut self.room_due) {
            return;
        }
        let demands = demands(&self.work.credentials(), self.index.secrets());
        let news = self.index.withhold(withheld(demands, &self.edges.namespace));
        if news.is_empty() {
            return;
        }
        tracing::warn!(
            withheld = self.index.snapshot().withheld.len(),
            "there is no room for so many credentials now; the policies and providers concerned say so"
        );
        for scope in self.work.naming(&news) {
            self.compile(&scope);
        }
        self.room_due = false;
    }

    fn mark_reports(&mut self, scope: &Scope) {
        let now = Instant::now();
        for object in self.work.objects(scope) {
            self.report_due.mark(object.clone(), now);
        }
    }

    /// The gate has opened, closed, or stayed open for longer.
    fn check_term(&mut self) {
        let term = self.edges.gate.term();
        self.edges.metrics.leading(term);
        if term == self.term {
            return;
        }
        self.term = term;
        self.unpublished = Setbacks::default();
        self.unreported = Setbacks::default();
        self.edges.metrics.unpublished(&self.unpublished.counts());
        self.fleet = None;
        self.work.write_as(&self.index, Wanted::Any);
        self.custody = Custody::new(Instant::now());
        self.start_over();
        if term.is_some() {
            // What routers said before is no news, and is not said again if nobody noticed the end of the last tenure.
            self.hear_routers();
        }
    }

    /// Routers have said something new.
    fn hear_routers(&mut self) {
        let heard = self.edges.fleet.borrow_and_update().clone();
        let scopes = self.index.scopes();
        let changed = match (&heard, &self.fleet) {
            (Some(heard), Some(before)) => heard.changed_scopes(before, &scopes),
            (Some(_), None) => scopes,
            (None, _) => BTreeSet::new(),
        };
        let wanted = heard.as_deref().map(Fleet::wanted).unwrap_or_default();
        self.fleet = heard;
        self.plan_due = true;
        self.write_as(wanted);
        for scope in changed {
            self.mark_reports(&scope);
        }
    }

    /// Writes tables as the routers read them.
    fn write_as(&mut self, wanted: Wanted) {
        let otherwise = self.work.write_as(&self.index, wanted);
        if otherwise.is_empty() {
            return;
        }
        let tables = otherwise.len();
        tracing::info!(
            ?wanted,
            tables,
            "tables stand in another format than routers need"
        );
        let now = Instant::now();
        for scope in otherwise {
            self.compile_due.mark_at(scope, now);
        }
    }

    /// Tells the poll what routers should serve; nothing while this replica does not lead.
    fn expect(&self) {
        let expected = self.term.filter(|_| self.listing.is_ready()).map(|_| Expected {
            routers: admin_addresses(self.index.slices(), self.edges.router_admin_port),
            coming: coming_addresses(self.index.slices(), self.edges.router_admin_port),
            tables: self.expected_tables(),
        });
        self.edges.expected.send_if_modified(|known| {
            let is_news = *known != expected;
            *known = expected;
            is_news
        });
    }

    fn expected_tables(&self) -> BTreeMap<Scope, ExpectedTable> {
        let digests = self.index.digests().into_iter();
        let table = |(scope, digest): (Scope, weir_table::Digest)| {
            let policies = self.work.policies(&scope, &digest);
            (
                scope,
                ExpectedTable {
                    digest: digest.into(),
                    policies,
                },
            )
        };
        digests.map(table).collect()
    }

    async fn finish(mut self) {
        let writes = async {
            while self.job.join_next().await.is_some() {}
            while self.patches.join_next().await.is_some() {}
        };
        if timeout(FAREWELL, writes).await.is_err() {
            tracing::warn!("writes under way were abandoned; the next start makes up for them");
        }
    }
}

#[cfg(test)]
mod tests;
