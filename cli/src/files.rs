//! Files and folders into texts. It finds and reads; what the texts mean is [`crate::load`]'s.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// The path that means standard input.
const STANDARD_INPUT: &str = "-";

/// What a folder's documents end in, as for `kubectl apply -f`.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// How deep folders are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Only the files of the folder itself.
    Flat,
    /// The folders inside it too.
    Nested,
}

/// One text, and what to call the place that it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Why a path could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    /// The system says no.
    #[error("cannot read {}: {error}", path.display())]
    Refused { path: PathBuf, error: io::Error },
    /// A folder without a file to read.
    #[error("{} holds no file ending in .yaml, .yml or .json; -R also looks into its folders", path.display())]
    Nothing { path: PathBuf },
    /// Bytes that are no text.
    #[error("{} is not UTF-8 text", path.display())]
    NotText { path: PathBuf },
}

/// The texts behind `paths`, in their order, each file once.
pub(crate) fn read(paths: &[PathBuf], depth: Depth) -> Result<Vec<Input>, Unreadable> {
    let mut files: Vec<PathBuf> = Vec::new();
    for path in paths {
        let found = expand(path, depth)?;
        if found.is_empty() {
            return Err(Unreadable::Nothing { path: path.clone() });
        }
        let new: Vec<PathBuf> = found.into_iter().filter(|file| !files.contains(file)).collect();
        files.extend(new);
    }
    files.iter().map(|file| input(file)).collect()
}

/// The files that `path` stands for: itself, or those of the folder in the order of their names. Names
/// that begin with a dot are left out: editors' own files, and the versions behind a mounted `ConfigMap`.
pub(crate) fn expand(path: &Path, depth: Depth) -> Result<Vec<PathBuf>, Unreadable> {
    if is_standard_input(path) || !fs::metadata(path).map_err(|error| refused(path, error))?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in entries(path).map_err(|error| refused(path, error))? {
        // Follows links, and leaves out what vanished since the folder was read.
        match fs::metadata(&entry) {
            Ok(facts) if facts.is_dir() && depth == Depth::Nested => files.extend(expand(&entry, depth)?),
            Ok(facts) if facts.is_file() && is_document(&entry) => files.push(entry),
            _ => {}
        }
    }
    Ok(files)
}

/// The text of one file.
pub(crate) fn text(path: &Path) -> Result<String, Unreadable> {
    let bytes = if is_standard_input(path) {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(path)
    };
    String::from_utf8(bytes.map_err(|error| refused(path, error))?).map_err(|_| Unreadable::NotText {
        path: path.to_owned(),
    })
}

/// What a file is called in messages.
pub(crate) fn name(path: &Path) -> String {
    if is_standard_input(path) {
        "stdin".to_owned()
    } else {
        path.display().to_string()
    }
}

/// Whether `path` means standard input.
pub(crate) fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == STANDARD_INPUT
}

fn input(path: &Path) -> Result<Input, Unreadable> {
    Ok(Input {
        name: name(path),
        text: text(path)?,
    })
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            entries.push(entry.path());
        }
    }
    entries.sort();
    Ok(entries)
}

fn is_document(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension))
}

fn refused(path: &Path, error: io::Error) -> Unreadable {
    Unreadable::Refused {
        path: path.to_owned(),
        error,
    }
}
