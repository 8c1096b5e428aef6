//! What became of one object, and how its status says so.

use weir_table::{Digest, ModelKind};

use crate::api::{PolicyKind, TargetShare};
use crate::object::ObjectRef;
use crate::problem::{Aspect, Cause, Problem, Warning};

/// The condition that says whether the object itself is in order.
pub const ACCEPTED: &str = "Accepted";
/// The condition that says whether all that it names is there.
pub const RESOLVED_REFS: &str = "ResolvedRefs";
/// The condition that says whether every ready router serves it.
pub const PROGRAMMED: &str = "Programmed";
/// The summary.
pub const READY: &str = "Ready";
/// Present while something is under way that may mend it.
pub const RECONCILING: &str = "Reconciling";
/// Present when only an edit can mend it.
pub const STALLED: &str = "Stalled";

/// The most problems or warnings that one message tells.
const SHOWN: usize = 8;

/// What became of one object.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The object.
    pub object: ObjectRef,
    /// The generation that was judged.
    pub generation: i64,
    /// What is wrong with it, in order; none if it is in order.
    pub problems: Vec<Problem>,
    /// What is odd about it.
    pub warnings: Vec<Warning>,
    /// What is served in its name; `None` for what is no policy, and so is always live.
    pub policy: Option<PolicyOutcome>,
    /// What its keys are worth; `None` for what is no AccessKey.
    pub access: Option<AccessOutcome>,
}

/// What an AccessKey came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AccessOutcome {
    /// Whether its keys are refused because it says so.
    pub suspended: bool,
    /// The second since 1970 at which the last of its keys expires; `None` if one never does.
    pub expires_at: Option<i64>,
}

/// What a policy came to.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyOutcome {
    /// What is served.
    pub serving: Serving,
    /// What the policy is for, as far as known.
    pub kind: ModelKind,
    /// The targets in one line.
    pub targets: String,
    /// The share of each target; empty for a chain.
    pub distribution: Vec<TargetShare>,
}

/// Which version of a policy the table holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Serving {
    /// The version that was judged.
    Current(Digest),
    /// An earlier one, because the one that was judged is not in order.
    LastGood(Digest),
    /// None.
    Nothing,
}

impl Serving {
    /// The digest of the tree that is served.
    pub fn digest(&self) -> Option<&Digest> {
        match self {
            Self::Current(digest) | Self::LastGood(digest) => Some(digest),
            Self::Nothing => None,
        }
    }
}

/// How far the routers are with what was published for a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rollout {
    /// Every ready router reports its digest.
    Done,
    /// Some ready routers do not report it yet: so many of so many do.
    Pending {
        /// Routers that report it.
        done: usize,
        /// Ready routers.
        ready: usize,
    },
    /// Ready routers that the operator can't ask: so many.
    Unreachable(usize),
    /// No router is ready.
    NoRouters,
    /// What it compiled to can't be written: why.
    NotPublished(&'static str),
}

/// A condition without its time, which is the writer's business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionDraft {
    /// One of this module's condition names.
    pub kind: &'static str,
    /// True or False; a condition whose absence means False is left out instead.
    pub status: bool,
    /// A CamelCase word.
    pub reason: &'static str,
    /// For people.
    pub message: String,
}

impl ConditionDraft {
    fn new(kind: &'static str, status: bool, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            status,
            reason,
            message: message.into(),
        }
    }
}

impl Verdict {
    /// The verdict as it stands at `now`, in seconds since 1970: the compiler knows no clock, and an AccessKey
    /// whose last key has expired is not in order any more.
    #[must_use]
    pub fn at(mut self, now: i64) -> Self {
        let end = self.access.and_then(|access| access.expires_at);
        if end.is_some_and(|end| end <= now) {
            let message = "every key has expired; write a later time, or delete the AccessKey";
            self.problems
                .insert(0, Problem::new("spec", Cause::Expired, message));
        }
        self
    }

    /// The object's conditions. `rollout` counts only for a policy whose current version is published.
    pub fn conditions(&self, rollout: &Rollout) -> Vec<ConditionDraft> {
        let mut conditions = vec![self.accepted(), self.resolved_refs()];
        conditions.extend(self.policy.as_ref().map(|policy| programmed(policy, rollout)));
        let ready = self.ready(&conditions);
        let progress = self.progress(&ready);
        conditions.push(ready);
        conditions.extend(progress);
        conditions
    }

    fn problem_of(&self, aspect: Aspect) -> Option<&Problem> {
        self.problems
            .iter()
            .find(|problem| problem.cause.aspect() == aspect)
    }

    fn message_of(&self, aspect: Aspect) -> String {
        let of_aspect = self
            .problems
            .iter()
            .filter(|problem| problem.cause.aspect() == aspect);
        join(of_aspect)
    }

    fn accepted(&self) -> ConditionDraft {
        match self.problem_of(Aspect::Object) {
            Some(problem) => ConditionDraft::new(
                ACCEPTED,
                false,
                problem.cause.reason(),
                self.message_of(Aspect::Object),
            ),
            None if self.warnings.is_empty() => {
                ConditionDraft::new(ACCEPTED, true, "Accepted", "the spec is in order")
            }
            None => {
                let warnings = join(self.warnings.iter());
                ConditionDraft::new(
                    ACCEPTED,
                    true,
                    "Accepted",
                    format!("the spec is in order; note: {warnings}"),
                )
            }
        }
    }

    fn resolved_refs(&self) -> ConditionDraft {
        match self.problem_of(Aspect::References) {
            Some(problem) => {
                let message = self.message_of(Aspect::References);
                ConditionDraft::new(RESOLVED_REFS, false, problem.cause.reason(), message)
            }
            None => ConditionDraft::new(
                RESOLVED_REFS,
                true,
                "ResolvedRefs",
                "everything that it names is there",
            ),
        }
    }

    /// The summary: true if all are, else the first that is not. What was suspended on purpose is in order.
    fn ready(&self, conditions: &[ConditionDraft]) -> ConditionDraft {
        let failed = conditions.iter().find(|condition| !condition.status);
        match (failed, self.access) {
            (Some(failed), _) => ConditionDraft::new(READY, false, failed.reason, failed.message.clone()),
            (None, Some(AccessOutcome { suspended: true, .. })) => ConditionDraft::new(
                READY,
                true,
                "Suspended",
                "in order, and its keys are refused because of spec.suspend",
            ),
            (None, _) => ConditionDraft::new(READY, true, "Ready", "in order and in use"),
        }
    }

    /// `Stalled` or `Reconciling`, never both, and neither when all is well.
    fn progress(&self, ready: &ConditionDraft) -> Option<ConditionDraft> {
        let terminal = self.problems.iter().find(|problem| problem.cause.is_terminal());
        match terminal {
            Some(problem) => Some(ConditionDraft::new(
                STALLED,
                true,
                problem.cause.reason(),
                problem.to_string(),
            )),
            None if ready.status => None,
            None => Some(ConditionDraft::new(
                RECONCILING,
                true,
                ready.reason,
                ready.message.clone(),
            )),
        }
    }
}

/// Says where a published policy is served.
fn programmed(policy: &PolicyOutcome, rollout: &Rollout) -> ConditionDraft {
    let draft = |status, reason, message: String| ConditionDraft::new(PROGRAMMED, status, reason, message);
    match (&policy.serving, rollout) {
        (Serving::LastGood(digest), _) => {
            let message = format!("the last good version serves ({})", digest.short());
            draft(false, "LastGoodServing", message)
        }
        (Serving::Nothing, _) => draft(
            false,
            "NotServed",
            "no version of this policy has been accepted".to_owned(),
        ),
        (Serving::Current(_), Rollout::Done) => draft(
            true,
            "Programmed",
            "every ready router serves this version".to_owned(),
        ),
        (Serving::Current(_), Rollout::Pending { done, ready }) => draft(
            false,
            "Pending",
            format!("{done} of {ready} ready routers serve this version"),
        ),
        (Serving::Current(_), Rollout::Unreachable(count)) => draft(
            false,
            "RouterUnreachable",
            format!("{count} ready routers do not say what they serve"),
        ),
        (Serving::Current(_), Rollout::NoRouters) => {
            draft(false, "NoRouters", "no router is ready".to_owned())
        }
        (Serving::Current(_), Rollout::NotPublished(why)) => draft(
            false,
            "PublishFailed",
            format!("the table with this version can't be written, what stood there before serves: {why}"),
        ),
    }
}

/// The items in one line; what goes beyond [`SHOWN`] is counted.
fn join(items: impl Iterator<Item = impl ToString>) -> String {
    let items: Vec<String> = items.map(|item| item.to_string()).collect();
    let more = items.len().saturating_sub(SHOWN);
    let shown = items[..items.len() - more].join("; ");
    if more == 0 {
        shown
    } else {
        format!("{shown}; and {more} more")
    }
}

/// A kind as the API writes it; what is unknown is not written.
pub fn written_kind(kind: ModelKind) -> Option<PolicyKind> {
    match kind {
        ModelKind::Chat => Some(PolicyKind::Chat),
        ModelKind::Embedding => Some(PolicyKind::Embedding),
        ModelKind::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{AccessOutcome, Rollout, Verdict};
    use crate::object::{ObjectKind, ObjectRef};

    fn verdict(access: AccessOutcome) -> Verdict {
        let object = ObjectRef {
            kind: ObjectKind::AccessKey,
            namespace: Some("default".to_owned()),
            name: "web".to_owned(),
        };
        Verdict {
            object,
            generation: 1,
            problems: Vec::new(),
            warnings: Vec::new(),
            policy: None,
            access: Some(access),
        }
    }

    fn conditions(verdict: &Verdict) -> Vec<String> {
        let conditions = verdict.conditions(&Rollout::NoRouters).into_iter();
        conditions
            .map(|it| format!("{}={} {}", it.kind, it.status, it.reason))
            .collect()
    }

    #[test]
    fn a_caller_whose_last_key_has_expired_is_not_in_order_and_only_an_edit_mends_it() {
        let verdict = verdict(AccessOutcome {
            suspended: false,
            expires_at: Some(10),
        });
        let before = conditions(&verdict.clone().at(9));
        assert_eq!(
            before,
            [
                "Accepted=true Accepted",
                "ResolvedRefs=true ResolvedRefs",
                "Ready=true Ready"
            ]
        );
        assert_eq!(
            conditions(&verdict.at(10)),
            [
                "Accepted=false Expired",
                "ResolvedRefs=true ResolvedRefs",
                "Ready=false Expired",
                "Stalled=true Expired"
            ]
        );
    }

    #[test]
    fn a_suspended_caller_is_in_order_and_says_so() {
        let verdict = verdict(AccessOutcome {
            suspended: true,
            expires_at: None,
        });
        assert_eq!(conditions(&verdict)[2], "Ready=true Suspended");
    }
}
