//! What `/metrics` says after known requests.

use std::sync::Arc;

use serde_json::json;
use weir_table::{DirectModel, ModelKind, Node, Prices, Provider};

use crate::rig::{Rig, until};
use crate::tables::{chain, model, provider, rung, split, table};
use crate::upstream::{Act, Upstream, answer, chat, chunk, error, good_stream, role, said, stream_head};

const PRICES: Prices = Prices {
    input: Some(10.0),
    output: Some(30.0),
    cache_read: Some(1.0),
    cache_write: None,
};

/// The number behind the one line that begins with `series`; `None` if there is none.
fn value(metrics: &str, series: &str) -> Option<f64> {
    let mut found = metrics
        .lines()
        .filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    let number = found.next().map(|number| number.parse().unwrap());
    assert_eq!(found.next(), None, "{series} is there twice");
    number
}

fn expect(metrics: &str, lines: &[(&str, f64)]) {
    for (series, expected) in lines {
        let found = value(metrics, series);
        assert!(
            found.is_some_and(|found| (found - expected).abs() < 1e-12),
            "{series} is {found:?} and not {expected} in\n{metrics}"
        );
    }
}

fn priced(name: &str, prices: Prices) -> Node {
    let mut node = model("p", name);
    if let Node::Model(model) = &mut node {
        Arc::make_mut(model).prices = prices;
    }
    node
}

fn with_usage(usage: &str) -> Vec<Act> {
    let choice = r#"{"index":0,"message":{"role":"assistant","content":"x"},"finish_reason":"stop"}"#;
    answer(
        "200 OK",
        "",
        &format!(r#"{{"id":"c","choices":[{choice}],"usage":{usage}}}"#),
    )
}

const USAGE: &str = r#"{"prompt_tokens":1000,"completion_tokens":200,"total_tokens":1200,"prompt_tokens_details":{"cached_tokens":400},"completion_tokens_details":{"reasoning_tokens":50}}"#;

#[tokio::test]
async fn first_choices_follow_the_configured_shares_and_the_hash_exactly() {
    let upstream = Upstream::start(vec![chat("x")]).await;
    let inner = chain("inner", vec![rung(model("p", "b"), 0), rung(model("p", "c"), 0)]);
    let root = split("outer", vec![("a", 1.0, model("p", "a")), ("in", 3.0, inner)]);
    let rig = Rig::with(table(vec![("p", provider(upstream.addr))], vec![root.clone()])).await;
    let Node::Split(chosen) = root else { unreachable!() };
    let keys: Vec<String> = (0..120).map(|at| format!("user-{at}")).collect();
    let of_a = keys
        .iter()
        .filter(|key| chosen.select(key.as_bytes()).unwrap().name == "a")
        .count();
    for key in &keys {
        let body = json!({"model": "policy/outer", "requesty": {"user_id": key}});
        assert_eq!(rig.chat(&body.to_string()).await.status, 200);
    }
    let metrics = rig.admin("/metrics").await.text();
    let of_a = f64::from(u32::try_from(of_a).unwrap());
    let a = r#"{namespace="default",policy="outer",path="outer",target="p/a"}"#;
    let b = r#"{namespace="default",policy="outer",path="outer/inner",target="p/b"}"#;
    let c = r#"{namespace="default",policy="outer",path="outer/inner",target="p/c"}"#;
    let (share, first) = ("weir_router_configured_share", "weir_router_first_choices_total");
    let lines = [
        (share, a, 0.25),
        (share, b, 0.75),
        (share, c, 0.0),
        (first, a, of_a),
        (first, b, 120.0 - of_a),
    ];
    for (name, labels, expected) in lines {
        expect(&metrics, &[(&format!("{name}{labels}"), expected)]);
    }
    // χ² with one degree of freedom, at one in a thousand; the keys are always the same.
    let chi = (of_a - 30.0).powi(2) / 30.0 + (of_a - 30.0).powi(2) / 90.0;
    assert!(chi < 10.83, "{of_a} of 120 chose a target of a quarter");
}

#[tokio::test]
async fn retries_and_fallbacks_are_counted_by_whom_they_leave_and_why() {
    let busy = error("503 Busy", "busy", "");
    let first = Upstream::start(vec![busy.clone(), busy]).await;
    let second = Upstream::start(vec![chat("good")]).await;
    let root = chain(
        "safe",
        vec![rung(model("one", "a"), 1), rung(model("two", "b"), 0)],
    );
    let providers = vec![("one", provider(first.addr)), ("two", provider(second.addr))];
    let rig = Rig::with(table(providers, vec![root])).await;
    assert_eq!(rig.chat(r#"{"model":"policy/safe"}"#).await.status, 200);
    let a = r#"namespace="default",policy="safe",path="safe",target="one/a""#;
    let b = r#"namespace="default",policy="safe",path="safe",target="two/b""#;
    let metrics = rig.admin("/metrics").await.text();
    for (name, labels, expected) in [
        ("first_choices", format!("{{{a}}}"), 1.0),
        ("failed_attempts", format!("{{{a},reason=\"Overloaded\"}}"), 2.0),
        ("retries", format!("{{{a},reason=\"Overloaded\"}}"), 1.0),
        ("fallbacks", format!("{{{a},reason=\"Overloaded\"}}"), 1.0),
        ("requests", format!("{{{b},outcome=\"ok\"}}"), 1.0),
    ] {
        expect(
            &metrics,
            &[(&format!("weir_router_{name}_total{labels}"), expected)],
        );
    }
    assert_eq!(
        value(&metrics, &format!("weir_router_first_choices_total{{{b}}}")),
        Some(0.0)
    );
    assert_eq!(
        value(
            &metrics,
            &format!("weir_router_requests_total{{{a},outcome=\"Overloaded\"}}")
        ),
        None
    );
}

#[tokio::test]
async fn tokens_and_cost_are_those_that_passed_by() {
    let upstream = Upstream::start(vec![with_usage(USAGE), with_usage("null")]).await;
    let targets = vec![("known", 1.0, priced("m", PRICES))];
    let rig = Rig::with(table(
        vec![("p", provider(upstream.addr))],
        vec![split("s", targets)],
    ))
    .await;
    for _ in 0..2 {
        assert_eq!(rig.chat(r#"{"model":"policy/s"}"#).await.status, 200);
    }
    let metrics = rig.admin("/metrics").await.text();
    let labels = r#"namespace="default",policy="s",path="s",target="p/m""#;
    for (kind, tokens) in [
        ("input", 1000.0),
        ("cache_read", 400.0),
        ("cache_write", 0.0),
        ("output", 200.0),
        ("reasoning", 50.0),
    ] {
        expect(
            &metrics,
            &[(
                &format!("weir_router_tokens_total{{{labels},type=\"{kind}\"}}"),
                tokens,
            )],
        );
    }
    let cost = (600.0 * 10.0 + 400.0 * 1.0 + 200.0 * 30.0) / 1e6;
    expect(
        &metrics,
        &[
            (&format!("weir_router_cost_dollars_total{{{labels}}}"), cost),
            (&format!("weir_router_usage_missing_total{{{labels}}}"), 1.0),
            (&format!("weir_router_price_missing_total{{{labels}}}"), 0.0),
        ],
    );
    let series = r#"gen_ai_client_token_usage_sum{gen_ai_operation_name="chat",gen_ai_provider_name="p",gen_ai_request_model="p/m",weir_namespace="default",weir_policy="s",weir_path="s",gen_ai_token_type="output"}"#;
    expect(&metrics, &[(series, 200.0)]);
}

#[tokio::test]
async fn times_are_those_of_whole_requests_and_of_streams_first_content() {
    let cut = vec![stream_head(), chunk(&role()), chunk(&said("x")), Act::Close];
    let upstream = Upstream::start(vec![chat("x"), good_stream("x"), cut]).await;
    let root = split("s", vec![("t", 1.0, model("p", "m"))]);
    let rig = Rig::with(table(vec![("p", provider(upstream.addr))], vec![root])).await;
    rig.chat(r#"{"model":"policy/s"}"#).await;
    for _ in 0..2 {
        rig.chat(r#"{"model":"policy/s","stream":true}"#).await;
    }
    until("all three have ended", || async {
        rig.admin("/metrics")
            .await
            .text()
            .contains("weir_router_in_flight_requests 0")
    })
    .await;
    let metrics = rig.admin("/metrics").await.text();
    let labels = r#"gen_ai_operation_name="chat",gen_ai_provider_name="p",gen_ai_request_model="p/m",weir_namespace="default",weir_policy="s",weir_path="s""#;
    let duration = "gen_ai_server_request_duration_seconds_count";
    expect(
        &metrics,
        &[
            (&format!("{duration}{{{labels}}}"), 2.0),
            (&format!("{duration}{{{labels},error_type=\"StreamCut\"}}"), 1.0),
            (
                &format!("gen_ai_server_time_to_first_token_seconds_count{{{labels}}}"),
                1.0,
            ),
        ],
    );
}

#[tokio::test]
async fn every_answer_is_counted_also_where_nothing_is_routed() {
    let upstream = Upstream::start(vec![chat("x")]).await;
    let root = split("s", vec![("t", 1.0, model("p", "m"))]);
    let rig = Rig::with(table(vec![("p", provider(upstream.addr))], vec![root])).await;
    rig.chat(r#"{"model":"policy/s"}"#).await;
    rig.chat(r#"{"model":"policy/none"}"#).await;
    rig.chat("no JSON").await;
    rig.get("/v1/models").await;
    rig.get("/v1/models/none").await;
    rig.get("/v1/modelsque").await;
    rig.post("/v1/files", "", b"{}").await;
    let metrics = rig.admin("/metrics").await.text();
    for (operation, status, count) in [
        ("/v1/chat/completions", 200, 1.0),
        ("/v1/chat/completions", 404, 1.0),
        ("/v1/chat/completions", 400, 1.0),
        ("/v1/models", 200, 1.0),
        ("/v1/models", 404, 1.0),
        ("other", 404, 2.0),
    ] {
        let series = format!(r#"weir_router_responses_total{{operation="{operation}",status="{status}"}}"#);
        expect(&metrics, &[(&series, count)]);
    }
    let nowhere = r#"namespace="",policy="",path="",target="""#;
    let refused = format!("weir_router_requests_total{{{nowhere},outcome=\"InvalidRequest\"}}");
    expect(&metrics, &[(&refused, 1.0)]);
}

#[tokio::test]
async fn direct_calls_have_the_label_of_a_known_model_or_of_none() {
    let upstream = Upstream::start(vec![with_usage(USAGE)]).await;
    let known = DirectModel {
        kind: ModelKind::Chat,
        upstream: [].into(),
        reasoning: false,
        prices: PRICES,
    };
    let provider = Provider {
        models: [("known".to_owned(), known)].into(),
        ..provider(upstream.addr)
    };
    let rig = Rig::with(table(vec![("p", provider)], Vec::new())).await;
    for model in ["p/known", "p/known", "p/made-up-1", "p/made-up-2"] {
        assert_eq!(rig.chat(&json!({"model": model}).to_string()).await.status, 200);
    }
    for _ in 0..2 {
        let metrics = rig.admin("/metrics").await.text();
        let labels = |target| format!(r#"{{namespace="default",policy="",path="",target="{target}""#);
        expect(
            &metrics,
            &[
                (
                    &format!("weir_router_requests_total{},outcome=\"ok\"}}", labels("p/known")),
                    2.0,
                ),
                (
                    &format!("weir_router_requests_total{},outcome=\"ok\"}}", labels("p/*")),
                    2.0,
                ),
                (
                    &format!("weir_router_price_missing_total{}}}", labels("p/*")),
                    2.0,
                ),
            ],
        );
        assert!(!metrics.contains("made-up"), "{metrics}");
    }
}

#[tokio::test]
async fn a_target_that_left_the_table_is_told_once_more_and_others_go_on() {
    let upstream = Upstream::start(vec![chat("x")]).await;
    let of = |targets: &[&str]| {
        let policies = targets
            .iter()
            .map(|name| split(name, vec![("t", 1.0, model("p", name))]));
        table(vec![("p", provider(upstream.addr))], policies.collect())
    };
    let rig = Rig::with(of(&["stays", "goes"])).await;
    for policy in ["stays", "goes"] {
        rig.chat(&json!({"model": format!("policy/{policy}")}).to_string())
            .await;
    }
    let series = |name: &str| {
        format!(
            r#"weir_router_requests_total{{namespace="default",policy="{name}",path="{name}",target="p/{name}",outcome="ok"}}"#
        )
    };
    let before = rig.admin("/metrics").await.text();
    let digests = |metrics: &str| {
        metrics
            .lines()
            .filter(|line| line.contains("table_info{"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    rig.push(of(&["stays"])).await;
    until("the new table is in force", || async {
        digests(&rig.admin("/metrics").await.text()) != digests(&before)
    })
    .await;
    until("what is gone is forgotten", || async {
        value(&rig.admin("/metrics").await.text(), &series("goes")).is_none()
    })
    .await;
    let after = rig.admin("/metrics").await.text();
    rig.chat(r#"{"model":"policy/stays"}"#).await;
    expect(&rig.admin("/metrics").await.text(), &[(&series("stays"), 2.0)]);
    assert!(!after.contains(r#"configured_share{namespace="default",policy="goes""#));
}

#[tokio::test]
async fn an_open_circuit_is_told() {
    let busy = error("503 Busy", "busy", "");
    let upstream = Upstream::start(vec![busy; 6]).await;
    let root = split("s", vec![("t", 1.0, model("p", "m"))]);
    let rig = Rig::with(table(vec![("p", provider(upstream.addr))], vec![root])).await;
    let series = r#"weir_router_circuit_open{namespace="default",provider="p",region="",model="real-m"}"#;
    expect(&rig.admin("/metrics").await.text(), &[(series, 0.0)]);
    for _ in 0..5 {
        rig.chat(r#"{"model":"policy/s"}"#).await;
    }
    expect(&rig.admin("/metrics").await.text(), &[(series, 1.0)]);
}

#[tokio::test]
async fn a_table_says_since_when_it_is_served() {
    let upstream = Upstream::start(vec![chat("x")]).await;
    let root = split("s", vec![("t", 1.0, model("p", "m"))]);
    let rig = Rig::with(table(vec![("p", provider(upstream.addr))], vec![root])).await;
    let metrics = rig.admin("/metrics").await.text();
    let loaded = value(
        &metrics,
        r#"weir_router_table_loaded_timestamp_seconds{scope="namespace",namespace="default"}"#,
    );
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    assert!(
        loaded.is_some_and(|loaded| (now - 60.0..=now).contains(&loaded)),
        "{loaded:?}"
    );
    let swaps = value(&metrics, "weir_router_table_swap_duration_seconds_count");
    assert_eq!(swaps, value(&metrics, "weir_router_table_swaps_total"));
}
