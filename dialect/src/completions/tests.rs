use super::{read_request, write_answer, writer};
use crate::form::{Answer, Choice, Finish, Part, Role, Text, Thought, Usage, Weight};
use crate::{Event, Stamp, golden};

fn stamp() -> Stamp {
    Stamp {
        id: "req_0123".to_owned(),
        model: "upstream-1".to_owned(),
        created: 1_700_000_000,
    }
}

const USAGE: Usage = Usage {
    input: 5,
    cache_read: 2,
    cache_write: 0,
    output: 3,
    reasoning: 1,
};

#[test]
fn a_prompt_is_one_turn_of_the_user() {
    for body in [r#"{"model":"m","prompt":"hi"}"#, r#"{"prompt":["hi"]}"#] {
        let ask = read_request(body.as_bytes()).unwrap();
        assert!(
            matches!(&*ask.turns[0].parts, [Part::Text(text)] if text.text == "hi"),
            "{body}"
        );
        assert_eq!(
            (ask.turns[0].role, ask.turns.len(), ask.max_tokens),
            (Role::User, 1, Some(16))
        );
    }
}

#[test]
fn several_prompts_and_tokens_are_refused() {
    for prompt in [r#"["a","b"]"#, "[1,2]", "[[1,2]]", "[1]", "[]", r#""""#] {
        let body = format!(r#"{{"prompt":{prompt}}}"#);
        assert_eq!(
            read_request(body.as_bytes()).unwrap_err().field,
            "prompt",
            "{prompt}"
        );
    }
}

#[test]
fn reads_every_plain_field() {
    let ask = read_request(br#"{"prompt":"a","max_tokens":9,"temperature":0,"top_p":0.5,"n":2,"stop":"x","seed":3,"frequency_penalty":0.1,"presence_penalty":0.2,"user":"u","stream":true,"stream_options":{"include_usage":true}}"#).unwrap();
    assert_eq!(
        (ask.max_tokens, ask.temperature, ask.top_p, ask.choices),
        (Some(9), Some(0.0), Some(0.5), Some(2))
    );
    assert_eq!(
        (ask.stop, ask.seed, ask.user.as_deref()),
        (vec!["x".into()], Some(3), Some("u"))
    );
    assert_eq!(
        (ask.frequency_penalty, ask.presence_penalty),
        (Some(0.1), Some(0.2))
    );
    assert!(ask.stream && ask.stream_usage && ask.extras.is_empty());
}

#[test]
fn what_changes_the_text_is_essential() {
    let ask = read_request(
        br#"{"prompt":"a","best_of":3,"echo":true,"logit_bias":{"1":2},"logprobs":0,"suffix":"b","other":1}"#,
    )
    .unwrap();
    let of = |weight| {
        ask.extras
            .iter()
            .filter(|extra| extra.weight == weight)
            .map(|extra| &*extra.field)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        of(Weight::Essential),
        ["echo", "logit_bias", "logprobs", "suffix"]
    );
    assert_eq!(of(Weight::Hint), ["other", "best_of"]);
    let harmless =
        read_request(br#"{"prompt":"a","echo":false,"logit_bias":{},"logprobs":null,"suffix":null}"#)
            .unwrap();
    assert!(harmless.extras.is_empty());
}

#[test]
fn an_answer_is_a_text_completion() {
    let parts = vec![
        Part::Thought(Thought {
            text: "hm".into(),
            ..Thought::default()
        }),
        Part::Text(Text::new("Hello.")),
    ];
    let answer = Answer {
        id: Some("chatcmpl-1".into()),
        model: None,
        choices: vec![Choice {
            parts,
            finish: Some(Finish::Length),
        }],
        usage: Some(USAGE),
    };
    golden::check("completions/answer.json", &write_answer(&answer, &stamp()));
}

#[test]
fn a_stream_is_one_of_text_completions() {
    let mut writer = writer(stamp(), true);
    let mut stream = Vec::new();
    let text = |text: &'static str| Event::Text {
        choice: 0,
        text: text.into(),
    };
    let start = Event::Start {
        id: None,
        model: Some("claude-x".into()),
    };
    let thought = Event::Thought {
        choice: 0,
        text: "hm".into(),
    };
    let finish = Event::Finish {
        choice: 0,
        finish: Finish::Stop,
    };
    for event in [
        start,
        thought,
        text("Hel"),
        text("lo"),
        finish,
        Event::Usage(USAGE),
        Event::End,
    ] {
        writer.write(&event, &mut stream);
    }
    writer.end(&mut stream);
    golden::check("completions/stream.txt", &stream);
}
