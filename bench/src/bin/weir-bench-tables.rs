//! The router alone with as many policies as are wanted, each of three targets, in tables of a hundred: for
//! its memory, and for what it is like while tables are replaced. Tables reach it as documents, as from ConfigMaps.
//!
//! Its arguments are the upstream's address and the number of tables. It says where it listens on a line of
//! standard output. `one` on a line of standard input replaces one table by its other version, `all` every table; it
//! ends when its standard input does.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::{BufRead as _, Write as _, stdin, stdout};
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;

use tokio::sync::mpsc;
use weir_router::log::{self, LogFormat};
use weir_router::source::pushed::{self, Pusher};
use weir_router::{Config, Router, Secret};
use weir_table::check::check;
use weir_table::codec::{Stored, encode, store};
use weir_table::{
    BaseUrl, Connections, Credential, CredentialId, Dialect, Format, Model, ModelKind, Node, Owner, Policy,
    Prices, Provider, ProviderEntry, Scope, Split, SplitTarget, Table, Timeouts,
};

/// How many policies a table has.
const POLICIES: usize = 100;
const PROVIDER: &str = "mock";

/// The targets and their weights.
const TARGETS: [(&str, f64); 3] = [("one", 50.0), ("two", 30.0), ("three", 20.0)];

/// The versions in which a table comes: its models have other names.
const VERSIONS: [&str; 2] = ["odd", "even"];

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let upstream: SocketAddr = args.next().ok_or("no upstream")?.parse()?;
    let tables: usize = args.next().ok_or("no number of tables")?.parse()?;
    log::init(LogFormat::Json);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(upstream, tables))
}

async fn serve(upstream: SocketAddr, tables: usize) -> Result<(), Box<dyn Error>> {
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let router = Router::bind(Config::new(anywhere, anywhere)).await?;
    let listens = router.listen_addr();
    let (pusher, updates) = pushed::source();
    let (commands, ended) = commands();
    let feeding = tokio::spawn(async move {
        if feed(&pusher, commands, upstream, tables, listens).await.is_none() {
            // Whoever waits for its address reads the end of its output instead.
            eprintln!("the tables could not be made or pushed");
            std::process::exit(1);
        }
    });
    router.run(updates, async { drop(ended.await) }).await?;
    feeding.abort();
    Ok(())
}

/// The lines of standard input, and its end.
fn commands() -> (mpsc::Receiver<String>, tokio::sync::oneshot::Receiver<()>) {
    let (line, lines) = mpsc::channel(16);
    let (ended, end) = tokio::sync::oneshot::channel();
    thread::spawn(move || {
        for text in stdin().lock().lines().map_while(Result::ok) {
            if line.blocking_send(text).is_err() {
                break;
            }
        }
        drop(ended);
    });
    (lines, end)
}

/// Pushes every table once, says that it is done, and then what the commands want.
async fn feed(
    pusher: &Pusher,
    mut commands: mpsc::Receiver<String>,
    upstream: SocketAddr,
    tables: usize,
    listens: SocketAddr,
) -> Option<()> {
    let cluster = check(Table::empty(Scope::Cluster)).ok()?;
    let credentials = (0..tables.max(1)).map(|number| (credential(number), Secret::new("sk-mock")));
    pusher.push(vec![cluster], credentials.collect()).await.ok()?;
    // Made one by one, so that they are not what takes the memory.
    for number in 0..tables {
        replace(pusher, number, document(upstream, number, VERSIONS[0])?).await?;
    }
    writeln!(stdout(), "{listens}").ok()?;
    let mut versions = VERSIONS.iter().cycle().skip(1);
    let mut made: BTreeMap<(usize, &str), Stored> = BTreeMap::new();
    while let Some(command) = commands.recv().await {
        let numbers = if command == "all" { 0..tables } else { 0..1 };
        let version = versions.next()?;
        for number in numbers {
            let known = made.get(&(number, *version)).cloned();
            let document = known.or_else(|| document(upstream, number, version))?;
            made.insert((number, *version), document.clone());
            replace(pusher, number, document).await?;
        }
    }
    Some(())
}

async fn replace(pusher: &Pusher, number: usize, document: Stored) -> Option<()> {
    pusher
        .push_document(Scope::Namespace(namespace(number)), document)
        .await
        .ok()
}

fn namespace(number: usize) -> String {
    format!("team-{number}")
}

fn credential(number: usize) -> CredentialId {
    CredentialId::of_secret_key(&namespace(number), PROVIDER, "api-key")
}

/// A table as its ConfigMap holds it.
fn document(upstream: SocketAddr, number: usize, version: &str) -> Option<Stored> {
    let policies =
        (0..POLICIES).map(|policy| (format!("policy-{policy}"), self::policy(number, policy, version)));
    let provider = ProviderEntry::Live(Box::new(provider(upstream, number)?));
    let table = Table {
        policies: policies.collect(),
        providers: BTreeMap::from([(PROVIDER.to_owned(), provider)]),
        ..Table::empty(Scope::Namespace(namespace(number)))
    };
    store(&encode(&table, Format::NEWEST).json)
}

fn policy(table: usize, number: usize, version: &str) -> Policy {
    let targets = TARGETS.map(|(name, weight)| {
        let name = format!("{version}-{name}");
        SplitTarget::new(format!("{PROVIDER}/{name}"), weight, model(name))
    });
    let name = format!("policy-{number}");
    let salt = format!("{}/{name}", namespace(table));
    Policy {
        kind: ModelKind::Chat,
        expose_to: BTreeSet::new(),
        root: Node::from(Split::new(name, salt, Vec::new(), targets.into())),
    }
}

fn model(name: String) -> Node {
    Node::from(Model {
        model: format!("{PROVIDER}/{name}"),
        provider: PROVIDER.to_owned(),
        upstream: name,
        region: None,
        credential: None,
        context_window: None,
        reasoning: false,
        prices: Prices::default(),
    })
}

fn provider(upstream: SocketAddr, number: usize) -> Option<Provider> {
    Some(Provider {
        owner: Owner::Namespace,
        dialect: Dialect::OpenAI,
        base_url: BaseUrl::parse(&format!("http://{upstream}/v1")).ok()?,
        api_version: None,
        lacks: BTreeSet::new(),
        region: None,
        credential: Credential::Named(credential(number)),
        ca_bundle: None,
        timeouts: Timeouts::default(),
        connections: Connections::default(),
        passthrough_paths: Vec::new(),
        allowed_namespaces: None,
        models: BTreeMap::new(),
    })
}
