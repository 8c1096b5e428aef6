//! The command line of `weir-router`.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use http::HeaderValue;

use crate::access::Admission;
use crate::config::{AdminToken, Config, MAX_BODY_BYTES, MAX_HELD_BYTES, MAX_IN_FLIGHT};
use crate::log::LogFormat;
use crate::source::cached::Cache;

/// Routes LLM traffic by the policies of a Kubernetes cluster.
///
/// The router watches the ConfigMaps and Secrets that weir-operator publishes in one namespace, and serves
/// the OpenAI API by them: a request whose `model` is `policy/<name>` goes where that policy sends it. It
/// reads nothing else of the cluster and writes nothing. While the API server is away it serves what it
/// has.
///
/// Callers need a key, which an AccessKey names, unless --allow-unauthenticated is given.
///
/// Try it: `curl http://ADDR/v1/chat/completions -H "authorization: Bearer $KEY" -d '{"model":"policy/NAME","messages":[…]}'`. What is being
/// served is at `http://ADMIN-ADDR/api/tables`.
#[derive(Debug, Parser)]
#[command(name = "weir-router", version, max_term_width = 100)]
pub struct Args {
    /// The namespace in which the operator publishes tables and credentials.
    #[arg(long, env = "WEIR_NAMESPACE", default_value = "weir-system")]
    pub namespace: String,
    /// Where callers connect.
    #[arg(
        long,
        env = "WEIR_LISTEN",
        value_name = "ADDR",
        default_value = "0.0.0.0:8080"
    )]
    pub listen: SocketAddr,
    /// Where /livez, /readyz, /metrics and /api are.
    #[arg(
        long,
        env = "WEIR_ADMIN_LISTEN",
        value_name = "ADDR",
        default_value = "0.0.0.0:9090"
    )]
    pub admin_listen: SocketAddr,
    /// A file with the token that / and /api of the admin port then want. A change of it counts at once.
    #[arg(long, env = "WEIR_ADMIN_TOKEN_FILE", value_name = "FILE")]
    pub admin_token_file: Option<PathBuf>,
    /// Let callers in without a key: whoever reaches the router may then name every policy and model, of every
    /// namespace, and spends what the providers' keys pay for. A key that is sent must still be a valid one,
    /// unless the cluster has no AccessKey at all. Without this flag every caller needs the key of an AccessKey.
    #[arg(long, env = "WEIR_ALLOW_UNAUTHENTICATED")]
    pub allow_unauthenticated: bool,
    /// The namespace in which `policy/<name>` is looked up for callers without a key;
    /// `policy/<namespace>/<name>` reaches any.
    #[arg(long, env = "WEIR_DEFAULT_NAMESPACE", default_value = "default")]
    pub default_namespace: String,
    /// The largest request body that is read, in bytes; a larger one is answered 413.
    #[arg(long, env = "WEIR_MAX_BODY_BYTES", value_name = "BYTES", default_value_t = MAX_BODY_BYTES)]
    pub max_body_bytes: usize,
    /// The most requests at once; further ones are answered 503 until others have ended.
    #[arg(long, env = "WEIR_MAX_IN_FLIGHT", value_name = "N", default_value_t = MAX_IN_FLIGHT)]
    pub max_in_flight: u64,
    /// The most bytes of requests' bodies at once, over all of them; further ones are answered 503.
    #[arg(long, env = "WEIR_MAX_HELD_BYTES", value_name = "BYTES", default_value_t = MAX_HELD_BYTES)]
    pub max_held_bytes: usize,
    /// An origin whose pages in browsers may ask, such as `https://chat.example.com`, or `*` for any; may be
    /// given several times. None by default.
    #[arg(long, env = "WEIR_CORS_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    pub cors_origin: Vec<HeaderValue>,
    /// How many threads serve connections. Without it one for each processor that the router may use, up to 8: those
    /// of its machine, or fewer where its container is limited to fewer. Each has its own connections to providers, and a
    /// caller's connection stays with one of them, also all the requests of an HTTP/2 connection.
    #[arg(long, env = "WEIR_WORKERS", value_name = "N")]
    pub workers: Option<NonZeroUsize>,
    /// A folder for this router alone, in which it keeps the tables and credentials that it serves (mode 0600). A
    /// router that starts while the API server is away serves from it after 5 s, says that it is stale, and lets go
    /// of it part by part when the API server lists again. Use a volume in memory that ends with the pod.
    #[arg(long, env = "WEIR_CACHE_DIR", value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
    /// For how long a router may have been away for what it kept to be served. Keys that were withdrawn meanwhile
    /// work again until the API server is back.
    #[arg(long, env = "WEIR_CACHE_MAX_AGE", value_name = "TIME", default_value = "60m", value_parser = duration)]
    pub cache_max_age: Duration,
    /// On SIGTERM: how long to go on accepting after readiness fails, such as 5s, so that load balancers
    /// look away first.
    #[arg(long, env = "WEIR_DRAIN_DELAY", value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub drain_delay: Duration,
    /// After that: how long requests and streams may run on.
    #[arg(long, env = "WEIR_DRAIN_TIMEOUT", value_name = "TIME", default_value = "600s", value_parser = duration)]
    pub drain_timeout: Duration,
    /// The shape of log lines; `WEIR_LOG=info,weir::access=off` filters them.
    #[arg(long, env = "WEIR_LOG_FORMAT", value_name = "FORMAT", default_value = "json")]
    pub log_format: LogFormat,
}

impl Args {
    /// What the router is told, with the token read from its file.
    pub fn config(&self) -> io::Result<Config> {
        Ok(Config {
            listen: self.listen,
            admin_listen: self.admin_listen,
            admin_token: self.admin_token_file.as_deref().map(read_token).transpose()?,
            admission: self.admission(),
            default_namespace: self.default_namespace.clone(),
            max_body_bytes: self.max_body_bytes,
            max_in_flight: self.max_in_flight,
            max_held_bytes: self.max_held_bytes,
            cors_origins: self.cors_origin.clone(),
            workers: self.workers,
            drain_delay: self.drain_delay,
            drain_timeout: self.drain_timeout,
        })
    }

    /// Where the router keeps what it serves, if anywhere.
    pub fn cache(&self) -> Option<Cache> {
        self.cache_dir.clone().map(|dir| Cache {
            dir,
            max_age: self.cache_max_age,
        })
    }

    fn admission(&self) -> Admission {
        if self.allow_unauthenticated {
            Admission::KeysOrNone
        } else {
            Admission::Keys
        }
    }
}

fn read_token(path: &Path) -> io::Result<AdminToken> {
    let told = |why: &str| io::Error::other(format!("--admin-token-file {}: {why}", path.display()));
    AdminToken::in_file(path).map_err(|error| told(&error.to_string()))
}

/// Reads a time of a command line: `500ms`, `5s`, `2m`, or a number of seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("", 1_000)];
    let parsed = units.iter().find_map(|(unit, millis)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(*millis).map(Duration::from_millis)
    });
    parsed.ok_or_else(|| format!("`{text}` is no time; write it as 500ms, 5s or 2m"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::{CommandFactory as _, Parser as _};

    use super::{Args, duration};
    use crate::access::Admission;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn callers_need_keys_unless_the_flag_says_otherwise() {
        let admission = |arguments: &[&str]| {
            let args = Args::parse_from([&["weir-router"], arguments].concat());
            args.config().unwrap().admission
        };
        assert_eq!(admission(&[]), Admission::Keys);
        assert_eq!(admission(&["--allow-unauthenticated"]), Admission::KeysOrNone);
    }

    #[test]
    fn times_have_units() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Ok(Duration::from_mins(2)));
        assert_eq!(duration("7"), Ok(Duration::from_secs(7)));
        assert!(duration("soon").unwrap_err().contains("500ms"));
    }
}
