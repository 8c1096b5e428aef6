//! The router alone, for counting its instructions: the real one on real sockets, with a table that stands still.
//! No files are watched and no cluster is asked, so that what it executes is what requests make it execute.
//!
//! Its one argument is the upstream's address. It says where it listens on a line of standard output, and ends
//! when its standard input does.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::{Read as _, Write as _, stdin, stdout};
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;

use tokio::sync::oneshot;
use weir_router::log::{self, LogFormat};
use weir_router::source::pushed;
use weir_router::{Config, Router, Secret};
use weir_table::check::check;
use weir_table::{
    BaseUrl, Connections, Credential, CredentialId, Dialect, Model, ModelKind, Node, Owner, Policy, Prices,
    Provider, ProviderEntry, Scope, Split, SplitTarget, Table, Timeouts,
};

const NAMESPACE: &str = "default";
const POLICY: &str = "bench";
const PROVIDER: &str = "mock";

/// The targets and their weights.
const TARGETS: [(&str, f64); 3] = [("one", 50.0), ("two", 30.0), ("three", 20.0)];

fn main() -> Result<(), Box<dyn Error>> {
    let upstream: SocketAddr = std::env::args().nth(1).ok_or("no upstream")?.parse()?;
    log::init(LogFormat::Json);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(upstream))
}

async fn serve(upstream: SocketAddr) -> Result<(), Box<dyn Error>> {
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let router = Router::bind(Config::new(anywhere, anywhere)).await?;
    let listens = router.listen_addr();
    let (pusher, updates) = pushed::source();
    let tables = [table(upstream)?, Table::empty(Scope::Cluster)];
    let tables = tables.into_iter().map(check).collect::<Result<_, _>>();
    let tables = tables.map_err(|violations| format!("{violations:?}"))?;
    pusher
        .push(tables, BTreeMap::from([(credential(), Secret::new("sk-mock"))]))
        .await?;
    writeln!(stdout(), "{listens}")?;
    router.run(updates, input_ended()).await?;
    Ok(())
}

/// Ends when standard input does.
async fn input_ended() {
    let (ended, wait) = oneshot::channel::<()>();
    thread::spawn(move || {
        let _read = stdin().read_to_end(&mut Vec::new());
        drop(ended);
    });
    let _ended = wait.await;
}

fn credential() -> CredentialId {
    CredentialId::of_secret_key(NAMESPACE, PROVIDER, "api-key")
}

fn table(upstream: SocketAddr) -> Result<Table, Box<dyn Error>> {
    let policy = Policy {
        kind: ModelKind::Chat,
        expose_to: BTreeSet::new(),
        root: split(),
    };
    let provider = ProviderEntry::Live(Box::new(provider(upstream)?));
    Ok(Table {
        policies: BTreeMap::from([(POLICY.to_owned(), policy)]),
        providers: BTreeMap::from([(PROVIDER.to_owned(), provider)]),
        ..Table::empty(Scope::Namespace(NAMESPACE.to_owned()))
    })
}

fn split() -> Node {
    let targets =
        TARGETS.map(|(name, weight)| SplitTarget::new(format!("{PROVIDER}/{name}"), weight, model(name)));
    let salt = format!("{NAMESPACE}/{POLICY}");
    Node::from(Split::new(POLICY.to_owned(), salt, Vec::new(), targets.into()))
}

fn model(name: &str) -> Node {
    Node::from(Model {
        model: format!("{PROVIDER}/{name}"),
        provider: PROVIDER.to_owned(),
        upstream: name.to_owned(),
        region: None,
        credential: None,
        context_window: None,
        reasoning: false,
        prices: Prices::default(),
    })
}

fn provider(upstream: SocketAddr) -> Result<Provider, Box<dyn Error>> {
    Ok(Provider {
        owner: Owner::Namespace,
        dialect: Dialect::OpenAI,
        base_url: BaseUrl::parse(&format!("http://{upstream}/v1"))?,
        api_version: None,
        lacks: BTreeSet::new(),
        region: None,
        credential: Credential::Named(credential()),
        ca_bundle: None,
        timeouts: Timeouts::default(),
        connections: Connections::default(),
        passthrough_paths: Vec::new(),
        allowed_namespaces: None,
        models: BTreeMap::new(),
    })
}
