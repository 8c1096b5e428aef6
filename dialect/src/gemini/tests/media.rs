use std::borrow::Cow;

use serde_json::{Value, json};

use super::{NEWEST, call, refused, result, text, user, written};
use crate::form::{Ask, CacheMark, Document, Media, Part, Source, Text};

fn base64<'a>(media_type: &'a str, data: &'a str) -> Source<'a> {
    Source::Base64 {
        media_type: media_type.into(),
        data: data.into(),
    }
}

fn image(source: Source<'_>) -> Part<'_> {
    Part::Image(Media {
        source,
        detail: Some("auto".into()),
        cache: None,
    })
}

fn document(source: Source<'_>) -> Part<'_> {
    Part::Document(Document {
        source,
        name: Some("a.pdf".into()),
        cache: None,
    })
}

fn audio(source: Source<'_>) -> Part<'_> {
    Part::Audio(Media {
        source,
        detail: None,
        cache: None,
    })
}

fn asking(part: Part<'_>) -> Ask<'_> {
    Ask {
        turns: vec![user(vec![part])],
        ..Ask::default()
    }
}

fn piece(part: Part<'_>) -> Value {
    let (body, dropped) = written(&asking(part), NEWEST);
    assert_eq!(dropped, Vec::<String>::new());
    body["contents"][0]["parts"][0].clone()
}

#[test]
fn writes_data_in_place() {
    let wav = audio(base64("audio/wav", "UklG"));
    for (part, media_type, data) in [
        (image(base64("image/png", "iVBO")), "image/png", "iVBO"),
        (
            document(base64("application/pdf", "JVBE")),
            "application/pdf",
            "JVBE",
        ),
        (wav, "audio/wav", "UklG"),
    ] {
        assert_eq!(
            piece(part),
            json!({"inlineData": {"mimeType": media_type, "data": data}})
        );
    }
}

#[test]
fn writes_a_documents_text_as_text() {
    assert_eq!(
        piece(document(Source::Text("words".into()))),
        json!({"text": "words"})
    );
    let (body, _) = written(&asking(document(Source::Text("".into()))), NEWEST);
    assert_eq!(body["contents"], json!([]));
}

#[test]
fn leaves_fetching_to_gemini_and_tells_it_the_type_that_the_address_tells() {
    let addresses = [
        ("https://example.com/a/cat.PNG?w=1.2#x", Some("image/png")),
        ("https://example.com/doc.pdf", Some("application/pdf")),
        ("https://example.com/image?id=7", None),
        ("https://example.com/v1.2/image", None),
        ("https://generativelanguage.googleapis.com/v1beta/files/abc", None),
    ];
    for (address, media_type) in addresses {
        let mut golden = json!({"fileUri": address});
        if let Some(media_type) = media_type {
            golden["mimeType"] = json!(media_type);
        }
        assert_eq!(
            piece(image(Source::Url(address.into()))),
            json!({"fileData": golden})
        );
    }
}

#[test]
fn reads_no_bucket_with_the_providers_rights() {
    let (field, message) = refused(&asking(image(Source::Url("gs://bucket/cat.jpg".into()))), NEWEST);
    assert_eq!(field, "messages[].content[]");
    assert!(message.contains("the provider's rights"), "{message}");
}

#[test]
fn names_uploaded_files_by_their_address() {
    let golden =
        json!({"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc-1"}});
    assert_eq!(piece(document(Source::File("files/abc-1".into()))), golden);
    let (field, message) = refused(&asking(document(Source::File("file-Qx7".into()))), NEWEST);
    assert_eq!(field, "messages[].content[]");
    assert!(
        message.contains("upload") && !message.contains("Qx7"),
        "{message}"
    );
}

#[test]
fn refuses_addresses_that_gemini_does_not_fetch_from() {
    let https = || Source::Url(Cow::Borrowed("https://example.com/secret.wav"));
    let refusals = [
        (image(Source::Url("http://example.com/a.png".into())), NEWEST),
        (image(Source::Url("data:image/png;base64,secret".into())), NEWEST),
        (image(https()), "gemini-2.0-flash"),
        (audio(https()), NEWEST),
    ];
    for (part, model) in refusals {
        let (field, message) = refused(&asking(part), model);
        assert_eq!(field, "messages[].content[]");
        assert!(
            message.contains("base64") && !message.contains("secret"),
            "{message}"
        );
    }
}

#[test]
fn names_the_detail_that_gemini_is_not_told_and_no_cache_marks() {
    let part = Part::Image(Media {
        source: base64("image/png", "iVBO"),
        detail: Some("low".into()),
        cache: Some(CacheMark { ttl: None }),
    });
    let (_, dropped) = written(&asking(part), NEWEST);
    assert_eq!(dropped, ["messages[].content[].image_url.detail"]);
}

/// A tool that returned a text, an image, another text and the address of an image.
fn with_media_of_a_tool() -> Ask<'static> {
    let returned = vec![
        text("here"),
        image(base64("image/png", "iVBO")),
        Part::Text(Text::new("there")),
        image(Source::Url("https://example.com/b.png".into())),
    ];
    Ask {
        turns: vec![
            super::assistant(vec![Part::ToolCall(call("c1", "look", "{}"))]),
            user(vec![Part::ToolResult(result("c1", returned)), text("Well?")]),
        ],
        ..Ask::default()
    }
}

#[test]
fn writes_what_a_tool_returned_in_its_result() {
    let (body, _) = written(&with_media_of_a_tool(), NEWEST);
    let golden = json!([
        {"functionResponse": {
            "id": "c1",
            "name": "look",
            "response": {"output": "here\nthere"},
            "parts": [{"inlineData": {"mimeType": "image/png", "data": "iVBO"}}]
        }},
        {"text": "Well?"},
        {"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/b.png"}}
    ]);
    assert_eq!(body["contents"][1]["parts"], golden);
}

#[test]
fn writes_what_a_tool_returned_behind_all_results_to_older_models() {
    let (body, _) = written(&with_media_of_a_tool(), super::OLDER);
    let golden = json!([
        {"functionResponse": {"id": "c1", "name": "look", "response": {"output": "here\nthere"}}},
        {"text": "Well?"},
        {"inlineData": {"mimeType": "image/png", "data": "iVBO"}},
        {"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/b.png"}}
    ]);
    assert_eq!(body["contents"][1]["parts"], golden);
}
