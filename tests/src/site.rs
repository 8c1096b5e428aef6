//! Weir, installed: a cluster with the operator, some routers, and a fake provider for every seed example.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::{
    client::{Client, Shape},
    cluster::Cluster,
    detour::Detour,
    elder::Elder,
    fake_provider::{FakeProvider, Recording},
    fixtures,
    identity::{self, OPERATOR, ROUTER, SYSTEM},
    judge::Judge,
    load::{Load, Pace},
    netns,
    poll::{becomes, eventually},
    process::Process,
    tools::{Tools, target},
};

/// How long a process of Weir's may take to be ready, on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(30);

/// The Service by which the operator finds the routers.
const SERVICE: &str = "weir-router";

/// What the router of the release before is called.
const ELDER: &str = "weir-router-elder";

/// The token between the operator and the routers' admin ports.
const TOKEN_SECRET: &str = "weir-admin-token";

/// The token itself.
const ADMIN_TOKEN: &str = "an-admin-token-of-the-tests-32-chars";

/// Where the processes of a site listen.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// Addresses of its own in the tests' network; the number tells sites apart.
    Own(u8),
    /// Free ports of the address by which this machine is reached.
    Host(IpAddr),
}

/// A whole installation; all of it dies when dropped.
#[derive(Debug)]
pub struct Site {
    /// The cluster.
    pub cluster: Cluster,
    /// What every provider of the seed examples reaches.
    pub provider: FakeProvider,
    /// The routers.
    pub routers: Vec<Router>,
    /// For requests of the test's own.
    pub client: Client,
    /// The operator.
    pub operator: Process,
    /// The tools it was started with.
    pub tools: Tools,
    /// The ways on which its processes reach the API server, if they are not direct.
    pub ways: Option<Ways>,
    callers: Callers,
    operator_admin: SocketAddr,
    rival_admin: SocketAddr,
}

/// The ways to the API server.
#[derive(Debug)]
pub struct Ways {
    /// The operator's.
    pub operator: Detour,
    /// The routers'.
    pub routers: Detour,
}

/// One router process.
#[derive(Debug)]
pub struct Router {
    /// Its name in logs and slices.
    pub name: String,
    /// Where clients reach it.
    pub http: SocketAddr,
    /// Its admin port.
    pub admin: SocketAddr,
    /// The process.
    pub process: Process,
}

/// What a site consists of.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name, which its folder of logs carries.
    pub name: String,
    /// Where it listens.
    pub place: Place,
    /// How many routers it has.
    pub routers: u8,
    /// Somebody's cluster, instead of one of its own.
    pub kubeconfig: Option<PathBuf>,
    /// Whether the fake provider keeps requests.
    pub recording: Recording,
    /// Whom its routers let in.
    pub callers: Callers,
    /// How its processes reach the API server.
    pub reach: Reach,
}

/// How processes reach the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Directly.
    Direct,
    /// By ways that break on command.
    Detours,
}

/// Whom routers let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callers {
    /// Everybody, as they were told.
    Anybody,
    /// Whoever has a key, as they are by default.
    Keyed,
}

impl Place {
    /// The machine's own address, as whoever reaches `peer` from here sees it; nothing is sent.
    pub fn host() -> Result<Self> {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket
            .connect("198.51.100.1:9")
            .context("this machine has no route, so nothing could reach it")?;
        Ok(Self::Host(socket.local_addr()?.ip()))
    }

    fn socket(self, host: u8, port: u16) -> Result<SocketAddr> {
        match self {
            Self::Own(number) => Ok((netns::address(number, host), port).into()),
            Self::Host(address) => Ok(TcpListener::bind((address, 0))?.local_addr()?),
        }
    }
}

impl Plan {
    async fn cluster(&self, tools: &Tools, folder: &Path) -> Result<Cluster> {
        match (&self.kubeconfig, self.place) {
            (None, Place::Own(number)) => Cluster::start(tools, number, folder).await,
            (Some(kubeconfig), _) => Cluster::existing(tools, kubeconfig, folder).await,
            (None, Place::Host(_)) => anyhow::bail!("a cluster of the tests' own needs a network of its own"),
        }
    }

    /// Starts the detours, and has the kubeconfigs of the processes lead there.
    async fn ways(&self, cluster: &Cluster, folder: &Path) -> Result<Option<Ways>> {
        if self.reach == Reach::Direct {
            return Ok(None);
        }
        let server = cluster
            .control_plane
            .as_ref()
            .context("no control plane of our own")?;
        let server = server.api_address();
        let way = async |account: &str, host: u8| {
            let detour = Detour::start(self.place.socket(host, server.port())?, &[server]).await?;
            identity::redirect(folder, account, detour.address(), server)?;
            anyhow::Ok(detour)
        };
        Ok(Some(Ways {
            operator: way(OPERATOR, 2).await?,
            routers: way(ROUTER, 3).await?,
        }))
    }
}

impl Site {
    /// Starts all of it, and waits until the routers are ready.
    pub async fn start(tools: &Tools, plan: &Plan) -> Result<Self> {
        let folder = logs().join(&plan.name);
        std::fs::create_dir_all(&folder)?;
        let cluster = plan.cluster(tools, &folder).await?;
        cluster.install().await?;
        let provider = FakeProvider::start(plan.place.socket(20, 8000)?, plan.recording).await?;
        fixtures::add_providers(&cluster, SYSTEM, &provider).await?;
        std::fs::write(folder.join("admin.token"), ADMIN_TOKEN)?;
        cluster.apply(&token_secret()).await?;
        for account in [OPERATOR, ROUTER] {
            identity::kubeconfig(&cluster.kubectl, account, &folder).await?;
        }
        let ways = plan.ways(&cluster, &folder).await?;
        let (operator_admin, rival_admin) = (plan.place.socket(10, 9090)?, plan.place.socket(11, 9090)?);
        let operator = Process::spawn(OPERATOR, operator(tools, &folder, operator_admin)?, &folder)?;
        let client = Client::default();
        let tools = tools.clone();
        let mut site = Self {
            cluster,
            provider,
            routers: Vec::new(),
            client,
            operator,
            tools,
            ways,
            callers: plan.callers,
            operator_admin,
            rival_admin,
        };
        site.start_routers(plan).await?;
        Ok(site)
    }

    async fn start_routers(&mut self, plan: &Plan) -> Result<()> {
        self.cluster.apply(&fixtures::router_service(SERVICE)).await?;
        for number in 0..plan.routers {
            let name = format!("weir-router-{number}");
            let (http, admin) = (
                plan.place.socket(31 + number, 8080)?,
                plan.place.socket(31 + number, 9090)?,
            );
            let command = self.router_command(http, admin)?;
            let process = Process::spawn(&name, command, &self.cluster.folder)?;
            self.routers.push(Router {
                name,
                http,
                admin,
                process,
            });
        }
        for number in 0..self.routers.len() {
            self.router_ready(number).await?;
            self.announce(number).await?;
        }
        Ok(())
    }

    fn router_command(&self, http: SocketAddr, admin: SocketAddr) -> Result<Command> {
        let mut command = router(&self.tools, &self.cluster.folder, http, admin)?;
        if self.callers == Callers::Anybody {
            command.arg("--allow-unauthenticated");
        }
        Ok(command)
    }

    /// Puts a router behind the Service, as a kubelet would once it is ready.
    pub async fn announce(&self, number: usize) -> Result<()> {
        let Router {
            name, http, admin, ..
        } = &self.routers[number];
        let slice = fixtures::router_slice(SERVICE, name, &http.ip().to_string(), http.port(), admin.port());
        self.cluster.apply(&slice).await.map(drop)
    }

    /// A router of the release before, which is behind the Service until it is dropped and [`Self::retire`]d. It is
    /// not ready, until [`Self::admit`] says so.
    pub async fn elder(&self, address: SocketAddr) -> Result<Elder> {
        let elder = Elder::start(address, self.routers[0].admin, ADMIN_TOKEN).await?;
        let mut slice = self.elders_slice(address);
        slice["endpoints"][0]["conditions"]["ready"] = false.into();
        self.cluster.apply(&slice).await?;
        Ok(elder)
    }

    /// Says that the router of the release before at `address` is ready.
    pub async fn admit(&self, address: SocketAddr) -> Result<()> {
        self.cluster.apply(&self.elders_slice(address)).await.map(drop)
    }

    fn elders_slice(&self, address: SocketAddr) -> Value {
        let (host, http) = (address.ip().to_string(), self.routers[0].http.port());
        fixtures::router_slice(SERVICE, ELDER, &host, http, address.port())
    }

    /// Takes the router of the release before from behind the Service.
    pub async fn retire(&self, elder: Elder) -> Result<()> {
        self.cluster.delete("EndpointSlice", Some(SYSTEM), ELDER).await?;
        drop(elder);
        Ok(())
    }

    /// Takes a router from behind the Service, as a kubelet would once it is not ready.
    pub async fn hide(&self, number: usize) -> Result<()> {
        let name = &self.routers[number].name;
        self.cluster.delete("EndpointSlice", Some(SYSTEM), name).await
    }

    /// Replaces a router as a rolling update does: it drains behind nobody's back, and its successor is told of once
    /// it is ready.
    pub async fn roll_router(&self, number: usize, within: Duration) -> Result<()> {
        let Router {
            name,
            http,
            admin,
            process,
        } = &self.routers[number];
        self.hide(number).await?;
        let status = process.terminate(within).await?;
        ensure!(status.success(), "{name} ended with {status}");
        process.restart(self.router_command(*http, *admin)?).await?;
        self.router_ready(number).await?;
        self.announce(number).await
    }

    /// Replaces the operator as a rolling update does: it is asked to stop.
    pub async fn roll_operator(&self, within: Duration) -> Result<()> {
        let status = self.operator.terminate(within).await?;
        ensure!(status.success(), "the operator ended with {status}");
        self.restart_operator().await?;
        self.operator_ready().await
    }

    /// Who judges what the operator has written so far; nobody in a cluster whose audit log is not to be had.
    pub fn judge(&self) -> Option<Judge> {
        let control_plane = self.cluster.control_plane.as_ref()?;
        let log = |router: &Router| (router.name.clone(), router.process.log().to_owned());
        Some(Judge {
            audit_log: control_plane.audit_log(),
            operator: identity::user(OPERATOR),
            routers: self.routers.iter().map(log).collect(),
        })
    }

    /// Kills a router (-9), starts it again, and waits until it is ready.
    pub async fn restart_router(&self, number: usize) -> Result<()> {
        self.restart_router_at_once(number).await?;
        self.router_ready(number)
            .await
            .with_context(|| format!("{} after its restart", self.routers[number].name))
    }

    /// Kills a router (-9) and starts it again; does not wait.
    pub async fn restart_router_at_once(&self, number: usize) -> Result<()> {
        let Router {
            name: _,
            http,
            admin,
            process,
        } = &self.routers[number];
        process.restart(self.router_command(*http, *admin)?).await
    }

    /// Gives the operator the token that the routers have, whatever it made itself.
    pub async fn give_token(&self) -> Result<()> {
        self.cluster.apply(&token_secret()).await.map(drop)
    }

    /// Kills the operator (-9) and starts it again; does not wait.
    pub async fn restart_operator(&self) -> Result<()> {
        self.operator
            .restart(operator(&self.tools, &self.cluster.folder, self.operator_admin)?)
            .await
    }

    /// Starts a second replica of the operator, which stands by.
    pub async fn start_rival(&self) -> Result<Process> {
        self.start_rival_for(OPERATOR).await
    }

    /// Starts a second operator that contends for this Lease: for another than the first one's, both write.
    pub async fn start_rival_for(&self, lease: &str) -> Result<Process> {
        let mut command = operator(&self.tools, &self.cluster.folder, self.rival_admin)?;
        command
            .env("WEIR_IDENTITY", "rival")
            .args(["--lease-name", lease]);
        let rival = Process::spawn("rival", command, &self.cluster.folder)?;
        self.ready(self.rival_admin)
            .await
            .with_context(|| rival.log_tail())?;
        Ok(rival)
    }

    /// Waits until the operator is ready.
    pub async fn operator_ready(&self) -> Result<()> {
        self.ready(self.operator_admin)
            .await
            .with_context(|| self.operator.log_tail())
    }

    /// Whether the operator is ready now; it must at least answer.
    pub async fn operator_is_ready(&self) -> Result<bool> {
        let answer = self.client.get(self.operator_admin, "/readyz", None).await?;
        Ok(answer.status.is_success())
    }

    /// Waits until a router is ready.
    pub async fn router_ready(&self, number: usize) -> Result<()> {
        let router = &self.routers[number];
        self.ready(router.admin)
            .await
            .with_context(|| format!("{}\n{}", router.name, router.process.log_tail()))
    }

    async fn ready(&self, admin: SocketAddr) -> Result<()> {
        let probe = || async {
            let answer = self.client.get(admin, "/readyz", None).await?;
            ensure!(answer.status.is_success(), "{}: {}", answer.status, answer.text());
            Ok(Some(()))
        };
        eventually(&format!("{admin} to be ready"), START_LIMIT, probe).await
    }

    /// Where a router keeps what it serves (`--cache-dir`).
    pub fn router_cache(&self, number: usize) -> PathBuf {
        cache(&self.cluster.folder, self.routers[number].http)
    }

    /// Where clients reach the routers.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.routers.iter().map(|router| router.http).collect()
    }

    /// Plain and streamed chats in turn on all routers.
    pub fn load(&self, model: &str, pace: Pace) -> Load {
        Load::chats(self.addresses(), model, pace)
    }

    /// What a router says of the tables that it holds (`/api/tables`).
    pub async fn tables(&self, number: usize) -> Result<Value> {
        let answer = self
            .client
            .get(self.routers[number].admin, "/api/tables", Some(ADMIN_TOKEN))
            .await?;
        ensure!(answer.status.is_success(), "{}: {}", answer.status, answer.text());
        answer.json()
    }

    /// The digest of each table that a router serves, by namespace; the cluster's is that of no name.
    pub async fn digests(&self, number: usize) -> Result<BTreeMap<String, String>> {
        let path = "/api/tables?view=digests";
        let answer = self
            .client
            .get(self.routers[number].admin, path, Some(ADMIN_TOKEN))
            .await?
            .json()?;
        let tables = answer["tables"].as_array().context("no tables")?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(tables
            .iter()
            .map(|table| (text(&table["namespace"]), text(&table["digest"])))
            .collect())
    }

    /// A router's metrics, as text.
    pub async fn router_metrics(&self, number: usize) -> Result<String> {
        self.metrics_of(self.routers[number].admin).await
    }

    /// The operator's metrics, as text.
    pub async fn operator_metrics(&self) -> Result<String> {
        self.metrics_of(self.operator_admin).await
    }

    /// The second operator's metrics, as text.
    pub async fn rival_metrics(&self) -> Result<String> {
        self.metrics_of(self.rival_admin).await
    }

    async fn metrics_of(&self, admin: SocketAddr) -> Result<String> {
        Ok(self.client.get(admin, "/metrics", None).await?.text())
    }

    /// What the operator says of its readiness: a status, and lines of text.
    pub async fn operator_readiness(&self) -> Result<(u16, String)> {
        let answer = self.client.get(self.operator_admin, "/readyz", None).await?;
        Ok((answer.status.as_u16(), answer.text()))
    }

    /// Waits until every router answers a chat on `model` well.
    pub async fn served(&self, model: &str, within: Duration) -> Result<()> {
        self.answers(model, within, (200, String::new())).await
    }

    /// Waits until every router answers a chat on `model` with this status and error code.
    pub async fn answers(&self, model: &str, within: Duration, expected: (u16, String)) -> Result<()> {
        for router in &self.routers {
            let probe = || async {
                let answer = self
                    .client
                    .chat(router.http, model, "probe", Shape::Plain)
                    .await?;
                answer.error_code()
            };
            becomes(
                &format!("{} to answer {model}", router.name),
                within,
                expected.clone(),
                probe,
            )
            .await?;
        }
        Ok(())
    }

    /// Applies policies, and waits until each is [`Programmed`](https://gateway-api.sigs.k8s.io/geps/gep-1364/).
    pub async fn program(&self, policies: &[Value], within: Duration) -> Result<()> {
        self.cluster.apply_all(policies).await?;
        for policy in policies {
            self.cluster
                .condition(policy, "Programmed", "True", within)
                .await?;
        }
        Ok(())
    }
}

/// Where this run keeps logs and state.
pub fn logs() -> PathBuf {
    target().join("e2e").join(format!("run-{}", netns::run()))
}

/// The Secret with the token of the admin ports.
fn token_secret() -> Value {
    let metadata = json!({"name": TOKEN_SECRET, "namespace": SYSTEM});
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"token": ADMIN_TOKEN}})
}

fn operator(tools: &Tools, folder: &Path, admin: SocketAddr) -> Result<Command> {
    let mut command = Command::new(tools.weir(OPERATOR)?);
    command.env("KUBECONFIG", folder.join(format!("{OPERATOR}.kubeconfig")));
    command.args([
        "--namespace",
        SYSTEM,
        "--router-service",
        SERVICE,
        "--admin-listen",
        &admin.to_string(),
        "--namespaced-providers",
        "enabled",
    ]);
    command.args(["--admin-token-secret", TOKEN_SECRET]);
    Ok(command)
}

fn router(tools: &Tools, folder: &Path, http: SocketAddr, admin: SocketAddr) -> Result<Command> {
    let mut command = Command::new(tools.weir(ROUTER)?);
    // The judge wants to know which policy was served when.
    command.env("WEIR_LOG", "info,weir_router::state=debug");
    command.env("KUBECONFIG", folder.join(format!("{ROUTER}.kubeconfig")));
    command.args([
        "--namespace",
        SYSTEM,
        "--listen",
        &http.to_string(),
        "--admin-listen",
        &admin.to_string(),
    ]);
    command.arg("--admin-token-file").arg(folder.join("admin.token"));
    command.arg("--cache-dir").arg(cache(folder, http));
    Ok(command)
}

/// Where the router at `http` keeps what it serves.
fn cache(folder: &Path, http: SocketAddr) -> PathBuf {
    folder.join(format!("cache-{http}"))
}
