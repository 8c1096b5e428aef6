//! A copy of the sources in another folder, to see whether the folder can be told from what is built in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

/// Copies every file that Git knows or would take from `root` to `folder`, which is emptied first, and
/// returns `folder`.
pub(super) fn sources(root: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    for path in files(root)? {
        let (from, to) = (root.join(&path), folder.join(&path));
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(&from, &to).with_context(|| format!("can't copy {}", from.display()))?;
    }
    Ok(folder.to_owned())
}

/// Deleted files are listed as long as Git knows them.
fn files(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut command = Command::new("git");
    command
        .current_dir(root)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let output = command.output().context("can't run git")?;
    ensure!(output.status.success(), "git can't list the sources");
    let list = String::from_utf8(output.stdout)?;
    let paths = list.split_terminator('\0').map(PathBuf::from);
    Ok(paths.filter(|path| root.join(path).is_file()).collect())
}
