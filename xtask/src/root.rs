//! Where the repository is.

use std::path::Path;

/// The workspace's folder: the one above this crate's.
pub(crate) fn root() -> &'static Path {
    let this = Path::new(env!("CARGO_MANIFEST_DIR"));
    this.parent().unwrap_or(this)
}
