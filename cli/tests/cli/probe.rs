//! `weir probe`: what it proves of a router, and what it says when it can't.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::run::{Said, binary, file, folder, weir};
use crate::serving::Serving;
use crate::upstream::Upstream;

const KEY: &str = "canary-0123456789abcdef0123456789";

const POLICY: &str = "apiVersion: weir.dev/v1alpha1\nkind: LoadBalancingPolicy\nmetadata: {name: probe}\n\
                      spec: {targets: [{model: acme/hello, weight: 1}]}\n";

const CALLER: &str = "apiVersion: weir.dev/v1alpha1\nkind: AccessKey\nmetadata: {name: web}\n\
                      spec: {keys: [{secretRef: {name: web, key: key}}]}\n---\n\
                      apiVersion: v1\nkind: Secret\nmetadata: {name: web}\nstringData: {key: ";

fn provider(address: SocketAddr) -> String {
    format!(
        "apiVersion: weir.dev/v1alpha1\nkind: ClusterProvider\nmetadata: {{name: acme}}\n\
         spec: {{dialect: OpenAI, baseURL: 'http://{address}/v1'}}\n"
    )
}

/// A folder with a provider at `address` and a caller, and without a policy.
fn site(test: &str, address: SocketAddr) -> PathBuf {
    let folder = folder(test);
    fs::write(folder.join("provider.yaml"), provider(address)).unwrap();
    fs::write(folder.join("caller.yaml"), format!("{CALLER}{KEY}}}\n")).unwrap();
    folder
}

fn serve(folder: &Path) -> Serving {
    Serving::start(&["-f", folder.to_str().unwrap()])
}

/// The arguments that probe the router at `address` for `policy`.
fn arguments(address: SocketAddr, policy: &str, further: &[&str]) -> Vec<String> {
    let url = format!("http://{address}");
    let first = ["probe", "--url", &url, "--model", policy];
    let all = first.iter().chain(further);
    all.map(|argument| (*argument).to_owned()).collect()
}

fn probe(address: SocketAddr, further: &[&str]) -> Said {
    weir(&arguments(address, "policy/probe", further))
}

fn key_file(test: &str) -> String {
    file(&format!("{test}_key"), &format!("{KEY}\n"))
        .display()
        .to_string()
}

#[test]
fn a_router_that_does_what_it_should_passes_every_check() {
    let provider = Serving::simulating();
    let folder = site("probe_passes", provider.listen);
    fs::write(folder.join("policy.yaml"), POLICY).unwrap();
    let (router, key) = (serve(&folder), key_file("probe_passes"));
    let strict = [
        "--expect",
        "this provider is simulated",
        "--expect-model",
        "acme/hello",
    ];
    let said = probe(
        router.listen,
        &[&["--key-file", &key, "-o", "json"], strict.as_slice()].concat(),
    );
    assert_eq!(said.code, 0, "{said:?}");
    let report = said.json();
    assert_eq!(report["passed"], true);
    let checks = report["checks"].as_array().unwrap();
    let outcomes: Vec<_> = checks
        .iter()
        .map(|it| (it["check"].as_str(), it["outcome"].as_str()))
        .collect();
    let passed = |check| (Some(check), Some("passed"));
    assert_eq!(
        outcomes,
        ["answer", "stream", "wrong-key", "unknown-policy"].map(passed)
    );
    assert!(
        checks[0]["detail"]
            .as_str()
            .unwrap()
            .contains("x-weir-model acme/hello"),
        "{report}"
    );
    assert!(
        checks[1]["detail"].as_str().unwrap().contains("and [DONE]"),
        "{report}"
    );
    let told = [said.out, said.err].concat();
    assert!(!told.contains("canary") && !told.contains("Hello from"), "{told}");
}

#[test]
fn what_is_not_as_expected_fails_with_what_where_and_what_to_do() {
    let provider = Serving::simulating();
    let folder = site("probe_fails", provider.listen);
    fs::write(folder.join("policy.yaml"), POLICY).unwrap();
    let (router, key) = (serve(&folder), key_file("probe_fails"));
    let wrong = file("probe_fails_wrong", "x".repeat(40).as_str())
        .display()
        .to_string();
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let model = |text: &'static str| ["--key-file", key.as_str(), "--timeout", "0", text];
    let cases = [
        (
            probe(router.listen, &["--key-file", &wrong, "--timeout", "0"]),
            "401 Unauthenticated",
            "kubectl get accesskeys",
        ),
        (
            probe(nowhere, &model("--expect=x")),
            "cannot connect",
            "NetworkPolicy",
        ),
        (
            probe(router.listen, &model("--expect=goodbye")),
            "does not hold \"goodbye\"",
            "--expect",
        ),
        (
            probe(router.listen, &model("--expect-model=acme/x")),
            "not \"acme/x\"",
            "the policy's status",
        ),
        (
            weir(&arguments(router.listen, "policy/other", &model("--expect=x"))),
            "404 PolicyNotFound: there is no policy `other`",
            "kubectl get lbp,fbp",
        ),
        (
            probe(provider.listen, &["--timeout", "0"]),
            "200 without x-weir-policy",
            "router's own address",
        ),
    ];
    for (said, found, remedy) in cases {
        assert_eq!(said.code, 1, "{said:?}");
        assert!(
            said.out.contains("FAIL  answer") && said.out.contains(found),
            "{found}: {said:?}"
        );
        assert!(said.out.contains(remedy), "{remedy}: {said:?}");
        assert!(
            said.out.contains("skip  stream") && !said.out.contains("canary"),
            "{said:?}"
        );
    }
}

#[test]
fn a_router_that_lets_everybody_in_fails_when_there_is_a_key() {
    let provider = Serving::simulating();
    let folder = site("probe_open", provider.listen);
    fs::write(folder.join("policy.yaml"), POLICY).unwrap();
    fs::remove_file(folder.join("caller.yaml")).unwrap();
    let (router, key) = (serve(&folder), key_file("probe_open"));
    let said = probe(router.listen, &["--key-file", &key, "--timeout", "0"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.out
            .contains("FAIL  wrong-key       answered 200 in place of 401"),
        "{said:?}"
    );
    let said = probe(router.listen, &[]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.out.contains("skip  wrong-key       no key was given"),
        "{said:?}"
    );
}

#[test]
fn a_stream_that_is_none_fails() {
    let provider = Upstream::start();
    let folder = site("probe_stream", provider.address);
    fs::write(folder.join("policy.yaml"), POLICY).unwrap();
    fs::remove_file(folder.join("caller.yaml")).unwrap();
    let router = serve(&folder);
    for _ in 0..2 {
        provider.may_answer();
    }
    let said = probe(router.listen, &["--timeout", "0"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.out.contains("ok    answer") && said.out.contains("FAIL  stream"),
        "{said:?}"
    );
}

#[test]
fn it_waits_for_what_is_still_being_applied_and_says_so() {
    let provider = Serving::simulating();
    let folder = site("probe_waits", provider.listen);
    let router = serve(&folder);
    let mut command = binary();
    command
        .args(arguments(router.listen, "policy/probe", &[]))
        .env("WEIR_KEY", KEY);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut progress = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut progress, &mut line).unwrap();
    assert!(
        line.starts_with("weir: answer: not yet: 404 PolicyNotFound"),
        "{line}"
    );
    fs::write(folder.join("policy.yaml"), POLICY).unwrap();
    let output = child.wait_with_output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{out}");
    assert!(out.contains("tries in"), "{out}");
}

#[test]
fn what_can_not_be_asked_is_a_usage_error() {
    let empty = file("probe_empty", "\n").display().to_string();
    let address = SocketAddr::from(([127, 0, 0, 1], 9));
    for (said, why) in [
        (probe(address, &["--key-file", &empty]), "the file is empty"),
        (
            probe(address, &["--key-file", "/no/such/file"]),
            "--key-file /no/such/file",
        ),
        (
            weir(&["probe", "--url", "https://x", "--model", "policy/p"]),
            "http://",
        ),
        (
            weir(&["probe", "--url", "http://x", "--model", "gpt"]),
            "policy/NAME",
        ),
    ] {
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.err.contains(why), "{said:?}");
    }
}
