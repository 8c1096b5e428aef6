//! Signs requests to AWS by Signature Version 4. The clock is the caller's; a signature is good for five minutes.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
//!
//! A bearer key needs nothing of this.

use std::fmt;
use std::fmt::Write as _;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign as signature};
use aws_sigv4::sign::v4::SigningParams;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

#[cfg(test)]
mod tests;

/// The service's name in signatures, which is not the one in its host.
const SERVICE: &str = "bedrock";

/// An access key of AWS. Its values are wiped when the last copy goes.
#[derive(Clone)]
pub struct AwsKey(Credentials);

impl fmt::Debug for AwsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AwsKey(…)")
    }
}

/// A credential that is no access key of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an access key of AWS: `accessKeyId` and `secretAccessKey` are wanted, and `sessionToken` if there is one"
)]
pub struct NotAKey;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pair {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

impl AwsKey {
    /// Reads a key as the operator gathers it: a JSON object with the keys of its Secret. Line ends around
    /// the values, which come from files, are no part of them.
    ///
    /// # Errors
    /// It is none, or one of its halves is empty.
    pub fn read(secret: &[u8]) -> Result<Self, NotAKey> {
        let pair: Pair = serde_json::from_slice(secret).map_err(|_| NotAKey)?;
        let (id, key) = (trimmed(pair.access_key_id), trimmed(pair.secret_access_key));
        if id.is_empty() || key.is_empty() {
            return Err(NotAKey);
        }
        let token = pair.session_token.map(trimmed).filter(|token| !token.is_empty());
        Ok(Self(Credentials::new(id, key, token, None, "weir")))
    }
}

/// `text` without space at its end, in place: a copy would have to be wiped.
fn trimmed(mut text: String) -> String {
    text.truncate(text.trim_end().len());
    text
}

/// What is signed.
#[derive(Clone, Copy)]
pub struct ToSign<'a> {
    /// The method.
    pub method: &'a Method,
    /// The whole address, its path as it is sent. Its authority must be what `host` says.
    pub uri: &'a Uri,
    /// Headers that nobody changes on the way, such as `content-type`; `host` is signed in any case.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
    /// The region, such as `eu-central-1`.
    pub region: &'a str,
    /// Now.
    pub time: SystemTime,
}

impl fmt::Debug for ToSign<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToSign")
            .field("region", &self.region)
            .field("body", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// A request that cannot be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the request can't be signed: its address is not whole, or a header or the key holds characters that no header may hold"
)]
pub struct Unsigned;

/// The headers to add to `request`: `authorization`, `x-amz-date`, and `x-amz-security-token` for temporary keys.
///
/// # Errors
/// The address has no authority, or a value can't be a header.
pub fn sign(key: &AwsKey, request: &ToSign<'_>) -> Result<HeaderMap, Unsigned> {
    // The signer would panic.
    request.uri.authority().ok_or(Unsigned)?;
    let identity = key.0.clone().into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(request.region)
        .name(SERVICE)
        .time(request.time)
        .settings(SigningSettings::default())
        .build()
        .map_err(|_| Unsigned)?
        .into();
    // The signer is given the hash, so that it has no body to log.
    let body = SignableBody::Precomputed(sha256(request.body));
    let (method, uri) = (request.method.as_str(), request.uri.to_string());
    let signable = SignableRequest::new(method, uri, request.headers.iter().copied(), body);
    let signed = signature(signable.map_err(|_| Unsigned)?, &params).map_err(|_| Unsigned)?;
    let (headers, _) = signed.into_parts().0.into_parts();
    headers
        .iter()
        .map(|header| {
            let mut value = HeaderValue::from_str(header.value()).map_err(|_| Unsigned)?;
            value.set_sensitive(true);
            Ok((HeaderName::from_static(header.name()), value))
        })
        .collect()
}

/// The SHA-256 of `body` in hexadecimal.
fn sha256(body: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(body) {
        // Writing into a text cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
