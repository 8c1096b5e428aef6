//! From texts to objects, and which of their references are followed. Pure.

use std::fmt;

use serde::Serialize;
use weir_policy::document::{self, Documents, Source};
use weir_policy::snapshot::{self, Follow};

use crate::args::{NamespacedProviders, System};
use crate::files::Input;

/// Which references are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum References {
    /// All: what no text holds is missing.
    All,
    /// Those to kinds of which the texts hold at least one document.
    WithinFiles,
}

/// A kind of which the texts hold no document, so that references to it are taken on trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NotChecked {
    /// Providers and `ClusterProvider`s.
    Providers,
    /// Secrets.
    Secrets,
}

impl fmt::Display for NotChecked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Providers => "providers",
            Self::Secrets => "Secrets",
        })
    }
}

/// The objects in `inputs`, as they count in `system`.
pub(crate) fn documents(inputs: &[Input], system: &System) -> Documents {
    let sources: Vec<Source<'_>> = inputs
        .iter()
        .map(|input| Source {
            name: &input.name,
            text: &input.text,
        })
        .collect();
    let mut documents = document::read(&sources, &system.system_namespace);
    documents.snapshot.namespaced_providers = match system.namespaced_providers {
        NamespacedProviders::Enabled => snapshot::NamespacedProviders::Enabled,
        NamespacedProviders::Disabled => snapshot::NamespacedProviders::Disabled,
    };
    documents
}

/// Settles which references are followed, and says which are not.
pub(crate) fn follow(documents: &mut Documents, references: References) -> Vec<NotChecked> {
    if references == References::All {
        return Vec::new();
    }
    let mut not_checked = Vec::new();
    let snapshot = &mut documents.snapshot;
    let own = snapshot.namespaced_providers == snapshot::NamespacedProviders::Enabled
        && snapshot
            .namespaces
            .values()
            .any(|namespace| !namespace.providers.is_empty());
    if !own && snapshot.cluster_providers.is_empty() {
        snapshot.checking.providers = Follow::OnTrust;
        not_checked.push(NotChecked::Providers);
    }
    if documents.secrets.is_empty() {
        snapshot.checking.secrets = Follow::OnTrust;
        not_checked.push(NotChecked::Secrets);
    }
    not_checked
}

#[cfg(test)]
mod tests {
    use weir_policy::snapshot::Follow;

    use super::{NotChecked, References, documents, follow};
    use crate::args::System;
    use crate::files::Input;

    const PROVIDER: &str = "apiVersion: weir.dev/v1alpha1\nkind: ClusterProvider\nmetadata: {name: openai}\n\
                            spec: {dialect: OpenAI, baseURL: 'https://api.openai.com/v1'}\n";

    fn input(text: &str) -> Vec<Input> {
        vec![Input {
            name: "x.yaml".to_owned(),
            text: text.to_owned(),
        }]
    }

    #[test]
    fn a_kind_without_any_document_is_taken_on_trust() {
        let mut found = documents(&input(PROVIDER), &System::standalone());
        assert_eq!(follow(&mut found, References::WithinFiles), [NotChecked::Secrets]);
        assert_eq!(found.snapshot.checking.providers, Follow::Always);
        assert_eq!(found.snapshot.checking.secrets, Follow::OnTrust);
    }

    #[test]
    fn strictness_trusts_nothing() {
        let mut found = documents(&input(""), &System::standalone());
        assert_eq!(follow(&mut found, References::All), []);
        assert_eq!(found.snapshot.checking.secrets, Follow::Always);
    }
}
