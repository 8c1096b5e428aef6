//! The API server's audit log: who wrote what.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::Deserialize;

/// One write, as the API server recorded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The user who asked for it.
    pub user: String,
    /// `create`, `update`, `patch` or `delete`.
    pub verb: String,
    /// What was written, such as `leases` or `loadbalancingpolicies/status`.
    pub resource: String,
    /// The object's namespace; empty for a cluster's own objects.
    pub namespace: String,
    /// The object's name.
    pub name: String,
    /// The status code of the answer.
    pub code: u16,
}

/// A place in the log, from which writes are read.
#[derive(Clone, Debug)]
pub struct Audit {
    path: PathBuf,
    offset: u64,
}

impl Audit {
    /// Everything that is written from now on.
    pub fn from_now(path: &Path) -> Result<Self> {
        let offset = std::fs::metadata(path)
            .with_context(|| format!("reading {}", path.display()))?
            .len();
        Ok(Self {
            path: path.to_owned(),
            offset,
        })
    }

    /// Everything that was ever written.
    pub fn whole(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            offset: 0,
        }
    }

    /// Every write recorded since.
    pub fn writes(&self) -> Result<Vec<Write>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.offset))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        // The last line may still be being written.
        text.split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
            .map(parse)
            .collect()
    }

    /// Every write of one user since, counted by what it did, as in `patch leases`.
    pub fn counts(&self, user: &str) -> Result<BTreeMap<String, u64>> {
        let mut counts = BTreeMap::new();
        for write in self.writes()?.into_iter().filter(|write| write.user == user) {
            *counts
                .entry(format!("{} {}", write.verb, write.resource))
                .or_default() += 1;
        }
        Ok(counts)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    verb: String,
    user: User,
    object_ref: Option<Object>,
    response_status: Option<Answer>,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Object {
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    code: u16,
}

fn parse(line: &str) -> Result<Write> {
    let event: Event = serde_json::from_str(line).context("reading the audit log")?;
    let object = event.object_ref.unwrap_or_default();
    let mut resource = object.resource;
    if !object.subresource.is_empty() {
        resource = format!("{resource}/{}", object.subresource);
    }
    Ok(Write {
        user: event.user.username,
        verb: event.verb,
        resource,
        namespace: object.namespace,
        name: object.name,
        code: event.response_status.unwrap_or_default().code,
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn names_the_subresource_and_the_user() {
        let line = r#"{"verb":"patch","user":{"username":"operator"},"objectRef":{"resource":"leases",
            "subresource":"status","namespace":"n","name":"x"},"responseStatus":{"code":200}}"#;
        let write = parse(line).unwrap();
        assert_eq!(
            (write.resource.as_str(), write.user.as_str(), write.code),
            ("leases/status", "operator", 200)
        );
    }
}
