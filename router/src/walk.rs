//! The way of one request through a policy's tree: which target is asked next, how patiently, and when the
//! request is given up. Lazy and pure: it is told what failed and what time it is, and waits for nothing.

mod ahead;
mod known;
mod resort;
mod visit;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use ahead::child_of;
use known::Known;
use resort::Resort;
use tokio::time::Instant;
use visit::{Left, Visit};
use weir_table::{FailureClass, Node, Split};

use crate::error::Failure;
use crate::fallback::{Others, wait};
use crate::forward::Patience;
use crate::health::Opened;
use crate::key::Keys;
use crate::state::{Below, Leaf, Place, Reach};

/// No attempt and no wait begins with less than this left.
const LEAST: Duration = Duration::from_secs(1);

/// How long a request may take where neither its policy nor its caller says.
const DEADLINE: Duration = Duration::from_mins(10);

/// What to do next.
#[derive(Debug)]
pub(crate) enum Step<'t> {
    /// Ask this target.
    Try(Try<'t>),
    /// Give up, with the most useful failure.
    Over(Box<Failure>),
}

/// One attempt that is to be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Try<'t> {
    /// The target.
    pub(crate) leaf: &'t Arc<Leaf>,
    /// When: at once, unless this is still to come.
    pub(crate) not_before: Instant,
    /// How long it may take.
    pub(crate) patience: Patience,
    /// When the whole request must have been answered.
    pub(crate) deadline: Instant,
}

/// What a step is decided by besides the tree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// What time it is.
    pub(crate) now: Instant,
    /// A random number between 0 and 1.
    pub(crate) jitter: f64,
}

/// What is known of a request before its walk begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms<'t> {
    /// When it came.
    pub(crate) begun: Instant,
    /// How long its caller waits for it, if it says.
    pub(crate) patience: Option<Duration>,
    /// How a target that says nothing fails: by its first content, or by its whole answer.
    pub(crate) silence: FailureClass,
    /// Where its keys come from.
    pub(crate) keys: Keys<'t>,
}

/// A request on its way through a tree.
#[derive(Debug)]
pub(crate) struct Walk<'t> {
    terms: Terms<'t>,
    chains: Vec<Visit<'t>>,
    /// The target that is being asked, and since when.
    leaf: Option<&'t Arc<Leaf>>,
    asked: Instant,
    known: Known<'t>,
    resort: Resort<'t>,
    key_source: Option<Cow<'static, str>>,
    went_through_chain: bool,
}

/// What stands at a place.
enum Found<'t> {
    /// A target to ask.
    Target(&'t Arc<Leaf>),
    /// Nothing to ask.
    Nothing(Left),
}

impl<'t> Walk<'t> {
    /// A walk that has not begun.
    pub(crate) fn new(terms: Terms<'t>) -> Self {
        Self {
            terms,
            chains: Vec::new(),
            leaf: None,
            asked: terms.begun,
            known: Known::default(),
            resort: Resort::None,
            key_source: None,
            went_through_chain: false,
        }
    }

    /// The first attempt below `root`.
    pub(crate) fn begin(&mut self, root: Place<'t>) -> Step<'t> {
        let now = self.terms.begun;
        match self.enter(root, now) {
            Ok(Found::Target(leaf)) => self.ask(leaf, now),
            Ok(Found::Nothing(left)) => self.climb(left, now),
            Err(failure) => Step::Over(Box::new(failure)),
        }
    }

    /// The one attempt at a model that was called directly.
    pub(crate) fn direct(&mut self, leaf: &'t Arc<Leaf>) -> Step<'t> {
        let now = self.terms.begun;
        match self.admit(leaf, now) {
            Found::Target(leaf) => self.ask(leaf, now),
            Found::Nothing(left) => self.climb(left, now),
        }
    }

    /// The target last asked answered.
    pub(crate) fn answered(&self, now: Instant) {
        if let Some(leaf) = self.leaf {
            leaf.health.answered(self.asked, now);
        }
    }

    /// The step after the last attempt failed.
    pub(crate) fn failed(&mut self, failure: Failure, moment: Moment) -> Step<'t> {
        let Some(leaf) = self.leaf else {
            return Step::Over(Box::new(failure));
        };
        leaf.health.failed(self.asked, &failure, moment.now);
        self.known.learn(leaf, &failure, moment.now);
        if let Some(again) = self.wait_at_same(leaf, &failure, moment) {
            return self.ask(leaf, again);
        }
        let left = self.left_by(failure, moment.now);
        self.climb(left, moment.now)
    }

    /// Whether the caller's own retry would only run a chain again.
    pub(crate) fn went_through_chain(&self) -> bool {
        self.went_through_chain
    }

    /// Where the first split's key came from, if there was a split.
    pub(crate) fn take_key_source(&mut self) -> Option<Cow<'static, str>> {
        self.key_source.take()
    }

    fn ask(&mut self, leaf: &'t Arc<Leaf>, at: Instant) -> Step<'t> {
        self.leaf = Some(leaf);
        let patience = match self.others(self.terms.silence, at) {
            Others::Remain => Patience::Limited,
            Others::None => Patience::Unlimited,
        };
        self.attempt(leaf, at, patience)
    }

    /// Asks the last resort: no longer than it is worth where there is a failure to tell already.
    fn resort_to(&mut self, leaf: &'t Arc<Leaf>, now: Instant) -> Step<'t> {
        let patience = if self.known.is_empty() {
            Patience::Unlimited
        } else {
            Patience::Limited
        };
        self.attempt(leaf, now, patience)
    }

    fn attempt(&mut self, leaf: &'t Arc<Leaf>, at: Instant, patience: Patience) -> Step<'t> {
        self.leaf = Some(leaf);
        self.asked = at;
        if !self.known.has_failed(leaf) {
            leaf.health.asked();
        }
        Step::Try(Try {
            leaf,
            not_before: at,
            patience,
            deadline: self.deadline(),
        })
    }

    /// When the same target is asked again: if its rung has retries left, the wait fits, and its endpoint's
    /// budget has one left.
    fn wait_at_same(&mut self, leaf: &Leaf, failure: &Failure, moment: Moment) -> Option<Instant> {
        let (others, deadline) = (self.others(failure.class, moment.now), self.deadline());
        let visit = self.chains.last_mut()?;
        let rung = visit
            .chain
            .rungs
            .get(visit.rung)
            .filter(|rung| visit.retries < rung.retries)?;
        debug_assert!(
            matches!(rung.node, Node::Model(_)),
            "check lets only models be retried"
        );
        let pause = wait(failure, visit.chain.backoff, visit.retries, others, moment.jitter)?;
        let again = moment.now.checked_add(pause)?;
        if !leaves_time(again, deadline) || !leaf.health.may_repeat(moment.now) {
            return None;
        }
        visit.retries += 1;
        Some(again)
    }

    /// What the target just asked counts as: its chain's time may be over when the request's is not.
    fn left_by(&self, failure: Failure, now: Instant) -> Left {
        let lapsed = failure.class == FailureClass::DeadlineExceeded
            && !self.is_in_time(now)
            && leaves_time(now, self.last_deadline());
        if lapsed {
            Left::Lapsed(failure)
        } else {
            Left::Failed(failure)
        }
    }

    /// Goes to the next target that can be asked, from the innermost chain outwards.
    fn climb(&mut self, mut left: Left, now: Instant) -> Step<'t> {
        let in_time = leaves_time(now, self.last_deadline());
        while !self.chains.is_empty() {
            let next = match self.onward(&left, now) {
                Some(place) => self.enter(place, now),
                None => match self.last_resort(&left, now) {
                    Some(leaf) => return self.resort_to(leaf, now),
                    None => Ok(Found::Nothing(self.leave(left, now))),
                },
            };
            match next {
                Ok(Found::Target(leaf)) => return self.ask(leaf, now),
                Ok(Found::Nothing(nothing)) => left = nothing,
                Err(failure) => return Step::Over(Box::new(failure)),
            }
        }
        let nothing = || if in_time { nothing_to_ask() } else { out_of_time() };
        Step::Over(Box::new(left.into_failure().unwrap_or_else(nothing)))
    }

    /// The next rung of the innermost chain, if it tries another after what was left and has the time.
    fn onward(&mut self, left: &Left, now: Instant) -> Option<Place<'t>> {
        let in_time = self.is_in_time(now);
        let visit = self.chains.last_mut()?;
        if let Some(failure) = left.failure() {
            visit.useful.note(visit.rung, failure, now);
        }
        if in_time && left.moves_on(visit.chain) {
            visit.advance()
        } else {
            None
        }
    }

    /// The target that was passed over and is asked after all, once nothing else is left in the whole tree.
    fn last_resort(&mut self, left: &Left, now: Instant) -> Option<&'t Arc<Leaf>> {
        let [outermost] = &*self.chains else { return None };
        if !left.moves_on(outermost.chain) || !self.is_in_time(now) {
            return None;
        }
        let leaf = self.resort.take()?;
        let repeats = self.known.has_failed(leaf);
        (self.known.allows(leaf, now) && (!repeats || leaf.health.may_repeat(now))).then_some(leaf)
    }

    /// Leaves the innermost chain: exhausted, late, or stopped by what was left in it.
    fn leave(&mut self, left: Left, now: Instant) -> Left {
        let in_time = self.is_in_time(now);
        let Some(visit) = self.chains.pop().filter(|visit| left.moves_on(visit.chain)) else {
            return left;
        };
        match visit.useful.most(now) {
            Some(failure) if failure.class == FailureClass::DeadlineExceeded => Left::Lapsed(failure),
            Some(failure) => Left::Failed(failure),
            None if in_time => Left::PassedOver,
            None => Left::Lapsed(out_of_time()),
        }
    }

    /// What is to be asked below `place`. Chains on the way are entered.
    fn enter(&mut self, mut place: Place<'t>, now: Instant) -> Result<Found<'t>, Failure> {
        loop {
            let below = match (place.node, place.below) {
                (Node::Model(_), Below::Leaf(leaf)) => return Ok(self.admit(leaf, now)),
                (Node::Model(_), Below::Nodes(_)) => None,
                (Node::Split(split), _) => self.choose(split, place)?,
                (Node::Chain(chain), _) => {
                    self.went_through_chain = true;
                    let visit = Visit::new(chain, place, now);
                    let first = visit.rung(0);
                    self.chains.push(visit);
                    first
                }
            };
            let Some(below) = below else {
                return Ok(Found::Nothing(Left::PassedOver));
            };
            place = below;
        }
    }

    /// Whether `leaf` is to be asked now. One that is asked again in this request takes from the budget of
    /// its endpoint; so that comes last.
    fn admit(&mut self, leaf: &'t Arc<Leaf>, now: Instant) -> Found<'t> {
        if !self.is_in_time(now) {
            return Found::Nothing(Left::PassedOver);
        }
        if let Reach::Barred(failure) = &leaf.reach {
            return Found::Nothing(Left::Failed((**failure).clone()));
        }
        if !self.known.allows(leaf, now) {
            return Found::Nothing(Left::PassedOver);
        }
        if let Some(failure) = self.passes_over(leaf, now) {
            return Found::Nothing(Left::Failed(failure));
        }
        if self.known.has_failed(leaf) && !leaf.health.may_repeat(now) {
            return Found::Nothing(Left::PassedOver);
        }
        Found::Target(leaf)
    }

    /// Why `leaf` is passed over for now, if it is: its circuit is open, and something less bad is left.
    fn passes_over(&mut self, leaf: &'t Arc<Leaf>, now: Instant) -> Option<Failure> {
        if !self.heeds_health() {
            return None;
        }
        let opened = leaf.health.turned_away(now)?;
        let alone = self.others(FailureClass::CircuitOpen, now) == Others::None;
        let badness = self.badness(leaf, opened);
        if alone && self.resort.is(badness, self.least_bad_ahead(now)) {
            self.resort = Resort::Taken;
            return None;
        }
        self.resort.keep(leaf, badness);
        Some(circuit_open(opened))
    }

    /// The child of `split` that the request's key belongs to.
    fn choose(&mut self, split: &'t Split, place: Place<'t>) -> Result<Option<Place<'t>>, Failure> {
        let key = self.terms.keys.resolve(&split.key_from)?;
        let chosen = child_of(split, place, &key);
        self.key_source.get_or_insert(key.source);
        Ok(chosen)
    }

    /// When the present target must have answered: the nearest deadline of the chains that it is in, each
    /// counted from when the chain was entered, and of the request.
    fn deadline(&self) -> Instant {
        self.chains
            .iter()
            .filter_map(Visit::deadline)
            .fold(self.last_deadline(), Instant::min)
    }

    /// When the whole request must have been answered: as its outermost chain says, sooner if its caller
    /// does.
    fn last_deadline(&self) -> Instant {
        let policy = self.chains.first().and_then(|visit| visit.chain.deadline_ms);
        let policy = policy.map_or(DEADLINE, Duration::from_millis);
        let limit = self.terms.patience.map_or(policy, |caller| caller.min(policy));
        let begun = self.terms.begun;
        // What no clock can hold says nothing.
        begun.checked_add(limit).unwrap_or(begun + DEADLINE)
    }

    /// Whether something may still begin where the walk is.
    fn is_in_time(&self, now: Instant) -> bool {
        leaves_time(now, self.deadline())
    }
}

/// Whether what begins at `at` has the least time that is worth it.
fn leaves_time(at: Instant, deadline: Instant) -> bool {
    at.checked_add(LEAST).is_some_and(|least| least <= deadline)
}

fn out_of_time() -> Failure {
    Failure::new(
        FailureClass::DeadlineExceeded,
        "the deadline leaves less than a second; allow more time, by `x-request-timeout` or the policy's \
         `deadlineSeconds`",
    )
}

fn circuit_open(opened: Opened) -> Failure {
    Failure {
        retry_after: Some(opened.left),
        ..Failure::new(
            FailureClass::CircuitOpen,
            "the target failed lately and is left alone for a while",
        )
    }
}

fn nothing_to_ask() -> Failure {
    Failure::new(
        FailureClass::PolicyUnavailable,
        "no target of the policy can be asked",
    )
}

#[cfg(test)]
mod tests;
