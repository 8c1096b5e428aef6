//! The end-to-end cases, as one program: it enters a network of its own, starts what the cases share, and runs them.
//!
//! Cases that only wait or look run side by side; those that measure, or need the machine, run alone.

mod admission;
mod context;
mod harness;
mod rbac;

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use futures::future::BoxFuture;
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;
use weir_tests::{
    netns::{self, Network},
    site::logs,
};

use self::context::Context;

/// No case may take longer.
const CASE_LIMIT: Duration = Duration::from_mins(10);

/// How many cases run side by side: most of them wait for something most of the time.
const SIDE_BY_SIDE: usize = 5;

/// What a case needs to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// Nothing.
    Together,
    /// The whole machine.
    #[expect(dead_code, reason = "The cases of the operator and of the routers use it.")]
    Alone,
}

/// A case before it runs.
struct Case {
    name: &'static str,
    turn: Turn,
    run: fn(Arc<Context>) -> BoxFuture<'static, Result<()>>,
}

/// Names a case by its path.
macro_rules! case {
    ($turn:ident, $module:ident :: $name:ident) => {
        Case {
            name: concat!(stringify!($module), "::", stringify!($name)),
            turn: Turn::$turn,
            run: |context| Box::pin(async move { $module::$name(&context).await }),
        }
    };
}

fn cases() -> Vec<Case> {
    vec![
        case!(Together, harness::the_sdks_read_what_the_fake_provider_sends),
        case!(Together, harness::a_cut_answer_is_told_from_a_whole_one),
        case!(Together, harness::a_load_counts_what_fails),
        case!(Together, harness::the_audit_log_tells_who_wrote),
        case!(Together, harness::an_api_server_comes_back_with_its_objects),
        case!(
            Together,
            admission::refuses_what_one_object_alone_shows_to_be_wrong
        ),
        case!(Together, admission::refuses_a_policy_of_two_megabytes),
        case!(Together, admission::accepts_every_example),
        case!(Together, admission::explains_every_field),
        case!(Together, rbac::the_operator_may_do_what_it_must_and_no_more),
        case!(
            Together,
            rbac::a_router_may_read_tables_and_credentials_and_no_more
        ),
    ]
}

fn main() -> Result<ExitCode> {
    let mut arguments = Arguments::from_args();
    let kubeconfig = std::env::var_os("KUBECONFIG").filter(|path| !path.is_empty());
    if !arguments.list {
        netns::enter(if kubeconfig.is_some() {
            Network::Host
        } else {
            Network::Own
        })?;
    }
    arguments.test_threads.get_or_insert(SIDE_BY_SIDE);
    let runtime = Arc::new(Runtime::new()?);
    runtime.spawn(end_on_interrupt());
    let context = Arc::new(Context::new(kubeconfig.map(Into::into))?);
    let trials = cases()
        .into_iter()
        .map(|case| trial(case, &runtime, &context))
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    runtime.block_on(context.clean_up())?;
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
    Trial::test(case.name, move || {
        let outcome = runtime.block_on(run(&case, context));
        outcome.map_err(|error| Failed::from(format!("{error:#}")))
    })
}

async fn run(case: &Case, context: Arc<Context>) -> Result<()> {
    let _turn = context.turn(case.turn).await;
    let limited = tokio::time::timeout(CASE_LIMIT, (case.run)(Arc::clone(&context)));
    limited
        .await
        .with_context(|| format!("{} took longer than {CASE_LIMIT:?}", case.name))?
}
