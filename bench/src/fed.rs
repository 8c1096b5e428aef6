//! The router alone, fed with tables by this program: `weir-bench-tables` as a child.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::process;

/// The model to ask for: the first policy of the first table.
pub(crate) const MODEL: &str = "policy/team-0/policy-0";

/// What is to be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Swap {
    /// One table.
    One,
    /// Every table.
    All,
}

/// A running router; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Fed {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    child: Child,
    commands: ChildStdin,
}

impl Fed {
    /// Starts one on `cores`, as `taskset` writes them, in front of `upstream`, with so many tables of a hundred policies.
    pub(crate) fn start(cores: &str, upstream: SocketAddr, tables: usize) -> Result<Self> {
        let program = std::env::current_exe()?.with_file_name("weir-bench-tables");
        ensure!(
            program.is_file(),
            "{} is missing: build it with `cargo build --release -p weir-bench`",
            program.display()
        );
        // Both replace themselves by what they start, so that the child's id is the program's.
        let mut child = Command::new(process::tool("setpriv")?)
            .args(["--pdeathsig", "KILL"])
            .arg(process::tool("taskset")?)
            .args(["--cpu-list", cores])
            .arg(program)
            .args([upstream.to_string(), tables.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create("/dev/null")?)
            .spawn()?;
        let commands = child.stdin.take().context("it has an input")?;
        let output = child.stdout.take().context("it has an output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().parse().context("the router did not start")?;
        Ok(Self {
            address,
            child,
            commands,
        })
    }

    /// Its id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Has it replace tables. It returns at once.
    pub(crate) fn swap(&mut self, swap: Swap) -> Result<()> {
        let command = match swap {
            Swap::One => "one\n",
            Swap::All => "all\n",
        };
        Ok(self.commands.write_all(command.as_bytes())?)
    }
}

impl Drop for Fed {
    fn drop(&mut self) {
        // Fails only where it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
