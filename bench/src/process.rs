//! Child processes: started on the cores that they may use, killed when they are dropped, and by the kernel should this process
//! end before that.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// Where servers are that are not on everybody's PATH.
const SERVER_FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// A running child.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program` on the cores numbered `cores`, as `taskset` lists them; what it writes to standard error
    /// goes to `log`.
    pub(crate) fn start<I, S>(program: &Path, args: I, cores: &str, log: PathBuf) -> Result<Self>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        // Both replace themselves by what they start, so that the child's id is the program's.
        let child = Command::new(tool("setpriv")?)
            .args(["--pdeathsig", "KILL"])
            .arg(tool("taskset")?)
            .args(["--cpu-list", cores])
            .arg(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        Ok(Self { child, log })
    }

    /// Its id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// What it last wrote to standard error.
    pub(crate) fn last_words(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let from = text.char_indices().rev().nth(2_000).map_or(0, |(at, _)| at);
        text[from..].to_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only where it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Moves every thread of the process `pid`, and so those that it will have, to the core number `core`.
pub(crate) fn pin(pid: u32, core: usize) -> Result<()> {
    let output = Command::new(tool("taskset")?)
        .args([
            "--all-tasks",
            "--cpu-list",
            "--pid",
            &core.to_string(),
            &pid.to_string(),
        ])
        .output()?;
    if !output.status.success() {
        bail!(
            "moving process {pid} to core {core}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}

/// The program `name` of util-linux.
pub(crate) fn tool(name: &str) -> Result<PathBuf> {
    find(name).with_context(|| format!("`{name}` is missing; it is part of util-linux"))
}

/// The program `name`, on the PATH or where servers are.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(SERVER_FOLDERS.map(PathBuf::from));
    folders
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}
