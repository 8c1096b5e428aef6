//! nginx as the yardstick: the least that a reverse proxy does, configured for keep-alive on both sides,
//! without buffering answers, and with room for a whole prompt in memory.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::process::{Process, find};
use crate::target::{NGINX, Target, free_address};

/// Starts nginx on `core`, in front of `upstream`.
pub(crate) async fn start(scratch: &Path, core: usize, upstream: SocketAddr) -> Result<Target> {
    let program = find("nginx").context(
        "nginx is missing, and every ratio is one to nginx: install it (Debian: apt-get install nginx-light), \
         or leave it out with --without nginx",
    )?;
    let (address, folder) = (free_address().await?, scratch.join("nginx"));
    fs::create_dir(&folder)?;
    let file = folder.join("nginx.conf");
    fs::write(
        &file,
        configuration(&folder.display().to_string(), address, upstream),
    )?;
    let args = ["-p".as_ref(), folder.as_os_str(), "-c".as_ref(), file.as_os_str()];
    let process = Process::start(&program, args, core, scratch.join("nginx.log"))?;
    Ok(Target::started(NGINX, address, process))
}

fn configuration(folder: &str, address: SocketAddr, upstream: SocketAddr) -> String {
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
    upstream mock {{
        server {upstream};
        keepalive 512;
        keepalive_requests 1000000000;
        keepalive_timeout 1h;
    }}
    server {{
        listen {address} backlog=1024;
        location / {{
            proxy_pass http://mock;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_buffering off;
        }}
    }}
}}
"
    )
}
