//! The registry of connection pools, by which tables find them. A pool outlives the tables that name it: a
//! swap closes no connection that the next table would open again. Its lock is taken only while a table is
//! made ready, and to look for idle connections; never for long.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Poll;
use std::time::Duration;

use rustls::pki_types::ServerName;
use weir_table::base_url::Scheme;
use weir_table::{BaseUrl, Connections};

use super::connect::{Address, Tls};
use super::idle::Idle;
use super::pool::Pool;
use super::tls::{Authorities, TlsError};
use crate::surroundings::Surroundings;

/// Idle connections that each worker keeps where the provider does not say how many: what bounds them is their time.
const MAX_IDLE: usize = 512;

/// How long they are kept where the provider does not say: less than the 5 s that uvicorn and Node allow.
const IDLE: Duration = Duration::from_secs(4);

/// What makes two pools the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Identity {
    scheme: Scheme,
    host: String,
    port: u16,
    authorities: Option<String>,
    max_idle: Option<u32>,
    idle_ms: Option<u64>,
}

/// Every pool that some table or request still holds.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    surroundings: Surroundings,
    workers: usize,
    authorities: Authorities,
    known: Mutex<HashMap<Identity, Weak<Pool>>>,
}

impl Pools {
    /// No pool yet; what comes opens its connections in `surroundings`, for each of `workers` its own.
    pub(crate) fn new(surroundings: Surroundings, workers: usize) -> Self {
        Self {
            surroundings,
            workers,
            ..Self::default()
        }
    }

    /// The pool for `url`, the one there is or a new one.
    pub(crate) fn get(
        &self,
        url: &BaseUrl,
        ca_bundle: Option<&str>,
        connections: Connections,
    ) -> Result<Arc<Pool>, TlsError> {
        let identity = Identity {
            scheme: url.scheme(),
            host: url.host().to_owned(),
            port: url.port(),
            authorities: ca_bundle.map(str::to_owned),
            max_idle: connections.max_idle,
            idle_ms: connections.idle_ms,
        };
        let known = self.known().get(&identity).and_then(Weak::upgrade);
        if let Some(pool) = known {
            return Ok(pool);
        }
        // Not while it is locked: certificates take a while to read.
        let pool = Arc::new(self.make(&identity)?);
        let mut known = self.known();
        known.retain(|_, pool| pool.strong_count() > 0);
        known.insert(identity, Arc::downgrade(&pool));
        Ok(pool)
    }

    /// Closes this worker's idle connections whose time is over, in every pool.
    pub(crate) async fn sweep(&self) {
        let pools: Vec<Arc<Pool>> = self.known().values().filter_map(Weak::upgrade).collect();
        poll_fn(|cx| {
            for pool in &pools {
                pool.sweep(cx);
            }
            Poll::Ready(())
        })
        .await;
    }

    fn make(&self, identity: &Identity) -> Result<Pool, TlsError> {
        let host = identity
            .host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let tls = match identity.scheme {
            Scheme::Http => None,
            Scheme::Https => {
                let config = self.authorities.client(identity.authorities.as_deref())?;
                let name = ServerName::try_from(host.clone()).map_err(|_| TlsError::Bundle)?;
                Some(Tls { config, name })
            }
        };
        let most = share(identity.max_idle, self.workers);
        let address = Address {
            host,
            port: identity.port,
            tls,
        };
        let limit = identity.idle_ms.map_or(IDLE, Duration::from_millis);
        let surroundings = self.surroundings.clone();
        let idle = || Idle::new(most, limit);
        Ok(Pool::new(surroundings, address, self.workers, idle))
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Identity, Weak<Pool>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many idle connections each of `workers` keeps, so that together they keep no more than the provider says, or
/// else one each.
fn share(max_idle: Option<u32>, workers: usize) -> usize {
    max_idle.map_or(MAX_IDLE, |max| (max as usize / workers.max(1)).max(1))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use weir_table::{BaseUrl, Connections};

    use super::{MAX_IDLE, Pools, share};

    #[test]
    fn workers_share_what_a_provider_allows_to_be_kept() {
        assert_eq!([share(Some(100), 8), share(Some(100), 1)], [12, 100]);
        assert_eq!(
            [share(Some(3), 8), share(Some(0), 1)],
            [1, 1],
            "one for each at least"
        );
        assert_eq!(share(None, 8), MAX_IDLE);
    }

    #[test]
    fn a_pool_is_found_again_as_long_as_somebody_holds_it() {
        let pools = Pools::default();
        let url = BaseUrl::parse("http://127.0.0.1:1/v1").unwrap();
        let other = BaseUrl::parse("http://127.0.0.1:1/v2").unwrap();
        let first = pools.get(&url, None, Connections::default()).unwrap();
        let second = pools.get(&other, None, Connections::default()).unwrap();
        assert!(
            Arc::ptr_eq(&first, &second),
            "the path is no part of a connection"
        );
        let bounded = Connections {
            max_idle: Some(1),
            idle_ms: None,
        };
        assert!(!Arc::ptr_eq(&first, &pools.get(&url, None, bounded).unwrap()));
    }
}
