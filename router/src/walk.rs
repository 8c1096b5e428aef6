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
use crate::key::Keys;
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
    rung: usize,
    retries: u8,
    useful: Useful,
}

impl<'t> Visit<'t> {
    fn new(chain: &'t Chain, place: Place<'t>) -> Self {
        Self {
            chain,
            place,
            rung: 0,
            retries: 0,
            useful: Useful::default(),
        }
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
        match self.descend(root) {
            Ok(Some(leaf)) => self.ask(leaf, now),
            Ok(None) => self.climb(None, now),
            Err(failure) => Step::Over(Box::new(failure)),
        }
    }

    /// The one attempt at a model that was called directly.
    pub(crate) fn direct(&mut self, leaf: &'t Arc<Leaf>) -> Step<'t> {
        self.ask(leaf, self.terms.begun)
    }

    /// The step after the last attempt failed.
    pub(crate) fn failed(&mut self, failure: Failure, moment: Moment) -> Step<'t> {
        let Some(leaf) = self.leaf else {
            return Step::Over(Box::new(failure));
        };
        self.remember(leaf, &failure);
        match self.wait_at_same(&failure, moment) {
            Some(pause) => self.ask(leaf, moment.now + pause),
            None => self.climb(Some(failure), moment.now),
        }
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

    /// The wait before the same target is asked again, if its rung has retries left and it fits.
    fn wait_at_same(&mut self, failure: &Failure, moment: Moment) -> Option<Duration> {
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
        if moment.now + pause + LEAST > deadline {
            return None;
        }
        visit.retries += 1;
        Some(pause)
    }

    /// Goes to the next target that can be asked, from the innermost chain outwards. `failure` is what the
    /// target just left counts as; `None` if it was passed over.
    fn climb(&mut self, mut failure: Option<Failure>, now: Instant) -> Step<'t> {
        let in_time = now + LEAST <= self.deadline();
        while let Some(visit) = self.chains.last_mut() {
            if let Some(failure) = &failure {
                visit.useful.note(visit.rung, failure);
            }
            let goes_on = failure
                .as_ref()
                .is_none_or(|failure| moves_on(visit.chain, failure.class));
            if let Some(place) = visit.advance().filter(|_| goes_on && in_time) {
                match self.descend(place) {
                    Ok(Some(leaf)) => return self.ask(leaf, now),
                    Ok(None) => failure = None,
                    Err(failure) => return Step::Over(Box::new(failure)),
                }
            } else {
                let useful = self.chains.pop().and_then(|visit| visit.useful.most());
                failure = if goes_on { useful.or(failure) } else { failure };
            }
        }
        Step::Over(Box::new(failure.unwrap_or_else(nothing_to_ask)))
    }

    /// The target below `place`; `None` if it is one that must not be asked. Chains on the way are entered.
    fn descend(&mut self, mut place: Place<'t>) -> Result<Option<&'t Arc<Leaf>>, Failure> {
        loop {
            let below = match place.node {
                Node::Model(_) => return Ok(self.usable_at(place)),
                Node::Split(split) => self.choose(split, place)?,
                Node::Chain(chain) => {
                    self.went_through_chain = true;
                    let visit = Visit::new(chain, place);
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
        let chosen = split.select(key.text.as_bytes());
        self.key_source.get_or_insert(key.source);
        let is_chosen = |target: &SplitTarget| chosen.is_some_and(|chosen| std::ptr::eq(chosen, target));
        let at = split.targets.iter().position(is_chosen);
        Ok(at.and_then(|at| place.child(at, &split.targets[at].node)))
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
            moves_on(visit.chain, class) && visit.later().any(|place| place.any_leaf(&differs))
        };
        if self.chains.iter().any(remains) {
            Others::Remain
        } else {
            Others::None
        }
    }

    /// When the request must have been answered: as its policies say, sooner if its caller does.
    fn deadline(&self) -> Instant {
        let policies = self
            .chains
            .iter()
            .filter_map(|visit| visit.chain.deadline_ms)
            .min();
        let policy = policies.map_or(DEADLINE, Duration::from_millis);
        self.terms.begun + self.terms.patience.map_or(policy, |caller| caller.min(policy))
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
