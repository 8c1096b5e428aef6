//! What is in Weir's images: one static binary, the root certificates, and nothing else. There is no shell, no
//! `/tmp`, and nobody to be but user 65532.

use super::archive::Tree;
use super::oci::{Image, Labels, Layer, Name, Spec};
use super::{Args, certificates};

/// The user and group that run, as numbers, so that Kubernetes can see that they are not root.
const USER: &str = "65532:65532";

/// One image: its name, and its binary's.
#[derive(Debug)]
pub(super) struct Component {
    /// The binary, which lies in `/`.
    pub(super) name: &'static str,
    description: &'static str,
}

/// The images.
pub(super) const COMPONENTS: [Component; 3] = [
    Component {
        name: "weir-operator",
        description: "Compiles Weir's policies into routing tables, and publishes them to the routers.",
    },
    Component {
        name: "weir-router",
        description: "Routes LLM traffic by the tables that Weir's operator publishes.",
    },
    Component {
        name: "weir",
        description: "Weir's command-line tool: check, explain, serve and demo without a cluster.",
    },
];

/// The layer that all images begin with.
pub(super) fn base(epoch: u32) -> anyhow::Result<Layer> {
    let certificates = certificates::pem().into_bytes();
    let tree = Tree::default().with_file("etc/ssl/certs/ca-certificates.crt", certificates);
    Layer::new(&tree.tar(epoch)?)
}

/// The layer with a component's binary.
pub(super) fn binary(component: &Component, bytes: Vec<u8>, epoch: u32) -> anyhow::Result<Layer> {
    let tree = Tree::default().with_program(component.name, bytes);
    Layer::new(&tree.tar(epoch)?)
}

/// The image of a component that has these layers.
pub(super) fn image(component: &Component, args: &Args, layers: Vec<Layer>) -> anyhow::Result<Image> {
    let Component { name, description } = component;
    Image::new(
        Spec {
            name: Name {
                registry: args.registry.clone(),
                repository: name,
                tag: args.tag.clone(),
            },
            arch: args.arch.name(),
            epoch: args.epoch,
            user: USER,
            entrypoint: format!("/{name}"),
            labels: labels(name, description, &args.tag),
        },
        layers,
    )
}

/// The labels that registries and scanners read:
/// <https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md>.
fn labels(name: &str, description: &str, version: &str) -> Labels {
    let label = |(key, value): (&str, &str)| (format!("org.opencontainers.image.{key}"), value.to_owned());
    [
        ("title", name),
        ("description", description),
        ("version", version),
        ("vendor", "Weir"),
        ("licenses", "Apache-2.0"),
    ]
    .map(label)
    .into()
}
