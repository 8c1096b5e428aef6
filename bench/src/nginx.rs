//! nginx as the yardstick: the least that a reverse proxy does, configured for keep-alive on both sides,
//! without buffering answers, and with room for a whole prompt in memory.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::process::{Process, find};
use crate::target::{NGINX, Target, free_address};
use crate::upstream::{HOST, Secure};
use crate::way::Way;

/// Where it is asked.
#[derive(Debug, Clone, Copy)]
struct Ports {
    plain: SocketAddr,
    /// HTTP/2 from callers, in clear text.
    http2: SocketAddr,
    /// In front of the upstream's TLS.
    tls: SocketAddr,
}

/// Starts nginx on `cores`, in front of `upstream`, and of `secure` where there is one: as a target on each way.
/// The first one owns the process.
pub(crate) async fn start(
    scratch: &Path,
    cores: &str,
    upstream: SocketAddr,
    secure: Option<&Secure>,
) -> Result<Vec<Target>> {
    let program = find("nginx").context(
        "nginx is missing, and every ratio is one to nginx: install it (Debian: apt-get install nginx-light), \
         or leave it out with --without nginx",
    )?;
    let folder = scratch.join("nginx");
    fs::create_dir(&folder)?;
    let ports = Ports {
        plain: free_address().await?,
        http2: free_address().await?,
        tls: free_address().await?,
    };
    let place = folder.display().to_string();
    let mut servers = server(&format!("{}", ports.plain), "", "http://mock");
    servers += &server(&format!("{} http2", ports.http2), "", "http://mock");
    if let Some(secure) = secure {
        fs::write(folder.join("authority.pem"), &secure.authority)?;
        servers += &upstreams("secure", secure.http1);
        servers += &server(&ports.tls.to_string(), &verified(&place), "https://secure");
    }
    let file = folder.join("nginx.conf");
    fs::write(&file, configuration(&place, upstream, &servers))?;
    let args = ["-p".as_ref(), folder.as_os_str(), "-c".as_ref(), file.as_os_str()];
    let process = Process::start(&program, args, cores, scratch.join("nginx.log"))?;
    Ok(ways(ports, process))
}

fn ways(ports: Ports, process: Process) -> Vec<Target> {
    let plain = Target::started(NGINX, ports.plain, process);
    let http2 = plain.on(Way::Http2Callers).at(ports.http2);
    let tls = plain.on(Way::Tls).at(ports.tls);
    // It does not speak HTTP/2 to upstreams.
    let instead = plain.on(Way::Http2Upstream).at(ports.tls);
    vec![plain, http2, tls, instead]
}

fn configuration(folder: &str, upstream: SocketAddr, servers: &str) -> String {
    format!(
        "# One process, which is the worker too.
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    tcp_nodelay on;
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    client_body_buffer_size 128k;
    client_body_temp_path {folder};
    proxy_temp_path {folder};
    fastcgi_temp_path {folder};
    uwsgi_temp_path {folder};
    scgi_temp_path {folder};
{}{servers}}}
",
        upstreams("mock", upstream)
    )
}

fn upstreams(name: &str, address: SocketAddr) -> String {
    format!(
        "    upstream {name} {{
        server {address};
        keepalive 512;
        keepalive_requests 1000000000;
        keepalive_timeout 1h;
    }}
"
    )
}

fn server(listen: &str, more: &str, upstream: &str) -> String {
    format!(
        "    server {{
        listen {listen} backlog=1024;
        location / {{
            proxy_pass {upstream};
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_buffering off;
{more}        }}
    }}
"
    )
}

/// TLS as Weir does it: verified, in the newest version, with sessions that are kept.
fn verified(folder: &str) -> String {
    let mut text = String::new();
    for (name, value) in [
        ("protocols", "TLSv1.3"),
        ("session_reuse", "on"),
        ("server_name", "on"),
        ("name", HOST),
        ("verify", "on"),
        ("trusted_certificate", &format!("{folder}/authority.pem")),
    ] {
        // Writing to a string does not fail.
        let _ok = writeln!(text, "            proxy_ssl_{name} {value};");
    }
    text
}
