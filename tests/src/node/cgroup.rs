//! Control groups of a node's own, of either version, in which its kubelet makes those of its pods.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};

use crate::poll::eventually;

/// Where the kernel's control groups are.
const ROOT: &str = "/sys/fs/cgroup";

/// How long processes that were killed may take to leave their groups.
const LIMIT: Duration = Duration::from_secs(20);

/// Makes a group of this name in every hierarchy.
pub(super) fn create(name: &str) -> Result<()> {
    for hierarchy in hierarchies()? {
        let group = hierarchy.join(name);
        std::fs::create_dir_all(&group).with_context(|| format!("making {}", group.display()))?;
        inherit(&hierarchy, &group)?;
    }
    Ok(())
}

/// Removes the groups of this name and all within, as soon as nobody is in them.
pub(super) async fn remove(name: &str) -> Result<()> {
    let gone = || async {
        for hierarchy in hierarchies()? {
            remove_tree(&hierarchy.join(name))?;
        }
        Ok(Some(()))
    };
    eventually("nobody to be in the node's groups", LIMIT, gone).await
}

/// In version 1 there is one for each controller, beside links by other names; in version 2 there is one.
fn hierarchies() -> Result<Vec<PathBuf>> {
    let root = Path::new(ROOT);
    if root.join("cgroup.controllers").exists() {
        return Ok(vec![root.to_owned()]);
    }
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(root)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}

/// What a new group lacks until somebody writes it: processors and memory in version 1, controllers in version 2.
fn inherit(parent: &Path, group: &Path) -> Result<()> {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let from = parent.join(file);
        if from.exists() {
            std::fs::write(group.join(file), std::fs::read(from)?)?;
        }
    }
    if let Ok(controllers) = std::fs::read_to_string(parent.join("cgroup.controllers")) {
        let all: Vec<String> = controllers
            .split_whitespace()
            .map(|name| format!("+{name}"))
            .collect();
        for folder in [parent, group] {
            // Some may be taken, and are not needed then.
            std::fs::write(folder.join("cgroup.subtree_control"), all.join(" ")).ok();
        }
    }
    Ok(())
}

/// The kernel's files in a group go with it, and must not be removed one by one.
fn remove_tree(group: &Path) -> io::Result<()> {
    let entries = match std::fs::read_dir(group) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    std::fs::remove_dir(group)
}
