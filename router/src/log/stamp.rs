//! The time as log lines have it, such as `2026-01-31T12:00:00.000001Z`. Of two lines in one second the second
//! costs no calendar.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime as Calendar};

/// How long a time is up to its seconds: `2026-01-31T12:00:00`.
const SECONDS: usize = 19;

/// The last second that was written.
#[derive(Debug, Default)]
pub(super) struct Stamp {
    second: Option<u64>,
    text: String,
}

impl Stamp {
    /// The time now.
    pub(super) fn now(&mut self) -> &str {
        let mut now = since_1970();
        while self.second != Some(now.as_secs()) {
            self.text.clear();
            // Writing to a string does not fail.
            let _ok = Calendar.format_time(&mut Writer::new(&mut self.text));
            let after = since_1970();
            // Unless the second has ended meanwhile.
            self.second = (after.as_secs() == now.as_secs()).then_some(now.as_secs());
            now = after;
        }
        self.text.truncate(SECONDS);
        let _ok = write!(self.text, ".{:06}Z", now.subsec_micros());
        &self.text
    }
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::Stamp;

    #[test]
    fn times_ascend_and_are_as_long_as_each_other() {
        let mut stamp = Stamp::default();
        let times: Vec<String> = (0..1_000).map(|_| stamp.now().to_owned()).collect();
        assert!(times.is_sorted(), "{times:?}");
        assert!(
            times.iter().all(|time| time.len() == 27 && time.ends_with('Z')),
            "{times:?}"
        );
    }
}
