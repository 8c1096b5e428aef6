//! The key in a request's head. Keys go no further than the hash that is made of them.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::refused;
use crate::error::Failure;

/// Where Anthropic's SDKs put a key.
const API_KEY: &str = "x-api-key";

/// The scheme of a key in `authorization`, in any case.
const SCHEME: &[u8] = b"bearer ";

/// The key that a caller presents, if any. Two that differ are refused: which of them was meant is anybody's
/// guess, and who put the other one there too.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<&[u8]>, Failure> {
    let bearers = headers.get_all(AUTHORIZATION).into_iter();
    let bearers = bearers.filter_map(|value| bearer(value.as_bytes()));
    let plain = headers.get_all(API_KEY).into_iter();
    let plain = plain
        .map(|value| value.as_bytes().trim_ascii())
        .filter(|key| !key.is_empty());
    let mut keys = bearers.chain(plain);
    let first = keys.next();
    if keys.any(|other| Some(other) != first) {
        return Err(refused("two different keys were sent; send one"));
    }
    Ok(first)
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, key) = value.split_at_checked(SCHEME.len())?;
    let key = key.trim_ascii();
    (scheme.eq_ignore_ascii_case(SCHEME) && !key.is_empty()).then_some(key)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::key;

    fn of(headers: &[(&'static str, &'static str)]) -> Result<Option<String>, String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        match key(&map) {
            Ok(key) => Ok(key.map(|key| String::from_utf8(key.to_vec()).unwrap())),
            Err(failure) => Err(failure.class.to_string()),
        }
    }

    #[test]
    fn a_key_is_read_from_either_header_and_from_both_if_they_agree() {
        let found = Ok(Some("k1".to_owned()));
        for headers in [
            &[("authorization", "Bearer k1")][..],
            &[("authorization", "bearer  k1 ")],
            &[("x-api-key", "k1")],
            &[("authorization", "Bearer k1"), ("x-api-key", "k1")],
            &[("authorization", "Basic eDp5"), ("x-api-key", "k1")],
        ] {
            assert_eq!(of(headers), found, "{headers:?}");
        }
    }

    #[test]
    fn what_is_no_key_is_none() {
        for headers in [
            &[][..],
            &[("authorization", "Bearer ")],
            &[("authorization", "Bearer")],
            &[("authorization", "Basic eDp5")],
            &[("x-api-key", "")],
        ] {
            assert_eq!(of(headers), Ok(None), "{headers:?}");
        }
    }

    #[test]
    fn two_different_keys_are_refused() {
        for headers in [
            &[("authorization", "Bearer k1"), ("x-api-key", "k2")][..],
            &[("authorization", "Bearer k1"), ("authorization", "Bearer k2")],
            &[("x-api-key", "k1"), ("x-api-key", "k2")],
        ] {
            assert_eq!(of(headers), Err("Unauthenticated".to_owned()), "{headers:?}");
        }
    }
}
