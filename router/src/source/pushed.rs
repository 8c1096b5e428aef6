//! Tables compiled in this very process, as `weir serve` does it. What is pushed replaces everything
//! pushed before.

use std::collections::BTreeMap;

use weir_table::codec::Stored;
use weir_table::{Checked, CredentialId, Scope};

use super::{Reporter, Update, Updates, channel};
use crate::secret::Secret;

/// The handle through which a process feeds the router that it runs.
#[derive(Debug, Clone)]
pub struct Pusher(Reporter);

/// The router has ended, and takes no more tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the router has ended; no table can be pushed into it any more")]
pub struct Ended;

impl Pusher {
    /// Replaces all tables and credentials by these, in one swap. The cluster's table should always be
    /// among them, even empty: the router is not ready without it.
    pub async fn push(
        &self,
        tables: Vec<Checked>,
        credentials: BTreeMap<CredentialId, Secret>,
    ) -> Result<(), Ended> {
        self.0
            .send(Update::Everything { tables, credentials })
            .await
            .map_err(|_| Ended)
    }

    /// Replaces one scope's table by a document, as a `ConfigMap` holds it: it is decoded and checked like any
    /// other, and what served before still serves if it is no good.
    pub async fn push_document(&self, scope: Scope, document: Stored) -> Result<(), Ended> {
        let stored = Ok(document);
        self.0
            .send(Update::Table { scope, stored })
            .await
            .map_err(|_| Ended)
    }
}

/// A handle, and the source that a router reads from it.
pub fn source() -> (Pusher, Updates) {
    let (reporter, updates) = channel();
    (Pusher(reporter), updates)
}
