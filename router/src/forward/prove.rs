//! Requests that prove who pays. Most do by a header that is always the same; those to AWS are signed, each
//! anew, with what they hold and when.

use std::time::SystemTime;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request, Uri};
use weir_dialect::bedrock::sign::{ToSign, sign};
use weir_table::FailureClass;
use weir_table::base_url::Scheme;

use crate::body::Spliced;
use crate::error::Failure;
use crate::state::{Endpoint, Proof};

/// A request with `body` to `uri` at `endpoint`.
pub(super) fn proven(
    endpoint: &Endpoint,
    uri: &Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Result<Request<Spliced>, Failure> {
    if let Proof::Aws { key, region } = &endpoint.proof {
        let to_sign = ToSign {
            method: &Method::POST,
            uri: &absolute(endpoint, uri)?,
            headers: &[(CONTENT_TYPE.as_str(), "application/json")],
            body: &body,
            region,
            time: SystemTime::now(),
        };
        headers.extend(sign(key, &to_sign).map_err(|unsigned| cannot(&unsigned.to_string()))?);
    }
    let mut request = Request::new(Spliced::whole(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri.clone();
    *request.headers_mut() = headers;
    Ok(request)
}

/// The address with the host that is part of the signature.
fn absolute(endpoint: &Endpoint, uri: &Uri) -> Result<Uri, Failure> {
    let scheme = match endpoint.address.url.scheme() {
        Scheme::Http => "http",
        Scheme::Https => "https",
    };
    Uri::builder()
        .scheme(scheme)
        .authority(endpoint.host.as_bytes())
        .path_and_query(uri.path_and_query().map_or("/", |path| path.as_str()))
        .build()
        .map_err(|_| cannot("the request can't be signed: its address is not whole"))
}

fn cannot(text: &str) -> Failure {
    Failure::new(FailureClass::Unauthorized, text.to_owned())
}
