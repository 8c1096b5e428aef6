//! A router's address, as `--url` gives it. Pure.

use std::fmt;
use std::str::FromStr;

use http::Uri;

/// Where a router takes requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RouterUrl {
    /// The host and, if given, the port: what `host` says in a request.
    pub(super) authority: String,
    /// The host to connect to.
    pub(super) host: String,
    /// The port to connect to.
    pub(super) port: u16,
    /// What stands before `/v1` in paths; empty, or with a slash in front only.
    pub(super) prefix: String,
}

impl FromStr for RouterUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let uri: Uri = text
            .parse()
            .map_err(|_| "this is no URL; write it as http://HOST:PORT".to_owned())?;
        if uri.scheme_str() != Some("http") {
            return Err(
                "must begin with http://; give the router's own address, not that of an HTTPS proxy"
                    .to_owned(),
            );
        }
        let authority = uri
            .authority()
            .filter(|authority| !authority.as_str().contains('@'));
        let authority = authority.ok_or("must name a host, and no user: http://HOST:PORT")?;
        if uri.query().is_some() {
            return Err("must not hold a query".to_owned());
        }
        let path = uri.path().trim_end_matches('/');
        let host = authority.host();
        Ok(Self {
            authority: authority.to_string(),
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: authority.port_u16().unwrap_or(80),
            prefix: path.strip_suffix("/v1").unwrap_or(path).to_owned(),
        })
    }
}

impl fmt::Display for RouterUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::RouterUrl;

    fn parts(text: &str) -> (String, u16, String) {
        let RouterUrl {
            authority: _,
            host,
            port,
            prefix,
        } = text.parse().unwrap();
        (host, port, prefix)
    }

    #[test]
    fn an_address_may_be_written_as_sdks_take_it() {
        for text in [
            "http://r.ns.svc",
            "http://r.ns.svc/",
            "http://r.ns.svc:80/v1",
            "http://r.ns.svc/v1/",
        ] {
            assert_eq!(parts(text), ("r.ns.svc".to_owned(), 80, String::new()), "{text}");
        }
        assert_eq!(
            parts("http://[::1]:8080/llm"),
            ("::1".to_owned(), 8080, "/llm".to_owned())
        );
    }

    #[test]
    fn what_is_no_routers_address_is_refused() {
        for text in ["r.ns.svc", "https://r", "http://u:p@r", "http://r/?q", "/v1"] {
            assert!(text.parse::<RouterUrl>().is_err(), "{text}");
        }
    }
}
