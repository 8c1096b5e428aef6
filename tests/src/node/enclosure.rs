//! What keeps a node from the machine that it runs on: namespaces, file systems of its own over those that its parts
//! write to, and control groups that go when it does.
//!
//! Nothing here may change what the machine's own processes see, but for the control groups: they have no namespace
//! in which they could be made. So a sweeper stays outside, and removes them once the node has ended, however it did.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{Pid, PidfdFlags, pidfd_open},
};
use tokio::runtime;

use super::{ADDRESS, STATE, cgroup};
use crate::{
    netns::{self, Network},
    tools::repository,
};

/// Set in the environment of the sweeper, to the process id whose end it waits for.
const SWEEPS_AFTER: &str = "WEIR_TESTS_SWEEPS_AFTER";

/// Where the parts of a node write at fixed paths. All of it is memory in there, and gone with the namespace.
const COVERED: [&str; 3] = ["/run", "/var/lib", "/var/log"];

/// Settings of the kernel's that a kubelet sets for the whole machine, unless they are so already. It finds files that
/// say so.
const SETTINGS: [(&str, &str); 5] = [
    ("/proc/sys/vm/overcommit_memory", "1"),
    ("/proc/sys/kernel/panic", "10"),
    ("/proc/sys/kernel/panic_on_oops", "1"),
    ("/proc/sys/kernel/keys/root_maxkeys", "1000000"),
    ("/proc/sys/kernel/keys/root_maxbytes", "25000000"),
];

/// Where names are resolved, for the node and, but for Services, for its pods.
pub(super) const RESOLV_CONF: &str = "/run/weir-tests/resolv.conf";

/// Runs this program again inside namespaces of its own, and returns only there. Needs root.
pub fn enter() -> Result<()> {
    if let Some(process) = std::env::var_os(SWEEPS_AFTER) {
        // Nobody is left to be told.
        sweep(&process.to_string_lossy()).ok();
        std::process::exit(0);
    }
    let run = netns::new_run();
    if !netns::is_inside() {
        ensure!(netns::is_root()?, "a node that runs pods needs root");
        nothing_needed_is_covered()?;
        start_sweeper(&run)?;
    }
    netns::enter_as(Network::Own, &run)
}

/// What lies below a covered path can't be found from inside.
fn nothing_needed_is_covered() -> Result<()> {
    let needed = [
        Some(repository()),
        std::env::current_exe().ok(),
        std::env::home_dir(),
    ];
    for path in needed.into_iter().flatten() {
        let covering = COVERED.iter().find(|covered| path.starts_with(covered));
        ensure!(
            covering.is_none(),
            "a node covers {} with memory of its own, and {} lies there: run the tests from another folder",
            covering.unwrap_or(&""),
            path.display()
        );
    }
    Ok(())
}

/// The name of this run's control groups.
pub(super) fn cgroup_name() -> String {
    format!("weir-tests-{}", netns::run())
}

/// In a process group of its own, so that what ends the tests from a terminal does not end it, and without the tests'
/// output, whose reader would wait for it.
fn start_sweeper(run: &str) -> Result<()> {
    use std::{os::unix::process::CommandExt, process::Stdio};
    let mut command = Command::new(std::env::current_exe()?);
    command.env(SWEEPS_AFTER, std::process::id().to_string());
    netns::name_run(&mut command, run);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.process_group(0).spawn().context("starting the sweeper")?;
    Ok(())
}

/// Waits for the end of a process, and removes what it could not. It becomes the one that holds the namespaces, and
/// keeps its id.
fn sweep(process: &str) -> Result<()> {
    let id = process
        .parse()
        .ok()
        .and_then(Pid::from_raw)
        .context("no process id")?;
    // One that can't be found has ended already.
    if let Ok(process) = pidfd_open(id, PidfdFlags::empty()) {
        poll(&mut [PollFd::new(&process, PollFlags::IN)], None)?;
    }
    let runtime = runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(cgroup::remove(&cgroup_name()))
}

/// Prepares the namespaces for a node.
pub(super) fn set_up() -> Result<()> {
    let names = std::fs::canonicalize("/etc/resolv.conf").context("finding /etc/resolv.conf")?;
    for path in COVERED {
        run("mount", &["-t", "tmpfs", "-o", "mode=755", "tmpfs", path])?;
    }
    std::fs::create_dir_all(STATE)?;
    resolve_names_as_pods_do(&names)?;
    for (setting, value) in SETTINGS {
        let file = format!("{STATE}/{}", setting.replace('/', "_"));
        std::fs::write(&file, value)?;
        cover(&file, setting)?;
    }
    set_up_network()?;
    cgroup::create(&cgroup_name())
}

/// From here on, this process finds Services by name, through the node's own DNS. `file` may be where it no longer is.
fn resolve_names_as_pods_do(file: &Path) -> Result<()> {
    if let (false, Some(folder)) = (file.exists(), file.parent()) {
        std::fs::create_dir_all(folder)?;
        std::fs::write(file, "")?;
    }
    std::fs::write(RESOLV_CONF, format!("nameserver {ADDRESS}\n"))?;
    cover(RESOLV_CONF, &file.to_string_lossy())
}

/// A bridge for the pods, with the node on it. Without a default route, addresses of Services have none.
fn set_up_network() -> Result<()> {
    netns::ip(&["link", "add", "cni0", "type", "bridge"])?;
    netns::ip(&["address", "add", &format!("{ADDRESS}/24"), "dev", "cni0"])?;
    netns::ip(&["link", "set", "cni0", "up"])?;
    netns::ip(&["route", "add", "default", "dev", "cni0"])?;
    std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").context("forwarding between pods")
}

/// Lays one file over another.
fn cover(file: &str, target: &str) -> Result<()> {
    run("mount", &["--bind", file, target])
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let output = Command::new(program).args(arguments).output();
    let output = output.with_context(|| format!("starting `{program}`"))?;
    ensure!(
        output.status.success(),
        "{program} {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}
