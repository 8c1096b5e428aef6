//! What the charts hold of other files: the definitions as templates, the values reference of their READMEs, and
//! in the schema of values what a ClusterProvider and an AccessKey may say. Pure: text in, text out.

mod definition;
mod reference;
mod schema;

use std::path::Path;

use super::File;

/// A chart's own files of which others are made.
struct Chart {
    name: &'static str,
    readme: &'static str,
    values: &'static str,
}

const CHARTS: [Chart; 2] = [
    Chart {
        name: "weir",
        readme: include_str!("../../../charts/weir/README.md"),
        values: include_str!("../../../charts/weir/values.yaml"),
    },
    Chart {
        name: "weir-crds",
        readme: include_str!("../../../charts/weir-crds/README.md"),
        values: include_str!("../../../charts/weir-crds/values.yaml"),
    },
];

/// The folder of the definitions' templates, all of which are generated.
pub(super) const DEFINITIONS: &str = "charts/weir-crds/templates/crds";

/// Every generated file of the charts.
pub(super) fn files() -> impl Iterator<Item = File> {
    definitions().chain(CHARTS.iter().map(readme)).chain([schema()])
}

fn definitions() -> impl Iterator<Item = File> {
    let file = |(name, text): (String, String)| File {
        path: Path::new(DEFINITIONS).join(name),
        text: definition::template(&text),
    };
    weir_policy::crds::files().into_iter().map(file)
}

fn readme(chart: &Chart) -> File {
    File {
        path: Path::new("charts").join(chart.name).join("README.md"),
        text: reference::fill(chart.readme, chart.values),
    }
}

fn schema() -> File {
    let text = include_str!("../../../charts/weir/values.schema.json");
    File {
        path: Path::new("charts/weir/values.schema.json").to_owned(),
        text: schema::fill(text, &weir_policy::crds::definitions()),
    }
}
