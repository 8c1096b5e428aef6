//! Static binaries by Cargo, the same bytes from whatever folder.
//!
//! Compilers write paths of sources into what they make, for messages. Those of this machine are replaced
//! by names of their own. Flags that come from the environment or from a user's configuration are not used.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;

use super::Arch;

/// Tells mimalloc to ask for no huge pages, and to forbid them: an idle router took 25.4 MiB with them, and takes
/// 14.2 without. The crate's own feature for that does the first alone.
const SMALL_PAGES: &str = "-DMI_DEFAULT_ALLOW_THP=0";

/// How to build.
#[derive(Debug)]
pub(super) struct Build<'a> {
    /// The folder with the sources.
    pub(super) root: &'a Path,
    /// The folder to build in.
    pub(super) target: &'a Path,
    /// The processors to build for.
    pub(super) arch: Arch,
    /// Cargo's profile.
    pub(super) profile: &'a str,
}

impl Arch {
    /// As Rust names the platform.
    fn triple(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-unknown-linux-musl",
            Self::Arm64 => "aarch64-unknown-linux-musl",
        }
    }

    /// What the linker is told. Addresses that are set at the start take a fiftieth of their room when they are packed,
    /// and less of the program is then touched: an idle router takes 1 MiB less. The cross compiler's linker has no
    /// such option.
    fn link_flags(self) -> &'static [&'static str] {
        match self {
            Self::Amd64 => &["-Clink-arg=-Wl,-z,pack-relative-relocs"],
            Self::Arm64 => &[],
        }
    }

    /// Cargo's command, and what is missing where it can't be run.
    fn command(self) -> &'static str {
        match self {
            Self::Amd64 => "build",
            Self::Arm64 => "zigbuild",
        }
    }
}

impl Build<'_> {
    /// The named binaries, in this order.
    pub(super) fn binaries<const N: usize>(&self, names: [&str; N]) -> anyhow::Result<Vec<Vec<u8>>> {
        let output = self.command(&names)?.output().context("can't run cargo")?;
        ensure!(
            output.status.success(),
            "cargo failed to build the binaries: {}",
            output.status
        );
        let paths = executables(&String::from_utf8(output.stdout)?);
        let read = |name: &str| {
            let path = paths.get(name).with_context(|| format!("cargo made no {name}"))?;
            fs::read(path).with_context(|| format!("can't read {}", path.display()))
        };
        names.into_iter().map(read).collect()
    }

    fn command(&self, names: &[&str]) -> anyhow::Result<Command> {
        let triple = self.arch.triple();
        let mut command = cargo();
        command.current_dir(self.root).stderr(Stdio::inherit());
        command.args([
            self.arch.command(),
            "--locked",
            "--message-format",
            "json-render-diagnostics",
        ]);
        command
            .args(["--target", triple, "--profile", self.profile])
            .arg("--target-dir")
            .arg(self.target);
        for name in names {
            command.args(["--package", name, "--bin", name]);
        }
        let folders = self.folders()?;
        let mut rust = flags("--remap-path-prefix", &folders);
        rust.extend(self.arch.link_flags().iter().map(ToString::to_string));
        let mut c = flags("-ffile-prefix-map", &folders);
        c.push(SMALL_PAGES.to_owned());
        // What C compilers put for `__DATE__` and `__TIME__`.
        command.env("SOURCE_DATE_EPOCH", "0");
        command.env("CARGO_ENCODED_RUSTFLAGS", rust.join("\x1f"));
        command.env(format!("CFLAGS_{}", triple.replace('-', "_")), c.join(" "));
        if self.arch == Arch::Arm64 {
            command.env("PATH", path_with_zig(self.root)?);
        }
        Ok(command)
    }

    /// Folders of this machine, and what they are called in binaries. The last that fits counts.
    fn folders(&self) -> anyhow::Result<[(PathBuf, &'static str); 3]> {
        let target = self.target.to_owned();
        Ok([
            (self.root.to_owned(), "/weir"),
            (cargo_home()?, "/cargo"),
            (target, "/target"),
        ])
    }
}

fn flags(option: &str, folders: &[(PathBuf, &str)]) -> Vec<String> {
    folders
        .iter()
        .map(|(from, to)| format!("{option}={}={to}", from.display()))
        .collect()
}

/// Cargo's target folder for the workspace in `root`.
pub(super) fn target_folder(root: &Path) -> anyhow::Result<PathBuf> {
    #[derive(Deserialize)]
    struct Metadata {
        target_directory: PathBuf,
    }
    let mut command = cargo();
    command
        .current_dir(root)
        .args(["metadata", "--no-deps", "--format-version", "1"]);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .context("can't run cargo")?;
    let metadata: Metadata = serde_json::from_slice(&output.stdout).context("cargo metadata failed")?;
    Ok(metadata.target_directory)
}

/// The Cargo that runs this.
fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The folder with the sources of dependencies.
fn cargo_home() -> anyhow::Result<PathBuf> {
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".cargo"));
    env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(home)
        .context("neither CARGO_HOME nor HOME is set")
}

/// The executables that Cargo's messages tell of, by name.
fn executables(messages: &str) -> BTreeMap<String, PathBuf> {
    #[derive(Deserialize)]
    struct Artifact {
        target: Target,
        executable: PathBuf,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
    }
    // Messages of other kinds have no executable.
    let artifact = |line| serde_json::from_str::<Artifact>(line).ok();
    messages
        .lines()
        .filter_map(artifact)
        .map(|artifact| (artifact.target.name, artifact.executable))
        .collect()
}

/// `PATH`, led by the pinned cross compiler that the tests' tools hold.
fn path_with_zig(root: &Path) -> anyhow::Result<OsString> {
    let paths = Command::new(root.join("tests/tools/install"))
        .arg("paths")
        .output()?;
    let paths = String::from_utf8(paths.stdout)?;
    let folder = paths
        .lines()
        .find_map(|line| line.strip_prefix("WEIR_ZIG_BIN="))
        .map(Path::new);
    let Some(folder) = folder.filter(|folder| folder.exists()) else {
        bail!("the cross compiler is missing; run `tests/tools/install zig`");
    };
    let path = env::var_os("PATH").unwrap_or_default();
    Ok(env::join_paths(
        [folder.to_owned()].into_iter().chain(env::split_paths(&path)),
    )?)
}

#[cfg(test)]
mod tests {
    use super::executables;

    #[test]
    fn of_all_messages_only_those_with_an_executable_count() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"serde"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"weir"},"executable":"/t/weir"}
{"reason":"build-finished","success":true}"#;
        let found = executables(messages);
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            [("weir".to_owned(), "/t/weir".into())]
        );
    }
}
