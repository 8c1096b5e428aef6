//! What this crate's benchmarks measure of it, and nobody else may see: it is there with the feature `bench` alone.

use crate::body::members_of;

/// Scans a request's body as every request's is, and says how many members the object has; `None` if it is none.
pub fn scan(body: &[u8]) -> Option<usize> {
    members_of(body)
}
