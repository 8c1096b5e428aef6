//! When a provider wants to be asked again, as its headers say it.

use std::time::{Duration, SystemTime};

use http::HeaderMap;

/// The longest time after which a provider is believed to want to be asked again.
pub(super) const LONGEST: Duration = Duration::from_hours(24);

/// When the provider wants to be asked again, at most [`LONGEST`] from now.
pub(super) fn told(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    wait(headers, now).map(|wait| wait.min(LONGEST))
}

/// What `retry-after-ms` says, else `retry-after`, in seconds or as a date.
fn wait(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::trim)
    };
    let number = |text: &str, unit: f64| {
        let seconds = text.parse::<f64>().ok().map(|number| number * unit);
        seconds
            .filter(|seconds| *seconds >= 0.0)
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
    };
    let millis = ["retry-after-ms", "x-ms-retry-after-ms"]
        .into_iter()
        .find_map(text);
    if let Some(wait) = millis.and_then(|text| number(text, 0.001)) {
        return Some(wait);
    }
    let after = text("retry-after")?;
    let date = || {
        httpdate::parse_http_date(after)
            .ok()
            .map(|at| at.duration_since(now).unwrap_or_default())
    };
    number(after, 1.0).or_else(date)
}
