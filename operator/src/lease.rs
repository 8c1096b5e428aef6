//! Who of the replicas may write: the holder of a Lease, and only until a time that it knows.
//!
//! Holding is a matter of time, not of memory: [`Gate`] closes by itself when renewals fail, before any other
//! replica can take over. Others judge by their own clock since they last saw the Lease change, so that clocks
//! need not agree. Known crates keep saying "leader" while renewals fail, which is why this is written here.
//!
//! What is lost in the worst case is one write that was already on its way; writes of tables name the version
//! that they replace, so that such a late one is refused.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::PostParams;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::MANAGER;
use crate::metrics::Metrics;
use crate::trouble::Trouble;

/// How long others wait after the last sign of life.
const DURATION: Duration = Duration::from_secs(6);
/// How much earlier the holder stops writing.
const MARGIN: Duration = Duration::from_secs(1);
/// How often the holder renews.
const RENEW: Duration = Duration::from_secs(2);
/// How often the others look, and how soon a request that failed is made again.
const LOOK: Duration = Duration::from_millis(500);
/// By how many seconds a clock may be off before that is told.
const SKEW: i64 = 5;
/// How long a request may take.
const REQUEST: Duration = Duration::from_secs(2);

/// One uninterrupted time of holding the Lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tenure {
    term: u64,
    until: Instant,
}

/// Says whether this replica may write now.
#[derive(Debug, Clone)]
pub struct Gate(watch::Receiver<Option<Tenure>>);

impl Gate {
    /// The number of the present tenure, or `None` if this replica must not write.
    pub fn term(&self) -> Option<u64> {
        self.tenure().map(|tenure| tenure.term)
    }

    /// When a write that begins now must have ended, if tenure `term` still lasts.
    pub fn deadline(&self, term: u64) -> Option<Instant> {
        let tenure = self.tenure().filter(|tenure| tenure.term == term);
        tenure.map(|tenure| tenure.until)
    }

    fn tenure(&self) -> Option<Tenure> {
        let tenure = *self.0.borrow();
        tenure.filter(|tenure| Instant::now() < tenure.until)
    }

    /// A gate that stays open for `time`, for tests of those who pass through it.
    #[cfg(test)]
    pub(crate) fn open_for(time: Duration) -> (watch::Sender<Option<Tenure>>, Self) {
        let until = Instant::now() + time;
        let (sender, receiver) = watch::channel(Some(Tenure { term: 1, until }));
        (sender, Self(receiver))
    }

    /// Begins tenure `term`, which lasts for `time`, for the same tests.
    #[cfg(test)]
    pub(crate) fn reopen(tenure: &watch::Sender<Option<Tenure>>, term: u64, time: Duration) {
        let until = Instant::now() + time;
        tenure.send_replace(Some(Tenure { term, until }));
    }

    /// Waits for the next acquisition, renewal or loss; for ever once the elector is gone.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// What this replica last saw of the Lease.
#[derive(Debug)]
struct Sighting {
    lease: Option<Lease>,
    /// When it was last seen to change.
    changed_at: Instant,
}

impl Sighting {
    /// Takes a newer look in.
    fn update(&mut self, lease: Option<Lease>, now: Instant) {
        let version =
            |lease: &Option<Lease>| lease.as_ref().and_then(|l| l.metadata.resource_version.clone());
        if version(&self.lease) != version(&lease) {
            self.changed_at = now;
        }
        self.lease = lease;
    }

    fn spec(&self) -> LeaseSpec {
        self.lease
            .as_ref()
            .and_then(|lease| lease.spec.clone())
            .unwrap_or_default()
    }

    /// The holder, unless it has let go.
    fn holder(&self) -> Option<String> {
        self.spec().holder_identity.filter(|holder| !holder.is_empty())
    }

    /// Whether `me` may write itself into the Lease at `now`.
    fn is_open_to(&self, me: &str, now: Instant) -> bool {
        let seconds = self
            .spec()
            .lease_duration_seconds
            .and_then(|s| u64::try_from(s).ok());
        let duration = seconds.map_or(DURATION, Duration::from_secs);
        self.holder().is_none_or(|holder| holder == me) || now >= self.changed_at + duration
    }

    /// The Lease with `me` in it. It names the version seen, so that only one of two takers succeeds.
    fn claim(&self, name: &str, me: &str, time: Timestamp) -> Lease {
        let old = self.spec();
        let is_renewal = self.holder().as_deref() == Some(me);
        let transitions = old.lease_transitions.unwrap_or_default();
        let spec = LeaseSpec {
            holder_identity: Some(me.to_owned()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            acquire_time: old.acquire_time.filter(|_| is_renewal).or(Some(MicroTime(time))),
            renew_time: Some(MicroTime(time)),
            lease_transitions: Some(if is_renewal { transitions } else { transitions + 1 }),
            ..LeaseSpec::default()
        };
        Lease {
            metadata: self.metadata(name),
            spec: Some(spec),
        }
    }

    /// The Lease with nobody in it.
    fn release(&self, name: &str) -> Lease {
        let spec = LeaseSpec {
            holder_identity: None,
            ..self.spec()
        };
        Lease {
            metadata: self.metadata(name),
            spec: Some(spec),
        }
    }

    fn metadata(&self, name: &str) -> ObjectMeta {
        let seen = self
            .lease
            .as_ref()
            .map(|lease| lease.metadata.clone())
            .unwrap_or_default();
        ObjectMeta {
            name: Some(name.to_owned()),
            resource_version: seen.resource_version,
            labels: seen.labels,
            annotations: seen.annotations,
            owner_references: seen.owner_references,
            ..ObjectMeta::default()
        }
    }
}

/// Takes part in the election for one Lease.
pub struct Elector {
    api: Api<Lease>,
    name: String,
    identity: String,
    sighting: Sighting,
    tenure: watch::Sender<Option<Tenure>>,
    terms: u64,
    metrics: Metrics,
    /// What the clock was off when that was last told.
    skew: i64,
}

/// Why a replica stops leading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    Expired,
    Taken,
    Deleted,
    Released,
}

impl Loss {
    const fn word(self) -> &'static str {
        match self {
            Self::Expired => "Expired",
            Self::Taken => "Taken",
            Self::Deleted => "Deleted",
            Self::Released => "Released",
        }
    }

    const fn meaning(self) -> &'static str {
        match self {
            Self::Expired => "the lease could not be renewed in time",
            Self::Taken => "another replica was faster",
            Self::Deleted => "the lease was deleted",
            Self::Released => "shutting down",
        }
    }
}

/// This clock, which said `now` when a renewal was sent, less the API server's by the time that it gave to the
/// renewal. Whole seconds, for that is how it writes them.
fn skew(renewed: &Lease, now: Timestamp) -> Option<i64> {
    let ours = renewed
        .metadata
        .managed_fields
        .iter()
        .flatten()
        .filter(|entry| entry.manager.as_deref() == Some(MANAGER));
    let latest = ours
        .filter_map(|entry| entry.time.as_ref())
        .map(|time| time.0)
        .max()?;
    Some(now.as_second() - latest.as_second())
}

impl std::fmt::Debug for Elector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Elector")
            .field("name", &self.name)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

impl Elector {
    /// An elector for the Lease `name`, in which this replica calls itself `identity`.
    pub fn new(api: Api<Lease>, name: &str, identity: &str, metrics: Metrics) -> Self {
        Self {
            api,
            name: name.to_owned(),
            identity: identity.to_owned(),
            sighting: Sighting {
                lease: None,
                changed_at: Instant::now(),
            },
            tenure: watch::Sender::new(None),
            terms: 0,
            metrics,
            skew: 0,
        }
    }

    /// The gate that this elector opens.
    pub fn gate(&self) -> Gate {
        Gate(self.tenure.subscribe())
    }

    /// Takes part until `stop`, then lets go.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let pause = self.round().await;
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(pause) => {}
            }
        }
        self.let_go().await;
    }

    /// Looks, claims if that is possible, and says how long to wait.
    async fn round(&mut self) -> Duration {
        if !self.is_holding() {
            self.lose(Loss::Expired);
        }
        let attempt = timeout(REQUEST, self.attempt()).await;
        let has_failed = !matches!(attempt, Ok(Ok(())));
        match attempt {
            Ok(Ok(())) => {}
            Ok(Err(kube::Error::Api(status))) if status.is_conflict() || status.is_already_exists() => {
                self.lose(Loss::Taken);
            }
            Ok(Err(kube::Error::Api(status))) if status.is_not_found() => self.lose(Loss::Deleted),
            Ok(Err(error)) => self.tell(Trouble::of(&error), &crate::publish::describe(&error)),
            Err(_) => self.tell(Trouble::Timeout, "no answer"),
        }
        // A tenure outlasts only one renewal that is left out.
        if has_failed || !self.is_holding() {
            LOOK
        } else {
            RENEW
        }
    }

    /// A holder writes without looking: the version that it names is proof enough.
    async fn attempt(&mut self) -> Result<(), kube::Error> {
        if !self.is_holding() {
            let lease = self.api.get_opt(&self.name).await?;
            self.sighting.update(lease, Instant::now());
        }
        if self.sighting.is_open_to(&self.identity, Instant::now()) {
            self.write_claim().await
        } else {
            Ok(())
        }
    }

    async fn write_claim(&mut self) -> Result<(), kube::Error> {
        let (sent_at, time) = (Instant::now(), Timestamp::now());
        let claim = self.sighting.claim(&self.name, &self.identity, time);
        let params = PostParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PostParams::default()
        };
        let written = match &self.sighting.lease {
            None => self.api.create(&params, &claim).await?,
            Some(_) => self.api.replace(&self.name, &params, &claim).await?,
        };
        self.compare_clocks(&written, time);
        self.sighting.update(Some(written), sent_at);
        self.hold(sent_at + DURATION.saturating_sub(MARGIN));
        Ok(())
    }

    fn hold(&mut self, until: Instant) {
        if !self.is_holding() {
            self.terms += 1;
            tracing::info!(identity = self.identity, "leading: this replica writes");
        }
        self.tenure.send_replace(Some(Tenure {
            term: self.terms,
            until,
        }));
    }

    fn tell(&self, trouble: Trouble, told: &str) {
        self.metrics.lease_failed(trouble);
        let (reason, meaning) = (trouble.word(), trouble.meaning());
        tracing::warn!(reason, meaning, told, "the lease can't be had");
    }

    /// A clock that is off is told once, and again when it is off by something else.
    fn compare_clocks(&mut self, renewed: &Lease, now: Timestamp) {
        let Some(seconds) = skew(renewed, now) else { return };
        self.metrics.clock_skew(seconds);
        if seconds.abs() > SKEW && (seconds - self.skew).abs() > SKEW {
            tracing::warn!(
                seconds,
                "this machine's clock is off the API server's: keys expire, and certificates are judged, by it"
            );
            self.skew = seconds;
        }
    }

    fn lose(&mut self, loss: Loss) {
        if self.tenure.send_replace(None).is_some() {
            self.metrics.lease_lost(loss.word());
            let why = loss.meaning();
            tracing::warn!(why, "not leading any more: this replica has stopped writing");
        }
    }

    fn is_holding(&self) -> bool {
        self.tenure
            .borrow()
            .is_some_and(|tenure| Instant::now() < tenure.until)
    }

    /// Lets the next replica in at once.
    async fn let_go(mut self) {
        let was_holding = self.is_holding();
        self.lose(Loss::Released);
        if was_holding {
            // Nothing depends on it: without it the others wait for the Lease to lapse.
            let _ = timeout(REQUEST, self.release()).await;
        }
    }

    /// Writes nobody into the Lease, and does not take a refusal for the last word, unless the Lease is another one.
    async fn release(&self) {
        let free = self.sighting.release(&self.name);
        let params = PostParams::default();
        while let Err(error) = self.api.replace(&self.name, &params, &free).await {
            if matches!(Trouble::of(&error), Trouble::Conflict | Trouble::NotFound) {
                return;
            }
            sleep(LOOK).await;
        }
    }
}

#[cfg(test)]
mod rounds;
#[cfg(test)]
mod tests {
    use std::time::Duration;

    use k8s_openapi::api::coordination::v1::Lease;
    use k8s_openapi::jiff::{SignedDuration, Timestamp};
    use kube::Api;
    use tokio::time::Instant;

    use super::{DURATION, Elector, Gate, Sighting, skew};
    use crate::api_mock::Mock;
    use crate::metrics::Metrics;

    fn held_by(holder: &str, version: &str) -> Lease {
        let nobody = Sighting {
            lease: None,
            changed_at: Instant::now(),
        };
        let mut lease = nobody.claim("weir-operator", holder, Timestamp::UNIX_EPOCH);
        lease.metadata.resource_version = Some(version.to_owned());
        lease
    }

    fn sighting(lease: Option<Lease>) -> Sighting {
        Sighting {
            lease,
            changed_at: Instant::now(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_gate_closes_by_itself_when_nothing_is_renewed() {
        let until = Instant::now() + Duration::from_secs(5);
        let (_tenure, gate) = Gate::open_for(Duration::from_secs(5));
        assert_eq!(gate.term(), Some(1));
        tokio::time::advance(Duration::from_millis(4_999)).await;
        assert_eq!(gate.term(), Some(1));
        assert_eq!((gate.deadline(1), gate.deadline(2)), (Some(until), None));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!((gate.term(), gate.deadline(1)), (None, None));
    }

    #[test]
    fn a_lease_is_open_when_it_is_missing_free_or_ones_own() {
        let now = Instant::now();
        assert!(sighting(None).is_open_to("a", now));
        let held = sighting(Some(held_by("a", "1")));
        assert!(held.is_open_to("a", now) && !held.is_open_to("b", now));
        let free = sighting(Some(held.release("weir-operator")));
        assert!(free.is_open_to("b", now));
    }

    #[test]
    fn a_silent_holder_is_followed_only_after_the_leases_duration() {
        let mut seen = sighting(Some(held_by("a", "1")));
        let start = seen.changed_at;
        seen.update(Some(held_by("a", "1")), start + DURATION / 2);
        assert!(!seen.is_open_to("b", start + DURATION - Duration::from_millis(1)));
        assert!(
            seen.is_open_to("b", start + DURATION),
            "looking again is no sign of life"
        );
    }

    #[test]
    fn a_renewal_is_a_sign_of_life() {
        let mut seen = sighting(Some(held_by("a", "1")));
        let start = seen.changed_at;
        seen.update(Some(held_by("a", "2")), start + Duration::from_secs(5));
        assert!(!seen.is_open_to("b", start + DURATION));
    }

    #[test]
    fn a_claim_names_the_version_seen_and_counts_the_change_of_hands() {
        let seen = sighting(Some(held_by("a", "7")));
        let claim = seen.claim("weir-operator", "b", Timestamp::UNIX_EPOCH);
        assert_eq!(claim.metadata.resource_version.as_deref(), Some("7"));
        let spec = claim.spec.expect("a claim has a spec");
        assert_eq!(
            (spec.holder_identity.as_deref(), spec.lease_transitions),
            (Some("b"), Some(2))
        );
    }

    #[test]
    fn clocks_are_compared_by_the_time_that_the_api_server_gave_to_ones_own_write() {
        let mut lease = held_by("a", "7");
        let entry = |manager: &str, time: &str| serde_json::json!({"manager": manager, "time": time});
        let entries = serde_json::json!([
            entry("weir-operator", "2026-01-01T00:00:00Z"),
            entry("weir-operator", "2026-01-01T00:01:00Z"),
            entry("kubectl-edit", "2026-01-01T00:05:00Z"),
        ]);
        assert_eq!(skew(&lease, Timestamp::UNIX_EPOCH), None);
        lease.metadata.managed_fields = serde_json::from_value(entries).expect("entries");
        let now: Timestamp = "2026-01-01T00:01:07.9Z".parse().expect("a time");
        assert_eq!(skew(&lease, now), Some(7));
    }

    /// A renewal that the API server dates so many seconds before noon.
    fn renewed(seconds: i64) -> Lease {
        let mut lease = held_by("a", "7");
        let time = noon() - SignedDuration::from_secs(seconds);
        let entries = serde_json::json!([{"manager": "weir-operator", "time": time.to_string()}]);
        lease.metadata.managed_fields = serde_json::from_value(entries).expect("entries");
        lease
    }

    fn noon() -> Timestamp {
        "2026-01-01T12:00:00Z".parse().expect("a time")
    }

    #[tokio::test]
    async fn a_clock_that_is_off_is_measured_with_each_renewal_and_told_once() {
        let metrics = Metrics::default();
        let api = Api::namespaced(Mock::default().client(), "weir-system");
        let mut elector = Elector::new(api, "weir-operator", "a", metrics.clone());
        let mut told = Vec::new();
        for seconds in [3, -40, -41, -44, -60, -4, 50] {
            let before = elector.skew;
            elector.compare_clocks(&renewed(seconds), noon());
            let line = format!("weir_operator_clock_skew_seconds {seconds}\n");
            assert!(metrics.render().contains(&line), "{line}");
            told.extend((elector.skew != before).then_some(elector.skew));
        }
        assert_eq!(told, [-40, -60, 50]);
    }

    #[test]
    fn a_renewal_keeps_the_time_of_acquisition() {
        let seen = sighting(Some(held_by("a", "7")));
        let later = Timestamp::from_second(100).expect("a valid time");
        let spec = seen
            .claim("weir-operator", "a", later)
            .spec
            .expect("a claim has a spec");
        assert_eq!(spec.acquire_time.map(|time| time.0), Some(Timestamp::UNIX_EPOCH));
        assert_eq!(
            (spec.renew_time.map(|time| time.0), spec.lease_transitions),
            (Some(later), Some(1))
        );
    }
}
