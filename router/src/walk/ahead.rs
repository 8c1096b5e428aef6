//! What is still ahead of a walk: whether another target remains, and how the health of those that do counts.

use std::cell::Cell;

use tokio::time::Instant;
use weir_table::{FailureClass, Node, Split, SplitTarget};

use super::resort::Badness;
use super::{Visit, Walk};
use crate::fallback::{Others, is_silence, moves_on};
use crate::health::{Opened, Standing};
use crate::key::Key;
use crate::state::{Below, Leaf, Place};

/// The child of `split`, which stands at `place`, that `key` belongs to.
pub(super) fn child_of<'t>(split: &'t Split, place: Place<'t>, key: &Key<'_>) -> Option<Place<'t>> {
    let chosen = split.select(key.text.as_bytes())?;
    let is_chosen = |target: &SplitTarget| std::ptr::eq(chosen, target);
    let at = split.targets.iter().position(is_chosen)?;
    place.child(at, &chosen.node)
}

impl Walk<'_> {
    /// Whether another target would be tried if the present one failed with `class`. One whose circuit is
    /// open is no reason to hurry the present one, nor to pass it over.
    pub(super) fn others(&self, class: FailureClass, now: Instant) -> Others {
        let differs = |leaf: &Leaf| {
            self.known.allows(leaf, now)
                && !matches!(leaf.health.standing(now), Standing::Open(_))
                && !(is_silence(class) && self.leaf.is_some_and(|present| present.is_same_target(leaf)))
        };
        if self.is_ahead(class, &differs) {
            Others::Remain
        } else {
            Others::None
        }
    }

    /// How bad the least bad of the open targets ahead is.
    pub(super) fn least_bad_ahead(&self, now: Instant) -> Option<Badness> {
        let least = Cell::new(None);
        let look = |leaf: &Leaf| {
            if let Standing::Open(opened) = leaf.health.standing(now)
                && self.known.allows(leaf, now)
            {
                let badness = self.badness(leaf, opened);
                least.set(Some(
                    least.get().map_or(badness, |least: Badness| least.min(badness)),
                ));
            }
            false
        };
        self.is_ahead(FailureClass::CircuitOpen, &look);
        least.get()
    }

    /// How bad it would be to ask `leaf`, whose circuit is `opened`.
    pub(super) fn badness(&self, leaf: &Leaf, opened: Opened) -> Badness {
        Badness {
            repeated: self.known.has_failed(leaf),
            opened,
        }
    }

    /// Whether an open circuit is a reason to try another target at all.
    pub(super) fn heeds_health(&self) -> bool {
        let heeds = |visit: &Visit<'_>| moves_on(visit.chain, FailureClass::CircuitOpen);
        self.chains.iter().any(heeds)
    }

    /// Whether `holds` for a target that would be tried if the present one failed with `class`.
    fn is_ahead(&self, class: FailureClass, holds: &dyn Fn(&Leaf) -> bool) -> bool {
        self.chains.iter().any(|visit| {
            moves_on(visit.chain, class) && visit.later().any(|place| self.may_reach(place, holds))
        })
    }

    /// Whether `holds` for a target that the request may reach at `place` or below: of a split, only the
    /// child that its key belongs to.
    fn may_reach(&self, place: Place<'_>, holds: &dyn Fn(&Leaf) -> bool) -> bool {
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
}
