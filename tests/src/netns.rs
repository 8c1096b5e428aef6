//! A network of the tests' own: nothing they start can be reached from, or reach, anything else, and all of it dies
//! with the test process.

use std::{
    hash::{BuildHasher, RandomState},
    net::Ipv4Addr,
    os::unix::{fs::MetadataExt, process::CommandExt},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use crate::tools::search_path;

/// Set in the environment of a process that runs inside.
const INSIDE: &str = "WEIR_TESTS_INSIDE";

/// Set in the environment of a run's processes, to the run's name.
const RUN: &str = "WEIR_TESTS_RUN";

/// What a test process needs of its surroundings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// An own network, in which every address of [`address`] is local.
    Own,
    /// The machine's, for tests against a cluster that somebody else runs.
    Host,
}

/// Runs this program again inside namespaces of its own, and returns only there.
///
/// The process namespace ends every child when this process ends, however it ends.
pub fn enter(network: Network) -> Result<()> {
    enter_as(network, &new_run())
}

/// The same, as the run of this name.
pub(crate) fn enter_as(network: Network, run: &str) -> Result<()> {
    if !is_inside() {
        let error = reexecute(network, run)?.exec();
        return Err(error).context("starting `unshare` (package util-linux)");
    }
    match network {
        Network::Own => set_up(),
        Network::Host => Ok(()),
    }
}

/// Lets a command that is started inside enter namespaces of its own, as the run of this name.
pub fn let_enter(command: &mut tokio::process::Command, run: &str) {
    command.env_remove(INSIDE).env(RUN, run);
}

/// Makes a command part of the run of this name.
pub(crate) fn name_run(command: &mut Command, run: &str) {
    command.env(RUN, run);
}

/// Whether this process is inside already.
pub(crate) fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Whether this process is root's.
pub(crate) fn is_root() -> Result<bool> {
    Ok(std::fs::metadata("/proc/self")?.uid() == 0)
}

/// What tells this run from others on this machine.
pub fn run() -> String {
    std::env::var(RUN).unwrap_or_else(|_| std::process::id().to_string())
}

/// A name for a run, unless somebody gave it one. A process id alone would not do: inside process namespaces they are
/// small, and much the same every time.
pub(crate) fn new_run() -> String {
    let random = || RandomState::new().hash_one(std::process::id());
    std::env::var(RUN).unwrap_or_else(|_| format!("{:012x}", random() >> 16))
}

/// An address of cluster number `cluster` (0 to 255), the same in every run.
pub fn address(cluster: u8, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 213, cluster, host)
}

fn reexecute(network: Network, run: &str) -> Result<Command> {
    let program = std::env::current_exe().context("finding the test's own program")?;
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child", "--mount-proc"]);
    if network == Network::Own {
        command.arg("--net");
    }
    if !is_root()? {
        command.args(["--user", "--map-root-user"]);
    }
    command
        .arg("--")
        .arg(program)
        .args(std::env::args_os().skip(1))
        .env(INSIDE, "true")
        .env(RUN, run);
    Ok(command)
}

/// Makes the whole of 10.213.0.0/16 local: `EndpointSlice`s refuse loopback addresses.
fn set_up() -> Result<()> {
    ip(&["link", "set", "lo", "up"])?;
    ip(&["route", "replace", "local", "10.213.0.0/16", "dev", "lo"])
}

/// Runs `ip`.
pub(crate) fn ip(arguments: &[&str]) -> Result<()> {
    let output = Command::new("ip")
        .args(arguments)
        .env("PATH", search_path())
        .output();
    let output = output.context("starting `ip` (package iproute2)")?;
    if !output.status.success() {
        bail!(
            "ip {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    ensure!(
        output.stderr.is_empty(),
        "ip {}: unexpected output",
        arguments.join(" ")
    );
    Ok(())
}
