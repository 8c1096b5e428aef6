//! Weir as its users run it: `weir serve` on the YAML of a policy with three targets for each dialect, all of them
//! the mock upstream, everything on that is on by default.

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::dialect::Dialect;
use crate::process::Process;
use crate::target::{Target, WEIR, free_address};
use crate::upstream::Secure;
use crate::way::Way;

/// What is started, and in front of what.
#[derive(Debug)]
pub(crate) struct Setup<'a> {
    /// Where its files go.
    pub(crate) scratch: &'a Path,
    /// The program.
    pub(crate) program: &'a Path,
    /// The mock upstream.
    pub(crate) upstream: SocketAddr,
    /// The same with TLS, where that is asked for.
    pub(crate) secure: Option<&'a Secure>,
}

impl Setup<'_> {
    /// Starts it on `cores`, with as many workers as it takes by itself.
    pub(crate) async fn start(&self, cores: &str) -> Result<Target> {
        let address = free_address().await?;
        let process = self.serve("weir", cores, address, None).await?;
        Ok(Target::started(WEIR, address, process))
    }

    /// Starts one with so many `workers` on `cores`, for questions about that.
    pub(crate) async fn with_workers(&self, cores: &str, workers: u32) -> Result<Target> {
        let (address, way) = (free_address().await?, Way::Workers(workers));
        let name = format!("weir-{workers}");
        let process = self.serve(&name, cores, address, Some(workers)).await?;
        Ok(Target::started(&way.name_of(WEIR), address, process).only(way))
    }

    async fn serve(
        &self,
        name: &str,
        cores: &str,
        address: SocketAddr,
        workers: Option<u32>,
    ) -> Result<Process> {
        let (folder, admin) = (self.scratch.join(name), free_address().await?);
        fs::create_dir(&folder)?;
        fs::write(folder.join("bench.yaml"), self.documents())?;
        let mut args: Vec<OsString> = vec!["serve".into(), "--filename".into(), folder.into_os_string()];
        args.extend(["--listen".into(), address.to_string().into()]);
        args.extend(["--admin".into(), admin.to_string().into()]);
        if let Some(workers) = workers {
            args.extend(["--workers".into(), workers.to_string().into()]);
        }
        let log = self.scratch.join(format!("{name}.log"));
        Process::start(self.program, args, cores, log)
    }

    /// Every resource, in one file.
    fn documents(&self) -> String {
        let clear = Dialect::ALL.map(|dialect| Backend {
            name: dialect.policy(),
            dialect,
            url: format!("http://{}{}", self.upstream, dialect.folder()),
            authority: None,
        });
        let secured = self.secure.map(|secure| {
            [(Way::Tls, secure.http1), (Way::Http2Upstream, secure.http2)].map(|(way, address)| Backend {
                name: way.policy(),
                dialect: Dialect::OpenAi,
                url: format!("https://{address}{}", Dialect::OpenAi.folder()),
                authority: Some(&secure.authority),
            })
        });
        let backends = clear.into_iter().chain(secured.into_iter().flatten());
        let documents: String = backends
            .map(|backend| policy(backend.name) + &backend.provider())
            .collect();
        documents + SECRET
    }
}

/// A provider, and what its policy is called.
#[derive(Debug)]
struct Backend<'a> {
    name: &'a str,
    dialect: Dialect,
    url: String,
    /// Who vouches for it, in PEM.
    authority: Option<&'a str>,
}

impl Backend<'_> {
    fn provider(&self) -> String {
        let (name, url, spoken) = (self.name, &self.url, self.dialect.name());
        let credential = match self.dialect {
            Dialect::Bedrock => "aws: {secretRef: {name: mock}}",
            _ => "secretRef: {name: mock, key: api-key}",
        };
        let authority = self.authority.map(|pem| format!("  caBundle: {pem:?}\n"));
        format!(
            "apiVersion: weir.dev/v1alpha1
kind: Provider
metadata:
  name: mock-{name}
spec:
  dialect: {spoken}
  baseURL: {url}
  region: us-east-1
  credential:
    {credential}
{}---
",
            authority.unwrap_or_default()
        )
    }
}

/// Three weighted targets.
fn policy(name: &str) -> String {
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
