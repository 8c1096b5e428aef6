//! What is measured: an address that answers like the OpenAI API, and the process behind it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, Error, Result, anyhow, ensure};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

use crate::accounting::resident_mib;
use crate::exchange::{request, request_of_http2};
use crate::load::{Asked, Written, ask_once};
use crate::process::Process;
use crate::scenario::{Name, Scenario};
use crate::way::Way;

/// Where chat completions are.
pub(crate) const PATH: &str = "/v1/chat/completions";

/// The model that is asked for where nobody says: the policy that the harness gives Weir.
pub(crate) const MODEL: &str = "policy/bench";

/// How long a gateway may take to answer for the first time, and how often it is tried meanwhile.
const START: Duration = Duration::from_secs(15);
const RETRY: Duration = Duration::from_millis(50);

/// The columns of a table that have a meaning of their own.
pub(crate) const DIRECT: &str = "direct";
pub(crate) const NGINX: &str = "nginx";
pub(crate) const WEIR: &str = "weir";

/// A gateway, or none.
#[derive(Debug)]
pub(crate) struct Target {
    /// What it is called in tables.
    pub(crate) name: String,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What is asked of it.
    pub(crate) path: String,
    /// For which model.
    pub(crate) model: String,
    /// Whose time and memory are its own; `None` for the upstream itself.
    pub(crate) pid: Option<u32>,
    /// On which way it is asked.
    pub(crate) way: Way,
    /// The child that it is, if it is one of ours.
    process: Option<Process>,
}

impl Target {
    /// The upstream itself.
    pub(crate) fn direct(address: SocketAddr) -> Self {
        Self::new(DIRECT, address, None)
    }

    /// A gateway that was started here.
    pub(crate) fn started(name: &str, address: SocketAddr, process: Process) -> Self {
        Self {
            pid: Some(process.pid()),
            ..Self::new(name, address, Some(process))
        }
    }

    /// The same, asked on `way`.
    pub(crate) fn on(&self, way: Way) -> Self {
        Self {
            name: way.name_of(&self.name),
            path: self.path.clone(),
            model: format!("policy/{}", way.policy()),
            pid: self.pid,
            way,
            ..Self::new("", self.address, None)
        }
    }

    /// It, asked on `way` and on no other.
    pub(crate) fn only(self, way: Way) -> Self {
        Self { way, ..self }
    }

    /// The same, asked at `address`.
    pub(crate) fn at(self, address: SocketAddr) -> Self {
        Self { address, ..self }
    }

    /// Whether it is a process that was started here: one that ends with it.
    pub(crate) fn is_child(&self) -> bool {
        self.process.is_some()
    }

    /// What it is asked of `scenario`: as many at once as its way says.
    pub(crate) fn load(&self, scenario: Scenario) -> Scenario {
        match self.way {
            Way::Crowd(connections) => Scenario {
                connections,
                ..scenario
            },
            _ => scenario,
        }
    }

    fn new(name: &str, address: SocketAddr, process: Option<Process>) -> Self {
        Self {
            name: name.to_owned(),
            address,
            path: PATH.to_owned(),
            model: MODEL.to_owned(),
            pid: None,
            way: Way::Plain,
            process,
        }
    }

    /// The request of `scenario` to it.
    pub(crate) fn asked(&self, scenario: &Scenario) -> Result<Asked> {
        let Self {
            address, path, model, ..
        } = self;
        let request = if self.way == Way::Http2Callers {
            let (head, body) = request_of_http2(scenario, *address, path, model)?;
            Written::Http2(Box::new(head), body)
        } else {
            Written::Http1(request(scenario, *address, path, model))
        };
        Ok(Asked {
            address: *address,
            pid: self.pid,
            request,
        })
    }

    /// Waits until it answers, and says what it has resident then, in MiB.
    pub(crate) async fn ready(&mut self) -> Result<Option<f64>> {
        let scenario = Scenario::of(Name::Sat);
        let (begun, asked) = (Instant::now(), self.asked(&scenario)?);
        while let Err(error) = ask_once(scenario, &asked).await {
            if begun.elapsed() > START || self.process.as_mut().is_some_and(Process::has_ended) {
                return Err(self.silent(&error));
            }
            sleep(RETRY).await;
        }
        self.pid.map(resident_mib).transpose()
    }

    fn silent(&self, error: &Error) -> Error {
        let words = self.process.as_ref().map(Process::last_words).unwrap_or_default();
        anyhow!(
            "{} does not answer at {}: {error:#}\n{words}",
            self.name,
            self.address
        )
    }
}

/// A gateway that runs already, as `NAME=URL,PID[,MODEL]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Other {
    name: String,
    address: SocketAddr,
    path: String,
    pid: u32,
    model: String,
}

impl FromStr for Other {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let shape = || anyhow!("write it as NAME=http://127.0.0.1:PORT[/PATH],PID[,MODEL]");
        let (name, rest) = text.split_once('=').ok_or_else(shape)?;
        let mut parts = rest.splitn(3, ',');
        let (url, pid) = (parts.next().ok_or_else(shape)?, parts.next().ok_or_else(shape)?);
        let place = url.strip_prefix("http://").ok_or_else(shape)?;
        let (address, path) = place.split_once('/').unwrap_or((place, ""));
        let address: SocketAddr = address.parse().map_err(|_| shape())?;
        ensure!(
            address.ip().is_loopback(),
            "{address} is not a loopback address; load goes to this machine only"
        );
        ensure!(
            ![DIRECT, NGINX, WEIR].contains(&name),
            "`{name}` is a name of the harness's own"
        );
        Ok(Self {
            name: name.to_owned(),
            address,
            path: if path.is_empty() {
                PATH.to_owned()
            } else {
                format!("/{path}")
            },
            pid: pid.parse().map_err(|_| shape())?,
            model: parts.next().unwrap_or(MODEL).to_owned(),
        })
    }
}

impl From<Other> for Target {
    fn from(
        Other {
            name,
            address,
            path,
            pid,
            model,
        }: Other,
    ) -> Self {
        Self {
            name,
            address,
            path,
            model,
            pid: Some(pid),
            way: Way::Plain,
            process: None,
        }
    }
}

/// A loopback address that nobody listens on at this moment.
pub(crate) async fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?)
}

/// A folder for the run's own files, removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// A new folder.
    pub(crate) fn new() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("weir-bench-{}", std::process::id()));
        std::fs::create_dir(&folder).with_context(|| format!("creating {}", folder.display()))?;
        Ok(Self(folder))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is the system's temporary folder's to forget.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::{MODEL, Other, PATH};

    #[test]
    fn another_gateway_is_a_name_an_address_and_a_process() {
        let other: Other = "busbar=http://127.0.0.1:8081,77".parse().unwrap();
        assert_eq!(
            (&*other.name, other.pid, &*other.path, &*other.model),
            ("busbar", 77, PATH, MODEL)
        );
        let other: Other = "x=http://[::1]:80/openai/v1/chat/completions,7,gpt-4o"
            .parse()
            .unwrap();
        assert_eq!(
            (&*other.path, &*other.model),
            ("/openai/v1/chat/completions", "gpt-4o")
        );
    }

    #[test]
    fn load_goes_to_this_machine_only() {
        let error = "x=http://10.0.0.1:80,7".parse::<Other>().unwrap_err();
        assert!(error.to_string().contains("loopback"), "{error}");
    }

    #[test]
    fn what_is_written_otherwise_is_told_the_shape() {
        for text in [
            "x",
            "x=http://127.0.0.1:80",
            "x=127.0.0.1:80,7",
            "x=http://localhost:80,7",
            "x=http://127.0.0.1:80,me",
        ] {
            let error = text.parse::<Other>().unwrap_err();
            assert!(error.to_string().contains("NAME="), "{text}: {error}");
        }
        assert!("weir=http://127.0.0.1:80,7".parse::<Other>().is_err());
    }
}
