//! `weir demo`: the example policies over simulated providers on loopback. The router is the real one; only
//! the models are not.

mod guide;
mod policies;

use std::collections::BTreeMap;
use std::io::Write as _;

use weir_router::log::LogFormat;
use weir_router::source::pushed::source;
use weir_router::{Config, Router, log};

use self::guide::Guide;
use crate::args::{Demo, System};
use crate::error::{Error, Outcome};
use crate::out::Out;
use crate::process;
use crate::serve::{Built, Secrets, build};
use crate::simulate;

/// Serves the demo until the process is told to end.
pub(crate) fn run(args: &Demo) -> Result<Outcome, Error> {
    log::init(LogFormat::Text);
    process::block_on(demo(args))?
}

async fn demo(args: &Demo) -> Result<Outcome, Error> {
    let config = Config::new(args.addresses.listen, args.addresses.admin);
    let router = Router::bind(config)
        .await
        .map_err(|error| process::not_bound(&error))?;
    let upstream = simulate::on_loopback().await?;
    let Built {
        tables,
        credentials,
        report,
        last_good: _,
    } = build(
        &policies::inputs(upstream),
        &Secrets::default(),
        &System::standalone(),
        &BTreeMap::new(),
    );
    let (pusher, updates) = source();
    pusher
        .push(tables, credentials)
        .await
        .map_err(|error| Error::Failed(error.to_string()))?;
    let guide = Guide {
        listen: router.listen_addr(),
        admin: router.admin_addr(),
        objects: &report.objects,
    };
    let mut out = Out::stdout();
    guide.write(out.paint(), &mut out)?;
    out.flush()?;
    drop(out);
    router
        .run(updates, process::told_to_end())
        .await
        .map_err(|error| Error::Failed(error.to_string()))?;
    Ok(Outcome::Good)
}
