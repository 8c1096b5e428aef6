//! What outlives tables, and is found again when the next one is made ready.

use std::sync::Arc;

use crate::forward::Pools;
use crate::health::Healths;

/// What outlives tables.
#[derive(Debug, Clone, Default)]
pub(crate) struct Registries {
    /// Connections.
    pub(crate) pools: Arc<Pools>,
    /// How targets have fared.
    pub(crate) healths: Arc<Healths>,
}
