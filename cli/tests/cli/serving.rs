//! A `weir` that serves until its test is over.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http::{PATIENCE, get};
use crate::run::binary;

/// How often something is looked at again.
const AGAIN: Duration = Duration::from_millis(20);

/// A running `weir serve` or `weir simulate`.
#[derive(Debug)]
pub(crate) struct Serving {
    child: Child,
    log: Receiver<String>,
    pub(crate) listen: SocketAddr,
    pub(crate) admin: SocketAddr,
    /// Every log line that was waited through.
    pub(crate) said: Vec<String>,
}

impl Serving {
    /// Starts it on free ports with `arguments`, and waits until it is ready.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", arguments)
    }

    /// The same with an address for callers.
    pub(crate) fn start_at(listen: &str, arguments: &[&str]) -> Self {
        let mut command = binary();
        command.args([
            "serve",
            "--listen",
            listen,
            "--admin",
            "127.0.0.1:0",
            "--log-format",
            "json",
        ]);
        command.args(arguments);
        let mut serving = Self::spawn(command);
        let listening = serving.logged("listening");
        serving.listen = address(&listening, "listen");
        serving.admin = address(&listening, "admin");
        serving.ready();
        serving
    }

    /// Starts the simulated provider on a free port, and waits until it answers.
    pub(crate) fn simulating() -> Self {
        let mut command = binary();
        command.args(["simulate", "--listen", "127.0.0.1:0", "--log-format", "json"]);
        let mut serving = Self::spawn(command);
        let listening = serving.logged("listening");
        serving.listen = address(&listening, "listen");
        serving.admin = serving.listen;
        serving.ready();
        serving
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, log) = channel();
        thread::spawn(move || {
            stderr
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        Self {
            child,
            log,
            listen: nowhere,
            admin: nowhere,
            said: Vec::new(),
        }
    }

    fn ready(&self) {
        until("ready", || {
            (get(self.admin, "/readyz").status == 200).then_some(())
        });
    }

    /// Waits for the log line with this message.
    pub(crate) fn logged(&mut self, message: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.log.recv_timeout(left);
            let line = line.unwrap_or_else(|_| panic!("no {message:?} among {:#?}", self.said));
            let event: Value = serde_json::from_str(&line).unwrap();
            self.said.push(line);
            if event["message"] == message {
                return event;
            }
        }
    }

    /// The digest of a policy of namespace `default`, as the router serves it now.
    pub(crate) fn digest(&self, policy: &str) -> Option<String> {
        let tables = get(self.admin, "/api/tables").json();
        let tables = tables["tables"].as_array().unwrap();
        let digest = tables.iter().find_map(|table| table["policies"][policy].as_str());
        digest.map(str::to_owned)
    }

    /// Waits until that digest is another than `before`; the new one.
    pub(crate) fn changed(&self, policy: &str, before: &str) -> String {
        until("another digest", || {
            self.digest(policy).filter(|digest| digest != before)
        })
    }

    /// Tells it to end.
    pub(crate) fn terminate(&self) {
        let told = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        assert!(told.unwrap().success());
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        until("the end", || self.child.try_wait().unwrap())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn address(listening: &Value, field: &str) -> SocketAddr {
    listening[field].as_str().unwrap().parse().unwrap()
}

/// Waits until `look` finds something.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::park_timeout(AGAIN);
    }
}
