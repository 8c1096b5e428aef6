//! The one image that the tests make themselves: a program that waits for ever, and beside it links into the machine's
//! own files, for pods that mount those.
//!
//! Every pod is held together by a container of this image. A pod that mounts the machine at [`MACHINE`] can run the
//! machine's programs at their usual paths, such as a Python with the SDKs, which no image here could carry.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};
use tokio::process::Command;

/// The image's name.
pub const NAME: &str = "localhost/weir-tests:1";

/// Its program, which waits for ever.
pub const WAIT: &str = "/wait";

/// Where a pod mounts the machine's files.
pub const MACHINE: &str = "/machine";

/// What a pod has of its own, and not of the machine's.
const OWN: [&str; 6] = ["dev", "etc", "proc", "run", "sys", "var"];

const SOURCE: &str = "fn main() { loop { std::thread::park(); } }\n";

/// Where [`write`] puts the image.
pub(super) fn archive(folder: &Path) -> PathBuf {
    folder.join("weir-tests.tar")
}

/// Builds the image in `folder`, in the form of `docker save`:
/// <https://github.com/moby/moby/blob/v24.0.0/image/spec/v1.2.md#combined-image-json--filesystem-changeset-format>.
pub(super) async fn write(folder: &Path) -> Result<()> {
    let layer = layer(&program(folder).await?)?;
    let mut digest = String::from("sha256:");
    for byte in Sha256::digest(&layer) {
        write!(digest, "{byte:02x}")?;
    }
    let configuration = json!({
        "architecture": std::env::consts::ARCH.replace("x86_64", "amd64").replace("aarch64", "arm64"),
        "os": "linux",
        "config": {"Entrypoint": [WAIT], "User": "65534:65534"},
        "rootfs": {"type": "layers", "diff_ids": [digest]},
    });
    let manifest = json!([{"Config": "config.json", "RepoTags": [NAME], "Layers": ["layer.tar"]}]);
    let mut image = Builder::new(Vec::new());
    add(
        &mut image,
        "manifest.json",
        0o644,
        manifest.to_string().as_bytes(),
    )?;
    add(
        &mut image,
        "config.json",
        0o644,
        configuration.to_string().as_bytes(),
    )?;
    add(&mut image, "layer.tar", 0o644, &layer)?;
    std::fs::write(archive(folder), image.into_inner()?)?;
    Ok(())
}

/// A static program, built by the toolchain that built the tests.
async fn program(folder: &Path) -> Result<Vec<u8>> {
    let (source, program) = (folder.join("wait.rs"), folder.join("wait"));
    std::fs::write(&source, SOURCE)?;
    let mut command = Command::new("rustc");
    command
        .args([
            "--edition=2024",
            "-Cpanic=abort",
            "-Copt-level=s",
            "-Cstrip=symbols",
        ])
        .arg(format!("--target={}-unknown-linux-musl", std::env::consts::ARCH))
        .current_dir(crate::tools::repository())
        .arg("-o")
        .args([&program, &source]);
    let output = command.output().await.context("starting `rustc`")?;
    ensure!(
        output.status.success(),
        "rustc: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(std::fs::read(program)?)
}

fn layer(program: &[u8]) -> Result<Vec<u8>> {
    let mut layer = Builder::new(Vec::new());
    add(&mut layer, WAIT.trim_start_matches('/'), 0o755, program)?;
    for entry in std::fs::read_dir("/")? {
        let name = entry?.file_name();
        if OWN.iter().any(|own| name == *own) {
            continue;
        }
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Symlink);
        header.set_size(0);
        layer.append_link(&mut header, &name, Path::new(MACHINE).join(&name))?;
    }
    Ok(layer.into_inner()?)
}

fn add(archive: &mut Builder<Vec<u8>>, path: &str, mode: u32, bytes: &[u8]) -> Result<()> {
    let mut header = Header::new_ustar();
    header.set_mode(mode);
    header.set_size(bytes.len() as u64);
    archive.append_data(&mut header, path, bytes)?;
    Ok(())
}
