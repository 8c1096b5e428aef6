//! What a request proves with who pays: the one place where the value of a credential becomes what is sent.

use http::HeaderValue;
use http::header::{AUTHORIZATION, HeaderName};
use weir_dialect::bedrock::sign::AwsKey;
use weir_table::{BaseUrl, Dialect};

use super::endpoint::Address;

/// What a request proves with who pays.
#[derive(Debug, Clone)]
pub(crate) enum Proof {
    /// Nothing.
    None,
    /// A header, marked sensitive.
    Header(HeaderName, HeaderValue),
    /// A signature for AWS, made for each request.
    Aws {
        /// With what.
        key: Box<AwsKey>,
        /// For where.
        region: Box<str>,
    },
}

/// Why a credential proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoProof(pub(crate) &'static str);

impl Proof {
    /// What `secret` proves at `address`: a signature where it is a key pair of AWS, else a header.
    pub(super) fn new(address: &Address, region: Option<&str>, secret: &[u8]) -> Result<Self, NoProof> {
        if address.dialect == Dialect::Bedrock
            && let Ok(key) = AwsKey::read(secret)
        {
            let region = region.or_else(|| region_of(&address.url));
            return Ok(Self::Aws {
                key: Box::new(key),
                region: region
                    .map(Box::from)
                    .ok_or(NoProof("signatures need a region: set spec.region"))?,
            });
        }
        Self::of_key(address.dialect, secret)
            .ok_or(NoProof("its credential has characters that no header can carry"))
    }

    /// The header in which `dialect` wants `key`. A line end behind the key, which `kubectl create secret
    /// --from-file` keeps, is dropped.
    fn of_key(dialect: Dialect, key: &[u8]) -> Option<Self> {
        let (name, prefix): (_, &[u8]) = match dialect {
            Dialect::OpenAI | Dialect::Bedrock => (AUTHORIZATION, b"Bearer "),
            Dialect::Anthropic => (HeaderName::from_static("x-api-key"), b""),
            Dialect::Gemini => (HeaderName::from_static("x-goog-api-key"), b""),
            Dialect::AzureOpenAI => (HeaderName::from_static("api-key"), b""),
        };
        let mut value = HeaderValue::from_bytes(&[prefix, key.trim_ascii()].concat()).ok()?;
        value.set_sensitive(true);
        Some(Self::Header(name, value))
    }
}

/// The region in the host of an address of Bedrock, such as `bedrock-runtime.eu-central-1.amazonaws.com`.
fn region_of(url: &BaseUrl) -> Option<&str> {
    let (service, rest) = url.host().split_once('.')?;
    let (region, domain) = rest.split_once('.')?;
    (service.starts_with("bedrock-runtime") && domain.starts_with("amazonaws.com")).then_some(region)
}

#[cfg(test)]
mod tests {
    use weir_table::{BaseUrl, Dialect};

    use super::super::endpoint::Address;
    use super::{NoProof, Proof};

    fn proof(dialect: Dialect, url: &str, region: Option<&str>, secret: &str) -> Result<Proof, NoProof> {
        let address = Address {
            dialect,
            url: BaseUrl::parse(url).unwrap(),
            api_version: None,
            lacks: [].into(),
        };
        Proof::new(&address, region, secret.as_bytes())
    }

    #[test]
    fn every_dialect_has_its_own_header_for_the_key() {
        for (dialect, header, text) in [
            (Dialect::OpenAI, "authorization", "Bearer k"),
            (Dialect::Bedrock, "authorization", "Bearer k"),
            (Dialect::Anthropic, "x-api-key", "k"),
            (Dialect::Gemini, "x-goog-api-key", "k"),
            (Dialect::AzureOpenAI, "api-key", "k"),
        ] {
            let Ok(Proof::Header(name, value)) = proof(dialect, "https://x", None, "k\n") else {
                panic!("{dialect:?}");
            };
            assert_eq!((name.as_str(), value.to_str().unwrap()), (header, text));
            assert!(value.is_sensitive());
        }
        assert!(proof(Dialect::OpenAI, "https://x", None, "a\nb").is_err());
    }

    #[test]
    fn a_key_pair_signs_for_the_region_that_is_said_or_in_aws_own_host() {
        const PAIR: &str = r#"{"accessKeyId":"a","secretAccessKey":"b"}"#;
        let of = |url: &str, region: Option<&str>| match proof(Dialect::Bedrock, url, region, PAIR) {
            Ok(Proof::Aws { region, .. }) => Some(region.into_string()),
            _ => None,
        };
        let own = "https://bedrock-runtime.eu-central-1.amazonaws.com";
        assert_eq!(of(own, None).as_deref(), Some("eu-central-1"));
        assert_eq!(of(own, Some("us-east-1")).as_deref(), Some("us-east-1"));
        assert_eq!(of("https://proxy.example.com", None), None);
    }
}
