//! The demo's objects: the repository's own examples, over providers that are simulated. Pure.

use std::net::SocketAddr;

use crate::files::Input;

/// The examples, as they stand in the repository, without their providers.
const EXAMPLES: [(&str, &str); 8] = [
    (
        "reasoning-experiment.yaml",
        include_str!("../../../examples/reasoning-experiment.yaml"),
    ),
    (
        "sonnet-distribution.yaml",
        include_str!("../../../examples/sonnet-distribution.yaml"),
    ),
    (
        "production-fallback.yaml",
        include_str!("../../../examples/production-fallback.yaml"),
    ),
    (
        "experimental-fallback.yaml",
        include_str!("../../../examples/experimental-fallback.yaml"),
    ),
    (
        "gradual-rollout.yaml",
        include_str!("../../../examples/gradual-rollout.yaml"),
    ),
    (
        "cost-optimised.yaml",
        include_str!("../../../examples/cost-optimised.yaml"),
    ),
    (
        "multi-provider.yaml",
        include_str!("../../../examples/multi-provider.yaml"),
    ),
    (
        "embeddings.yaml",
        include_str!("../../../examples/embeddings.yaml"),
    ),
];

/// The chain that shows fallback, and its provider.
const FALLBACK: (&str, &str) = ("demo-fallback.yaml", include_str!("fallback.yaml"));

/// What stands for the simulated providers' address in [`FALLBACK`].
const UPSTREAM: &str = "UPSTREAM";

/// The providers that the examples name.
const PROVIDERS: [&str; 6] = ["openai", "anthropic", "google", "deepseek", "bedrock", "azure"];

/// Everything that the demo serves, with its providers at `upstream`.
pub(super) fn inputs(upstream: SocketAddr) -> Vec<Input> {
    let fallback = (FALLBACK.0, FALLBACK.1.replace(UPSTREAM, &upstream.to_string()));
    let providers = PROVIDERS.map(|name| provider(name, upstream)).join("---\n");
    let examples = EXAMPLES.into_iter().map(|(name, text)| (name, text.to_owned()));
    examples
        .chain([fallback, ("demo-providers.yaml", providers)])
        .map(|(name, text)| Input {
            name: name.to_owned(),
            text,
        })
        .collect()
}

fn provider(name: &str, upstream: SocketAddr) -> String {
    format!(
        "apiVersion: weir.dev/v1alpha1\n\
         kind: ClusterProvider\n\
         metadata:\n  name: {name}\n\
         spec:\n  dialect: OpenAI\n  baseURL: http://{upstream}/{name}/v1\n"
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::{Path, PathBuf};

    use super::{EXAMPLES, inputs};
    use crate::args::System;
    use crate::serve::{Secrets, build};

    #[test]
    fn everything_in_the_demo_is_in_order() {
        let inputs = inputs(([127, 0, 0, 1], 9).into());
        let built = build(
            &inputs,
            &Secrets::default(),
            &System::standalone(),
            &BTreeMap::new(),
        );
        assert_eq!(built.report.summary.errors, 0, "{:?}", built.report.findings);
        assert_eq!(built.report.summary.objects, 8 + 1 + 7);
        assert!(built.credentials.is_empty(), "the demo needs no key");
    }

    #[test]
    fn no_example_is_left_out() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
        let paths = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let examples = paths.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
        let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut names: Vec<String> = examples
            .map(name)
            .filter(|name| name != "providers.yaml")
            .collect();
        let mut embedded: Vec<&str> = EXAMPLES.iter().map(|(name, _)| *name).collect();
        names.sort();
        embedded.sort_unstable();
        assert_eq!(names, embedded);
    }
}
