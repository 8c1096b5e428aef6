//! How a table names a secret without holding it. No type of this crate holds a secret's value.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// How many Secrets the operator spreads the gathered credentials over.
pub const SHARDS: u8 = 16;

/// What a target sends to prove who pays.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Credential {
    /// The endpoint wants none.
    Anonymous,
    /// The value gathered under this id.
    Named(CredentialId),
    /// The cloud identity of the router's own pod.
    Ambient,
}

impl Credential {
    /// The id of the value that it needs, if it needs one.
    pub fn id(&self) -> Option<&CredentialId> {
        match self {
            Self::Named(id) => Some(id),
            Self::Anonymous | Self::Ambient => None,
        }
    }
}

/// The stable name of one gathered credential: 40 hex digits derived from where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CredentialId(String);

impl CredentialId {
    /// The id of the value under `key` in Secret `namespace`/`name`.
    pub fn of_secret_key(namespace: &str, name: &str, key: &str) -> Self {
        Self::derive(&["key", namespace, name, key])
    }

    /// The id of the AWS key pair (and session token) in Secret `namespace`/`name`.
    pub fn of_aws_secret(namespace: &str, name: &str) -> Self {
        Self::derive(&["aws", namespace, name])
    }

    /// The first 40 hex digits of SHA-256 over `parts`, each ended by a zero byte, which none can contain.
    fn derive(parts: &[&str]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part.as_bytes());
            hasher.update([0]);
        }
        Self(crate::codec::hex(&hasher.finalize()[..20]))
    }

    /// The id's text: 40 hex digits, also the data key in the gathered Secret.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Which of the [`SHARDS`] gathered Secrets holds the value: the id's first hex digit.
    pub fn shard(&self) -> char {
        self.0.chars().next().unwrap_or('0')
    }
}

impl fmt::Display for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<CredentialId> for String {
    fn from(id: CredentialId) -> Self {
        id.0
    }
}

impl TryFrom<String> for CredentialId {
    type Error = InvalidCredentialId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() == 40 && text.bytes().all(lower_hex) {
            Ok(Self(text))
        } else {
            Err(InvalidCredentialId)
        }
    }
}

/// A credential's id was not 40 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a credential id must be 40 lower-case hex digits")]
pub struct InvalidCredentialId;

/// The name of the gathered Secret for a shard, `weir-credentials-0` to `weir-credentials-f`.
pub fn secret_name(shard: char) -> String {
    format!("weir-credentials-{shard}")
}

/// The shards' letters, `0` to `f`.
pub fn shards() -> impl Iterator<Item = char> {
    (0..u32::from(SHARDS)).filter_map(|n| char::from_digit(n, 16))
}

#[cfg(test)]
mod tests {
    use super::{CredentialId, secret_name, shards};

    #[test]
    fn ids_do_not_confuse_where_one_name_ends() {
        let a = CredentialId::of_secret_key("ns", "a", "bc");
        let b = CredentialId::of_secret_key("ns", "ab", "c");
        assert_ne!(a, b);
        assert_ne!(
            CredentialId::of_aws_secret("ns", "a"),
            CredentialId::of_secret_key("ns", "a", "")
        );
    }

    #[test]
    fn an_id_is_its_own_text() {
        let id = CredentialId::of_secret_key("default", "openai", "api-key");
        assert_eq!(CredentialId::try_from(id.as_str().to_owned()), Ok(id));
        assert!(CredentialId::try_from("XYZ".to_owned()).is_err());
    }

    #[test]
    fn sixteen_shards_are_named_by_their_hex_digit() {
        let names: Vec<_> = shards().map(secret_name).collect();
        assert_eq!(names.len(), 16);
        assert_eq!(names[15], "weir-credentials-f");
    }
}
