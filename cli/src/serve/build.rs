//! From texts and credentials to all that a router is given. Pure: the tables that were built before are the
//! ones now published, so that a policy that turned bad keeps its last good version.

use std::collections::BTreeMap;

use weir_policy::compile::{Compiled, CredentialOrigin, compile};
use weir_policy::document::{Documents, SecretValues};
use weir_policy::verdict::Serving;
use weir_router::Secret;
use weir_table::check::check;
use weir_table::{Checked, CredentialId, Scope, Table};

use super::secrets::Secrets;
use crate::args::System;
use crate::check::Report;
use crate::files::Input;
use crate::load;

/// The keys of an AWS key pair's Secret; the last may be absent.
const AWS_KEYS: [&str; 3] = ["accessKeyId", "secretAccessKey", "sessionToken"];

/// Everything that files came to.
#[derive(Debug)]
pub(crate) struct Built {
    /// For the router.
    pub(crate) tables: Vec<Checked>,
    /// For the router.
    pub(crate) credentials: BTreeMap<CredentialId, Secret>,
    /// What is wrong with the objects.
    pub(crate) report: Report,
    /// The policies that an earlier version serves for.
    pub(crate) last_good: Vec<String>,
}

impl Built {
    /// What counts as published when the next files are built.
    pub(super) fn published(&self) -> BTreeMap<Scope, Table> {
        let tables = self.tables.iter().map(Checked::table);
        let kept = tables.filter(|table| table.scope == Scope::Cluster || !table.is_empty());
        kept.map(|table| (table.scope.clone(), table.clone())).collect()
    }
}

/// Builds `inputs` and `secrets`, over what is `published`.
pub(crate) fn build(
    inputs: &[Input],
    secrets: &Secrets,
    system: &System,
    published: &BTreeMap<Scope, Table>,
) -> Built {
    let mut documents = load::documents(inputs, system);
    secrets.add_to(&mut documents);
    let compiled = compile(&documents.snapshot, published);
    let report = Report::new(&documents, &compiled, Vec::new());
    let credentials = credentials(&documents, &compiled);
    let last_good = compiled.values().flat_map(last_good).collect();
    let tables = compiled
        .into_iter()
        .filter_map(|(scope, compiled)| table(compiled, published.get(&scope)));
    Built {
        tables: tables.collect(),
        credentials,
        report,
        last_good,
    }
}

/// The table to serve. Where the compiler broke its own rules, which the report tells, what was published
/// stays.
fn table(compiled: Compiled, published: Option<&Table>) -> Option<Checked> {
    compiled.table.ok().or_else(|| check(published?.clone()).ok())
}

fn last_good(compiled: &Compiled) -> Vec<String> {
    let serves_earlier = |verdict: &&weir_policy::verdict::Verdict| {
        verdict
            .policy
            .as_ref()
            .is_some_and(|policy| matches!(policy.serving, Serving::LastGood(_)))
    };
    let verdicts = compiled.verdicts.iter().filter(serves_earlier);
    verdicts.map(|verdict| verdict.object.to_string()).collect()
}

fn credentials(
    documents: &Documents,
    compiled: &BTreeMap<Scope, Compiled>,
) -> BTreeMap<CredentialId, Secret> {
    let origins = compiled.values().flat_map(|compiled| &compiled.credentials);
    origins
        .filter_map(|(id, origin)| Some((id.clone(), value(documents, origin)?)))
        .collect()
}

fn value(documents: &Documents, origin: &CredentialOrigin) -> Option<Secret> {
    let secret =
        |namespace: &String, name: &String| documents.secrets.get(&(namespace.clone(), name.clone()));
    match origin {
        CredentialOrigin::SecretKey { namespace, name, key } => {
            secret(namespace, name)?.0.get(key).cloned().map(Secret::new)
        }
        CredentialOrigin::AwsSecret { namespace, name } => key_pair(secret(namespace, name)?),
    }
}

/// An AWS key pair as one JSON object, with the same keys as its Secret.
fn key_pair(SecretValues(values): &SecretValues) -> Option<Secret> {
    let text = |key: &str| std::str::from_utf8(values.get(key)?).ok().map(str::trim_ascii);
    let [access, secret, session] = AWS_KEYS;
    let mut pair = BTreeMap::from([(access, text(access)?), (secret, text(secret)?)]);
    pair.extend(text(session).map(|token| (session, token)));
    serde_json::to_vec(&pair).ok().map(Secret::new)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use weir_router::Secret;
    use weir_table::{CredentialId, Scope};

    use super::{Built, build};
    use crate::args::System;
    use crate::files::Input;
    use crate::serve::secrets::Secrets;

    const PROVIDER: &str = "apiVersion: weir.dev/v1alpha1\nkind: ClusterProvider\nmetadata: {name: acme}\n\
        spec: {dialect: OpenAI, baseURL: 'http://127.0.0.1:9/v1', credential: {secretRef: {name: acme, key: k}}}\n";
    const SECRET: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: acme, namespace: weir-system}\nstringData: {k: canary}\n";

    fn policy(weight: &str) -> String {
        format!(
            "apiVersion: weir.dev/v1alpha1\nkind: LoadBalancingPolicy\nmetadata: {{name: p}}\n\
             spec: {{targets: [{{model: acme/x, weight: {weight}}}]}}\n"
        )
    }

    fn built(texts: &[&str], before: Option<&Built>) -> Built {
        let inputs: Vec<Input> = texts
            .iter()
            .enumerate()
            .map(|(at, text)| Input {
                name: format!("{at}.yaml"),
                text: (*text).to_owned(),
            })
            .collect();
        let published = before.map(Built::published).unwrap_or_default();
        build(&inputs, &Secrets::default(), &System::standalone(), &published)
    }

    fn namespaces(built: &Built) -> Vec<&Scope> {
        built.tables.iter().map(|table| &table.table().scope).collect()
    }

    #[test]
    fn a_key_is_given_to_the_router_beside_the_table_that_names_it() {
        let built = built(&[PROVIDER, SECRET, &policy("1")], None);
        let id = CredentialId::of_secret_key("weir-system", "acme", "k");
        assert_eq!(built.credentials, BTreeMap::from([(id, Secret::new("canary"))]));
        assert!(built.tables.iter().all(|table| table.table().missing.is_empty()));
        assert!(!format!("{built:?}").contains("canary"));
    }

    #[test]
    fn a_policy_that_turns_bad_keeps_its_last_good_version() {
        let good = built(&[PROVIDER, SECRET, &policy("1")], None);
        let bad = built(&[PROVIDER, SECRET, &policy("0")], Some(&good));
        assert_eq!(bad.tables, good.tables);
        assert_eq!(bad.last_good, ["LoadBalancingPolicy default/p"]);
        assert_eq!(bad.report.summary.errors, 1);
        let gone = built(&[PROVIDER, SECRET], Some(&bad));
        assert!(gone.tables.iter().all(|table| table.table().policies.is_empty()));
    }

    #[test]
    fn an_emptied_namespace_is_served_empty_once_and_then_no_more() {
        let full = built(&[PROVIDER, &policy("1")], None);
        let emptied = built(&[PROVIDER], Some(&full));
        assert_eq!(
            namespaces(&emptied),
            [&Scope::Cluster, &Scope::Namespace("default".to_owned())]
        );
        let after = built(&[PROVIDER], Some(&emptied));
        assert_eq!(namespaces(&after), [&Scope::Cluster]);
    }

    #[test]
    fn without_files_there_is_still_the_clusters_table() {
        assert_eq!(namespaces(&built(&[], None)), [&Scope::Cluster]);
    }

    #[test]
    fn an_aws_key_pair_is_one_json_object() {
        let provider = PROVIDER.replace(
            "secretRef: {name: acme, key: k}",
            "aws: {secretRef: {name: acme}}",
        );
        let secret = SECRET.replace("{k: canary}", r#"{accessKeyId: A, secretAccessKey: 's"'}"#);
        let built = built(
            &[&provider.replace("OpenAI", "Bedrock"), &secret, &policy("1")],
            None,
        );
        let expected = Secret::new(r#"{"accessKeyId":"A","secretAccessKey":"s\""}"#);
        assert_eq!(built.credentials.into_values().collect::<Vec<_>>(), [expected]);
    }
}
