//! What a `ServiceAccount` may do: as `kubectl auth can-i --list` tells it, and as roles grant it, one verb at a time,
//! so that one can be taken away.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{identity::user, kubectl::Kubectl, poll::eventually};

/// How long the API server may take to know of a changed role.
const KNOWN: Duration = Duration::from_secs(10);

/// One verb on one resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// The resource as `kubectl` writes it: `accesskeys.weir.dev/status`.
    pub resource: String,
    /// The names of the objects that it is about; all if there are none.
    pub names: Vec<String>,
    /// The verb.
    pub verb: String,
}

/// A right and the role from which it comes.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The right.
    pub right: Right,
    role: Role,
}

/// A role as it stands.
#[derive(Clone, Debug)]
struct Role {
    kind: String,
    namespace: Option<String>,
    name: String,
    rules: Value,
}

/// What `account` may do to resources in `namespace`, beyond what every `ServiceAccount` may.
pub async fn listed(kubectl: &Kubectl, account: &str, namespace: &str) -> Result<BTreeSet<Right>> {
    let everybodys = list(kubectl, "nobody-of-the-tests", namespace).await?;
    let own = list(kubectl, account, namespace).await?;
    Ok(own.difference(&everybodys).cloned().collect())
}

async fn list(kubectl: &Kubectl, account: &str, namespace: &str) -> Result<BTreeSet<Right>> {
    let who = format!("--as={}", user(account));
    let words = ["auth", "can-i", "--list", "--no-headers", &who, "-n", namespace];
    let told = kubectl.run(&words).await?.success()?;
    Ok(told.lines().flat_map(rights).collect())
}

/// The rights in a line of `can-i --list`: a resource, then URLs, names and verbs in brackets.
fn rights(line: &str) -> Vec<Right> {
    let mut columns = line.split(['[', ']']).map(str::trim);
    let resource = columns.next().unwrap_or_default().to_owned();
    let mut lists = columns.step_by(2);
    let (_urls, names, verbs) = (lists.next(), lists.next(), lists.next());
    if resource.is_empty() {
        return Vec::new();
    }
    let words = |list: Option<&str>| -> Vec<String> {
        list.unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect()
    };
    let mut names = words(names);
    names.sort();
    let right = |verb| Right {
        resource: resource.clone(),
        names: names.clone(),
        verb,
    };
    words(verbs).into_iter().map(right).collect()
}

/// Everything that roles grant to `account`.
pub async fn grants(kubectl: &Kubectl, account: &str) -> Result<Vec<Grant>> {
    let words = ["get", "rolebindings,clusterrolebindings", "-A", "-o", "json"];
    let bindings = read(kubectl, &words).await?;
    let mut grants = Vec::new();
    for binding in items(&bindings["items"]).filter(|binding| is_of(binding, account)) {
        let role = Role::read(kubectl, binding).await?;
        let rights: BTreeSet<Right> = role.split().iter().filter_map(right_of).collect();
        grants.extend(rights.into_iter().map(|right| Grant {
            right,
            role: role.clone(),
        }));
    }
    Ok(grants)
}

fn is_of(binding: &Value, account: &str) -> bool {
    items(&binding["subjects"])
        .any(|subject| subject["kind"] == "ServiceAccount" && subject["name"] == account)
}

impl Grant {
    /// Takes the right away, and waits until the API server refuses it to `account`.
    pub async fn withdraw(&self, kubectl: &Kubectl, account: &str) -> Result<()> {
        let rest = self
            .role
            .split()
            .into_iter()
            .filter(|rule| right_of(rule).as_ref() != Some(&self.right));
        self.role.write(kubectl, &rest.collect()).await?;
        self.decided(kubectl, account, "no").await
    }

    /// Gives it back.
    pub async fn restore(&self, kubectl: &Kubectl, account: &str) -> Result<()> {
        self.role.write(kubectl, &self.role.rules).await?;
        self.decided(kubectl, account, "yes").await
    }

    async fn decided(&self, kubectl: &Kubectl, account: &str, expected: &str) -> Result<()> {
        let Right {
            resource,
            names,
            verb,
        } = &self.right;
        let who = format!("--as={}", user(account));
        let (resource, part) = resource.split_once('/').unwrap_or((resource, ""));
        let part = format!("--subresource={part}");
        let named = names
            .first()
            .map_or(resource.to_owned(), |name| format!("{resource}/{name}"));
        let words = match &self.role.namespace {
            Some(namespace) => vec!["auth", "can-i", verb, &named, &part, &who, "-n", namespace],
            None => vec!["auth", "can-i", verb, &named, &part, &who, "-A"],
        };
        let asked = || async { Ok((kubectl.run(&words).await?.stdout.trim() == expected).then_some(())) };
        eventually(&format!("{words:?} to be answered with {expected}"), KNOWN, asked).await
    }
}

impl Role {
    async fn read(kubectl: &Kubectl, binding: &Value) -> Result<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let kind = text(&binding["roleRef"]["kind"]).context("a binding without a role")?;
        let name = text(&binding["roleRef"]["name"]).context("a binding without a role")?;
        let namespace = text(&binding["metadata"]["namespace"]).filter(|_| kind == "Role");
        let place = namespace.clone().unwrap_or_default();
        let role = read(kubectl, &["get", &kind, &name, "-n", &place, "-o", "json"]).await?;
        Ok(Self {
            kind,
            namespace,
            name,
            rules: role["rules"].clone(),
        })
    }

    /// The same rules, each with one resource and one verb.
    fn split(&self) -> Vec<Value> {
        items(&self.rules).flat_map(split).collect()
    }

    async fn write(&self, kubectl: &Kubectl, rules: &Value) -> Result<()> {
        let patch = json!([{"op": "replace", "path": "/rules", "value": rules}]).to_string();
        let place = self.namespace.clone().unwrap_or_default();
        let words = [
            "patch",
            &self.kind,
            &self.name,
            "-n",
            &place,
            "--type=json",
            "-p",
            &patch,
        ];
        kubectl.run(&words).await?.success().map(drop)
    }
}

fn split(rule: &Value) -> Vec<Value> {
    let mut single = Vec::new();
    for group in items(&rule["apiGroups"]) {
        for resource in items(&rule["resources"]) {
            for verb in items(&rule["verbs"]) {
                let mut one = json!({"apiGroups": [group], "resources": [resource], "verbs": [verb]});
                if let Some(names) = rule.get("resourceNames") {
                    one["resourceNames"] = names.clone();
                }
                single.push(one);
            }
        }
    }
    single
}

/// What a rule with one resource and one verb grants.
fn right_of(rule: &Value) -> Option<Right> {
    let group = rule["apiGroups"][0].as_str()?;
    let resource = rule["resources"][0].as_str()?;
    let (base, part) = resource
        .split_once('/')
        .map_or((resource, None), |(base, part)| (base, Some(part)));
    let group = if group.is_empty() {
        String::new()
    } else {
        format!(".{group}")
    };
    let part = part.map(|part| format!("/{part}")).unwrap_or_default();
    let mut names: Vec<String> = items(&rule["resourceNames"])
        .filter_map(|name| Some(name.as_str()?.to_owned()))
        .collect();
    names.sort();
    Some(Right {
        resource: format!("{base}{group}{part}"),
        names,
        verb: rule["verbs"][0].as_str()?.to_owned(),
    })
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

async fn read(kubectl: &Kubectl, words: &[&str]) -> Result<Value> {
    Ok(serde_json::from_str(&kubectl.run(words).await?.success()?)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Right, right_of, rights, split};

    fn right(resource: &str, names: &[&str], verb: &str) -> Right {
        Right {
            resource: resource.to_owned(),
            names: names.iter().map(|&name| name.to_owned()).collect(),
            verb: verb.to_owned(),
        }
    }

    #[test]
    fn a_line_is_read_as_kubectl_writes_it() {
        let line = "secrets        []                  [b a]            [get patch]";
        let expected = [
            right("secrets", &["a", "b"], "get"),
            right("secrets", &["a", "b"], "patch"),
        ];
        assert_eq!(rights(line), expected);
        assert!(rights("               [/healthz]          []               [get]").is_empty());
    }

    #[test]
    fn a_rule_grants_what_the_same_line_tells() {
        let rule = json!({"apiGroups": ["weir.dev"], "resources": ["providers", "providers/status"],
            "verbs": ["patch"]});
        let granted: Vec<_> = split(&rule).iter().filter_map(right_of).collect();
        let expected = [
            right("providers.weir.dev", &[], "patch"),
            right("providers.weir.dev/status", &[], "patch"),
        ];
        assert_eq!(granted, expected);
    }
}
