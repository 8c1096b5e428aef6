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

/// Room that a body takes, until this is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    taken: Arc<AtomicUsize>,
    bytes: usize,
}

impl Room {
    /// Room for `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            taken: Arc::default(),
            limit,
        }
    }

    /// A place that is empty so far.
    pub(super) fn place(&self) -> Held {
        Held {
            taken: self.taken.clone(),
            bytes: 0,
        }
    }

    /// Makes the place as large as `bytes`.
    pub(super) fn grow(&self, held: &mut Held, bytes: usize) -> Result<(), Failure> {
        let more = bytes.saturating_sub(held.bytes.max(SMALL));
        if more == 0 {
            return Ok(());
        }
        let before = self.taken.fetch_add(more, Ordering::Relaxed);
        held.bytes = held.bytes.max(SMALL) + more;
        if before + more > self.limit {
            return Err(full(self.limit));
        }
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.bytes > SMALL {
            self.taken.fetch_sub(self.bytes - SMALL, Ordering::Relaxed);
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

    use super::{Room, SMALL};

    #[test]
    fn small_bodies_take_no_room() {
        let room = Room::new(0);
        let mut place = room.place();
        assert_eq!(room.grow(&mut place, SMALL), Ok(()));
    }

    #[test]
    fn room_is_there_again_when_a_body_is_gone() {
        let room = Room::new(SMALL);
        let mut first = room.place();
        room.grow(&mut first, SMALL + 10).unwrap();
        room.grow(&mut first, 2 * SMALL).unwrap();
        let mut second = room.place();
        let full = room.grow(&mut second, SMALL + 1).unwrap_err();
        assert_eq!(full.class, FailureClass::Overload);
        drop((first, second));
        let mut third = room.place();
        assert_eq!(room.grow(&mut third, 2 * SMALL), Ok(()));
    }
}
