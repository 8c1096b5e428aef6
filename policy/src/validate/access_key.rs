//! An `AccessKey` alone.

use std::collections::BTreeSet;

use k8s_openapi::jiff::Timestamp;
use weir_table::access::MAX_KEYS;
use weir_table::name::{is_dns_label, is_provider_name};
use weir_table::{Allowed, Names};

use super::Findings;
use crate::api::{AccessKeySpec, CallerKey, SecretKeyRef};
use crate::problem::Problem;

/// The text that means every name.
const EVERY: &str = "*";

/// A caller that is in order, as far as its object alone can show.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ProvenAccessKey {
    pub keys: Vec<ProvenKey>,
    pub policies: Allowed,
    pub models: Allowed,
    pub suspend: bool,
}

/// One of its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProvenKey {
    pub secret: SecretKeyRef,
    /// In seconds since 1970: the earlier of its own and the object's.
    pub expires_at: Option<i64>,
}

/// Proves an `AccessKey` of `namespace`.
pub(crate) fn access_key(
    namespace: &str,
    name: &str,
    spec: &AccessKeySpec,
) -> Result<ProvenAccessKey, Vec<Problem>> {
    let AccessKeySpec {
        keys,
        expires_at,
        policies,
        models,
        suspend,
    } = spec;
    let mut findings = Findings::default();
    findings.require(
        is_dns_label(name),
        "metadata.name",
        "must be a DNS label: 1 to 63 lower-case letters, digits and inner hyphens",
    );
    let all = findings.time(expires_at.as_deref(), "spec.expiresAt");
    let proven = ProvenAccessKey {
        keys: findings.keys(keys, all),
        policies: policies
            .as_ref()
            .map_or(Allowed::All, |list| findings.policies(list, namespace)),
        models: findings.models_allowed(models),
        suspend: *suspend,
    };
    findings.prove(Some(proven))
}

impl Findings {
    fn keys(&mut self, keys: &[CallerKey], all: Option<i64>) -> Vec<ProvenKey> {
        let few = (1..=MAX_KEYS).contains(&keys.len());
        self.require(few, "spec.keys", "must have 1 to 8 entries");
        let mut known = BTreeSet::new();
        let mut proven = Vec::new();
        for (
            at,
            CallerKey {
                secret_ref,
                expires_at,
            },
        ) in keys.iter().enumerate()
        {
            let path = format!("spec.keys[{at}]");
            let fresh = known.insert((&secret_ref.name, &secret_ref.key));
            let message = "names the same key of the same Secret as an earlier entry";
            self.require(fresh, &format!("{path}.secretRef"), message);
            let own = self.time(expires_at.as_deref(), &format!("{path}.expiresAt"));
            proven.push(ProvenKey {
                secret: secret_ref.clone(),
                expires_at: own.into_iter().chain(all).min(),
            });
        }
        proven
    }

    /// A time as the API server takes it (RFC 3339), in seconds since 1970.
    fn time(&mut self, text: Option<&str>, path: &str) -> Option<i64> {
        let text = text?;
        let looks_right = text.as_bytes().get(10) == Some(&b'T') && !text.ends_with(']');
        let parsed = text.parse::<Timestamp>().ok().filter(|_| looks_right);
        let message = format!("must be a time such as 2027-01-31T00:00:00Z, and is {text:?}");
        self.require(parsed.is_some(), path, &message);
        parsed.map(Timestamp::as_second)
    }

    /// Policies by namespace; a bare name is one of `namespace`.
    fn policies(&mut self, list: &[String], namespace: &str) -> Allowed {
        let mut allowed = Allowed::default();
        for (at, text) in list.iter().enumerate() {
            let path = format!("spec.policies[{at}]");
            let bare = !text.starts_with("policy/");
            let message = "write the policy's bare name, without `policy/`; the prefix is for callers";
            self.require(bare, &path, message);
            let (of, name) = text.split_once('/').unwrap_or((namespace, text));
            let right = is_dns_label(of) && (name == EVERY || is_dns_label(name));
            let message = format!("must be <name>, <namespace>/<name>, <namespace>/* or *, and is {text:?}");
            self.require(right || !bare, &path, &message);
            widen(&mut allowed, text, of, name);
        }
        allowed
    }

    /// Models by provider.
    fn models_allowed(&mut self, list: &[String]) -> Allowed {
        let mut allowed = Allowed::default();
        for (at, text) in list.iter().enumerate() {
            let path = format!("spec.models[{at}]");
            let (provider, model) = text.split_once('/').unwrap_or((text, ""));
            let right = text == EVERY || (is_provider_name(provider) && !model.is_empty());
            let message = if provider == weir_table::name::RESERVED_PROVIDER {
                "a policy belongs into `policies`, by its bare name".to_owned()
            } else {
                format!("must be <provider>/<model>, <provider>/* or *, and is {text:?}")
            };
            self.require(right, &path, &message);
            widen(&mut allowed, text, provider, model);
        }
        allowed
    }
}

/// Adds the entry `text` of a list, which is `<first>/<second>` or a star.
fn widen(allowed: &mut Allowed, text: &str, first: &str, second: &str) {
    let Allowed::Within(parts) = allowed else { return };
    if text == EVERY {
        *allowed = Allowed::All;
        return;
    }
    let names = parts
        .entry(first.to_owned())
        .or_insert_with(|| Names::Only(BTreeSet::new()));
    match names {
        Names::All => {}
        Names::Only(_) if second == EVERY => *names = Names::All,
        Names::Only(known) => drop(known.insert(second.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use weir_table::{Allowed, Names};

    use super::{ProvenAccessKey, access_key};
    use crate::api::{AccessKeySpec, CallerKey, SecretKeyRef};

    fn spec() -> AccessKeySpec {
        let secret_ref = SecretKeyRef {
            name: "s".to_owned(),
            key: "k".to_owned(),
        };
        AccessKeySpec {
            keys: vec![CallerKey {
                secret_ref,
                expires_at: None,
            }],
            expires_at: None,
            policies: None,
            models: Vec::new(),
            suspend: false,
        }
    }

    fn listed(policies: &[&str], models: &[&str]) -> AccessKeySpec {
        AccessKeySpec {
            policies: Some(policies.iter().map(|text| (*text).to_owned()).collect()),
            models: models.iter().map(|text| (*text).to_owned()).collect(),
            ..spec()
        }
    }

    fn proven(spec: &AccessKeySpec) -> ProvenAccessKey {
        access_key("home", "x", spec).unwrap()
    }

    fn problems(spec: &AccessKeySpec) -> Vec<String> {
        let found = access_key("home", "x", spec).unwrap_err();
        found.iter().map(ToString::to_string).collect()
    }

    fn only(names: &[&str]) -> Names {
        Names::Only(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn without_lists_every_policy_may_be_named_and_no_model() {
        let proven = proven(&spec());
        assert_eq!(proven.policies, Allowed::All);
        assert_eq!(proven.models, Allowed::default());
    }

    #[test]
    fn an_empty_list_of_policies_means_none() {
        assert_eq!(proven(&listed(&[], &[])).policies, Allowed::default());
    }

    #[test]
    fn names_are_of_their_own_namespace_unless_they_say_another() {
        let proven = proven(&listed(
            &["a", "b", "home/c", "team-b/d", "team-c/*", "team-c/e"],
            &[],
        ));
        let expected = [
            ("home", only(&["a", "b", "c"])),
            ("team-b", only(&["d"])),
            ("team-c", Names::All),
        ];
        let expected = expected.map(|(namespace, names)| (namespace.to_owned(), names));
        assert_eq!(proven.policies, Allowed::Within(expected.into()));
    }

    #[test]
    fn a_star_means_all_whatever_stands_beside_it() {
        let proven = proven(&listed(&["a", "*", "b"], &["openai/x", "*"]));
        assert_eq!((proven.policies, proven.models), (Allowed::All, Allowed::All));
    }

    #[test]
    fn models_are_named_by_provider_and_may_have_slashes_of_their_own() {
        let models = proven(&listed(&[], &["openai/gpt-4o", "acme/*", "hub/org/model@eu"])).models;
        let expected = [
            ("openai", only(&["gpt-4o"])),
            ("acme", Names::All),
            ("hub", only(&["org/model@eu"])),
        ];
        let expected = expected.map(|(provider, names)| (provider.to_owned(), names));
        assert_eq!(models, Allowed::Within(expected.into()));
    }

    #[test]
    fn what_is_no_name_is_told_with_its_place() {
        let found = problems(&listed(
            &["policy/a", "A", "a/b/c", "*/x"],
            &["gpt-4o", "policy/a", "openai/"],
        ));
        assert_eq!(
            found,
            [
                "spec.policies[0]: write the policy's bare name, without `policy/`; the prefix is for callers",
                "spec.policies[1]: must be <name>, <namespace>/<name>, <namespace>/* or *, and is \"A\"",
                "spec.policies[2]: must be <name>, <namespace>/<name>, <namespace>/* or *, and is \"a/b/c\"",
                "spec.policies[3]: must be <name>, <namespace>/<name>, <namespace>/* or *, and is \"*/x\"",
                "spec.models[0]: must be <provider>/<model>, <provider>/* or *, and is \"gpt-4o\"",
                "spec.models[1]: a policy belongs into `policies`, by its bare name",
                "spec.models[2]: must be <provider>/<model>, <provider>/* or *, and is \"openai/\"",
            ]
        );
    }

    #[test]
    fn the_earlier_of_both_times_counts() {
        let mut spec = spec();
        spec.expires_at = Some("2027-01-31T00:00:00Z".to_owned());
        assert_eq!(proven(&spec).keys[0].expires_at, Some(1_801_353_600));
        spec.keys[0].expires_at = Some("2027-01-31T01:00:00+02:00".to_owned());
        assert_eq!(proven(&spec).keys[0].expires_at, Some(1_801_353_600 - 3_600));
        spec.expires_at = None;
        assert_eq!(proven(&spec).keys[0].expires_at, Some(1_801_353_600 - 3_600));
    }

    #[test]
    fn what_is_no_time_is_told() {
        for text in [
            "tomorrow",
            "2027-01-31",
            "2027-01-31 00:00:00Z",
            "2027-01-31T00:00:00",
        ] {
            let mut spec = spec();
            spec.keys[0].expires_at = Some(text.to_owned());
            assert_eq!(
                problems(&spec),
                [format!(
                    "spec.keys[0].expiresAt: must be a time such as 2027-01-31T00:00:00Z, and is {text:?}"
                )]
            );
        }
    }

    #[test]
    fn one_key_of_a_secret_twice_and_none_at_all_are_refused() {
        let mut twice = spec();
        twice.keys.push(twice.keys[0].clone());
        let message = "spec.keys[1].secretRef: names the same key of the same Secret as an earlier entry";
        assert_eq!(problems(&twice), [message]);
        let none = AccessKeySpec {
            keys: Vec::new(),
            ..spec()
        };
        assert_eq!(problems(&none), ["spec.keys: must have 1 to 8 entries"]);
    }
}
