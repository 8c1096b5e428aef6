//! Reporting: which statuses to write, and when.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use tokio::task::JoinError;
use tokio::time::Instant;
use weir_policy::object::{ObjectKind, ObjectRef};
use weir_policy::verdict::{PolicyOutcome, Rollout, Serving, Verdict};

use crate::args::ClusterProviders;
use crate::publish::Failure;
use crate::reconcile::Reconciler;
use crate::report::{Report, says_the_same, status, transitions};
use crate::work::scope_of;

/// How many statuses are written at once.
const CONCURRENCY: usize = 8;
/// How long a policy may be on its way to the routers before that is worth a status of its own. As a rule it
/// has arrived by then, and one write says both.
const GRACE: Duration = Duration::from_millis(500);
/// How soon a status that could not be written is tried again.
const AFTER_FAILURE: Duration = Duration::from_secs(2);

/// What a status write came to.
#[derive(Debug)]
pub(super) struct Finished {
    report: Report,
    result: Result<u64, Failure>,
}

impl Reconciler {
    /// Whether one more status may be written now.
    pub(super) fn may_report(&self) -> bool {
        self.term.is_some() && self.patches.len() < CONCURRENCY
    }

    pub(super) fn start_reports(&mut self, now: Instant) {
        while self.may_report()
            && let Some(object) = self.report_due.pop(now)
        {
            if let Some(report) = self.draft_report(&object, now) {
                self.start_report(report);
            }
        }
    }

    fn start_report(&mut self, report: Report) {
        let Some(term) = self.term else { return };
        let reporter = self.edges.reporter.clone();
        self.patching.insert(report.object.clone());
        self.patches.spawn(async move {
            let result = reporter.report(&report, term).await;
            Finished { report, result }
        });
    }

    /// The status to write, unless it stands there already or is not to be told yet.
    fn draft_report(&mut self, object: &ObjectRef, now: Instant) -> Option<Report> {
        let mode = self.edges.territory.cluster_providers();
        if object.kind == ObjectKind::ClusterProvider && mode != ClusterProviders::On {
            return None;
        }
        let Some(rollout) = self.rollout(object) else {
            self.on_the_way.remove(object);
            return None;
        };
        let is_current = !self.patching.contains(object) && self.is_told(object, &rollout, now);
        let wall = Timestamp::now();
        let verdict = self.work.verdict(&scope_of(object), object)?.clone();
        let verdict = verdict.at(wall.as_second());
        if let Some(end) = verdict.access.and_then(|access| access.expires_at) {
            self.look_again_at(object, end, now, wall);
        }
        let record = self.index.record(object)?;
        if !is_current || verdict.generation != record.generation {
            return None;
        }
        let before = record.status.as_ref();
        let status = status(&verdict, &rollout, before, &Time(wall));
        if before.is_some_and(|before| says_the_same(before, &status)) {
            return None;
        }
        let transitions = transitions(before, &status);
        Some(Report {
            object: object.clone(),
            uid: record.uid.clone(),
            status,
            transitions,
        })
    }

    /// An AccessKey's status changes when its last key expires, `end` seconds after 1970, and nothing else may
    /// happen to it until then.
    fn look_again_at(&mut self, object: &ObjectRef, end: i64, now: Instant, wall: Timestamp) {
        let rest = u64::try_from(end - wall.as_second()).unwrap_or_default();
        let at = now.checked_add(Duration::from_secs(rest));
        if let Some(at) = at.filter(|_| rest > 0) {
            self.report_due.mark_at(object.clone(), at);
        }
    }

    /// How far the routers are with an object; `None` as long as they have not been asked.
    fn rollout(&self, object: &ObjectRef) -> Option<Rollout> {
        let scope = scope_of(object);
        let verdict = self.work.verdict(&scope, object)?;
        match verdict {
            Verdict {
                policy:
                    Some(PolicyOutcome {
                        serving: Serving::Current(digest),
                        ..
                    }),
                ..
            } => Some(self.fleet.as_deref()?.rollout(&scope, &object.name, digest)),
            // What is not published has no way to go.
            _ => Some(Rollout::Done),
        }
    }

    /// Whether this is worth telling now; if not, it is looked at again in time.
    fn is_told(&mut self, object: &ObjectRef, rollout: &Rollout, now: Instant) -> bool {
        if !matches!(rollout, Rollout::Pending { .. }) {
            self.on_the_way.remove(object);
            return true;
        }
        let since = *self.on_the_way.entry(object.clone()).or_insert(now);
        if now < since + GRACE {
            self.report_due.mark_at(object.clone(), since + GRACE);
            return false;
        }
        true
    }

    pub(super) fn finish_report(&mut self, finished: Result<Finished, JoinError>) {
        let Ok(Finished { report, result }) = finished else {
            // It is not known whose it was.
            self.patching.clear();
            return self.start_over();
        };
        self.edges.metrics.reported(&result);
        self.patching.remove(&report.object);
        let now = Instant::now();
        match result {
            Ok(version) => {
                self.index.record_status(&report.object, version, report.status);
                self.report_due.mark_at(report.object, now);
            }
            Err(failure) => {
                // One that is gone, or another one by now, is dropped at the next look.
                if !matches!(
                    failure,
                    Failure::Conflict | Failure::NotFound | Failure::NotLeading
                ) {
                    tracing::warn!(object = %report.object, %failure, "the status was not written; trying again");
                }
                self.report_due.mark_at(report.object, now + AFTER_FAILURE);
            }
        }
    }
}
