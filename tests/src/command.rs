//! One call of somebody's command-line tool: what goes in, and what it printed.

use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tokio::{io::AsyncWriteExt, process::Command};

/// What one call printed.
#[derive(Clone, Debug)]
pub struct Output {
    /// The program.
    pub program: String,
    /// The exit code; -1 when a signal ended it.
    pub code: i32,
    /// What it wrote to its standard output.
    pub stdout: String,
    /// What it wrote to its standard error.
    pub stderr: String,
}

impl Output {
    /// Fails with what was printed, unless the call succeeded.
    pub fn success(self) -> Result<String> {
        if self.code != 0 {
            bail!(
                "{} exited with {}: {}{}",
                self.program,
                self.code,
                self.stderr,
                self.stdout
            );
        }
        Ok(self.stdout)
    }
}

/// Runs a command with `input` as its standard input, and waits for its end.
pub async fn run(mut command: Command, input: &str) -> Result<Output> {
    let program = command.as_std().get_program();
    let program = std::path::Path::new(program)
        .file_name()
        .unwrap_or(program)
        .display()
        .to_string();
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().with_context(|| format!("starting {program}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await?;
    }
    let output = child.wait_with_output().await?;
    Ok(Output {
        program,
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
