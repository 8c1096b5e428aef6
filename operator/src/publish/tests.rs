use std::collections::BTreeMap;
use std::time::Duration;

use weir_table::codec::encode;
use weir_table::credential::shards;
use weir_table::{CredentialId, Scope, Table};

use super::{Decision, Failure, Need, Plan, TableWrite, Writer, decide};
use crate::api_mock::Mock;
use crate::config_map::{Form, ObservedTable, Standing};
use crate::credentials::{Shard, ShardWrite};
use crate::index::{Change, Delta, Index};
use crate::lease::Gate;
use crate::secret::SecretBytes;
use crate::trouble::Trouble;

fn team(name: &str) -> Scope {
    Scope::Namespace(name.to_owned())
}

fn index_with(form: Form) -> Index {
    let mut index = Index::new("weir-system");
    let standing = Standing {
        uid: "u".into(),
        version: 1,
        form,
    };
    let observed = ObservedTable {
        scope: team("a"),
        standing,
        table: Some(Table::empty(team("a"))),
        format: Some(weir_table::Format::NEWEST),
    };
    index.apply(Change::Table(Delta::Applied(observed)));
    index
}

#[test]
fn only_what_differs_from_what_stands_there_is_written() {
    let digest = encode(&Table::empty(team("a")), weir_table::Format::NEWEST).digest;
    let other = encode(&Table::empty(team("b")), weir_table::Format::NEWEST).digest;
    let decided =
        |form: Form, digest| decide(index_with(form).tables().get(&team("a")), Need::Objects, digest);
    assert_eq!(decided(Form::Intact(digest.clone()), &digest), Decision::Keep);
    assert_eq!(decided(Form::Intact(digest.clone()), &other), Decision::Write);
    assert_eq!(
        decided(Form::Altered, &digest),
        Decision::Write,
        "someone else's edit is repaired"
    );
}

#[test]
fn a_scope_gets_its_first_table_with_its_first_object_and_an_empty_one_after_its_last() {
    let digest = encode(&Table::empty(team("a")), weir_table::Format::NEWEST).digest;
    let other = encode(&Table::empty(team("b")), weir_table::Format::NEWEST).digest;
    assert_eq!(decide(None, Need::Objects, &digest), Decision::Write);
    assert_eq!(decide(None, Need::None, &digest), Decision::Keep);
    let full = index_with(Form::Intact(other));
    assert_eq!(
        decide(full.tables().get(&team("a")), Need::None, &digest),
        Decision::Write
    );
}

fn write(name: &str, credentials: &[CredentialId]) -> TableWrite {
    let (scope, encoded) = (
        team(name),
        encode(&Table::empty(team(name)), weir_table::Format::NEWEST),
    );
    TableWrite {
        scope,
        encoded,
        replaces: None,
        credentials: credentials.iter().cloned().collect(),
    }
}

fn credential(key: &str) -> CredentialId {
    CredentialId::of_secret_key("a", "keys", key)
}

/// A shard in which only the value of `openai` is new.
fn shard(text: &str) -> ShardWrite {
    let value = || SecretBytes::new(text.as_bytes().to_vec());
    let (id, other) = (credential("openai"), credential("other"));
    let content = Shard::from([
        (id.as_str().to_owned(), value()),
        (other.as_str().to_owned(), value()),
    ]);
    let news = [id.as_str().to_owned()].into();
    ShardWrite { content, news }
}

async fn carry_out(mock: &Mock, plan: Plan) -> super::Outcome {
    let (_tenure, gate) = Gate::open_for(Duration::from_secs(5));
    Writer::new(&mock.client(), "weir-system", gate, 1)
        .carry_out(plan)
        .await
}

#[tokio::test]
async fn credentials_are_written_before_tables() {
    let mock = Mock::default();
    let shards = BTreeMap::from([('0', shard("k")), ('f', shard("l"))]);
    carry_out(
        &mock,
        Plan {
            shards,
            tables: vec![write("a", &[credential("openai")])],
            ..Plan::default()
        },
    )
    .await;
    let mut paths = mock.paths();
    assert_eq!(paths.pop().as_deref(), Some("configmaps/weir-ns-a"));
    paths.sort();
    assert_eq!(
        paths,
        ["secrets/weir-credentials-0", "secrets/weir-credentials-f"]
    );
}

#[tokio::test]
async fn a_table_whose_credentials_failed_waits_and_the_others_do_not() {
    let mock = Mock::default();
    mock.refuse("secrets/weir-credentials-0");
    let tables = vec![
        write("needs-it", &[credential("openai")]),
        write("does-not", &[credential("other")]),
    ];
    let outcome = carry_out(
        &mock,
        Plan {
            shards: [('0', shard("k"))].into(),
            tables,
            ..Plan::default()
        },
    )
    .await;
    assert_eq!(mock.paths(), ["configmaps/weir-ns-does-not"]);
    let waiting = outcome
        .tables
        .iter()
        .find(|(scope, _)| *scope == team("needs-it"));
    assert!(matches!(waiting, Some((_, Err(Failure::CredentialsFirst)))));
}

#[tokio::test]
async fn a_key_that_someone_else_put_in_is_taken_out() {
    let mock = Mock::default();
    mock.put_in("table.json.gz");
    carry_out(
        &mock,
        Plan {
            tables: vec![write("a", &[])],
            ..Plan::default()
        },
    )
    .await;
    let last = mock.writes().pop().expect("something was written");
    assert_eq!(last.body["data"]["table.json.gz"], serde_json::Value::Null);
    assert!(
        last.body["data"].as_object().is_some_and(|data| data.len() == 1),
        "and nothing else"
    );
}

#[tokio::test]
async fn a_write_names_the_version_that_it_replaces() {
    let mock = Mock::default();
    let form = Form::Altered;
    let replaces = Some(Standing {
        uid: "u".into(),
        version: 42,
        form,
    });
    let tables = vec![TableWrite {
        replaces,
        ..write("a", &[])
    }];
    let outcome = carry_out(
        &mock,
        Plan {
            tables,
            ..Plan::default()
        },
    )
    .await;
    assert_eq!(mock.writes()[0].body["metadata"]["resourceVersion"], "42");
    let (_, written) = &outcome.tables[0];
    assert!(
        written
            .as_ref()
            .is_ok_and(|written| matches!(written.standing.form, Form::Intact(_)))
    );
}

#[tokio::test]
async fn nothing_is_written_in_another_tenure() {
    let mock = Mock::default();
    let (_tenure, gate) = Gate::open_for(Duration::from_secs(5));
    let writer = Writer::new(&mock.client(), "weir-system", gate, 2);
    let outcome = writer
        .carry_out(Plan {
            tables: vec![write("a", &[])],
            ..Plan::default()
        })
        .await;
    assert!(matches!(outcome.tables[0].1, Err(Failure::NotLeading)));
    assert!(mock.paths().is_empty());
}

#[tokio::test]
async fn one_refusal_does_not_take_what_was_read_with_it() {
    let mock = Mock::default();
    mock.be_busy("secrets/weir-credentials-3", 1);
    let (_tenure, gate) = Gate::open_for(Duration::from_secs(5));
    let writer = Writer::new(&mock.client(), "weir-system", gate, 1);
    let reading = writer.read_vault(shards().collect()).await;
    assert_eq!((reading.read.len(), reading.read.contains_key(&'3')), (15, false));
    let throttled = matches!(
        reading.result,
        Err(Failure::Refused {
            why: Trouble::Throttled,
            ..
        })
    );
    assert!(throttled, "{:?}", reading.result);
    let rest = writer.read_vault(['3'].into()).await;
    assert_eq!((rest.read.len(), rest.result.is_ok()), (1, true));
}
