//! How a table knows callers: by the SHA-256 of their keys, never by the keys. What a key must be, how it is
//! hashed, and which names its holder may use. Nothing here reads a clock: who asks says what time it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The least characters of a key: with letters and digits alone about 190 bits, so that nobody guesses one
/// and its plain SHA-256 tells nothing.
pub const MIN_KEY: usize = 32;

/// The most keys of one holder at a time.
pub const MAX_KEYS: usize = 8;

/// SHA-256 over a key, written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyHash([u8; 32]);

/// Why a stored value can't be a caller's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnfitKey {
    /// Shorter than [`MIN_KEY`].
    #[error("is shorter than {MIN_KEY} characters; `openssl rand -hex 32` makes one of 64")]
    TooShort,
    /// Spaces, line breaks or anything else that a header can't carry as part of a token.
    #[error("holds characters other than visible ASCII, which no caller could send in a header")]
    Unsendable,
}

impl KeyHash {
    /// The hash of a key as a caller presents it.
    pub fn of(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// The hash of a key as a Secret holds it: blanks and line ends around it do not count.
    pub fn of_stored(value: &[u8]) -> Result<Self, UnfitKey> {
        let key = value.trim_ascii();
        if !key.iter().all(u8::is_ascii_graphic) {
            Err(UnfitKey::Unsendable)
        } else if key.len() < MIN_KEY {
            Err(UnfitKey::TooShort)
        } else {
            Ok(Self::of(key))
        }
    }

    /// The 32 bytes, for a comparison in constant time.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::codec::hex(&self.0))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyHash({})", &crate::codec::hex(&self.0[..6]))
    }
}

impl From<KeyHash> for String {
    fn from(hash: KeyHash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for KeyHash {
    type Error = InvalidKeyHash;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let nibble = |digit: u8| match digit {
            b'0'..=b'9' => Ok(digit - b'0'),
            b'a'..=b'f' => Ok(digit - b'a' + 10),
            _ => Err(InvalidKeyHash),
        };
        let digits: &[u8; 64] = text.as_bytes().try_into().map_err(|_| InvalidKeyHash)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

/// A key's hash was not 64 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the hash of a key must be 64 lower-case hex digits")]
pub struct InvalidKeyHash;

/// A caller: by which keys it is known, and what it may name. What those names reach is not asked.
///
/// One without keys is known by none. It still says that callers of this Weir have keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessKey {
    /// The keys that are valid now, each with what bounds it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<KeyHash, Validity>,
    /// The policies that it may name, by namespace.
    #[serde(default, skip_serializing_if = "Allowed::is_nothing")]
    pub policies: Allowed,
    /// The models that it may name without a policy, by provider.
    #[serde(default, skip_serializing_if = "Allowed::is_nothing")]
    pub models: Allowed,
}

/// What bounds one key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Validity {
    /// The second since 1970 from which on it is refused; `None` means never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
}

impl Validity {
    /// Whether the key is still taken at `now`, in seconds since 1970.
    pub fn holds_at(self, now: i64) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// Which names of two parts a holder may use: `<namespace>/<policy>` or `<provider>/<model>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Allowed {
    /// All.
    All,
    /// Those whose first part is here, as far as it says.
    Within(BTreeMap<String, Names>),
}

/// Which second parts of names a holder may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Names {
    /// All.
    All,
    /// These.
    Only(BTreeSet<String>),
}

impl Allowed {
    /// Whether `<first>/<second>` may be used.
    pub fn allows(&self, first: &str, second: &str) -> bool {
        match self {
            Self::All => true,
            Self::Within(parts) => match parts.get(first) {
                Some(Names::All) => true,
                Some(Names::Only(names)) => names.contains(second),
                None => false,
            },
        }
    }

    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Allowed {
    /// Nothing.
    fn default() -> Self {
        Self::Within(BTreeMap::new())
    }
}

#[cfg(test)]
mod tests {
    use super::{Allowed, KeyHash, Names, UnfitKey, Validity};

    const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

    #[test]
    fn a_key_is_hashed_by_sha_256() {
        // printf %s abc | sha256sum
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(KeyHash::of(b"abc").to_string(), expected);
    }

    #[test]
    fn a_stored_key_and_the_one_presented_are_the_same_whatever_an_editor_left_around_it() {
        for stored in [&b"\n"[..], b"\r\n", b" ", b""] {
            let stored = [KEY, stored].concat();
            assert_eq!(KeyHash::of_stored(&stored), Ok(KeyHash::of(KEY)));
        }
    }

    #[test]
    fn a_key_of_31_characters_is_refused_and_one_of_32_is_not() {
        assert!(KeyHash::of_stored(KEY).is_ok());
        assert_eq!(KeyHash::of_stored(&KEY[1..]), Err(UnfitKey::TooShort));
        let padded = [&KEY[1..], b"\n"].concat();
        assert_eq!(
            KeyHash::of_stored(&padded),
            Err(UnfitKey::TooShort),
            "a line end is no part of it"
        );
    }

    #[test]
    fn a_key_that_no_header_can_carry_is_refused() {
        for odd in [&b" "[..], b"\n", b"\0", "é".as_bytes()] {
            let key = [KEY, odd, KEY].concat();
            assert_eq!(KeyHash::of_stored(&key), Err(UnfitKey::Unsendable));
        }
    }

    #[test]
    fn a_hash_reads_back_and_is_not_shown_whole() {
        let hash = KeyHash::of(KEY);
        assert_eq!(KeyHash::try_from(hash.to_string()), Ok(hash));
        assert!(KeyHash::try_from(hash.to_string().to_uppercase()).is_err());
        assert!(KeyHash::try_from("ab".to_owned()).is_err());
        assert_eq!(format!("{hash:?}").len(), "KeyHash(ba7816bf8f01)".len());
    }

    #[test]
    fn a_key_is_refused_from_the_second_on_at_which_it_expires() {
        let until = Validity { expires_at: Some(10) };
        assert!(until.holds_at(9));
        assert!(!until.holds_at(10));
        assert!(Validity::default().holds_at(i64::MAX));
    }

    #[test]
    fn names_are_allowed_by_both_their_parts() {
        let only = Names::Only(["gpt-4o".to_owned()].into());
        let allowed = Allowed::Within([("openai".to_owned(), only), ("acme".to_owned(), Names::All)].into());
        assert!(allowed.allows("openai", "gpt-4o") && allowed.allows("acme", "any"));
        for (first, second) in [("openai", "o1"), ("other", "gpt-4o"), ("openai/gpt-4o", "")] {
            assert!(!allowed.allows(first, second), "{first}/{second}");
        }
        assert!(Allowed::All.allows("x", "y"));
        assert!(!Allowed::default().allows("x", "y"));
    }
}
