//! How much of callers' requests is held at once, over all of them: a router that takes more than it has
//! memory for is killed, and every request with it. Small bodies are not counted one by one; the limit on
//! requests bounds them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use weir_table::FailureClass;

use crate::error::Failure;

/// Up to this size, in bytes, a body takes no room.
const SMALL: usize = 64 * 1024;

/// Room for bodies.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    taken: Arc<AtomicUsize>,
    limit: usize,
}

/// Room that a body takes, until this is dropped. A small one takes none, and touches nothing that requests
/// share.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// What was taken, and of what; `None` as long as the body is small.
    taken: Option<(Arc<AtomicUsize>, usize)>,
}

impl Room {
    /// Room for `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            taken: Arc::default(),
            limit,
        }
    }

    /// Makes the place as large as a body of `bytes` needs.
    pub(super) fn grow(&self, held: &mut Held, bytes: usize) -> Result<(), Failure> {
        let counted = bytes.saturating_sub(SMALL);
        if counted == 0 {
            return Ok(());
        }
        let (_, own) = held.taken.get_or_insert_with(|| (self.taken.clone(), 0));
        let more = counted.saturating_sub(*own);
        let before = self.taken.fetch_add(more, Ordering::Relaxed);
        *own += more;
        if before + more > self.limit {
            return Err(full(self.limit));
        }
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some((taken, own)) = &self.taken {
            taken.fetch_sub(*own, Ordering::Relaxed);
        }
    }
}

fn full(limit: usize) -> Failure {
    let text = format!(
        "the bodies of the requests under way take {limit} bytes already; try again, or start more routers \
         (--max-held-bytes says how much one holds)"
    );
    Failure::new(FailureClass::Overload, text)
}

#[cfg(test)]
mod tests {
    use weir_table::FailureClass;

    use super::{Held, Room, SMALL};

    #[test]
    fn small_bodies_take_no_room() {
        let room = Room::new(0);
        let mut place = Held::default();
        assert_eq!(room.grow(&mut place, SMALL), Ok(()));
    }

    #[test]
    fn room_is_there_again_when_a_body_is_gone() {
        let room = Room::new(SMALL);
        let mut first = Held::default();
        room.grow(&mut first, SMALL + 10).unwrap();
        room.grow(&mut first, 2 * SMALL).unwrap();
        let mut second = Held::default();
        let full = room.grow(&mut second, SMALL + 1).unwrap_err();
        assert_eq!(full.class, FailureClass::Overload);
        drop((first, second));
        let mut third = Held::default();
        assert_eq!(room.grow(&mut third, 2 * SMALL), Ok(()));
    }
}
