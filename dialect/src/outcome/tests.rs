use super::Stamp;

#[test]
fn an_answer_is_called_as_its_provider_called_it_with_the_prefix_of_the_callers_dialect() {
    let stamp = Stamp {
        id: "req_0123".to_owned(),
        model: "m".to_owned(),
        created: 0,
    };
    let id = |own| stamp.answer_id("chatcmpl-", own);
    assert_eq!(id(Some("msg_bdrk_01Ab")), "chatcmpl-01Ab");
    assert_eq!(id(Some("chatcmpl-a_b")), "chatcmpl-a_b");
    assert_eq!(id(Some("4b7f-88")), "chatcmpl-4b7f-88");
    assert_eq!(id(Some("")), "chatcmpl-0123");
    assert_eq!(id(None), "chatcmpl-0123");
}
