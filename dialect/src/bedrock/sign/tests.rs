use std::time::{Duration, SystemTime};

use http::{HeaderMap, Method, Uri};

use super::{AwsKey, NotAKey, ToSign, Unsigned, sign};
use crate::bedrock::{Operation, path};

const PAIR: &str =
    r#"{"accessKeyId":"AKIDEXAMPLE","secretAccessKey":"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}"#;
const TRIPLE: &str = r#"{"accessKeyId":"AKIDEXAMPLE","secretAccessKey":"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY\n","sessionToken":"the/token=="}"#;

fn key(secret: &str) -> AwsKey {
    AwsKey::read(secret.as_bytes()).expect("a key")
}

fn signed(key: &AwsKey, address: &str) -> Result<HeaderMap, Unsigned> {
    let request = ToSign {
        method: &Method::POST,
        uri: &address.parse::<Uri>().expect("an address"),
        headers: &[("content-type", "application/json")],
        body: br#"{"messages":[]}"#,
        region: "eu-central-1",
        time: SystemTime::UNIX_EPOCH + Duration::from_mins(29_922_210),
    };
    sign(key, &request)
}

fn address() -> String {
    let model = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";
    let path = path(model, Operation::Converse);
    format!("https://bedrock-runtime.eu-central-1.amazonaws.com{path}")
}

/// The signatures are botocore's.
#[test]
fn a_request_is_signed_with_and_without_a_session() {
    let scope = "Credential=AKIDEXAMPLE/20261122/eu-central-1/bedrock/aws4_request";
    let headers = signed(&key(PAIR), &address()).expect("signed");
    assert_eq!(headers["x-amz-date"], "20261122T073000Z");
    assert_eq!(
        headers["authorization"],
        format!(
            "AWS4-HMAC-SHA256 {scope}, SignedHeaders=content-type;host;x-amz-date, \
             Signature=2c06de87885819f2e8d991be247558ee4933cd4090a8345499463b82126a4f73"
        )
    );
    assert_eq!(headers.len(), 2);
    let headers = signed(&key(TRIPLE), &address()).expect("signed");
    assert_eq!(headers["x-amz-security-token"], "the/token==");
    assert_eq!(
        headers["authorization"],
        format!(
            "AWS4-HMAC-SHA256 {scope}, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, \
             Signature=66bfddbe100cd0cfc2bb3779175d76ff7a69530e242944b0bf26d580440549cd"
        )
    );
}

#[test]
fn another_body_has_another_signature() {
    let uri = address().parse::<Uri>().expect("an address");
    let signature = |body: &[u8]| {
        let request = ToSign {
            method: &Method::POST,
            uri: &uri,
            headers: &[],
            body,
            region: "eu-central-1",
            time: SystemTime::UNIX_EPOCH,
        };
        sign(&key(PAIR), &request).expect("signed")["authorization"].clone()
    };
    assert_ne!(signature(b"a"), signature(b"b"));
}

#[test]
fn half_an_address_is_not_signed() {
    assert_eq!(signed(&key(PAIR), "/model/x/converse"), Err(Unsigned));
    let broken = TRIPLE.replace("the/token==", r"a\nb");
    assert_eq!(signed(&key(&broken), &address()), Err(Unsigned));
}

#[test]
fn what_is_no_key_is_refused_and_not_repeated() {
    for secret in [
        "",
        "sk-secret",
        "{}",
        r#"{"accessKeyId":"AKID"}"#,
        r#"{"accessKeyId":"AKID","secretAccessKey":"\n"}"#,
        r#"{"accessKeyId":"AKID","secretAccessKey":7}"#,
    ] {
        let error = AwsKey::read(secret.as_bytes()).expect_err(secret);
        assert_eq!(error, NotAKey);
        assert!(!error.to_string().contains("secret-"), "{error}");
    }
}

#[test]
fn nothing_of_a_key_is_printed() {
    let key = key(TRIPLE);
    let headers = signed(&key, &address()).expect("signed");
    let printed = format!("{key:?} {headers:?}");
    for secret in ["AKID", "wJal", "token==", "Signature"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}
