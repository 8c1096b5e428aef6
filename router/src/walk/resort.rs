//! The one target with an open circuit that a request asks where nothing better is left: the least bad,
//! rather than nobody.

use std::sync::Arc;

use crate::health::Opened;
use crate::state::Leaf;

/// How bad it would be to ask a target whose circuit is open; the less the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Badness {
    /// Whether it has failed in this very request: what was not asked yet comes before it.
    pub(super) repeated: bool,
    /// Its circuit.
    pub(super) opened: Opened,
}

/// The last resort of one request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Resort<'t> {
    /// No target was passed over.
    None,
    /// The least bad of those that were.
    Kept(&'t Arc<Leaf>, Badness),
    /// It was asked.
    Taken,
}

impl<'t> Resort<'t> {
    /// Keeps `leaf`, unless a less bad one is kept.
    pub(super) fn keep(&mut self, leaf: &'t Arc<Leaf>, badness: Badness) {
        match self {
            Self::None => *self = Self::Kept(leaf, badness),
            Self::Kept(_, kept) if badness < *kept => *self = Self::Kept(leaf, badness),
            Self::Kept(..) | Self::Taken => {}
        }
    }

    /// Whether one of this `badness` should be asked where it stands, with nothing well ahead and `ahead` the
    /// least bad of what is.
    pub(super) fn is(&self, badness: Badness, ahead: Option<Badness>) -> bool {
        let kept = match self {
            Self::None => None,
            Self::Kept(_, kept) => Some(*kept),
            Self::Taken => return false,
        };
        kept.into_iter().chain(ahead).all(|other| badness <= other)
    }

    /// Takes what was kept.
    pub(super) fn take(&mut self) -> Option<&'t Arc<Leaf>> {
        match std::mem::replace(self, Self::Taken) {
            Self::Kept(leaf, _) => Some(leaf),
            Self::None | Self::Taken => None,
        }
    }
}
