//! The token that routers want to see on their admin port: where it comes from, what to do while it changes,
//! and who makes it. It is in no log, no error and no `Debug` output.
//!
//! A Secret that is not there is made once, by the replica that leads; one that is there is never written,
//! whatever it holds: it may be somebody's own.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderValue;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{Patch, PatchParams};
use rustix::rand::{GetRandomFlags, getrandom};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::MANAGER;
use crate::config_map::{KEPT_BY_GITOPS, MANAGED_BY_LABEL};
use crate::credentials::wipe;
use crate::health::Tidings;
use crate::index::Delta;
use crate::lease::Gate;
use crate::publish::{Failure, send};
use crate::setback::Setbacks;
use crate::trouble::Trouble;

/// The key of the Secret under which the token stands.
pub const TOKEN_KEY: &str = "token";

/// How long after an attempt to make the Secret the next one may follow, if the watch still shows none.
const AGAIN: Duration = Duration::from_secs(5);

/// Where the token comes from.
#[derive(Debug)]
pub enum Source {
    /// Nowhere: routers want none.
    Nowhere,
    /// A file, which is read anew for every round of questions.
    File(PathBuf),
    /// A Secret, of which [`Keeper`] tells.
    Secret(watch::Receiver<Option<HeaderValue>>),
}

impl Source {
    fn read(&self) -> Option<HeaderValue> {
        match self {
            Self::Nowhere => None,
            Self::File(path) => read_file(path),
            Self::Secret(token) => token.borrow().clone(),
        }
    }
}

fn read_file(path: &PathBuf) -> Option<HeaderValue> {
    match std::fs::read(path) {
        Ok(text) => bearer(&Zeroizing::new(text)),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "the admin token can't be read");
            None
        }
    }
}

/// The token in `text` as a header; `None` if there is none, or nothing that a header can carry.
pub fn bearer(text: &[u8]) -> Option<HeaderValue> {
    let text = text.trim_ascii();
    if text.is_empty() {
        return None;
    }
    let whole = Zeroizing::new([b"Bearer ".as_slice(), text].concat());
    let mut value = HeaderValue::from_bytes(&whole).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The token that counts now, and the one before it: a kubelet takes a minute to bring a new one to the
/// routers, who until then want the old one.
#[derive(Debug)]
pub struct Tokens {
    source: Source,
    current: Option<HeaderValue>,
    previous: Option<HeaderValue>,
}

impl Tokens {
    /// The tokens of `source`.
    pub fn of(source: Source) -> Self {
        Self {
            source,
            current: None,
            previous: None,
        }
    }

    /// Looks at the source again. A token that vanished may still be what routers have.
    pub fn refresh(&mut self) {
        let read = self.source.read();
        if read != self.current {
            self.previous = std::mem::replace(&mut self.current, read).or(self.previous.take());
        }
    }

    /// The token that counts.
    pub fn current(&self) -> Option<&HeaderValue> {
        self.current.as_ref()
    }

    /// The one before.
    pub fn previous(&self) -> Option<&HeaderValue> {
        self.previous.as_ref()
    }
}

/// The Secret as the API server last told of it: whether it is there, and the token in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It is not there.
    Absent,
    /// It is there, with a usable token or without.
    Present(Option<HeaderValue>),
}

impl From<Delta<Option<HeaderValue>, ()>> for Seen {
    fn from(delta: Delta<Option<HeaderValue>, ()>) -> Self {
        match delta {
            Delta::Applied(token) => Self::Present(token),
            Delta::Deleted(()) => Self::Absent,
            Delta::Reset(all) | Delta::ResetIn(_, all) => {
                all.into_iter().next().map_or(Self::Absent, Self::Present)
            }
        }
    }
}

/// The token in a Secret.
pub fn read(secret: Secret) -> Option<HeaderValue> {
    let token = secret.data.as_ref().and_then(|data| data.get(TOKEN_KEY));
    let token = token.and_then(|ByteString(value)| bearer(value));
    wipe(secret);
    token
}

/// Follows the Secret, and makes it where there is none.
pub struct Keeper {
    /// The Secrets of Weir's own namespace.
    pub api: Api<Secret>,
    /// The name of the Secret.
    pub name: String,
    /// Says whether this replica may write.
    pub gate: Gate,
    /// Is told the token.
    pub token: watch::Sender<Option<HeaderValue>>,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Keeper {
    /// Keeps the Secret until `stop`; `seen` is what the watch tells of it.
    pub async fn run(mut self, mut seen: mpsc::Receiver<Seen>, stop: CancellationToken) {
        let mut is_absent = false;
        let mut setbacks = Setbacks::default();
        let mut next = Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                change = seen.recv() => match change {
                    Some(change) => is_absent = self.take_in(change),
                    None => return,
                },
                () = self.gate.changed() => {}
                () = sleep_until(next), if is_absent && self.gate.term().is_some() => {}
            }
            if is_absent
                && Instant::now() >= next
                && let Some(term) = self.gate.term()
            {
                let wait = self.make(term, &mut setbacks).await;
                next = Instant::now() + wait;
            }
        }
    }

    /// Passes the token on, and says whether there is no Secret.
    fn take_in(&self, seen: Seen) -> bool {
        let (token, is_absent) = match seen {
            Seen::Absent => (None, true),
            Seen::Present(token) => (token, false),
        };
        if token.is_none() && !is_absent {
            let name = &self.name;
            tracing::warn!(
                name,
                key = TOKEN_KEY,
                "the admin token's Secret has no usable value under this key"
            );
        }
        self.token.send_if_modified(|known| {
            let is_news = *known != token;
            *known = token;
            is_news
        });
        is_absent
    }

    /// Says how long to wait before the next attempt, if one is needed.
    async fn make(&self, term: u64, setbacks: &mut Setbacks<()>) -> Duration {
        let name = &self.name;
        match self.try_make(term).await {
            Ok(()) => tracing::info!(name, "made the admin token's Secret"),
            // Somebody else has made it; the watch will tell.
            Err(Failure::Conflict | Failure::NotLeading) => {}
            Err(failure) => return self.not_made(&failure, setbacks),
        }
        setbacks.clear(&());
        AGAIN
    }

    fn not_made(&self, failure: &Failure, setbacks: &mut Setbacks<()>) -> Duration {
        let name = &self.name;
        let (tidings, wait) = setbacks.note(&(), failure);
        match tidings {
            Tidings::New => tracing::warn!(
                name,
                key = TOKEN_KEY,
                %failure,
                "there is no Secret with the admin token, and it could not be made here: create it, or see \
                 why the operator may not; until then routers are not asked what they serve"
            ),
            Tidings::Old => {
                tracing::debug!(name, %failure, "the admin token's Secret could not be made again");
            }
        }
        wait.max(AGAIN)
    }

    /// Applied without force, and by a manager of its own: whoever has written a token there meanwhile, even
    /// another replica or an earlier life of this one, owns the field, and the write is refused.
    async fn try_make(&self, term: u64) -> Result<(), Failure> {
        let (token, maker) = (random::<32>()?, random::<8>()?);
        let params = PatchParams::apply(&format!("{MANAGER}-{}", *maker));
        let secret = render(&self.name, &token);
        let patch = Patch::Apply(&secret);
        let made = send(&self.gate, term, self.api.patch(&self.name, &params, &patch)).await;
        wipe(secret);
        made.map(wipe)
    }
}

/// So many random bytes, as hexadecimal digits.
fn random<const N: usize>() -> Result<Zeroizing<String>, Failure> {
    let mut bytes = Zeroizing::new([0; N]);
    let filled = getrandom(&mut *bytes, GetRandomFlags::empty());
    if filled != Ok(N) {
        return Err(Failure::Refused {
            why: Trouble::Other,
            told: "the system gives no random bytes".to_owned(),
        });
    }
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let digits = digits.filter_map(|digit| char::from_digit(digit.into(), 16));
    Ok(Zeroizing::new(digits.collect()))
}

fn render(name: &str, token: &str) -> Secret {
    let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    let metadata = ObjectMeta {
        name: Some(name.to_owned()),
        labels: Some([owned((MANAGED_BY_LABEL, MANAGER))].into()),
        annotations: Some(KEPT_BY_GITOPS.into_iter().map(owned).collect()),
        ..ObjectMeta::default()
    };
    let token = ByteString(token.as_bytes().to_vec());
    Secret {
        metadata,
        data: Some([(TOKEN_KEY.to_owned(), token)].into()),
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    }
}

#[cfg(test)]
mod tests;
