//! Credentials from the command line: `[NS/]NAME/KEY=env:VAR` or `=file:PATH`. They fill Secrets as if a
//! document had. No value, and nothing that might be one, gets into a message.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use weir_policy::document::{DEFAULT_NAMESPACE, Documents, SecretValues};

use crate::error::Error;

/// One `--secret`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    namespace: Option<String>,
    name: String,
    key: String,
    origin: Origin,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    Environment(String),
    File(PathBuf),
}

/// All `--secret`s and their values.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    entries: Vec<Entry>,
    values: BTreeMap<String, Value>,
}

/// A value that has no way to be shown.
#[derive(Clone, PartialEq, Eq)]
struct Value(Vec<u8>);

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value")
    }
}

impl Secrets {
    /// Reads the command line's `texts`, and with `environment` the values of those that name variables.
    /// Files are given later, by [`Self::put`].
    pub(super) fn new(
        texts: &[String],
        environment: impl Fn(&str) -> Option<Vec<u8>>,
    ) -> Result<Self, Error> {
        let entries = texts.iter().enumerate();
        let entries: Vec<Entry> = entries
            .map(|(at, text)| entry(text).ok_or_else(|| refused(at + 1)))
            .collect::<Result<_, _>>()?;
        let mut secrets = Self::default();
        for entry in &entries {
            let Origin::Environment(variable) = &entry.origin else {
                continue;
            };
            let value = environment(variable).filter(|value| !value.is_empty());
            let unset = || Error::Usage(format!("--secret {entry}: the variable {variable} is not set"));
            secrets
                .values
                .insert(entry.to_string(), Value(value.ok_or_else(unset)?));
        }
        secrets.entries = entries;
        Ok(secrets)
    }

    /// The files whose contents are values.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.entries.iter().filter_map(|entry| match &entry.origin {
            Origin::File(path) => Some(path.as_path()),
            Origin::Environment(_) => None,
        })
    }

    /// Takes in what the file at `path` holds, without the line end that editors leave; says whether any
    /// value is another now. An empty file leaves what there was.
    pub(super) fn put(&mut self, path: &Path, bytes: &[u8]) -> bool {
        let value = Value(bytes.trim_ascii_end().to_vec());
        let mut changed = false;
        for entry in self
            .entries
            .iter()
            .filter(|entry| entry.origin == Origin::File(path.to_owned()))
        {
            if !value.0.is_empty() {
                changed |= self.values.insert(entry.to_string(), value.clone()).as_ref() != Some(&value);
            }
        }
        changed
    }

    /// Adds every value to the Secret that it belongs to. Without a namespace it is there in both that
    /// people without namespaces have to do with: Weir's own and `default`.
    pub(super) fn add_to(&self, documents: &mut Documents) {
        let system = documents.snapshot.system_namespace.clone();
        for entry in &self.entries {
            let Some(value) = self.values.get(&entry.to_string()) else {
                continue;
            };
            let namespaces = match &entry.namespace {
                Some(namespace) => vec![namespace.clone()],
                None => vec![system.clone(), DEFAULT_NAMESPACE.to_owned()],
            };
            for namespace in namespaces {
                let values = SecretValues([(entry.key.clone(), value.0.clone())].into());
                documents.add_secret(namespace, entry.name.clone(), values, None);
            }
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            namespace,
            name,
            key,
            origin: _,
        } = self;
        match namespace {
            Some(namespace) => write!(f, "{namespace}/{name}/{key}"),
            None => write!(f, "{name}/{key}"),
        }
    }
}

/// Reads one text; `None` if it is no such text.
fn entry(text: &str) -> Option<Entry> {
    let (secret, origin) = text.split_once('=')?;
    let origin = match origin.split_once(':')? {
        ("env", variable) if !variable.is_empty() => Origin::Environment(variable.to_owned()),
        ("file", path) if !path.is_empty() => Origin::File(path.into()),
        _ => return None,
    };
    let parts: Vec<&str> = secret.split('/').collect();
    let (namespace, name, key) = match parts.as_slice() {
        [name, key] => (None, *name, *key),
        [namespace, name, key] => (Some((*namespace).to_owned()), *name, *key),
        _ => return None,
    };
    Some(Entry {
        namespace,
        name: name.to_owned(),
        key: key.to_owned(),
        origin,
    })
}

/// The text may be a key that was pasted there, and is not repeated.
fn refused(number: usize) -> Error {
    Error::Usage(format!(
        "--secret number {number} must be [NS/]NAME/KEY=env:VARIABLE or [NS/]NAME/KEY=file:PATH, never the key itself"
    ))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use weir_policy::document::read;

    use super::Secrets;

    fn secrets(texts: &[&str]) -> Result<Secrets, String> {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let environment = |name: &str| (name == "KEY").then(|| b"canary".to_vec());
        Secrets::new(&texts, environment).map_err(|error| error.to_string())
    }

    fn value(secrets: &Secrets, namespace: &str, name: &str, key: &str) -> Option<Vec<u8>> {
        let mut documents = read(&[], "weir-system");
        secrets.add_to(&mut documents);
        let held = documents.secrets.get(&(namespace.to_owned(), name.to_owned()))?;
        held.0.get(key).cloned()
    }

    #[test]
    fn a_variable_fills_the_secret_that_is_named() {
        let secrets = secrets(&["team-a/openai/api-key=env:KEY"]).unwrap();
        assert_eq!(
            value(&secrets, "team-a", "openai", "api-key").as_deref(),
            Some(&b"canary"[..])
        );
        assert_eq!(value(&secrets, "default", "openai", "api-key"), None);
    }

    #[test]
    fn without_a_namespace_it_is_there_for_both_kinds_of_providers() {
        let secrets = secrets(&["openai/api-key=env:KEY"]).unwrap();
        for namespace in ["weir-system", "default"] {
            assert_eq!(
                value(&secrets, namespace, "openai", "api-key").as_deref(),
                Some(&b"canary"[..])
            );
        }
    }

    #[test]
    fn a_file_is_a_value_without_its_line_end() {
        let mut secrets = secrets(&["openai/api-key=file:/keys/a"]).unwrap();
        let path = Path::new("/keys/a");
        assert_eq!(secrets.files().collect::<Vec<_>>(), [path]);
        assert!(secrets.put(path, b"one\n"));
        assert!(!secrets.put(path, b"one\r\n"), "the same value");
        assert!(!secrets.put(path, b"\n"), "an empty file leaves what there was");
        assert_eq!(
            value(&secrets, "default", "openai", "api-key").as_deref(),
            Some(&b"one"[..])
        );
        assert!(secrets.put(path, b"two"));
    }

    #[test]
    fn a_key_on_the_command_line_is_refused_and_not_repeated() {
        for text in [
            "openai/api-key=canary",
            "openai/api-key=sk:canary",
            "canary",
            "=canary",
            "a/b/c/d=env:canary",
        ] {
            let error = secrets(&[text]).unwrap_err();
            assert!(!error.contains("canary"), "{error}");
            assert!(
                error.starts_with("--secret number 1 must be [NS/]NAME/KEY=env:"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_variable_that_is_not_set_is_told() {
        let error = secrets(&["openai/api-key=env:NOPE"]).unwrap_err();
        assert_eq!(error, "--secret openai/api-key: the variable NOPE is not set");
    }

    #[test]
    fn no_value_can_be_shown() {
        let secrets = secrets(&["openai/api-key=env:KEY"]).unwrap();
        assert!(!format!("{secrets:?}").contains("canary"));
        assert!(!format!("{secrets:?}").contains(&format!("{:?}", b"canary")));
    }
}
