//! What the router does to its own process.

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

/// Keeps credentials out of core dumps, and other users' debuggers away. Where the system refuses, it stays
/// as it was: that is no reason not to serve.
pub fn forbid_core_dumps() {
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "core dumps could not be forbidden");
    }
}
