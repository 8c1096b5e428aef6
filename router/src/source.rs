//! Where tables and credentials come from, as one channel of updates. A source reads and reports; it does
//! not decode, check or keep anything.

#[cfg(feature = "kubernetes")]
pub mod kubernetes;
pub mod pushed;

use std::collections::BTreeMap;

use tokio::sync::mpsc;
use weir_table::codec::Stored;
use weir_table::{Checked, CredentialId, Scope};

use crate::secret::Secret;

/// How many updates may wait to be taken in.
const WAITING: usize = 1_024;

/// One thing that a source has seen.
#[derive(Debug)]
pub(crate) enum Update {
    /// A scope's document is this now.
    #[cfg_attr(
        not(any(feature = "kubernetes", test)),
        expect(dead_code, reason = "only a cluster stores documents")
    )]
    Table {
        /// Whose it says it is.
        scope: Scope,
        /// The document, or why there is none to read.
        stored: Result<Stored, String>,
    },
    /// A scope's document is no more.
    #[cfg_attr(
        not(any(feature = "kubernetes", test)),
        expect(dead_code, reason = "only a cluster stores documents")
    )]
    Gone(Scope),
    /// What one shard of the credentials holds now.
    #[cfg_attr(
        not(any(feature = "kubernetes", test)),
        expect(dead_code, reason = "only a cluster gathers credentials")
    )]
    Credentials {
        /// The shard's letter.
        shard: char,
        /// Everything in it.
        values: BTreeMap<CredentialId, Secret>,
    },
    /// Everything that was there at the start has been reported.
    #[cfg_attr(
        not(any(feature = "kubernetes", test)),
        expect(dead_code, reason = "a push is always everything")
    )]
    Listed,
    /// All tables and all credentials at once; what is not among them is gone on purpose.
    Everything {
        /// The tables.
        tables: Vec<Checked>,
        /// The credentials.
        credentials: BTreeMap<CredentialId, Secret>,
    },
}

/// The receiving end of a source.
#[derive(Debug)]
pub struct Updates(pub(crate) mpsc::Receiver<Update>);

/// A source's own end.
pub(crate) type Reporter = mpsc::Sender<Update>;

/// A channel for one source.
pub(crate) fn channel() -> (Reporter, Updates) {
    let (reporter, updates) = mpsc::channel(WAITING);
    (reporter, Updates(updates))
}
