//! The end-to-end cases, as one program: it enters a network of its own, starts what the cases share, and runs them.
//!
//! Cases that only wait or look run side by side; those that measure, or need the machine, run alone.

mod access;
mod admission;
mod aws;
mod charts;
mod context;
mod definitions;
mod demo;
mod dialects;
mod disturbance;
mod failover;
mod faults;
mod gitops;
mod harness;
mod invalid;
mod namespaces;
mod operations;
mod providers;
mod rbac;
mod requests;
mod rights;
mod rollout;
mod routing;
mod scale;
mod selection;
mod stale;
mod streams;

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use futures::future::LocalBoxFuture;
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
    Alone,
    /// A network and an API server that are the tests' own: known ports, an audit log, a server to
    /// stop, Secrets of Weir's to write.
    Enclosed,
}

/// A case before it runs.
struct Case {
    name: &'static str,
    turn: Turn,
    run: fn(Arc<Context>) -> LocalBoxFuture<'static, Result<()>>,
}

/// Names a case by its path.
macro_rules! case {
    ($turn:ident, $module:ident $(:: $name:ident)+) => {
        Case {
            name: concat!(stringify!($module) $(, "::", stringify!($name))+),
            turn: Turn::$turn,
            run: |context| Box::pin(async move { $module $(:: $name)+(&context).await }),
        }
    };
}

/// The longest first: they wait for most of their time, and others run meanwhile.
fn cases() -> Vec<Case> {
    vec![
        case!(
            Together,
            disturbance::fifty_kills_leave_what_an_undisturbed_run_leaves
        ),
        case!(
            Enclosed,
            disturbance::an_api_server_away_for_a_minute_fails_no_request
        ),
        case!(
            Enclosed,
            stale::a_router_restarted_without_its_api_server_serves_what_it_kept
        ),
        case!(
            Enclosed,
            stale::what_was_withdrawn_while_a_router_was_cut_off_goes_within_seconds
        ),
        case!(Enclosed, rights::every_verb_of_the_operator_is_needed),
        case!(Enclosed, rights::every_verb_of_the_routers_is_needed),
        case!(Enclosed, rights::every_right_is_documented),
        case!(Enclosed, operations::writes_nothing_but_its_lease_at_rest),
        case!(
            Together,
            selection::agrees_with_another_language_on_a_hundred_thousand_keys
        ),
        case!(Together, aws::requests_are_signed_as_botocore_signs_them),
        case!(Together, aws::event_streams_are_understood_by_botocore),
        case!(Together, aws::requests_to_converse_are_of_botocores_model),
        case!(Together, harness::the_sdks_read_what_the_fake_provider_sends),
        case!(Together, harness::a_cut_answer_is_told_from_a_whole_one),
        case!(Together, harness::a_load_counts_what_fails),
        case!(Enclosed, harness::the_audit_log_tells_who_wrote),
        case!(Enclosed, harness::an_api_server_comes_back_with_its_objects),
        case!(
            Together,
            admission::refuses_what_one_object_alone_shows_to_be_wrong
        ),
        case!(Together, admission::refuses_a_policy_of_two_megabytes),
        case!(Together, admission::accepts_every_example),
        case!(Together, admission::explains_every_field),
        case!(Together, requests::a_bad_request_is_told_what_is_wrong_with_it),
        case!(Together, requests::odd_but_good_requests_are_served),
        case!(Together, requests::a_body_cut_short_never_reaches_a_provider),
        case!(
            Together,
            requests::answers_carry_the_headers_and_errors_of_the_surface
        ),
        case!(Together, invalid::each_mistake_is_explained_and_harms_only_itself),
        case!(
            Together,
            invalid::an_undecodable_object_does_not_hide_its_neighbours
        ),
        case!(Enclosed, streams::a_thousand_streams_take_little_memory),
        case!(Enclosed, streams::a_provider_soon_sees_that_a_caller_has_left),
        case!(Enclosed, demo::what_the_demo_prints_can_be_pasted),
        case!(Enclosed, dialects::every_sdk_gets_what_the_documented_table_says),
        case!(Together, operations::a_pipeline_can_wait_for_a_policy),
        case!(
            Together,
            operations::a_changed_weight_changes_the_generation_that_is_programmed
        ),
        case!(Together, operations::any_order_of_apply_heals),
        case!(Together, operations::a_rotated_key_is_in_use_soon),
        case!(Together, disturbance::a_terminated_router_finishes_its_streams),
        case!(Together, disturbance::a_policy_turned_bad_is_served_as_it_was),
        case!(Together, disturbance::a_deleted_namespace_takes_its_routes_along),
        case!(
            Alone,
            routing::spreads_callers_by_weight_and_keeps_each_where_it_is
        ),
        case!(
            Alone,
            rollout::changes_under_load_cut_nothing_and_move_only_whom_the_hash_moves
        ),
        case!(
            Alone,
            rollout::two_hundred_changes_are_each_served_by_every_router_soon
        ),
        case!(Alone, scale::ten_thousand_policies_are_served),
    ]
}

/// Those about what goes wrong around Weir. Two of them have installations of their own, the others take turns with one.
fn faults() -> Vec<Case> {
    vec![
        case!(
            Enclosed,
            faults::api_server::connections_that_lead_nowhere_are_given_up
        ),
        case!(
            Enclosed,
            faults::upgrade::processes_are_replaced_while_both_formats_are_in_play
        ),
        case!(
            Enclosed,
            faults::api_server::an_api_server_that_restarts_again_and_again
        ),
        case!(
            Enclosed,
            faults::api_server::a_watch_whose_past_is_gone_begins_anew
        ),
        case!(
            Enclosed,
            faults::throttle::an_api_server_that_has_had_enough_delays_changes_and_nothing_else
        ),
        case!(
            Enclosed,
            faults::handover::a_leader_told_to_stop_lets_the_next_one_in_at_once
        ),
        case!(
            Enclosed,
            faults::handover::a_killed_leader_is_followed_once_its_lease_has_run_out
        ),
        case!(
            Enclosed,
            faults::handover::a_leader_that_slept_through_its_lease_writes_nothing_when_it_wakes
        ),
        case!(
            Enclosed,
            faults::handover::two_operators_that_write_at_once_write_the_same
        ),
        case!(Enclosed, faults::handover::the_time_in_a_lease_is_nobodys_clock),
        case!(
            Enclosed,
            faults::meddling::a_table_that_somebody_edits_or_deletes_is_mended
        ),
        case!(
            Enclosed,
            faults::meddling::a_status_that_somebody_owns_is_taken_back
        ),
        case!(
            Enclosed,
            faults::meddling::a_namespace_that_can_not_end_is_served_until_it_does
        ),
        case!(
            Enclosed,
            faults::missing::a_kind_that_is_missing_at_the_start_is_waited_for
        ),
        case!(
            Enclosed,
            faults::missing::a_kind_that_goes_takes_its_own_along_and_nothing_else
        ),
        case!(
            Enclosed,
            faults::rights::an_operator_without_rights_says_so_and_goes_on_once_it_has_them
        ),
        case!(
            Enclosed,
            faults::rights::routers_without_rights_serve_what_they_have
        ),
    ]
}

/// Those about providers, and about what comes of it when they fail.
fn providers() -> Vec<Case> {
    vec![
        case!(Together, failover::the_next_model_answers_when_the_first_fails),
        case!(Together, failover::a_passing_failure_is_retried_on_the_same_model),
        case!(Together, failover::a_stream_cut_after_content_never_looks_whole),
        case!(
            Together,
            failover::all_failed_is_told_so_that_sdks_do_not_repeat_it
        ),
        case!(
            Together,
            failover::a_provider_sees_the_request_without_what_is_weirs
        ),
        case!(
            Together,
            providers::a_provider_shadows_the_clusters_only_in_its_namespace
        ),
        case!(Together, providers::a_key_of_ones_own_goes_only_to_its_target),
        case!(
            Together,
            providers::a_deleted_secret_is_out_at_once_and_harms_only_its_target
        ),
        case!(Together, providers::embeddings_are_spread_as_chats_are),
    ]
}

/// Those about what gets in the operator's way.
fn troubles() -> Vec<Case> {
    vec![
        case!(
            Enclosed,
            definitions::a_missing_definition_is_waited_for_and_a_lost_one_survived
        ),
        case!(
            Together,
            definitions::a_policy_in_a_namespace_that_ends_is_told_what_became_of_it
        ),
    ]
}

/// Those about callers and their keys.
fn callers() -> Vec<Case> {
    vec![
        case!(Enclosed, access::nobody_is_let_in_without_a_valid_key),
        case!(
            Enclosed,
            access::a_key_opens_its_own_namespace_and_what_others_expose_to_it
        ),
        case!(
            Enclosed,
            access::a_key_may_name_what_its_lists_say_and_sees_nothing_else
        ),
        case!(Enclosed, access::a_key_is_replaced_without_a_failed_request),
        case!(Enclosed, access::a_withdrawn_key_is_refused_within_seconds),
        case!(Enclosed, access::a_key_expires_by_the_clock),
        case!(
            Enclosed,
            access::a_key_of_two_holders_is_refused_for_both_until_one_lets_it_go
        ),
        case!(Enclosed, access::a_key_is_found_nowhere_but_in_its_secret),
    ]
}

/// Those about the charts, and the rights that they grant.
fn charts() -> Vec<Case> {
    vec![
        case!(
            Enclosed,
            namespaces::an_operator_without_rights_in_the_cluster_serves_its_namespaces
        ),
        case!(
            Enclosed,
            namespaces::cluster_providers_that_may_only_be_read_are_used_and_told_nothing
        ),
        case!(
            Enclosed,
            charts::an_uninstall_leaves_policies_and_a_reinstall_takes_them_up
        ),
        case!(Enclosed, charts::helm_4_takes_over_a_release_of_helm_3),
        case!(Enclosed, charts::every_object_fits_the_schemas_of_the_api_server),
        case!(Enclosed, charts::pods_fit_the_restricted_standard),
        case!(Enclosed, rbac::the_operator_may_do_what_it_must_and_no_more),
        case!(
            Enclosed,
            rbac::a_router_may_read_tables_and_credentials_and_no_more
        ),
    ]
}

/// Those about policies that are kept in Git.
fn gitops() -> Vec<Case> {
    vec![
        case!(Enclosed, gitops::every_state_is_told_to_flux_helm_and_argo_cd),
        case!(Enclosed, gitops::everything_can_be_deleted_without_an_operator),
        case!(Enclosed, gitops::a_name_keeps_its_holder_over_restarts),
        case!(Enclosed, gitops::dry_runs_and_diffs_need_no_operator),
        case!(Enclosed, gitops::the_examples_fit_argo_cds_and_fluxs_definitions),
        case!(Enclosed, gitops::only_statuses_of_objects_are_written),
        case!(Together, gitops::no_engine_sees_a_difference_after_apply),
        case!(Together, gitops::a_reverted_commit_restores_the_published_bytes),
        case!(
            Together,
            gitops::the_example_rollout_moves_only_whom_the_hash_moves
        ),
        case!(Together, gitops::nothing_is_defaulted_or_normalised_in_a_spec),
        case!(
            Together,
            gitops::generations_count_specs_and_every_condition_names_its_own
        ),
        case!(
            Together,
            gitops::tables_are_marked_and_do_not_depend_on_the_order_of_apply
        ),
        case!(Together, gitops::argo_cds_health_tests_pass),
    ]
}

/// All of them, in the order in which they begin. Faults wait for each other, so that only every fourth case is one;
/// those that need the machine come last, because nothing else runs meanwhile.
fn in_order() -> impl Iterator<Item = Case> {
    let all = [cases(), providers(), callers(), troubles(), gitops(), charts()];
    let all = all.into_iter().flatten();
    let (alone, mut others): (Vec<_>, Vec<_>) = all.partition(|case| case.turn == Turn::Alone);
    let mut order = Vec::new();
    for fault in faults() {
        order.push(fault);
        order.extend(others.drain(..others.len().min(3)));
    }
    order.into_iter().chain(others).chain(alone)
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
    arguments
        .test_threads
        .get_or_insert(if kubeconfig.is_some() { 1 } else { SIDE_BY_SIDE });
    let runtime = Arc::new(Runtime::new()?);
    runtime.spawn(end_on_interrupt());
    let context = Arc::new(Context::new(kubeconfig.map(Into::into))?);
    let trials = in_order().map(|case| trial(case, &runtime, &context)).collect();
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
    let is_skipped = case.turn == Turn::Enclosed && context.is_in_somebodys_cluster();
    if is_skipped {
        eprintln!(
            "!!! SKIPPED: {}: it needs the tests' own network and API server; unset KUBECONFIG",
            case.name
        );
    }
    let (runtime, context) = (Arc::clone(runtime), Arc::clone(context));
    let name = case.name;
    let test = move || {
        let outcome = runtime.block_on(run(&case, context));
        outcome.map_err(|error| Failed::from(format!("{error:#}")))
    };
    Trial::test(name, test).with_ignored_flag(is_skipped)
}

async fn run(case: &Case, context: Arc<Context>) -> Result<()> {
    let _turn = context.turn(case.turn).await;
    let context = Arc::new(context.of_one_case());
    let limited = tokio::time::timeout(CASE_LIMIT, (case.run)(Arc::clone(&context)));
    limited
        .await
        .with_context(|| format!("{} took longer than {CASE_LIMIT:?}", case.name))??;
    context.judge().await
}
