//! The address of a provider: parsed once, so that nothing later has to wonder what is in it.
//! It resolves no names and opens nothing.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::name::is_dns_label;

/// The placeholder that a region replaces.
const REGION: &str = "{region}";

/// An absolute `http` or `https` URL without userinfo, query or fragment, possibly with `{region}` in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BaseUrl {
    text: String,
    scheme: Scheme,
    authority_end: usize,
}

/// How the provider is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// Clear text, port 80 unless given.
    Http,
    /// TLS, port 443 unless given.
    Https,
}

impl Scheme {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Http => "http://",
            Self::Https => "https://",
        }
    }

    /// The port where the URL gives none.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Why a text is no [`BaseUrl`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBaseUrl {
    /// Neither `http://` nor `https://`.
    #[error("must begin with https:// or http://")]
    Scheme,
    /// `user@` before the host.
    #[error("must not carry user information; put the key into a Secret and name it in `credential`")]
    UserInfo,
    /// A `?` or `#`.
    #[error("must not have a query or fragment")]
    QueryOrFragment,
    /// No host, or characters that no host has.
    #[error("must name a host")]
    Host,
    /// A port that is none.
    #[error("must have a port between 1 and 65535, or none")]
    Port,
    /// Characters that a path must percent-encode, or dot segments.
    #[error("must have a path without spaces, control characters or dot segments")]
    Path,
}

impl BaseUrl {
    /// Parses `text`; a trailing `/` is dropped.
    pub fn parse(text: &str) -> Result<Self, InvalidBaseUrl> {
        let text = text.trim_end_matches('/');
        let scheme = [Scheme::Https, Scheme::Http]
            .into_iter()
            .find(|scheme| text.starts_with(scheme.prefix()))
            .ok_or(InvalidBaseUrl::Scheme)?;
        let start = scheme.prefix().len();
        let authority_end = text[start..].find('/').map_or(text.len(), |at| start + at);
        check_authority(&text[start..authority_end])?;
        check_path(&text[authority_end..])?;
        Ok(Self {
            text: text.to_owned(),
            scheme,
            authority_end,
        })
    }

    /// The URL's text, without a trailing `/`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is spoken to over TLS.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// `host[:port]`, as written.
    pub fn authority(&self) -> &str {
        &self.text[self.scheme.prefix().len()..self.authority_end]
    }

    /// The host alone; an IPv6 address keeps its brackets.
    pub fn host(&self) -> &str {
        split_port(self.authority()).0
    }

    /// The port, given or implied by the scheme.
    pub fn port(&self) -> u16 {
        let given = split_port(self.authority()).1;
        given
            .and_then(|port| port.parse().ok())
            .unwrap_or(self.scheme.default_port())
    }

    /// The path before the endpoint's own, empty or beginning with `/`.
    pub fn path(&self) -> &str {
        &self.text[self.authority_end..]
    }

    /// Whether a region has to be filled in.
    pub fn wants_region(&self) -> bool {
        self.text.contains(REGION)
    }

    /// The URL with `region`, a DNS label, in place of `{region}`: a region can't turn into another host.
    pub fn in_region(&self, region: &str) -> Result<Self, InvalidBaseUrl> {
        if !is_dns_label(region) {
            return Err(InvalidBaseUrl::Host);
        }
        Self::parse(&self.text.replace(REGION, region))
    }
}

/// Splits `host[:port]`; the colons inside an IPv6 address are not a port's.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rfind(':') {
        Some(colon) if !authority[colon..].contains(']') => {
            (&authority[..colon], Some(&authority[colon + 1..]))
        }
        _ => (authority, None),
    }
}

fn check_authority(authority: &str) -> Result<(), InvalidBaseUrl> {
    if authority.contains('@') {
        return Err(InvalidBaseUrl::UserInfo);
    }
    if authority.contains(['?', '#']) {
        return Err(InvalidBaseUrl::QueryOrFragment);
    }
    let (host, port) = split_port(authority);
    if !is_host(host) {
        return Err(InvalidBaseUrl::Host);
    }
    match port {
        Some(port) if !is_port(port) => Err(InvalidBaseUrl::Port),
        _ => Ok(()),
    }
}

fn is_host(host: &str) -> bool {
    let filled = host.replace(REGION, "region");
    match filled.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !filled.is_empty()
                && filled
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
        }
    }
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn check_path(path: &str) -> Result<(), InvalidBaseUrl> {
    if path.contains(['?', '#']) {
        return Err(InvalidBaseUrl::QueryOrFragment);
    }
    let filled = path.replace(REGION, "region");
    let plain = filled
        .bytes()
        .all(|b| b.is_ascii_graphic() && !b"\\\"<>^`{}|".contains(&b));
    let climbs = filled.split('/').any(|segment| segment == "." || segment == "..");
    if plain && !climbs {
        Ok(())
    } else {
        Err(InvalidBaseUrl::Path)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<BaseUrl> for String {
    fn from(url: BaseUrl) -> Self {
        url.text
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = InvalidBaseUrl;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::{BaseUrl, InvalidBaseUrl, Scheme};

    #[test]
    fn a_url_is_taken_apart() {
        let url = BaseUrl::parse("https://api.openai.com/v1/").unwrap();
        assert_eq!(
            (url.scheme(), url.host(), url.port(), url.path()),
            (Scheme::Https, "api.openai.com", 443, "/v1")
        );
        let url = BaseUrl::parse("http://[::1]:8080").unwrap();
        assert_eq!(
            (url.scheme(), url.host(), url.port(), url.path()),
            (Scheme::Http, "[::1]", 8080, "")
        );
    }

    #[test]
    fn what_is_no_base_url_says_why() {
        let cases = [
            ("ftp://x", InvalidBaseUrl::Scheme),
            ("https://", InvalidBaseUrl::Scheme),
            ("https:///v1", InvalidBaseUrl::Host),
            ("https://user:pw@x/v1", InvalidBaseUrl::UserInfo),
            ("https://x/v1?key=1", InvalidBaseUrl::QueryOrFragment),
            ("https://x#y", InvalidBaseUrl::QueryOrFragment),
            ("https://x:99999", InvalidBaseUrl::Port),
            ("https://x:/v1", InvalidBaseUrl::Port),
            ("https://a b/v1", InvalidBaseUrl::Host),
            ("https://x/a/../b", InvalidBaseUrl::Path),
            ("https://x/{zone}", InvalidBaseUrl::Path),
        ];
        for (text, why) in cases {
            assert_eq!(BaseUrl::parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn a_region_is_filled_in_wherever_it_stands() {
        let url = BaseUrl::parse("https://bedrock.{region}.example.com/{region}/v1").unwrap();
        assert!(url.wants_region());
        let filled = url.in_region("eu-central-1").unwrap();
        assert_eq!(
            filled.as_str(),
            "https://bedrock.eu-central-1.example.com/eu-central-1/v1"
        );
        assert!(!filled.wants_region());
        assert_eq!(url.in_region("evil.com/x"), Err(InvalidBaseUrl::Host));
    }
}
