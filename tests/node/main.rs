//! The cases that need pods, as one program: it enters namespaces of its own, starts a node there, and runs them one
//! after another, since all of them share it.

mod context;
mod disruption;
mod harness;
mod install;
mod outage;
mod probed;

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use futures::future::LocalBoxFuture;
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;
use weir_tests::{node, site::logs};

use self::context::Context;

/// No case may take longer.
const CASE_LIMIT: Duration = Duration::from_mins(15);

/// A case before it runs.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    run: fn(Arc<Context>) -> LocalBoxFuture<'static, Result<()>>,
}

/// Names a case by its path.
macro_rules! case {
    ($module:ident :: $name:ident) => {
        Case {
            name: concat!(stringify!($module), "::", stringify!($name)),
            run: |context| Box::pin(async move { $module::$name(&context).await }),
        }
    };
}

fn cases() -> Vec<Case> {
    vec![
        case!(harness::a_cluster_that_is_killed_leaves_nothing_behind),
        case!(install::helm_4_installs_a_weir_that_routes_what_pods_ask),
        case!(install::helm_3_installs_a_weir_that_routes_what_pods_ask),
        case!(probed::helm_test_fails_when_routing_key_or_policy_is_wrong),
        case!(outage::routers_that_restart_without_an_api_server_serve_what_they_kept),
        case!(disruption::helm_4_upgrade_and_rollback_lose_no_request),
        case!(disruption::helm_3_upgrade_and_rollback_lose_no_request),
        case!(disruption::restarts_and_an_eviction_lose_no_request),
        case!(disruption::scaling_by_cpu_loses_no_request),
    ]
}

fn main() -> Result<ExitCode> {
    let mut arguments = Arguments::from_args();
    if !arguments.list {
        node::enter()?;
    }
    arguments.test_threads = Some(1);
    let runtime = Arc::new(Runtime::new()?);
    runtime.spawn(end_on_interrupt());
    let context = Arc::new(Context::new()?);
    let trials = cases()
        .into_iter()
        .map(|case| trial(case, &runtime, &context))
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !conclusion.has_failed() {
        std::fs::remove_dir_all(logs()).ok();
    }
    Ok(conclusion.exit_code())
}

/// The first process of a process namespace gets no signal that it does not ask for.
async fn end_on_interrupt() {
    if tokio::signal::ctrl_c().await.is_ok() {
        std::process::exit(130);
    }
}

fn trial(case: Case, runtime: &Arc<Runtime>, context: &Arc<Context>) -> Trial {
    let (runtime, context) = (Arc::clone(runtime), Arc::clone(context));
    let test = move || {
        let outcome = runtime.block_on(run(case, context));
        outcome.map_err(|error| Failed::from(format!("{error:#}")))
    };
    Trial::test(case.name, test)
}

async fn run(case: Case, context: Arc<Context>) -> Result<()> {
    let limited = tokio::time::timeout(CASE_LIMIT, (case.run)(Arc::clone(&context)));
    limited
        .await
        .with_context(|| format!("{} took longer than {CASE_LIMIT:?}", case.name))??;
    context.judge()
}
