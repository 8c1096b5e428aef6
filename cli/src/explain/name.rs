//! How a policy is named: `policy/NAME` or `policy/NAMESPACE/NAME`, as in a request's `model`.

use std::fmt;
use std::str::FromStr;

/// A policy's name, in lower case as Kubernetes names are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PolicyName {
    /// Its namespace, if given.
    pub(crate) namespace: Option<String>,
    /// Its own name.
    pub(crate) name: String,
}

impl FromStr for PolicyName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<String> = text.split('/').map(str::to_ascii_lowercase).collect();
        let (namespace, name) = match parts.as_slice() {
            [word, name] if word == "policy" => (None, name),
            [word, namespace, name] if word == "policy" => (Some(namespace), name),
            _ => return Err("write it as in a request: policy/NAME or policy/NAMESPACE/NAME".to_owned()),
        };
        if name.is_empty() || namespace.is_some_and(String::is_empty) {
            return Err("a name must not be empty".to_owned());
        }
        Ok(Self {
            namespace: namespace.cloned(),
            name: name.clone(),
        })
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "policy/{namespace}/{}", self.name),
            None => write!(f, "policy/{}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PolicyName;

    fn named(text: &str) -> Result<(Option<String>, String), String> {
        text.parse()
            .map(|PolicyName { namespace, name }| (namespace, name))
    }

    #[test]
    fn a_name_is_read_as_in_a_request() {
        assert_eq!(
            named("policy/Reasoning-experiment"),
            Ok((None, "reasoning-experiment".to_owned()))
        );
        assert_eq!(
            named("policy/team-a/x"),
            Ok((Some("team-a".to_owned()), "x".to_owned()))
        );
    }

    #[test]
    fn what_is_no_policy_is_refused_with_the_right_spelling() {
        for text in ["x", "openai/gpt-5.2", "policy/a/b/c"] {
            assert!(named(text).unwrap_err().contains("policy/NAME"), "{text}");
        }
        assert!(named("policy/").is_err());
    }
}
