//! A provider that obeys: an OpenAI-dialect HTTP/1.1 server written byte by byte, so that it can answer, stream, delay,
//! cut, reset and fail exactly as a test says.
//!
//! The first segment of a request's path says which provider it plays: `/openai/v1/chat/completions` is `openai`.
//! Every answer names what was asked: `model` is the model, `system_fingerprint` the provider played. The content is
//! a function of its length alone ([`answer::content`]), so that a client can tell whether it is whole.
//!
//! It must not use an HTTP library: that would decide what goes onto the wire.

pub mod answer;
mod request;
pub mod script;
mod serve;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result};
use bytes::Bytes;
use serde::Serialize;
use tokio::{net::TcpListener, task::JoinHandle};

use self::script::{Behaviour, Script};

/// A running provider; it stops when dropped.
#[derive(Debug)]
pub struct FakeProvider {
    address: SocketAddr,
    state: Arc<State>,
    server: JoinHandle<()>,
}

/// Whether requests are kept whole, or only counted (for long and fast runs).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    /// Keeps headers and bodies.
    Whole,
    /// Keeps only how often each model was asked, and with which authorization last.
    Counts,
}

/// A request as it arrived.
#[derive(Clone, Debug, Serialize)]
pub struct Recorded {
    /// The provider played: the first segment of the path.
    pub provider: String,
    /// The rest of the path, with its query.
    pub path: String,
    /// The body's `model`.
    pub model: String,
    /// Name (lower case) and value of each header, in the order received.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte.
    #[serde(serialize_with = "as_text")]
    pub body: Bytes,
}

impl Recorded {
    /// The first header of this name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What the server's connections share.
#[derive(Debug)]
struct State {
    recording: Recording,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    default: Script,
    scripts: BTreeMap<String, Script>,
    asked: BTreeMap<String, u32>,
    authorizations: BTreeMap<String, String>,
    requests: Vec<Recorded>,
}

impl FakeProvider {
    /// Listens at `address` (port 0 for any).
    pub async fn start(address: SocketAddr, recording: Recording) -> Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("listening at {address}"))?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            recording,
            memory: Mutex::default(),
        });
        let server = tokio::spawn(serve::accept(listener, Arc::clone(&state)));
        Ok(Self {
            address,
            state,
            server,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The `baseURL` at which it plays `provider`.
    pub fn base_url(&self, provider: &str) -> String {
        format!("http://{}/{provider}/v1", self.address)
    }

    /// From now on, requests for `model` are answered by `script`, from its beginning.
    pub fn script(&self, model: &str, script: Script) {
        self.state.set_script(model, script);
    }

    /// From now on, models without a script of their own are answered by `script`.
    pub fn script_all(&self, script: Script) {
        self.state.lock().default = script;
    }

    /// How often `model` was asked.
    pub fn asked(&self, model: &str) -> u32 {
        self.state.lock().asked.get(model).copied().unwrap_or_default()
    }

    /// The `authorization` with which `model` was asked last.
    pub fn authorization(&self, model: &str) -> Option<String> {
        self.state.lock().authorizations.get(model).cloned()
    }

    /// The requests since the last call, in the order of their arrival.
    pub fn take_requests(&self) -> Vec<Recorded> {
        std::mem::take(&mut self.state.lock().requests)
    }

    /// Waits for the server to end, which it never does by itself.
    pub async fn wait(mut self) -> Result<()> {
        (&mut self.server).await.context("the fake provider has died")
    }
}

impl Drop for FakeProvider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl State {
    fn lock(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_script(&self, model: &str, script: Script) {
        let mut memory = self.lock();
        memory.asked.remove(model);
        memory.scripts.insert(model.to_owned(), script);
    }

    /// Counts one more request, and says how to answer it.
    fn next_behaviour(&self, request: Recorded) -> Behaviour {
        let mut memory = self.lock();
        let asked = memory.asked.entry(request.model.clone()).or_default();
        let number = *asked;
        *asked = asked.saturating_add(1);
        if let Some(value) = request.header("authorization") {
            memory
                .authorizations
                .insert(request.model.clone(), value.to_owned());
        }
        let script = memory.scripts.get(&request.model).unwrap_or(&memory.default);
        let behaviour = script.behaviour(number).clone();
        if self.recording == Recording::Whole {
            memory.requests.push(request);
        }
        behaviour
    }
}

fn as_text<S: serde::Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(bytes))
}
