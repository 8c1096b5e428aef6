//! The harness itself: whoever runs it has nothing to clean up.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};
use weir_tests::{netns, poll::eventually, site::logs};

use crate::context::Context;

const START_LIMIT: Duration = Duration::from_mins(3);
const END_LIMIT: Duration = Duration::from_secs(30);

/// A second cluster, within the namespaces of this one, is killed (-9) while it runs a command.
pub(crate) async fn a_cluster_that_is_killed_leaves_nothing_behind(_: &Context) -> Result<()> {
    let run = format!("{}-second", netns::run());
    let mut program = start(&run)?;
    tokio::time::timeout(START_LIMIT, until_the_command_runs(&mut program))
        .await
        .context("the cluster is not up")??;
    ensure!(!control_groups(&run)?.is_empty(), "no control groups of its own");
    ensure!(!processes_in(&run)?.is_empty(), "no processes of its own");
    program.kill().await?;
    let gone = || async {
        let (groups, processes) = (control_groups(&run)?, processes_in(&run)?);
        ensure!(
            groups.is_empty() && processes.is_empty(),
            "{groups:?} {processes:?}"
        );
        Ok(Some(()))
    };
    eventually("everything to be gone", END_LIMIT, gone).await?;
    // Logs stay, as those of any run that did not end well.
    std::fs::remove_dir_all(logs().with_file_name(format!("run-{run}"))).context("its logs")
}

fn start(run: &str) -> Result<Child> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cluster"));
    command.args(["--with=nothing", "--", "sh", "-c", "echo runs; sleep 1000"]);
    netns::let_enter(&mut command, run);
    command
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("starting a second cluster")
}

async fn until_the_command_runs(program: &mut Child) -> Result<()> {
    let output = program.stdout.take().context("no output")?;
    let line = BufReader::new(output).lines().next_line().await?;
    ensure!(line.as_deref() == Some("runs"), "{line:?}");
    Ok(())
}

/// Where the kernel has control groups of this run.
fn control_groups(run: &str) -> Result<Vec<PathBuf>> {
    let name = format!("weir-tests-{run}");
    let hierarchies = std::fs::read_dir("/sys/fs/cgroup")?;
    let groups = hierarchies.map(|entry| Ok(entry?.path().join(&name)));
    let found = groups.collect::<Result<Vec<_>>>()?;
    Ok(found
        .into_iter()
        .chain([Path::new("/sys/fs/cgroup").join(&name)])
        .filter(|group| group.is_dir())
        .collect())
}

/// The command lines of processes that name this run's folder.
fn processes_in(run: &str) -> Result<Vec<String>> {
    let folder = format!("run-{run}/");
    let entries = std::fs::read_dir("/proc")?.collect::<Result<Vec<_>, _>>()?;
    // Those that end meanwhile can't be read.
    let lines = entries
        .into_iter()
        .filter_map(|entry| std::fs::read_to_string(entry.path().join("cmdline")).ok());
    Ok(lines.filter(|line| line.contains(&folder)).collect())
}
