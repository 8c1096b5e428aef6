//! Where the installed tools and the built binaries are.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

/// The paths of everything that the tests start.
#[derive(Clone, Debug)]
pub struct Tools {
    named: BTreeMap<String, PathBuf>,
    binaries: PathBuf,
}

/// Which Helm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Helm {
    /// The one before, which many still use.
    Three,
    /// The current one.
    Four,
}

impl Tools {
    /// Asks `tests/tools/install` for its paths; fails if something has not been installed.
    pub fn find() -> Result<Self> {
        let script = repository().join("tests/tools/install");
        let output = Command::new(&script)
            .arg("paths")
            .output()
            .context("running tests/tools/install")?;
        let text = String::from_utf8(output.stdout)?;
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        let named = pairs
            .map(|(name, path)| (name.to_owned(), PathBuf::from(path)))
            .collect();
        let binaries = std::env::var_os("WEIR_BIN_DIR").map_or_else(shipped, PathBuf::from);
        Ok(Self { named, binaries })
    }

    /// One of Kubernetes' own commands, such as `kube-apiserver` or `kubectl`.
    pub fn kubernetes(&self, command: &str) -> Result<PathBuf> {
        self.installed("WEIR_KUBERNETES_BIN", command)
    }

    /// The etcd server.
    pub fn etcd(&self) -> Result<PathBuf> {
        self.installed("WEIR_ETCD_BIN", "etcd")
    }

    /// A command of Helm.
    pub fn helm(&self, version: Helm) -> Result<PathBuf> {
        match version {
            Helm::Three => self.installed("WEIR_HELM3", ""),
            Helm::Four => self.installed("WEIR_HELM4", ""),
        }
    }

    /// The cluster's DNS server.
    pub fn coredns(&self) -> Result<PathBuf> {
        self.installed("WEIR_COREDNS", "")
    }

    /// The server of the API by which autoscaling knows what pods use.
    pub fn metrics_server(&self) -> Result<PathBuf> {
        self.installed("WEIR_METRICS_SERVER", "")
    }

    /// `kubeconform` or `kube-score`, or the folder `definitions` with those of foreign kinds.
    pub fn charts(&self, name: &str) -> Result<PathBuf> {
        self.installed("WEIR_CHART_TOOLS", name)
    }

    /// A Python that has the SDK.
    pub fn python(&self) -> Result<PathBuf> {
        self.installed("WEIR_PYTHON", "")
    }

    /// The folder whose `node_modules` has the Node SDK.
    pub fn node_folder(&self) -> Result<PathBuf> {
        self.installed("WEIR_NODE_DIR", "")
    }

    /// The program that asks the engines' own libraries.
    pub fn referee(&self) -> Result<PathBuf> {
        self.installed("WEIR_REFEREE_DIR", "referee")
    }

    /// The folder of definitions of the objects that Argo CD and Flux read.
    pub fn engine_definitions(&self) -> Result<PathBuf> {
        self.installed("WEIR_REFEREE_DIR", "definitions")
    }

    /// One of Weir's own binaries, as it is in an image, or from `WEIR_BIN_DIR`.
    pub fn weir(&self, binary: &str) -> Result<PathBuf> {
        existing(self.binaries.join(binary), "cargo xtask images")
    }

    fn installed(&self, name: &str, file: &str) -> Result<PathBuf> {
        let folder = self
            .named
            .get(name)
            .with_context(|| format!("tests/tools/install names no {name}"))?;
        let path = if file.is_empty() {
            folder.clone()
        } else {
            folder.join(file)
        };
        existing(path, "tests/tools/install")
    }
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// Cargo's target folder.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from)
}

/// `PATH`, with the folders of administrators' commands.
pub fn search_path() -> String {
    format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default())
}

/// Where `cargo xtask images` leaves the binaries that it puts into images.
fn shipped() -> PathBuf {
    let triple = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    target().join(triple).join("image")
}

fn existing(path: PathBuf, remedy: &str) -> Result<PathBuf> {
    ensure!(path.exists(), "{} is missing: run `{remedy}`", path.display());
    Ok(path)
}
