use serde_json::{Value, json};

use super::{Image, Layer, Name, Spec};
use crate::images::archive::Tree;

/// A whole image of two small files.
pub(in crate::images) fn tiny() -> Image {
    let layer =
        |path| Layer::new(&Tree::default().with_file(path, b"hello".to_vec()).tar(0).unwrap()).unwrap();
    let spec = Spec {
        name: Name {
            registry: "localhost".to_owned(),
            repository: "tiny",
            tag: "1".to_owned(),
        },
        arch: "amd64",
        epoch: 1,
        user: "65532:65532",
        entrypoint: "/tiny".to_owned(),
        labels: [("title".to_owned(), "tiny".to_owned())].into(),
    };
    Image::new(spec, vec![layer("etc/a"), layer("tiny")]).unwrap()
}

#[test]
fn a_tiny_image_has_the_digest_that_it_always_had() {
    assert_eq!(
        tiny().manifest.digest,
        "sha256:e9dd58603597e673d64a7d68578fac38103cc0822ed7cffa2c2020cf265fd867"
    );
}

#[test]
fn a_configuration_says_who_runs_what_and_when_it_was_made() {
    let image = tiny();
    let config: Value = serde_json::from_slice(&image.config.bytes).unwrap();
    let diff_ids: Vec<_> = image.layers.iter().map(|layer| &layer.diff_id).collect();
    assert_eq!(
        config,
        json!({
            "created": "1970-01-01T00:00:01Z",
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "User": "65532:65532",
                "Entrypoint": ["/tiny"],
                "Labels": { "title": "tiny" },
            },
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        })
    );
}

#[test]
fn a_manifest_names_its_parts_by_digest_and_size() {
    let image = tiny();
    let manifest: Value = serde_json::from_slice(&image.manifest.bytes).unwrap();
    let named = [
        &manifest["config"],
        &manifest["layers"][0],
        &manifest["layers"][1],
    ];
    for (named, blob) in named.into_iter().zip(image.blobs().skip(1)) {
        assert_eq!(named["digest"], json!(blob.digest));
        assert_eq!(named["size"], json!(blob.bytes.len()));
    }
}

#[test]
fn a_layer_unpacks_to_its_tar_file() {
    let tar = Tree::default().with_file("a", b"hello".to_vec()).tar(0).unwrap();
    let layer = Layer::new(&tar).unwrap();
    let mut unpacked = Vec::new();
    std::io::copy(
        &mut flate2::read::GzDecoder::new(&layer.blob.bytes[..]),
        &mut unpacked,
    )
    .unwrap();
    assert_eq!(unpacked, tar);
    // The time in gzip's head (RFC 1952, section 2.3).
    assert_eq!(layer.blob.bytes[4..8], [0; 4]);
}
