//! `cargo xtask images`: Weir's container images, from sources to files that any container engine loads.
//!
//! Building runs Cargo and nothing else; assembling is a function of bytes. The same sources give the same
//! digests, whatever the folder they lie in and whoever builds them. What an image holds is said in
//! [`contents`], and nothing of the machine that builds it gets in.

mod archive;
mod build;
mod certificates;
mod contents;
mod copy;
mod layout;
mod oci;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::ValueEnum;

use self::build::Build;
use self::contents::{COMPONENTS, Component};
use self::oci::Image;
use crate::root::root;

/// The arguments of `cargo xtask images`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The processors that run the images; by default this machine's.
    #[arg(long, value_enum, default_value_t = Arch::host())]
    arch: Arch,
    /// The folder to write to [default: images/ARCH in Cargo's target folder].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Cargo's profile. `dev` builds faster, and its images are large.
    #[arg(long, default_value = "image")]
    profile: String,
    /// The registry in the images' names.
    #[arg(long, default_value = "localhost")]
    registry: String,
    /// The tag in the images' names.
    #[arg(long, default_value = env!("CARGO_PKG_VERSION"))]
    tag: String,
    /// The time in the images, in seconds since 1970.
    #[arg(long, env = "SOURCE_DATE_EPOCH", default_value_t = 0)]
    epoch: u32,
    /// Builds again from a copy of the sources in another folder, and fails when a digest differs.
    #[arg(long)]
    twice: bool,
}

/// The processors that an image is for, as image indexes spell them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Arch {
    /// `x86_64`, built with Debian's musl-tools.
    Amd64,
    /// `aarch64`, cross-built with cargo-zigbuild.
    Arm64,
}

impl Arch {
    /// This machine's.
    fn host() -> Self {
        if cfg!(target_arch = "aarch64") {
            Self::Arm64
        } else {
            Self::Amd64
        }
    }

    /// As image configurations and indexes spell it.
    fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

/// Builds the images, writes them, and prints what each one is.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let target = build::target_folder(root())?;
    let images = assemble(args, root(), &target)?;
    if args.twice {
        let copy = copy::sources(root(), &target.join("images/again"))?;
        let again = assemble(args, &copy, &copy.join("target"))?;
        compare(&images, &again)?;
    }
    let folder = target.join("images").join(args.arch.name());
    let folder = args.out.as_ref().unwrap_or(&folder);
    for image in &images {
        layout::write(image, folder).with_context(|| format!("can't write to {}", folder.display()))?;
    }
    print(&images, folder)?;
    Ok(())
}

/// The images of the sources in `root`, built in `target`.
fn assemble(args: &Args, root: &Path, target: &Path) -> anyhow::Result<Vec<Image>> {
    let build = Build {
        root,
        target,
        arch: args.arch,
        profile: &args.profile,
    };
    let binaries = build.binaries(COMPONENTS.map(|component| component.name))?;
    let base = contents::base(args.epoch)?;
    let image = |(component, binary): (&Component, Vec<u8>)| {
        let layers = vec![base.clone(), contents::binary(component, binary, args.epoch)?];
        contents::image(component, args, layers)
    };
    COMPONENTS.iter().zip(binaries).map(image).collect()
}

fn compare(one: &[Image], other: &[Image]) -> anyhow::Result<()> {
    for (one, other) in one.iter().zip(other) {
        let (name, first, second) = (&one.name, &one.manifest.digest, &other.manifest.digest);
        ensure!(
            first == second,
            "{name} is {first}, and {second} when built in another folder"
        );
    }
    Ok(())
}

fn print(images: &[Image], folder: &Path) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for image in images {
        let (packed, unpacked) = (mebibytes(image.packed_size()), mebibytes(image.unpacked_size()));
        let (name, digest) = (&image.name, &image.manifest.digest);
        writeln!(
            out,
            "{name}  {digest}  {packed} MiB packed, {unpacked} MiB unpacked"
        )?;
    }
    writeln!(out, "in {}", folder.display())
}

/// With one decimal.
fn mebibytes(bytes: usize) -> String {
    let tenths = (bytes * 10).div_ceil(1024 * 1024);
    format!("{}.{}", tenths / 10, tenths % 10)
}
