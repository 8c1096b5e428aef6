//! The key of a request: the text by which splits choose. Where it comes from is the policy's to say, and
//! the product's order otherwise. It is used for the hash and never shown.

use std::borrow::Cow;
use std::fmt;

use http::HeaderMap;
use weir_table::KeySource;

use crate::body::{MAX_KEY_BYTES, Prompt};
use crate::error::Failure;

/// Where a key may come from.
#[derive(Clone, Copy)]
pub(crate) struct Keys<'a> {
    /// The body.
    pub(crate) prompt: &'a Prompt,
    /// The caller's headers.
    pub(crate) headers: &'a HeaderMap,
    /// The id that was made for this request.
    pub(crate) request_id: &'a str,
}

/// A key, and the name of its source for the log.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Key<'a> {
    /// The text that is hashed.
    pub(crate) text: Cow<'a, str>,
    /// Such as `requesty.trace_id`.
    pub(crate) source: Cow<'static, str>,
}

impl fmt::Debug for Keys<'_> {
    /// Never what a header says.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("prompt", self.prompt)
            .field("headers", &self.headers.len())
            .field("request_id", &self.request_id)
            .finish()
    }
}

impl fmt::Debug for Key<'_> {
    /// Never the text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("text", &self.text.len())
            .field("source", &self.source)
            .finish()
    }
}

impl<'a> Keys<'a> {
    /// The key from `sources` in their order, or in the product's if there are none.
    pub(crate) fn resolve(&self, sources: &[KeySource]) -> Result<Key<'a>, Failure> {
        let found = if sources.is_empty() {
            self.by_default()?
        } else {
            self.by_policy(sources)?
        };
        Ok(found.unwrap_or(Key {
            text: Cow::Borrowed(self.request_id),
            source: Cow::Borrowed("request_id"),
        }))
    }

    fn by_policy(&self, sources: &[KeySource]) -> Result<Option<Key<'a>>, Failure> {
        for source in sources {
            let (text, name) = match source {
                KeySource::Header(name) => (self.header(name)?, format!("header {name}")),
                KeySource::Field(path) => (self.prompt.key(path)?, path.clone()),
            };
            if let Some(text) = text {
                return Ok(Some(Key {
                    text,
                    source: Cow::Owned(name),
                }));
            }
        }
        Ok(None)
    }

    fn by_default(&self) -> Result<Option<Key<'a>>, Failure> {
        let (requesty, weir) = (self.prompt.requesty(), self.prompt.weir());
        let fields = [
            (&requesty.trace_id, "requesty.trace_id"),
            (&requesty.user_id, "requesty.user_id"),
            (&weir.trace_id, "weir.trace_id"),
            (&weir.user_id, "weir.user_id"),
        ];
        for (text, source) in fields {
            if let Some(text) = text {
                return Ok(Some(Key {
                    text: Cow::Borrowed(text),
                    source: Cow::Borrowed(source),
                }));
            }
        }
        for name in ["x-requesty-trace-id", "x-requesty-user-id"] {
            if let Some(text) = self.header(name)? {
                return Ok(Some(Key {
                    text,
                    source: Cow::Borrowed(name),
                }));
            }
        }
        Ok(None)
    }

    fn header(&self, name: &str) -> Result<Option<Cow<'a, str>>, Failure> {
        let Some(value) = self.headers.get(name) else {
            return Ok(None);
        };
        let text = std::str::from_utf8(value.as_bytes())
            .map_err(|_| Failure::invalid(name, format!("the header `{name}` must be valid Unicode text")))?;
        if text.len() > MAX_KEY_BYTES {
            let why = format!("the header `{name}` must not be longer than {MAX_KEY_BYTES} bytes");
            return Err(Failure::invalid(name, why));
        }
        Ok(Some(Cow::Borrowed(text)).filter(|text| !text.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;
    use weir_table::KeySource;

    use super::Keys;
    use crate::body::Prompt;

    fn key(
        body: &str,
        headers: &[(&'static str, &str)],
        sources: &[KeySource],
    ) -> Result<(String, String), String> {
        let prompt =
            Prompt::read(Bytes::copy_from_slice(body.as_bytes())).map_err(|e| e.message.into_owned())?;
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        let keys = Keys {
            prompt: &prompt,
            headers: &headers,
            request_id: "made",
        };
        let key = keys
            .resolve(sources)
            .map_err(|failure| failure.message.into_owned())?;
        Ok((key.text.into_owned(), key.source.into_owned()))
    }

    fn found(text: &str, source: &str) -> (String, String) {
        (text.to_owned(), source.to_owned())
    }

    #[test]
    fn the_products_order_is_kept() {
        let headers = [("x-requesty-trace-id", "h")];
        let both = r#"{"model":"m","requesty":{"user_id":"u"},"weir":{"trace_id":"w"}}"#;
        assert_eq!(key(both, &headers, &[]), Ok(found("u", "requesty.user_id")));
        let weir = r#"{"model":"m","requesty":{"user_id":""},"weir":{"trace_id":7}}"#;
        assert_eq!(key(weir, &headers, &[]), Ok(found("7", "weir.trace_id")));
        assert_eq!(
            key(r#"{"model":"m"}"#, &headers, &[]),
            Ok(found("h", "x-requesty-trace-id"))
        );
        assert_eq!(key(r#"{"model":"m"}"#, &[], &[]), Ok(found("made", "request_id")));
    }

    #[test]
    fn a_policys_own_order_replaces_the_products() {
        let sources = [
            KeySource::Header("x-tenant".into()),
            KeySource::Field("metadata.user_id".into()),
        ];
        let body = r#"{"model":"m","requesty":{"trace_id":"t"},"metadata":{"user_id":"\u00e9"}}"#;
        assert_eq!(key(body, &[], &sources), Ok(found("é", "metadata.user_id")));
        assert_eq!(
            key(body, &[("x-tenant", "acme")], &sources),
            Ok(found("acme", "header x-tenant"))
        );
        assert_eq!(
            key(r#"{"model":"m"}"#, &[], &sources),
            Ok(found("made", "request_id"))
        );
    }

    #[test]
    fn a_field_of_another_type_is_named() {
        let sources = [KeySource::Field("user".into())];
        let error = key(r#"{"model":"m","user":[1]}"#, &[], &sources).unwrap_err();
        assert!(error.contains("`user` must be a string or a number"), "{error}");
        let long = "x".repeat(2_000);
        let error = key(r#"{"model":"m"}"#, &[("x-requesty-user-id", &long)], &[]).unwrap_err();
        assert!(error.contains("x-requesty-user-id"), "{error}");
    }
}
