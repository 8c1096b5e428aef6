//! The bytes of a credential. They are wiped when dropped, and have no way to be shown: not by `Debug`, not by
//! `Display`, not by serde. Only [`crate::credentials`] takes them out, to write them to the API server,
//! and [`crate::observe`], to hash them.

use std::fmt;

use zeroize::Zeroizing;

/// One secret value.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes the bytes over; they are not copied.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes, for the places that write and hash them.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes")
    }
}

#[cfg(test)]
mod tests {
    use super::SecretBytes;

    #[test]
    fn debug_output_does_not_hold_the_value() {
        let shown = format!("{:?}", SecretBytes::new(b"sk-canary".to_vec()));
        assert_eq!(shown, "SecretBytes");
    }
}
