//! What a probe asks for, and what it is to find. Plain values; the key in it is never printed.

use std::fmt;

/// What a probe asks for and expects.
pub(super) struct Expectation {
    /// The policy as a request's `model` names it.
    pub(super) model: String,
    /// The policy as `x-weir-policy` names it.
    pub(super) policy: String,
    /// What an answer must hold, if it matters.
    pub(super) text: Option<String>,
    /// What `x-weir-model` must say, if it matters.
    pub(super) target: Option<String>,
    /// The caller's key.
    pub(super) key: Option<String>,
}

impl fmt::Debug for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expectation")
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}
