//! Weir as its users run it: `weir serve` on the YAML of a policy with three targets for each dialect, all of them
//! the mock upstream, everything on that is on by default.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::dialect::Dialect;
use crate::process::Process;
use crate::target::{Target, WEIR, free_address};

/// Starts `program` on `core`, with policies in front of `upstream`.
pub(crate) async fn start(
    scratch: &Path,
    core: usize,
    upstream: SocketAddr,
    program: &Path,
) -> Result<Target> {
    let (address, admin, folder) = (
        free_address().await?,
        free_address().await?,
        scratch.join("policies"),
    );
    fs::create_dir(&folder)?;
    fs::write(folder.join("bench.yaml"), documents(upstream))?;
    let (address_text, admin) = (address.to_string(), admin.to_string());
    let args = [
        "serve".as_ref(),
        "--filename".as_ref(),
        folder.as_os_str(),
        "--listen".as_ref(),
        address_text.as_ref(),
        "--admin".as_ref(),
        admin.as_ref(),
    ];
    let process = Process::start(program, args, core, scratch.join("weir.log"))?;
    Ok(Target::started(WEIR, address, process))
}

/// Every resource, in one file.
fn documents(upstream: SocketAddr) -> String {
    let dialects = Dialect::ALL.map(|dialect| policy(dialect) + &provider(dialect, upstream));
    dialects.concat() + SECRET
}

/// Three weighted targets that speak `dialect`.
fn policy(dialect: Dialect) -> String {
    let name = dialect.policy();
    format!(
        "apiVersion: weir.dev/v1alpha1
kind: LoadBalancingPolicy
metadata:
  name: {name}
spec:
  targets:
    - {{model: mock-{name}/one, weight: 50}}
    - {{model: mock-{name}/two, weight: 30}}
    - {{model: mock-{name}/three, weight: 20}}
---
"
    )
}

fn provider(dialect: Dialect, upstream: SocketAddr) -> String {
    let (name, spoken, folder) = (dialect.policy(), dialect.name(), dialect.folder());
    let credential = match dialect {
        Dialect::Bedrock => "aws: {secretRef: {name: mock}}",
        _ => "secretRef: {name: mock, key: api-key}",
    };
    format!(
        "apiVersion: weir.dev/v1alpha1
kind: Provider
metadata:
  name: mock-{name}
spec:
  dialect: {spoken}
  baseURL: http://{upstream}{folder}
  region: us-east-1
  credential:
    {credential}
---
"
    )
}

/// What every provider is asked with.
const SECRET: &str = "apiVersion: v1
kind: Secret
metadata:
  name: mock
  labels:
    weir.dev/credential: \"true\"
stringData:
  api-key: sk-mock
  accessKeyId: AKIDEXAMPLE
  secretAccessKey: mock
";

/// The `weir` that was built with this program. When cargo runs this program it builds that one first, so
/// that what is measured is what the sources say.
pub(crate) fn built() -> Result<PathBuf> {
    if let Some(cargo) = std::env::var_os("CARGO") {
        let status = Command::new(cargo)
            .args(["build", "--release", "--package", "weir"])
            .status()?;
        ensure!(
            status.success(),
            "`weir` does not build; name another one with --weir, or --without weir"
        );
    }
    let program = std::env::current_exe()?.with_file_name("weir");
    ensure!(
        program.is_file(),
        "{} is missing: build it with `cargo build --release -p weir`, name it with --weir, or leave it out \
         with --without weir",
        program.display()
    );
    program.canonicalize().context("finding `weir`")
}
