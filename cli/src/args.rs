//! The command line: what can be asked, and the help that teaches it. Nothing here does anything.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use weir_router::args::duration;
use weir_router::config::MAX_BODY_BYTES;
use weir_router::log::LogFormat;

use crate::explain::PolicyName;
use crate::files::Depth;
use crate::load::References;
use crate::probe::RouterUrl;

/// Splits LLM traffic between models, and fails over, by policies.
///
/// Works on the very YAML that a cluster gets, and needs no cluster: it compiles and routes by the same code
/// as the operator and the routers. Named kubectl-weir on the PATH, it is `kubectl weir`.
#[derive(Debug, Parser)]
#[command(
    name = "weir",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Begin with:\n  weir demo                     see it work: no key, no cluster\n  \
                  weir check -f examples/       what the cluster would say"
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What can be asked.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(Demo),
    Check(Check),
    Explain(Explain),
    Serve(Serve),
    Probe(Probe),
    Simulate(Simulate),
    /// Write a completion script for a shell to standard output.
    #[command(after_help = "Examples:\n  source <(weir completion bash)\n  \
                            weir completion zsh > \"${fpath[1]}/_weir\"\n  \
                            weir completion fish > ~/.config/fish/completions/weir.fish")]
    Completion {
        /// The shell.
        shell: Shell,
    },
    /// Print the version.
    Version,
}

/// Say what the cluster would say of these files.
///
/// Every object is judged by the compiler that the operator runs, and fields that no kind has are refused.
/// References to a kind of which the files hold no document at all, such as Secrets, are not followed
/// unless --strict-refs is given; that is said.
///
/// Exit code: 0 if all is in order (warnings may remain), 1 if something is not, 2 if it could not be checked.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  weir check -f examples/\n  weir check -f policies/ -R --strict-refs\n  \
                        kustomize build . | weir check -f -\n  weir check -f policies/ -o sarif > weir.sarif"
)]
pub(crate) struct Check {
    /// Files, or folders whose *.yaml, *.yml and *.json are read; `-` is standard input.
    #[arg(short = 'f', long = "filename", value_name = "PATH", required = true, num_args = 1..)]
    pub(crate) paths: Vec<PathBuf>,
    /// Also read the folders inside the folders.
    #[arg(short = 'R', long)]
    recursive: bool,
    /// How to say it.
    #[arg(short, long, value_name = "FORMAT", default_value = "human")]
    pub(crate) output: ReportFormat,
    /// Count providers and Secrets that no file holds as missing, even where no file holds any.
    #[arg(long)]
    strict_refs: bool,
    #[command(flatten)]
    pub(crate) system: System,
}

impl Check {
    /// How deep folders are read.
    pub(crate) fn depth(&self) -> Depth {
        depth(self.recursive)
    }

    /// Which references are followed.
    pub(crate) fn references(&self) -> References {
        if self.strict_refs {
            References::All
        } else {
            References::WithinFiles
        }
    }
}

/// Say which target a key gets, and why. No request is made.
///
/// A key is what a request is held by: its `requesty.trace_id`, else its `requesty.user_id`, and so on. The same
/// key gets the same target in every router, always; this computes it as they do.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  weir explain -f examples/ policy/gradual-rollout --key user-42\n  \
                        weir explain -f examples/ policy/team-a/chat --key user-42 -o json\n  \
                        seq 1000 | weir explain -f examples/ policy/reasoning-experiment --keys - | cut -f2 | sort \
                        | uniq -c"
)]
pub(crate) struct Explain {
    /// A file, or a folder whose *.yaml, *.yml and *.json are read; `-` is standard input. May be repeated.
    #[arg(short = 'f', long = "filename", value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Also read the folders inside the folders.
    #[arg(short = 'R', long)]
    recursive: bool,
    /// The policy: policy/NAME, or policy/NAMESPACE/NAME.
    pub(crate) policy: PolicyName,
    /// The namespace of a policy/NAME.
    #[arg(short, long, default_value = "default")]
    pub(crate) namespace: String,
    #[command(flatten)]
    pub(crate) keys: Keys,
    /// How to say it; with --keys, json is one object a line.
    #[arg(short, long, value_name = "FORMAT", default_value = "human")]
    pub(crate) output: Format,
    #[command(flatten)]
    pub(crate) system: System,
}

impl Explain {
    /// How deep folders are read.
    pub(crate) fn depth(&self) -> Depth {
        depth(self.recursive)
    }
}

/// Which keys to explain.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Keys {
    /// The key to explain.
    #[arg(long)]
    pub(crate) key: Option<String>,
    /// A file with one key a line; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Option<PathBuf>,
}

/// Serve policies from files: the whole router, without a cluster.
///
/// Reads the very YAML that a cluster gets, compiles it in this process, and follows every change: a file is
/// read once it has been still for 100 ms; one that is empty or does not parse keeps what it last gave, and a
/// policy that turns bad keeps serving its last good version. What is wrong is logged.
///
/// Keys of providers come from Secret documents among the files, or from --secret. As soon as the files hold an
/// AccessKey, callers need a key too; without any, this listens on loopback addresses only.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                        weir serve -f examples/ --secret openai/api-key=env:OPENAI_API_KEY\n  \
                        weir serve -f policies/ -f keys.yaml --listen 127.0.0.1:8081 --admin 127.0.0.1:9091\n\n\
                        Then:\n  \
                        curl localhost:8080/v1/models\n  \
                        curl localhost:8080/v1/chat/completions -H 'content-type: application/json' \\\n    \
                        -d '{\"model\":\"policy/NAME\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}'")]
pub(crate) struct Serve {
    /// Files, or folders whose *.yaml, *.yml and *.json are read.
    #[arg(short = 'f', long = "filename", value_name = "PATH", required = true, num_args = 1..)]
    pub(crate) paths: Vec<PathBuf>,
    /// Also read the folders inside the folders.
    #[arg(short = 'R', long)]
    recursive: bool,
    #[command(flatten)]
    pub(crate) addresses: Addresses,
    /// Let callers in without a key, wherever this listens: whoever reaches the address spends what the
    /// providers' keys pay for. Where there are AccessKeys, a key that is sent must still be a valid one.
    #[arg(long)]
    pub(crate) allow_unauthenticated: bool,
    /// A key of a Secret: [NS/]NAME/KEY=env:VARIABLE or [NS/]NAME/KEY=file:PATH. Without NS it is there in
    /// Weir's own namespace and in `default`. A file is followed like the policies. May be repeated.
    #[arg(long = "secret", value_name = "SECRET")]
    pub(crate) secrets: Vec<String>,
    /// The namespace in which `policy/NAME` is looked up for callers without a key; `policy/NAMESPACE/NAME`
    /// reaches any.
    #[arg(short, long, default_value = "default")]
    pub(crate) namespace: String,
    #[command(flatten)]
    pub(crate) system: System,
    /// The largest request body that is read, in bytes; a larger one is answered 413.
    #[arg(long, value_name = "BYTES", default_value_t = MAX_BODY_BYTES)]
    pub(crate) max_body_bytes: usize,
    /// How many threads serve connections; without it one for each processor that the process may use, up to 8.
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<NonZeroUsize>,
    /// On SIGTERM or SIGINT: how long requests and streams may run on. A second signal ends at once.
    #[arg(long, value_name = "TIME", default_value = "600s", value_parser = duration)]
    pub(crate) drain_timeout: Duration,
    /// The shape of log lines; `WEIR_LOG` filters them, as in `WEIR_LOG=info,weir::access=off`.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
}

impl Serve {
    /// How deep folders are read.
    pub(crate) fn depth(&self) -> Depth {
        depth(self.recursive)
    }
}

/// Serve the example policies over simulated providers: no key, no cluster.
///
/// The router is the real one, on loopback; the providers are simulated in this process and answer with their
/// names. Prints requests to paste.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  weir demo\n  weir demo --listen 127.0.0.1:8081 --admin 127.0.0.1:9091")]
pub(crate) struct Demo {
    #[command(flatten)]
    pub(crate) addresses: Addresses,
}

/// Ask a router for real, and say whether it routes, streams and refuses as it should.
///
/// A policy is asked once for a whole answer and once for a stream; so a provider that wants money gets it for two
/// short answers. Then a wrong key and an unknown policy must be refused. A check that does not hold is made again
/// until it does or the time is up, because a fresh installation takes seconds to be ready. Progress goes to standard
/// error. No key, prompt or answer is printed, and no file is written.
///
/// Exit code: 0 if everything holds, 1 if something does not, 2 if it was asked wrongly.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  weir probe --url http://localhost:8080 --model policy/reasoning-experiment\n  \
                        WEIR_KEY=… weir probe --url http://weir-router.weir-system.svc --model policy/chat\n  \
                        weir probe --url http://weir-router.weir-system.svc --model policy/chat \\\n    \
                        --key-file /etc/weir/key --expect simulated --timeout 2m -o json"
)]
pub(crate) struct Probe {
    /// The router: `http://HOST[:PORT]`, the address of its Service or of one pod. A /v1 at its end does no harm.
    #[arg(long, value_name = "URL")]
    pub(crate) url: RouterUrl,
    /// The policy: policy/NAME, or policy/NAMESPACE/NAME, as in a request.
    #[arg(long, value_name = "POLICY")]
    pub(crate) model: PolicyName,
    /// A file with the key to present: one of an AccessKey that may name the policy. Without it, the variable
    /// `WEIR_KEY`. With neither no key is sent, and it is not checked that a wrong one is refused.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// What the answer's text must hold; `weir simulate` says in each that it is simulated. Else any text will do.
    #[arg(long, value_name = "TEXT")]
    pub(crate) expect: Option<String>,
    /// The target that must answer, as the policy names it: what `x-weir-model` must be.
    #[arg(long, value_name = "MODEL")]
    pub(crate) expect_model: Option<String>,
    /// For how long checks that do not hold are made again, all together. 0 makes each once.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub(crate) timeout: Duration,
    /// How to say it.
    #[arg(short, long, value_name = "FORMAT", default_value = "human")]
    pub(crate) output: Format,
}

/// Answer like a provider, without any model: what the demo's providers are, as a server of its own.
///
/// Speaks OpenAI's API: /v1/chat/completions, whole and streamed, and /v1/embeddings, for every model and with
/// every key. The answer names the model and says that it is simulated. Below /NAME/v1 it answers as a provider of
/// that name; /outage/v1 is always down (503). /livez and /readyz are for probes. On SIGTERM what runs is finished.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  weir simulate\n  weir simulate --listen 0.0.0.0:8090\n\n\
                        A provider of it, for `weir serve` or for a cluster:\n  \
                        apiVersion: weir.dev/v1alpha1\n  kind: ClusterProvider\n  metadata:\n    name: simulated\n  \
                        spec:\n    dialect: OpenAI\n    baseURL: http://127.0.0.1:8090/v1"
)]
pub(crate) struct Simulate {
    /// Where routers connect.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8090")]
    pub(crate) listen: SocketAddr,
    /// The shape of log lines; `WEIR_LOG` filters them.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
}

/// Where a router listens.
#[derive(Debug, Args)]
pub(crate) struct Addresses {
    /// Where callers connect.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Where /livez, /readyz, /metrics and the status page are.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9090")]
    pub(crate) admin: SocketAddr,
}

/// How Weir is taken to be installed.
#[derive(Debug, Clone, Args)]
pub(crate) struct System {
    /// Weir's own namespace, where the Secrets of ClusterProviders lie.
    #[arg(long, value_name = "NAMESPACE", default_value = "weir-system")]
    pub(crate) system_namespace: String,
    /// Whether Providers count. A cluster refuses them unless it was told otherwise: say `disabled` to be told
    /// what it would say.
    #[arg(long, value_name = "MODE", value_enum, default_value_t = NamespacedProviders::Enabled)]
    pub(crate) namespaced_providers: NamespacedProviders,
}

impl System {
    /// What is taken for granted where nobody says.
    pub(crate) fn standalone() -> Self {
        Self {
            system_namespace: "weir-system".to_owned(),
            namespaced_providers: NamespacedProviders::Enabled,
        }
    }
}

/// Whether Providers count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum NamespacedProviders {
    /// They do.
    Enabled,
    /// They are refused, and count as absent.
    Disabled,
}

/// The ways to write a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For people.
    Human,
    /// One JSON document.
    Json,
    /// SARIF 2.1.0, which code hosts show beside the lines.
    Sarif,
}

/// The ways to write an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Human,
    /// JSON.
    Json,
}

fn depth(recursive: bool) -> Depth {
    if recursive { Depth::Nested } else { Depth::Flat }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
