//! `weir demo`: every request that it prints works as it says.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Stdio};

use crate::http::{Answer, get, post};
use crate::run::binary;
use crate::serving::until;

/// A running demo, and what it printed.
struct Demo {
    child: Child,
    printed: Vec<String>,
}

impl Demo {
    fn start() -> Self {
        let mut command = binary();
        command.args(["demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let mut printed: Vec<String> = lines
            .by_ref()
            .take_while(|line| !line.starts_with("SDKs"))
            .collect();
        printed.retain(|line| !line.is_empty());
        let demo = Self { child, printed };
        let admin = demo.address(2);
        until("ready", || (get(admin, "/readyz").status == 200).then_some(()));
        demo
    }

    /// The address in a printed line.
    fn address(&self, line: usize) -> SocketAddr {
        let (_, rest) = self.printed[line].split_once("http://").unwrap();
        rest.split(['/', ' ']).next().unwrap().parse().unwrap()
    }

    /// Sends the printed request below the heading that holds `what`.
    fn paste(&self, what: &str) -> Answer {
        let at = self
            .printed
            .iter()
            .position(|line| line.starts_with("# ") && line.contains(what));
        let line = &self.printed[at.unwrap() + 1];
        let (_, url) = line.split_once("http://").unwrap();
        let (host, path) = url.split(' ').next().unwrap().split_once('/').unwrap();
        let (address, path) = (host.parse().unwrap(), format!("/{path}"));
        match line.split_once("-d '") {
            Some((_, body)) => post(address, &path, body.strip_suffix('\'').unwrap()),
            None => get(address, &path),
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn every_request_that_is_printed_works_as_it_says() {
    let demo = Demo::start();
    let (first, again) = (demo.paste("trace id"), demo.paste("trace id"));
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(first.header("x-weir-policy"), "reasoning-experiment");
    assert_eq!(first.header("x-weir-attempts"), "1");
    assert_eq!(first.header("x-weir-model"), again.header("x-weir-model"));
    let model = first.header("x-weir-model").split_once('/').unwrap().1;
    let said = first.json()["choices"][0]["message"]["content"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(said.contains(model), "{said}");

    let streamed = demo.paste("streamed");
    assert_eq!(streamed.header("content-type"), "text/event-stream");
    assert_eq!(
        streamed.header("x-weir-path"),
        "gradual-rollout/experimental-fallback"
    );
    assert!(
        streamed.body.contains(r#""content":"gemini-2.5-pro ""#),
        "{streamed:?}"
    );
    assert!(streamed.body.contains("data: [DONE]"), "{streamed:?}");

    let fallen_back = demo.paste("Fallback");
    assert_eq!(fallen_back.status, 200, "{fallen_back:?}");
    assert_eq!(fallen_back.header("x-weir-model"), "openai/gpt-5.2");
    assert_eq!(
        fallen_back.header("x-weir-attempts"),
        "3",
        "twice at what is down, then once"
    );

    let embedded = demo.paste("Embeddings");
    assert_eq!(
        embedded.json()["data"][0]["embedding"].as_array().unwrap().len(),
        1_536
    );

    let listed = demo.paste("can be named");
    for line in demo.printed.iter().filter(|line| line.starts_with("  policy/")) {
        let name = line.trim().split(' ').next().unwrap();
        assert!(listed.body.contains(&format!("\"{name}\"")), "{name}: {listed:?}");
    }
    assert_eq!(
        demo.printed
            .iter()
            .filter(|line| line.starts_with("curl "))
            .count(),
        5
    );
}
