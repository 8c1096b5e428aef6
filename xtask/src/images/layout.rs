//! An image on disk, twice: a folder in the OCI image layout, to push to a registry, and one tar file that is
//! that layout and also what `docker save` writes, to load into an engine.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::archive::Tree;
use super::oci::{Blob, Image, Labels};

/// Paths and what lies there.
type Files = BTreeMap<String, Vec<u8>>;

/// Writes `NAME/` and `NAME.tar` to `folder`, in place of what has these names.
pub(super) fn write(image: &Image, folder: &Path) -> anyhow::Result<()> {
    let name = image.name.repository;
    let (layout, files) = (folder.join(name), layout(image));
    if layout.exists() {
        fs::remove_dir_all(&layout)?;
    }
    fs::create_dir_all(layout.join("blobs/sha256"))?;
    for (path, bytes) in &files {
        fs::write(layout.join(path), bytes)?;
    }
    fs::write(folder.join(format!("{name}.tar")), archive(image, files)?)?;
    Ok(())
}

/// The layout: <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>.
fn layout(image: &Image) -> Files {
    let mut files: Files = image
        .blobs()
        .map(|blob| (path(blob), blob.bytes.clone()))
        .collect();
    files.insert(
        "oci-layout".to_owned(),
        bytes(&json!({ "imageLayoutVersion": "1.0.0" })),
    );
    files.insert("index.json".to_owned(), bytes(&index(image)));
    files
}

/// The layout with Docker's list of images beside it.
fn archive(image: &Image, mut files: Files) -> anyhow::Result<Vec<u8>> {
    files.insert("manifest.json".to_owned(), bytes(&docker_manifest(image)));
    files
        .into_iter()
        .fold(Tree::default(), |tree, (path, bytes)| {
            tree.with_file(&path, bytes)
        })
        .tar(0)
}

fn path(blob: &Blob) -> String {
    format!("blobs/sha256/{}", blob.hex())
}

/// Most tools look for the tag alone, containerd for the whole name.
fn index(image: &Image) -> Value {
    let name = &image.name;
    let annotations = Labels::from([
        ("org.opencontainers.image.ref.name".to_owned(), name.tag.clone()),
        ("io.containerd.image.name".to_owned(), name.to_string()),
    ]);
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [image.descriptor(annotations)],
    })
}

/// `manifest.json` as `docker load` reads it.
fn docker_manifest(image: &Image) -> Value {
    let layers: Vec<String> = image.layers.iter().map(|layer| path(&layer.blob)).collect();
    json!([{ "Config": path(&image.config), "RepoTags": [image.name.to_string()], "Layers": layers }])
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{archive, layout};
    use crate::images::oci::tests::tiny;

    #[test]
    fn an_index_leads_to_the_manifest_under_both_names() {
        let (image, files) = (tiny(), layout(&tiny()));
        let index: Value = serde_json::from_slice(&files["index.json"]).unwrap();
        let entry = &index["manifests"][0];
        assert_eq!(entry["digest"], image.manifest.digest);
        assert_eq!(
            files[&format!("blobs/sha256/{}", image.manifest.hex())],
            image.manifest.bytes
        );
        assert_eq!(entry["platform"]["architecture"], "amd64");
        assert_eq!(entry["annotations"]["org.opencontainers.image.ref.name"], "1");
        assert_eq!(
            entry["annotations"]["io.containerd.image.name"],
            "localhost/tiny:1"
        );
    }

    #[test]
    fn an_archive_holds_what_dockers_list_names() {
        let image = tiny();
        let bytes = archive(&image, layout(&image)).unwrap();
        let mut archive = tar::Archive::new(&bytes[..]);
        let mut files = std::collections::BTreeMap::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            std::io::copy(&mut entry, &mut content).unwrap();
            files.insert(
                String::from_utf8(entry.path_bytes().into_owned()).unwrap(),
                content,
            );
        }
        let list: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
        assert_eq!(list[0]["RepoTags"][0], "localhost/tiny:1");
        assert_eq!(files[list[0]["Config"].as_str().unwrap()], image.config.bytes);
        for (path, layer) in list[0]["Layers"].as_array().unwrap().iter().zip(&image.layers) {
            assert_eq!(files[path.as_str().unwrap()], layer.blob.bytes);
        }
    }
}
