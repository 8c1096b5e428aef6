//! The way of one request through a policy's tree: which target is asked next, how patiently, and when the
//! request is given up. Lazy and pure: it is told what failed and what time it is, and waits for nothing.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use weir_table::{Chain, FailureClass, Node, Split, SplitTarget};

use crate::error::Failure;
use crate::fallback::{Others, Reaction, Useful, is_refusal, is_silence, moves_on, reaction, wait};
use crate::forward::Patience;
use crate::key::{Key, Keys};
use crate::state::{Below, Leaf, Place};

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
    leaf: Option<&'t Arc<Leaf>>,
    silent: Vec<&'t Arc<Leaf>>,
    refused: Vec<&'t Arc<Leaf>>,
    /// The largest context window that the prompt is known not to fit.
    too_small: Option<u64>,
    key_source: Option<Cow<'static, str>>,
    went_through_chain: bool,
}

/// A chain that is being walked.
#[derive(Debug)]
struct Visit<'t> {
    chain: &'t Chain,
    place: Place<'t>,
    entered: Instant,
    rung: usize,
    retries: u8,
    useful: Useful,
}

impl<'t> Visit<'t> {
    fn new(chain: &'t Chain, place: Place<'t>, entered: Instant) -> Self {
        Self {
            chain,
            place,
            entered,
            rung: 0,
            retries: 0,
            useful: Useful::default(),
        }
    }

    /// When its own time is over, if it has one.
    fn deadline(&self) -> Option<Instant> {
        let limit = Duration::from_millis(self.chain.deadline_ms?);
        self.entered.checked_add(limit)
    }

    /// Where rung `at` is.
    fn rung(&self, at: usize) -> Option<Place<'t>> {
        self.chain
            .rungs
            .get(at)
            .and_then(|rung| self.place.child(at, &rung.node))
    }

    /// Goes to the next rung.
    fn advance(&mut self) -> Option<Place<'t>> {
        self.rung += 1;
        self.retries = 0;
        self.rung(self.rung)
    }

    /// The rungs that have not been tried.
    fn later(&self) -> impl Iterator<Item = Place<'t>> {
        (self.rung + 1..self.chain.rungs.len()).filter_map(|at| self.rung(at))
    }
}

/// What has just been left, on the way outwards.
#[derive(Debug)]
enum Left {
    /// Something that could not be asked at all.
    PassedOver,
    /// Something that failed like this.
    Failed(Failure),
    /// A chain whose own time was over, while the request still has some.
    Lapsed(Failure),
}

impl Left {
    fn failure(&self) -> Option<&Failure> {
        match self {
            Self::PassedOver => None,
            Self::Failed(failure) | Self::Lapsed(failure) => Some(failure),
        }
    }

    fn into_failure(self) -> Option<Failure> {
        match self {
            Self::PassedOver => None,
            Self::Failed(failure) | Self::Lapsed(failure) => Some(failure),
        }
    }

    /// Whether `chain` tries another target after this.
    fn moves_on(&self, chain: &Chain) -> bool {
        match self {
            Self::PassedOver | Self::Lapsed(_) => true,
            Self::Failed(failure) => moves_on(chain, failure.class),
        }
    }
}

impl<'t> Walk<'t> {
    /// A walk that has not begun.
    pub(crate) fn new(terms: Terms<'t>) -> Self {
        Self {
            terms,
            chains: Vec::new(),
            leaf: None,
            silent: Vec::new(),
            refused: Vec::new(),
            too_small: None,
            key_source: None,
            went_through_chain: false,
        }
    }

    /// The first attempt below `root`.
    pub(crate) fn begin(&mut self, root: Place<'t>) -> Step<'t> {
        let now = self.terms.begun;
        match self.enter(root, now) {
            Ok(Some(leaf)) => self.ask(leaf, now),
            Ok(None) => self.climb(Left::PassedOver, now),
            Err(failure) => Step::Over(Box::new(failure)),
        }
    }

    /// The one attempt at a model that was called directly.
    pub(crate) fn direct(&mut self, leaf: &'t Arc<Leaf>) -> Step<'t> {
        let now = self.terms.begun;
        if self.is_in_time(now) {
            self.ask(leaf, now)
        } else {
            Step::Over(Box::new(out_of_time()))
        }
    }

    /// The step after the last attempt failed.
    pub(crate) fn failed(&mut self, failure: Failure, moment: Moment) -> Step<'t> {
        let Some(leaf) = self.leaf else {
            return Step::Over(Box::new(failure));
        };
        self.remember(leaf, &failure);
        if let Some(again) = self.wait_at_same(&failure, moment) {
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

    fn ask(&mut self, leaf: &'t Arc<Leaf>, not_before: Instant) -> Step<'t> {
        self.leaf = Some(leaf);
        let patience = match self.others(self.terms.silence) {
            Others::Remain => Patience::Limited,
            Others::None => Patience::Unlimited,
        };
        Step::Try(Try {
            leaf,
            not_before,
            patience,
            deadline: self.deadline(),
        })
    }

    fn remember(&mut self, leaf: &'t Arc<Leaf>, failure: &Failure) {
        if is_silence(failure.class) {
            self.silent.push(leaf);
        }
        if is_refusal(failure.class) {
            self.refused.push(leaf);
        }
        if reaction(failure.class) == Reaction::NextLarger {
            self.too_small = self.too_small.max(leaf.context_window);
        }
    }

    /// When the same target is asked again, if its rung has retries left and the wait fits.
    fn wait_at_same(&mut self, failure: &Failure, moment: Moment) -> Option<Instant> {
        let (others, deadline) = (self.others(failure.class), self.deadline());
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
        if !leaves_time(again, deadline) {
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
            match self.onward(&left, now) {
                None => left = self.leave(left, now),
                Some(place) => match self.enter(place, now) {
                    Ok(Some(leaf)) => return self.ask(leaf, now),
                    Ok(None) => left = Left::PassedOver,
                    Err(failure) => return Step::Over(Box::new(failure)),
                },
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

    /// The target below `place`; `None` if it must not be asked, or no longer.
    fn enter(&mut self, place: Place<'t>, now: Instant) -> Result<Option<&'t Arc<Leaf>>, Failure> {
        let leaf = self.descend(place, now)?;
        Ok(leaf.filter(|_| self.is_in_time(now)))
    }

    /// The target below `place`; `None` if it is one that must not be asked. Chains on the way are entered.
    fn descend(&mut self, mut place: Place<'t>, now: Instant) -> Result<Option<&'t Arc<Leaf>>, Failure> {
        loop {
            let below = match place.node {
                Node::Model(_) => return Ok(self.usable_at(place)),
                Node::Split(split) => self.choose(split, place)?,
                Node::Chain(chain) => {
                    self.went_through_chain = true;
                    let visit = Visit::new(chain, place, now);
                    let first = visit.rung(0);
                    self.chains.push(visit);
                    first
                }
            };
            let Some(below) = below else { return Ok(None) };
            place = below;
        }
    }

    /// The child of `split` that the request's key belongs to.
    fn choose(&mut self, split: &'t Split, place: Place<'t>) -> Result<Option<Place<'t>>, Failure> {
        let key = self.terms.keys.resolve(&split.key_from)?;
        let chosen = child_of(split, place, &key);
        self.key_source.get_or_insert(key.source);
        Ok(chosen)
    }

    /// Whether `holds` for a target that the request may reach at `place` or below: of a split, only the
    /// child that its key belongs to.
    fn may_reach(&self, place: Place<'t>, holds: &dyn Fn(&Leaf) -> bool) -> bool {
        match place.node {
            Node::Model(_) => matches!(place.below, Below::Leaf(leaf) if holds(leaf)),
            Node::Split(split) => {
                let key = self.terms.keys.resolve(&split.key_from).ok();
                key.and_then(|key| child_of(split, place, &key))
                    .is_some_and(|child| self.may_reach(child, holds))
            }
            Node::Chain(chain) => (chain.rungs.iter().enumerate())
                .filter_map(|(at, rung)| place.child(at, &rung.node))
                .any(|child| self.may_reach(child, holds)),
        }
    }

    fn usable_at(&self, place: Place<'t>) -> Option<&'t Arc<Leaf>> {
        match place.below {
            Below::Leaf(leaf) if self.is_usable(leaf) => Some(leaf),
            _ => None,
        }
    }

    fn is_usable(&self, leaf: &Leaf) -> bool {
        let fits = self
            .too_small
            .is_none_or(|small| leaf.context_window.is_none_or(|window| window > small));
        fits && !self.silent.iter().any(|silent| silent.is_same_target(leaf))
            && !self
                .refused
                .iter()
                .any(|refused| refused.is_same_credential(leaf))
    }

    /// Whether another target would be tried if the present one failed with `class`.
    fn others(&self, class: FailureClass) -> Others {
        let differs = |leaf: &Leaf| {
            self.is_usable(leaf)
                && !(is_silence(class) && self.leaf.is_some_and(|now| now.is_same_target(leaf)))
        };
        let remains = |visit: &Visit<'t>| {
            moves_on(visit.chain, class) && visit.later().any(|place| self.may_reach(place, &differs))
        };
        if self.chains.iter().any(remains) {
            Others::Remain
        } else {
            Others::None
        }
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

/// The child of `split`, which stands at `place`, that `key` belongs to.
fn child_of<'t>(split: &'t Split, place: Place<'t>, key: &Key<'_>) -> Option<Place<'t>> {
    let chosen = split.select(key.text.as_bytes())?;
    let is_chosen = |target: &SplitTarget| std::ptr::eq(chosen, target);
    let at = split.targets.iter().position(is_chosen)?;
    place.child(at, &chosen.node)
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

fn nothing_to_ask() -> Failure {
    Failure::new(
        FailureClass::PolicyUnavailable,
        "no target of the policy can be asked",
    )
}

#[cfg(test)]
mod tests;
