//! `data:` URLs, in which `OpenAI`'s dialects carry media. The data themselves are never copied.
//! <https://www.rfc-editor.org/rfc/rfc2397>

use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::form::Source;

/// What a URL of media points to: data, if it is a `data:` URL, else something to fetch. `None` if its data
/// are not in base64.
pub(crate) fn source(url: Cow<'_, str>) -> Option<Source<'_>> {
    let Some((head, start)) = head(&url) else {
        return Some(Source::Url(url));
    };
    let mut parameters = head.split(';');
    let media_type = parameters.next().filter(|given| !given.is_empty());
    let media_type = media_type.unwrap_or("text/plain").to_owned();
    if !parameters.any(|parameter| parameter.eq_ignore_ascii_case("base64")) {
        return None;
    }
    Some(Source::Base64 {
        media_type: Cow::Owned(media_type),
        data: tail(url, start),
    })
}

/// What stands between `data:` and the comma, and where the data start.
fn head(url: &str) -> Option<(&str, usize)> {
    let scheme = url.get(..5)?;
    let comma = url.bytes().take(256).position(|byte| byte == b',')?;
    (scheme.eq_ignore_ascii_case("data:")).then(|| (&url[5..comma.max(5)], comma + 1))
}

fn tail(text: Cow<'_, str>, start: usize) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[start..]),
        Cow::Owned(mut text) => {
            text.drain(..start);
            Cow::Owned(text)
        }
    }
}

/// Data as a `data:` URL, put together only where it is written.
pub(crate) struct DataUrl<'f> {
    /// The media type.
    pub(crate) media_type: &'f str,
    /// The data, in base64.
    pub(crate) data: &'f str,
}

impl fmt::Display for DataUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "data:{};base64,{}", self.media_type, self.data)
    }
}

impl Serialize for DataUrl<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests;
