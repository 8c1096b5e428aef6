//! A Git repository of a test's own, from which it applies as a pipeline would.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

/// A repository with one branch and no remote.
#[derive(Debug)]
pub struct Repository {
    folder: PathBuf,
}

impl Repository {
    /// A new repository in `folder`, which must not exist yet.
    pub fn create(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let repository = Self {
            folder: folder.to_owned(),
        };
        repository.git(&["init", "--quiet", "--initial-branch=main"])?;
        Ok(repository)
    }

    /// Where its files lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a file and commits it with everything else that has changed.
    pub fn commit(&self, file: &str, content: &str, message: &str) -> Result<()> {
        std::fs::write(self.folder.join(file), content)?;
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--message", message])
    }

    /// Takes back what the last commit did, by a commit of its own.
    pub fn revert(&self) -> Result<()> {
        self.git(&["revert", "--no-edit", "HEAD"])
    }

    /// Runs Git without the settings of whoever runs the tests.
    fn git(&self, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new("git");
        command
            .arg("-C")
            .arg(&self.folder)
            .args(["-c", "user.name=tests", "-c", "user.email=tests@weir.dev"])
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1");
        let output = command.output().context("starting git")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "git {arguments:?}: {errors}");
        Ok(())
    }
}
