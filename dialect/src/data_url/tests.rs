use std::borrow::Cow;

use super::{DataUrl, source};
use crate::form::Source;

fn base64<'a>(media_type: &'a str, data: &'a str) -> Source<'a> {
    Source::Base64 {
        media_type: media_type.into(),
        data: data.into(),
    }
}

#[test]
fn data_stay_where_they_are() {
    let Some(Source::Base64 { media_type, data }) = source("data:image/png;base64,aGk=".into()) else {
        panic!("data")
    };
    assert_eq!(media_type, "image/png");
    assert!(matches!(data, Cow::Borrowed("aGk=")));
}

#[test]
fn parameters_case_and_escapes_do_not_matter() {
    assert_eq!(
        source("DATA:image/png;x=y;BASE64,aa".into()),
        Some(base64("image/png", "aa"))
    );
    assert_eq!(source("data:;base64,aa".into()), Some(base64("text/plain", "aa")));
    assert_eq!(
        source("data:a/b;base64,aa".to_owned().into()),
        Some(base64("a/b", "aa"))
    );
}

#[test]
fn other_urls_are_for_the_provider_to_fetch_and_plain_data_are_refused() {
    for url in ["https://a/b,c", "data", "data:", "gs://x/y", "é…,", "dat€:a,b"] {
        assert_eq!(source(url.into()), Some(Source::Url(url.into())), "{url}");
    }
    assert_eq!(source("data:,hi".into()), None);
    assert_eq!(source("data:text/plain,hi".into()), None);
}

#[test]
fn writes_what_it_reads() {
    let url = DataUrl {
        media_type: "image/png",
        data: "aGk=",
    };
    assert_eq!(
        serde_json::to_string(&url).unwrap(),
        r#""data:image/png;base64,aGk=""#
    );
}
