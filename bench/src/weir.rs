//! Weir as its users run it: `weir serve` on the YAML of a policy with three targets, all of them the mock
//! upstream, everything on that is on by default.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::process::Process;
use crate::target::{Target, WEIR, free_address};

/// Starts `program` on `core`, with a policy in front of `upstream`.
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
    fs::write(folder.join("bench.yaml"), policy(upstream))?;
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

fn policy(upstream: SocketAddr) -> String {
    format!(
        "apiVersion: weir.dev/v1alpha1
kind: LoadBalancingPolicy
metadata:
  name: bench
spec:
  targets:
    - {{model: mock/one, weight: 50}}
    - {{model: mock/two, weight: 30}}
    - {{model: mock/three, weight: 20}}
---
apiVersion: weir.dev/v1alpha1
kind: Provider
metadata:
  name: mock
spec:
  dialect: OpenAI
  baseURL: http://{upstream}/v1
  credential:
    secretRef: {{name: mock, key: api-key}}
---
apiVersion: v1
kind: Secret
metadata:
  name: mock
  labels:
    weir.dev/credential: \"true\"
stringData:
  api-key: sk-mock
"
    )
}

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
