//! How long a caller says that it waits.

use std::time::Duration;

use http::HeaderMap;
use http::header::HeaderName;

const STAINLESS_TIMEOUT: HeaderName = HeaderName::from_static("x-stainless-timeout");
const REQUEST_TIMEOUT: HeaderName = HeaderName::from_static("x-request-timeout");

/// The least that a caller's wait is taken for.
const LEAST: Duration = Duration::from_millis(1);

/// The shorter of `x-stainless-timeout`, which `OpenAI`'s SDKs send, and `x-request-timeout`, both in
/// seconds. What is no positive number says nothing.
pub(crate) fn patience(headers: &HeaderMap) -> Option<Duration> {
    let seconds = |name: HeaderName| {
        let text = headers.get(name)?.to_str().ok()?;
        let seconds = text.trim().parse::<f64>().ok().filter(|seconds| *seconds > 0.0)?;
        Duration::try_from_secs_f64(seconds)
            .ok()
            .map(|wait| wait.max(LEAST))
    };
    [seconds(STAINLESS_TIMEOUT), seconds(REQUEST_TIMEOUT)]
        .into_iter()
        .flatten()
        .min()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderMap;

    use super::patience;

    fn of(headers: &[(&'static str, &'static str)]) -> Option<Duration> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        patience(&headers)
    }

    #[test]
    fn the_shorter_of_both_headers_counts() {
        assert_eq!(
            of(&[("x-stainless-timeout", "600"), ("x-request-timeout", "1.5")]),
            Some(Duration::from_millis(1_500))
        );
        assert_eq!(
            of(&[("x-stainless-timeout", "600")]),
            Some(Duration::from_mins(10))
        );
    }

    #[test]
    fn what_is_no_positive_number_says_nothing() {
        for text in ["", "soon", "0", "-1", "NaN", "inf", "1e300"] {
            let headers =
                HeaderMap::from_iter([("x-request-timeout".parse().unwrap(), text.parse().unwrap())]);
            assert_eq!(patience(&headers), None, "{text}");
        }
    }
}
