//! Writes `crds/*.yaml`: `cargo run -p weir-policy --example crds`.

use std::{error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crds");
    for (name, text) in weir_policy::crds::files() {
        fs::write(folder.join(name), text)?;
    }
    Ok(())
}
