//! Reporting: which statuses to write, and when.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use tokio::task::JoinError;
use tokio::time::Instant;
use weir_policy::object::{ObjectKind, ObjectRef};
use weir_policy::verdict::{PolicyOutcome, Rollout, Serving, Verdict};

use crate::args::ClusterProviders;
use crate::health::Tidings;
use crate::metrics::Foreign;
use crate::observe::Status;
use crate::publish::Failure;
use crate::reconcile::Reconciler;
use crate::report::{Report, says_the_same, status, transitions};
use crate::work::scope_of;

/// How many statuses are written at once.
const CONCURRENCY: usize = 8;
/// How long a policy may be on its way to the routers before that is worth a status of its own. As a rule it
/// has arrived by then, and one write says both.
const GRACE: Duration = Duration::from_millis(500);
/// How long a table must have been in trouble before that is: as a rule the next attempt succeeds.
const PATIENCE: Duration = Duration::from_secs(3);
/// How soon a status is looked at again whose object has changed or gone meanwhile: the watch tells by then.
const AFTER_CONFLICT: Duration = Duration::from_millis(500);
/// How long a status that somebody else has changed is left as it is, so that two writers do not chase each other.
const TRUCE: Duration = Duration::from_secs(5);

/// A status as it was last written.
#[derive(Debug)]
pub(super) struct Told {
    status: Status,
    at: Instant,
}

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
            self.told.remove(object);
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
        let mut transitions = transitions(before, &status);
        transitions.retain(|_| self.edges.territory.takes_events_of(object));
        let (uid, version) = (record.uid.clone(), record.version);
        if self.is_truce(object, &status, now) {
            return None;
        }
        Some(Report {
            object: object.clone(),
            uid,
            version,
            status,
            transitions,
        })
    }

    /// Whether somebody else has changed the status that was last written, and so lately that it has to wait. What
    /// has something new to say never waits.
    fn is_truce(&mut self, object: &ObjectRef, status: &Status, now: Instant) -> bool {
        let Some(told) = self
            .told
            .get(object)
            .filter(|told| says_the_same(&told.status, status))
        else {
            return false;
        };
        let until = told.at + TRUCE;
        if now < until {
            self.report_due.mark_at(object.clone(), until);
            return true;
        }
        self.edges.metrics.foreign_change(Foreign::Status);
        false
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
            } => {
                let rollout = self.fleet.as_deref()?.rollout(&scope, &object.name, digest);
                let setback = self
                    .unpublished
                    .meaning(&scope)
                    .filter(|_| rollout != Rollout::Done);
                Some(setback.map_or(rollout, Rollout::NotPublished))
            }
            // What is not published has no way to go.
            _ => Some(Rollout::Done),
        }
    }

    /// Whether this is worth telling now; if not, it is looked at again in time.
    fn is_told(&mut self, object: &ObjectRef, rollout: &Rollout, now: Instant) -> bool {
        let grace = match rollout {
            Rollout::Pending { .. } => GRACE,
            Rollout::NotPublished(_) => PATIENCE,
            Rollout::Done | Rollout::Unreachable(_) | Rollout::NoRouters => {
                self.on_the_way.remove(object);
                return true;
            }
        };
        let since = *self.on_the_way.entry(object.clone()).or_insert(now);
        if now < since + grace {
            self.report_due.mark_at(object.clone(), since + grace);
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
                self.unreported.clear(&report.object);
                let told = Told {
                    status: report.status.clone(),
                    at: now,
                };
                self.told.insert(report.object.clone(), told);
                self.index.record_status(&report.object, version, report.status);
                self.report_due.mark_at(report.object, now);
            }
            // One that is gone, or another one by now, is dropped at the next look.
            Err(Failure::Conflict | Failure::NotFound | Failure::NotLeading) => {
                self.unreported.clear(&report.object);
                self.report_due.mark_at(report.object, now + AFTER_CONFLICT);
            }
            Err(failure) => self.report_later(report.object, &failure, now),
        }
    }

    fn report_later(&mut self, object: ObjectRef, failure: &Failure, now: Instant) {
        let (tidings, wait) = self.unreported.note(&object, failure);
        match tidings {
            Tidings::New => tracing::warn!(%object, %failure, "the status was not written; trying again"),
            Tidings::Old => tracing::debug!(%object, %failure, "the status was not written again"),
        }
        self.report_due.mark_at(object, now + wait);
    }
}
