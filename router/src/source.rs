//! Where tables and credentials come from, as one channel of updates. A source reads and reports; it does
//! not decode or check. What was accepted of it, [`cached`] is told in return, and keeps.

pub mod cached;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
pub mod pushed;

use std::collections::BTreeMap;

use tokio::sync::mpsc;
use weir_table::codec::Stored;
use weir_table::credential::shards;
use weir_table::{Checked, CredentialId, Scope};

use self::cached::Desk;
use crate::secret::Secret;

/// How many updates may wait to be taken in.
const WAITING: usize = 1_024;

/// One thing that a source has seen.
#[derive(Debug)]
pub(crate) enum Update {
    /// A scope's document is this now.
    Table {
        /// Whose it says it is.
        scope: Scope,
        /// The document, or why there is none to read.
        stored: Result<Stored, String>,
    },
    /// A scope's document is no more.
    Gone(Scope),
    /// A scope was told of by mistake: it has no document, and maybe has had none for long.
    Forget(Scope),
    /// What one shard of the credentials holds now.
    Credentials {
        /// The shard's letter.
        shard: char,
        /// Everything in it.
        values: BTreeMap<CredentialId, Secret>,
    },
    /// Everything that was there of one part has been reported.
    #[cfg_attr(
        not(any(feature = "kubernetes", test)),
        expect(dead_code, reason = "a push is always everything")
    )]
    Listed(Part),
    /// What is missing of the parts has been made up from a cache, until they are listed.
    FromCache {
        /// When the router that kept it was last known to run, in seconds since 1970.
        kept: i64,
    },
    /// A cache could not be used.
    CacheFailed(CacheUse),
    /// All tables and all credentials at once; what is not among them is gone on purpose.
    Everything {
        /// The tables.
        tables: Vec<Checked>,
        /// The credentials.
        credentials: BTreeMap<CredentialId, Secret>,
    },
}

/// What is listed as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// The tables of all scopes.
    Tables,
    /// The shard of the credentials with this letter.
    Credentials(char),
}

impl Part {
    /// Every part.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        shards().map(Self::Credentials).chain([Self::Tables])
    }
}

/// What was tried with a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CacheUse {
    /// To serve from it.
    Read,
    /// To keep something.
    Write,
}

/// The receiving end of a source.
#[derive(Debug)]
pub struct Updates {
    /// What it saw.
    pub(crate) seen: mpsc::Receiver<Update>,
    /// Who wants to know what became of it.
    pub(crate) desk: Option<Desk>,
    /// Of what it is a source, so that nobody takes another's cache for its own; empty where nothing tells.
    pub(crate) of: String,
}

/// A source's own end.
pub(crate) type Reporter = mpsc::Sender<Update>;

/// A channel for one source.
pub(crate) fn channel() -> (Reporter, Updates) {
    let (reporter, seen) = mpsc::channel(WAITING);
    let updates = Updates {
        seen,
        desk: None,
        of: String::new(),
    };
    (reporter, updates)
}
