//! The command line: exactly what was typed, or stands in the environment.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use weir_policy::snapshot;
use weir_table::name::is_dns_label;

/// Compiles Weir's policies into routing tables, and says in their statuses what became of them.
///
/// It watches LoadBalancingPolicies, FallbackPolicies, Providers, ClusterProviders and the Secrets labelled
/// weir.dev/credential=true, and writes into its own namespace: the tables (ConfigMaps weir-cluster and
/// weir-ns-NAMESPACE) and the credentials that they name (Secrets weir-credentials-0 to -f). Routers read those.
/// Of several replicas one writes at a time; the others stand by, and take over within seconds.
///
/// The API server is found through the pod's service account or, outside a cluster, through KUBECONFIG.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "weir-operator",
    version,
    after_help = "Example, on a machine with a kubeconfig:\n  weir-operator --admin-listen 127.0.0.1:9091 --log-format text\n\n\
        Then: kubectl get llm -A     what became of every policy and provider\n      \
        curl 127.0.0.1:9091/readyz  whether every watch has delivered its first list"
)]
pub struct Args {
    /// The namespace of Weir itself, into which tables and credentials are written.
    #[arg(long, env = "WEIR_NAMESPACE", default_value = "weir-system")]
    pub namespace: String,

    /// The Service in front of the routers. A policy counts as programmed when all its ready endpoints serve it.
    #[arg(long, env = "WEIR_ROUTER_SERVICE", default_value = "weir-router")]
    pub router_service: String,

    /// The routers' admin port, where their Service has no port named `admin`.
    // Not WEIR_ROUTER_ADMIN_PORT: Kubernetes sets that to a URL where a Service is called weir-router-admin.
    #[arg(long, env = "WEIR_ROUTERS_ADMIN_PORT", default_value_t = 9090)]
    pub router_admin_port: u16,

    /// Where to serve /livez, /readyz and /metrics.
    #[arg(long, env = "WEIR_ADMIN_LISTEN", default_value = "0.0.0.0:9091")]
    pub admin_listen: SocketAddr,

    /// A file with the token that routers want to see on their admin port. It is read anew for every question.
    #[arg(long, env = "WEIR_ADMIN_TOKEN_FILE", value_name = "FILE")]
    pub admin_token_file: Option<PathBuf>,

    /// The Secret with that token, under the key `token`, in Weir's own namespace. Where there is none it is
    /// made, with a random token; one that is there is never written. Changes are followed.
    #[arg(
        long,
        env = "WEIR_ADMIN_TOKEN_SECRET",
        value_name = "NAME",
        conflicts_with = "admin_token_file"
    )]
    pub admin_token_secret: Option<String>,

    /// The namespaces to look into, such as `team-a,team-b`; all if none is given. Weir's own is always one of
    /// them. Nothing is then asked of the whole cluster but ClusterProviders: see --cluster-providers. The table
    /// of a namespace that is taken off the list is emptied, and then removed, as if all its objects were gone.
    #[arg(long, env = "WEIR_WATCH_NAMESPACES", value_name = "NAMESPACES", value_delimiter = ',', value_parser = namespace)]
    pub watch_namespaces: Vec<String>,

    /// What to do with ClusterProviders: use them and write their statuses, use them only, or nothing at all.
    #[arg(long, env = "WEIR_CLUSTER_PROVIDERS", value_enum, value_name = "MODE", default_value_t = ClusterProviders::On)]
    pub cluster_providers: ClusterProviders,

    /// Whether a Provider counts, which lets whoever may write one choose where requests go. Where it does not,
    /// it is refused, and every provider is a ClusterProvider.
    #[arg(long, env = "WEIR_NAMESPACED_PROVIDERS", value_enum, value_name = "MODE", default_value_t = NamespacedProviders::Disabled)]
    pub namespaced_providers: NamespacedProviders,

    /// The Lease whose holder writes.
    #[arg(long, env = "WEIR_LEASE_NAME", default_value = "weir-operator")]
    pub lease_name: String,

    /// What this replica calls itself in the Lease; no two may call themselves the same. By default the
    /// machine's name, which in a cluster is the pod's.
    #[arg(long, env = "WEIR_IDENTITY")]
    pub identity: Option<String>,

    /// How log lines are written.
    #[arg(long, env = "WEIR_LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,

    /// What is logged: error, warn, info, debug, trace, or a filter such as `info,weir_operator=debug`.
    #[arg(long, env = "WEIR_LOG", default_value = "info")]
    pub log: String,
}

/// What becomes of ClusterProviders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ClusterProviders {
    /// They are used, and told what became of them.
    On,
    /// They are used; their statuses are not written.
    ReadOnly,
    /// There are none: they are not even watched.
    Off,
}

/// Reads the name of a namespace, so that a slip of the pen does not turn into a namespace that nobody has.
fn namespace(text: &str) -> Result<String, String> {
    let is_name = is_dns_label(text);
    is_name.then(|| text.to_owned()).ok_or_else(|| {
        format!("{text:?} is no namespace's name; write names with commas between, without spaces")
    })
}

/// Whether Providers count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NamespacedProviders {
    /// They do.
    Enabled,
    /// They are refused, and count as absent.
    Disabled,
}

impl From<NamespacedProviders> for snapshot::NamespacedProviders {
    fn from(mode: NamespacedProviders) -> Self {
        match mode {
            NamespacedProviders::Enabled => Self::Enabled,
            NamespacedProviders::Disabled => Self::Disabled,
        }
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::Args;

    #[test]
    fn the_command_line_is_well_formed_and_every_flag_is_explained() {
        let command = Args::command();
        command.clone().debug_assert();
        assert!(command.get_arguments().all(|flag| flag.get_help().is_some()));
    }

    #[test]
    fn namespaces_are_names_with_commas_between() {
        let read = |list: &str| Args::try_parse_from(["weir-operator", "--watch-namespaces", list]);
        assert_eq!(read("a,b-2").expect("two names").watch_namespaces, ["a", "b-2"]);
        for wrong in ["", "a,", "a, b", "*", "A"] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_admin_token_comes_from_one_place() {
        let both = [
            "weir-operator",
            "--admin-token-file",
            "f",
            "--admin-token-secret",
            "s",
        ];
        assert!(Args::try_parse_from(both).is_err());
        assert!(
            both[1..]
                .chunks(2)
                .all(|one| Args::try_parse_from([&both[..1], one].concat()).is_ok())
        );
    }
}
