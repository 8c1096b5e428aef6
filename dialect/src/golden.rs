//! Files that hold what is written, byte for byte. `UPDATE_GOLDEN=1` writes them anew.

use std::path::Path;

/// Fails unless `tests/golden/<name>` holds `written`.
pub(crate) fn check(name: &str, written: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, written).unwrap();
    }
    let known = std::fs::read(&path).unwrap_or_default();
    assert_eq!(
        String::from_utf8_lossy(written),
        String::from_utf8_lossy(&known),
        "differs from {name}; UPDATE_GOLDEN=1 writes it anew"
    );
}
