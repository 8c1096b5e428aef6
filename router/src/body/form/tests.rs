//! Forms that are read as every provider would, and forms that could be read in two ways.

use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};
use weir_table::FailureClass;

use super::{boundary, parts};

/// A form with parts of these heads and values.
fn form(given: &[(&str, &str)]) -> String {
    let part = |(head, value): &(&str, &str)| format!("--b\r\n{head}\r\n\r\n{value}\r\n");
    given.iter().map(part).collect::<String>() + "--b--\r\n"
}

fn read(body: &str) -> Result<Vec<(String, String)>, String> {
    let found = parts(body.as_bytes(), "b").map_err(|failure| {
        assert_eq!(failure.class, FailureClass::InvalidRequest);
        failure.message.into_owned()
    })?;
    let text = |range: std::ops::Range<usize>| body[range].to_owned();
    Ok(found
        .into_iter()
        .map(|part| (text(part.name), text(part.value)))
        .collect())
}

#[test]
fn parts_are_found_with_their_names_and_values() {
    let body = form(&[
        ("Content-Disposition: form-data; name=\"model\"", "openai/m"),
        (
            "content-type: audio/wav\r\ncontent-disposition: form-data; filename=\"a;name=x.wav\"; name=\"file\"",
            "\r\n--\0 --b \r\n",
        ),
        ("Content-Disposition: form-data; name=empty", ""),
    ]);
    let expected = [
        ("model", "openai/m"),
        ("file", "\r\n--\0 --b \r\n"),
        ("empty", ""),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(read(&body).unwrap(), expected);
}

#[test]
fn a_part_reaches_from_its_boundary_to_the_next() {
    let body = form(&[
        ("Content-Disposition: form-data; name=a", "1"),
        ("Content-Disposition: form-data; name=b", "2"),
    ]);
    let found = parts(body.as_bytes(), "b").unwrap();
    let without = [&body[..found[0].whole.start], &body[found[0].whole.end..]].concat();
    assert_eq!(without, form(&[("Content-Disposition: form-data; name=b", "2")]));
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    for head in [
        "Content-Disposition: form-data; name=\"a\"; name=\"model\"",
        "Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=model",
        "Content-Disposition: form-data; name=\"Model\"",
        "Content-Disposition: form-data; name=\" model\"",
        "Content-Disposition: form-data; name=\"a\\\"; name=\"model\"",
        "Content-Disposition: form-data;\r\n name=\"model\"",
        "Content-Disposition: form-data; name=a; name*=utf-8''model",
        "Content-Disposition: form-data; filename=\"x\"",
        "X-Other: name=model",
    ] {
        let found = read(&form(&[(head, "x")]));
        assert!(found.is_err(), "{head}: {found:?}");
    }
}

#[test]
fn a_form_is_read_whole_or_not_at_all() {
    let part = "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1";
    for body in [
        String::new(),
        part.to_owned(),
        format!("{part}\r\n--b"),
        format!("{part}\r\n--bx--"),
        format!("{part}\r\n--b--\r\nmore"),
        format!("preamble\r\n{part}\r\n--b--"),
        "--b\r\nContent-Disposition: form-data; name=a\r\n--b--".to_owned(),
    ] {
        assert!(read(&body).is_err(), "{body:?}");
    }
    assert_eq!(read(&format!("{part}\r\n--b--")).unwrap().len(), 1);
}

#[test]
fn the_boundary_is_the_one_that_is_given() {
    let of = |text| boundary(text).map(Result::ok);
    assert_eq!(of("multipart/form-data; boundary=abc"), Some(Some("abc")));
    assert_eq!(
        of("Multipart/Form-Data; charset=x; Boundary=\"a:c\""),
        Some(Some("a:c"))
    );
    assert_eq!(of("application/json"), None);
    for bad in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=a; boundary=b",
    ] {
        assert_eq!(of(bad), Some(None), "{bad}");
    }
}

proptest! {
    #[test]
    fn whatever_the_parts_hold_they_are_found(
        values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..5),
    ) {
        let boundary = "=_boundary-that-no-value-holds";
        let mut body = Vec::new();
        for value in &values {
            body.extend_from_slice(format!("--{boundary}\r\ncontent-disposition: form-data; name=v\r\n\r\n").as_bytes());
            body.extend_from_slice(value);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--").as_bytes());
        let found = parts(&body, boundary).unwrap();
        let read: Vec<_> = found.iter().map(|part| body[part.value.clone()].to_vec()).collect();
        prop_assert_eq!(read, values);
    }

    #[test]
    fn parts_lie_in_order_in_whatever_is_sent(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "--b", "\r\n", "--", "content-disposition:", " form-data;", " name=", "\"", "model", ";", "x",
        ]), 0..24),
    ) {
        let body = pieces.concat();
        let found = parts(body.as_bytes(), "b").unwrap_or_default();
        let places = |part: &super::Part| [part.whole.start, part.name.start, part.name.end, part.value.end];
        let places: Vec<_> = found.iter().flat_map(places).collect();
        prop_assert!(places.is_sorted() && places.last().is_none_or(|end| *end <= body.len()));
    }
}
