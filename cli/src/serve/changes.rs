//! What a reload changed, in words for the log. Pure.

use std::collections::BTreeMap;

use weir_table::{Owner, ProviderEntry, Scope, Table};

/// What is there now and was not, or was another, or is no more.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) added: Vec<String>,
    pub(super) changed: Vec<String>,
    pub(super) removed: Vec<String>,
}

impl Changes {
    /// From the tables `before` to those `after`.
    pub(super) fn between(before: &BTreeMap<Scope, Table>, after: &BTreeMap<Scope, Table>) -> Self {
        let mut changes = Self::default();
        let nothing = Table::empty(Scope::Cluster);
        let mut scopes: Vec<&Scope> = before.keys().chain(after.keys()).collect();
        scopes.sort();
        scopes.dedup();
        for scope in scopes {
            let (old, new) = (
                before.get(scope).unwrap_or(&nothing),
                after.get(scope).unwrap_or(&nothing),
            );
            changes.compare(&old.policies, &new.policies, |name| policy(scope, name));
            changes.compare(&own(old, scope), &own(new, scope), |name| provider(scope, name));
            changes.compare(&old.access_keys, &new.access_keys, |name| access_key(scope, name));
        }
        changes
    }

    fn compare<T: PartialEq>(
        &mut self,
        before: &BTreeMap<String, T>,
        after: &BTreeMap<String, T>,
        named: impl Fn(&str) -> String,
    ) {
        for (name, new) in after {
            match before.get(name) {
                None => self.added.push(named(name)),
                Some(old) if old != new => self.changed.push(named(name)),
                Some(_) => {}
            }
        }
        let gone = before.keys().filter(|name| !after.contains_key(*name));
        self.removed.extend(gone.map(|name| named(name)));
    }
}

/// The providers that a scope defines itself; a namespace's table also holds those of the cluster.
fn own<'t>(table: &'t Table, scope: &Scope) -> BTreeMap<String, &'t ProviderEntry> {
    let owner = match scope {
        Scope::Cluster => Owner::Cluster,
        Scope::Namespace(_) => Owner::Namespace,
    };
    let is_own = |entry: &&ProviderEntry| entry.live().is_some_and(|provider| provider.owner == owner);
    let entries = table.providers.iter().filter(|(_, entry)| is_own(entry));
    entries.map(|(name, entry)| (name.clone(), entry)).collect()
}

fn policy(scope: &Scope, name: &str) -> String {
    match scope {
        Scope::Namespace(namespace) => format!("policy/{namespace}/{name}"),
        Scope::Cluster => format!("policy/{name}"),
    }
}

fn provider(scope: &Scope, name: &str) -> String {
    match scope {
        Scope::Namespace(namespace) => format!("provider {namespace}/{name}"),
        Scope::Cluster => format!("provider {name}"),
    }
}

fn access_key(scope: &Scope, name: &str) -> String {
    match scope {
        Scope::Namespace(namespace) => format!("access key {namespace}/{name}"),
        Scope::Cluster => format!("access key {name}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use weir_policy::compile::compile;
    use weir_table::{Scope, Table};

    use super::Changes;
    use crate::args::System;
    use crate::files::Input;
    use crate::load;

    fn tables(text: &str) -> BTreeMap<Scope, Table> {
        let inputs = [Input {
            name: "x.yaml".to_owned(),
            text: text.to_owned(),
        }];
        let compiled = compile(
            &load::documents(&inputs, &System::standalone()).snapshot,
            &BTreeMap::new(),
        );
        compiled
            .into_iter()
            .map(|(scope, compiled)| (scope, compiled.table.unwrap().into_inner()))
            .collect()
    }

    fn chain(name: &str, model: &str) -> String {
        format!(
            "---\napiVersion: weir.dev/v1alpha1\nkind: FallbackPolicy\nmetadata: {{name: {name}}}\n\
             spec: {{targets: [{{model: acme/{model}}}]}}\n"
        )
    }

    fn provider(region: &str) -> String {
        format!(
            "---\napiVersion: weir.dev/v1alpha1\nkind: ClusterProvider\nmetadata: {{name: acme}}\n\
             spec: {{dialect: OpenAI, baseURL: 'http://127.0.0.1:9/v1', region: {region}}}\n"
        )
    }

    #[test]
    fn what_came_changed_and_went_is_told_by_name() {
        let before = tables(
            &[
                provider("a"),
                chain("stays", "x"),
                chain("turns", "x"),
                chain("goes", "x"),
            ]
            .concat(),
        );
        let after = tables(
            &[
                provider("b"),
                chain("stays", "x"),
                chain("turns", "y"),
                chain("comes", "x"),
            ]
            .concat(),
        );
        let changes = Changes::between(&before, &after);
        assert_eq!(changes.added, ["policy/default/comes"]);
        assert_eq!(changes.removed, ["policy/default/goes"]);
        assert_eq!(changes.changed, ["provider acme", "policy/default/turns"]);
        assert_eq!(Changes::between(&after, &after), Changes::default());
    }

    #[test]
    fn a_caller_that_comes_and_goes_is_told() {
        let caller = "---\napiVersion: weir.dev/v1alpha1\nkind: AccessKey\nmetadata: {name: web}\n\
                      spec: {keys: [{secretRef: {name: web, key: key}}]}\n";
        let (without, with) = (tables(&provider("a")), tables(&[&provider("a"), caller].concat()));
        assert_eq!(
            Changes::between(&without, &with).added,
            ["access key default/web"]
        );
        assert_eq!(
            Changes::between(&with, &without).removed,
            ["access key default/web"]
        );
    }

    #[test]
    fn a_namespace_that_is_gone_takes_its_policies_with_it() {
        let before = tables(&[provider("a"), chain("p", "x")].concat());
        let mut after = before.clone();
        after.remove(&Scope::Namespace("default".to_owned()));
        assert_eq!(Changes::between(&before, &after).removed, ["policy/default/p"]);
    }
}
