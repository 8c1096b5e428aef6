//! An image as the OCI image specification has it: layers, a configuration and a manifest, each known by the
//! SHA-256 of its bytes. <https://github.com/opencontainers/image-spec/tree/v1.1.1>.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;

use anyhow::Context as _;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Labels or annotations.
pub(super) type Labels = BTreeMap<String, String>;

/// Bytes that are known by their digest.
#[derive(Debug, Clone)]
pub(super) struct Blob {
    media_type: &'static str,
    /// `sha256:` and 64 hex digits.
    pub(super) digest: String,
    pub(super) bytes: Vec<u8>,
}

/// A tar file to lay over those below, compressed.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub(super) blob: Blob,
    /// The digest of the tar file itself.
    diff_id: String,
    unpacked_size: usize,
}

/// Under which name an image is stored and found.
#[derive(Debug)]
pub(super) struct Name {
    /// The registry's host, and what comes before the repository.
    pub(super) registry: String,
    pub(super) repository: &'static str,
    pub(super) tag: String,
}

/// What an image says of itself.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) name: Name,
    /// The processors, as Go names them.
    pub(super) arch: &'static str,
    /// The time of making, in seconds since 1970.
    pub(super) epoch: u32,
    /// User and group, as numbers.
    pub(super) user: &'static str,
    /// The path of what runs.
    pub(super) entrypoint: String,
    /// Its labels, which are its manifest's annotations too.
    pub(super) labels: Labels,
}

/// A whole image.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) name: Name,
    arch: &'static str,
    /// Its digest is the image's.
    pub(super) manifest: Blob,
    pub(super) config: Blob,
    pub(super) layers: Vec<Layer>,
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            registry,
            repository,
            tag,
        } = self;
        write!(formatter, "{registry}/{repository}:{tag}")
    }
}

impl Blob {
    fn new(media_type: &'static str, bytes: Vec<u8>) -> Self {
        let digest = digest(&bytes);
        Self {
            media_type,
            digest,
            bytes,
        }
    }

    fn json(media_type: &'static str, value: &impl Serialize) -> anyhow::Result<Self> {
        Ok(Self::new(media_type, serde_json::to_vec(value)?))
    }

    /// The digest's digits: the name of a blob's file.
    pub(super) fn hex(&self) -> &str {
        self.digest.trim_start_matches("sha256:")
    }

    fn descriptor(&self) -> Descriptor<'_> {
        let (media_type, digest, size) = (self.media_type, &self.digest, self.bytes.len());
        Descriptor {
            media_type,
            digest,
            size,
            annotations: BTreeMap::new(),
            platform: None,
        }
    }
}

impl Layer {
    /// The layer of a tar file.
    pub(super) fn new(tar: &[u8]) -> anyhow::Result<Self> {
        // The encoder writes neither a name nor a time into its head.
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(tar)?;
        Ok(Self {
            blob: Blob::new(LAYER, encoder.finish()?),
            diff_id: digest(tar),
            unpacked_size: tar.len(),
        })
    }
}

impl Image {
    /// The image of these layers, the first of which is the lowest.
    pub(super) fn new(spec: Spec, layers: Vec<Layer>) -> anyhow::Result<Self> {
        let config = Blob::json(CONFIG, &Config::new(&spec, &layers)?)?;
        let Spec {
            name, arch, labels, ..
        } = spec;
        let manifest = Manifest {
            schema_version: 2,
            media_type: MANIFEST,
            config: config.descriptor(),
            layers: layers.iter().map(|layer| layer.blob.descriptor()).collect(),
            annotations: labels,
        };
        let manifest = Blob::json(MANIFEST, &manifest)?;
        Ok(Self {
            name,
            arch,
            manifest,
            config,
            layers,
        })
    }

    /// How an index refers to the image, with these annotations.
    pub(super) fn descriptor(&self, annotations: Labels) -> Descriptor<'_> {
        let platform = Some(Platform {
            architecture: self.arch,
            os: "linux",
        });
        Descriptor {
            annotations,
            platform,
            ..self.manifest.descriptor()
        }
    }

    /// Everything that the image consists of.
    pub(super) fn blobs(&self) -> impl Iterator<Item = &Blob> {
        [&self.manifest, &self.config]
            .into_iter()
            .chain(self.layers.iter().map(|layer| &layer.blob))
    }

    /// What a registry stores, in bytes.
    pub(super) fn packed_size(&self) -> usize {
        self.blobs().map(|blob| blob.bytes.len()).sum()
    }

    /// What a node's disk holds, in bytes.
    pub(super) fn unpacked_size(&self) -> usize {
        self.layers.iter().map(|layer| layer.unpacked_size).sum()
    }
}

fn digest(bytes: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        text.extend([byte >> 4, byte & 0xf].map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])));
    }
    text
}

/// How one document refers to another.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor<'a> {
    media_type: &'static str,
    digest: &'a str,
    size: usize,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: Labels,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<Platform>,
}

#[derive(Debug, Serialize)]
struct Platform {
    architecture: &'static str,
    os: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u8,
    media_type: &'static str,
    config: Descriptor<'a>,
    layers: Vec<Descriptor<'a>>,
    annotations: Labels,
}

#[derive(Debug, Serialize)]
struct Config<'a> {
    created: String,
    #[serde(flatten)]
    platform: Platform,
    #[serde(rename = "config")]
    runtime: Runtime<'a>,
    rootfs: RootFs<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Runtime<'a> {
    user: &'static str,
    entrypoint: [&'a str; 1],
    labels: &'a Labels,
}

#[derive(Debug, Serialize)]
struct RootFs<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    diff_ids: Vec<&'a str>,
}

impl<'a> Config<'a> {
    fn new(spec: &'a Spec, layers: &'a [Layer]) -> anyhow::Result<Self> {
        let created = Timestamp::from_second(spec.epoch.into()).context("the time is out of range")?;
        Ok(Self {
            created: created.to_string(),
            platform: Platform {
                architecture: spec.arch,
                os: "linux",
            },
            runtime: Runtime {
                user: spec.user,
                entrypoint: [&spec.entrypoint],
                labels: &spec.labels,
            },
            rootfs: RootFs {
                kind: "layers",
                diff_ids: layers.iter().map(|layer| layer.diff_id.as_str()).collect(),
            },
        })
    }
}

#[cfg(test)]
pub(in crate::images) mod tests;
