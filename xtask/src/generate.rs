//! `cargo xtask generate`: the files of the repository that are made from code, all of them, by one command.
//!
//! A generator is a function from nothing to [`File`]s; it is listed in [`files`] and does no I/O. A folder all
//! of whose files are generated is listed in [`OWNED`], so that a file that nothing makes any more is found.

mod charts;

use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context as _, bail};

use crate::root::root;

/// Folders, from the root, that hold generated files only.
const OWNED: [&str; 2] = ["crds", charts::DEFINITIONS];

/// The arguments of `cargo xtask generate`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Writes nothing, and fails when a file is not as it would be written.
    #[arg(long)]
    check: bool,
}

/// One generated file.
#[derive(Debug)]
struct File {
    /// From the root.
    path: PathBuf,
    text: String,
}

/// Writes the files that differ, or with `--check` names them and fails.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let Args { check } = *args;
    let (stale, left_over) = (stale(root())?, left_over(root())?);
    if check {
        return report(&stale, &left_over);
    }
    for file in stale {
        let path = root().join(&file.path);
        fs::write(&path, &file.text).with_context(|| format!("can't write {}", path.display()))?;
    }
    for path in left_over {
        fs::remove_file(root().join(&path)).with_context(|| format!("can't remove {}", path.display()))?;
    }
    Ok(())
}

/// Every generated file.
fn files() -> Vec<File> {
    crds().chain(charts::files()).collect()
}

/// `crds/`: the definitions of the custom resources.
fn crds() -> impl Iterator<Item = File> {
    let file = |(name, text)| File {
        path: Path::new("crds").join(name),
        text,
    };
    weir_policy::crds::files().into_iter().map(file)
}

/// The generated files that are not in `root` as they would be written.
fn stale(root: &Path) -> anyhow::Result<Vec<File>> {
    let mut stale = Vec::new();
    for file in files() {
        if read(&root.join(&file.path))?.as_deref() != Some(file.text.as_bytes()) {
            stale.push(file);
        }
    }
    Ok(stale)
}

fn read(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("can't read {}", path.display())),
    }
}

/// Files in the owned folders that nothing makes.
fn left_over(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let made: Vec<PathBuf> = files().into_iter().map(|file| file.path).collect();
    let mut found = Vec::new();
    for folder in OWNED {
        for entry in fs::read_dir(root.join(folder)).with_context(|| format!("can't list {folder}"))? {
            found.push(Path::new(folder).join(entry?.file_name()));
        }
    }
    found.retain(|path| !made.contains(path));
    Ok(found)
}

fn report(stale: &[File], left_over: &[PathBuf]) -> anyhow::Result<()> {
    let stale = stale
        .iter()
        .map(|file| format!("{} is stale", file.path.display()));
    let left_over = left_over
        .iter()
        .map(|path| format!("{} is made by nothing", path.display()));
    let wrong: Vec<String> = stale.chain(left_over).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    bail!("{}; run `cargo xtask generate`", wrong.join(", "))
}

#[cfg(test)]
mod tests {
    use super::{Args, run};

    #[test]
    fn every_generated_file_is_as_it_would_be_written() {
        run(&Args { check: true }).unwrap();
    }
}
