//! Plugins that fail at work. The step blamed is the transform that the plugin is, though it
//! works in the chain of another step.

use std::sync::LazyLock;

use wigeon_tests::Project;

use crate::support::{NEXT_VIEWS, assert_refused, assert_run_refused, new, run};

static COMPONENT: LazyLock<Vec<u8>> = LazyLock::new(|| wigeon_tests::guest("wigeon-misbehaving"));

/// The flagship with a transform before its views, which has behaved once and is now told to do
/// its deed on two views more.
fn told_to(deed: &str) -> Project {
    let project = new();
    project.write("plugin.wasm", &*COMPONENT);
    project.edit_manifest(
        "# Every view, with both postcodes.",
        "[[step]]\nname = \"checked_views\"\nkind = \"transform\"\nplugin = \"file:plugin.wasm\"\n\
         input = \"pageview_extract\"\n\n[step.limits]\ncall_timeout_secs = 1\nmemory_mib = 64\n\
         output_rows = 1000\noutput_mib = 1\n\n\
         [step.options]\ndeed = \"behave\"\n",
    );
    project.edit_manifest(
        "input = \"pageview_extract\"\ncolumns = [\"user_id\"",
        "input = \"checked_views\"\ncolumns = [\"user_id\"",
    );
    run(&project);
    project.edit_manifest("deed = \"behave\"", &format!("deed = \"{deed}\""));
    project.write(
        NEXT_VIEWS,
        "user_id,url,pageview_datetime\n1,https://example.com/c,2019-10-11 02:00:00\n\
         2,https://example.com/d,2019-10-11 02:01:00\n",
    );
    project
}

#[test]
fn an_option_that_the_plugin_does_not_know() {
    assert_run_refused!(told_to("misbehave"));
}

#[test]
fn a_plugin_that_refuses_the_columns() {
    assert_run_refused!(told_to("refuse_schema"));
}

#[test]
fn a_plugin_that_panics_when_its_step_is_opened() {
    assert_run_refused!(told_to("panic_in_open"));
}

#[test]
fn a_plugin_that_promises_one_column_twice() {
    assert_run_refused!(told_to("promise_twins"));
}

#[test]
fn a_plugin_that_answers_with_an_error() {
    assert_run_refused!(told_to("answer_data"));
}

#[test]
fn a_plugin_that_answers_at_length_and_with_control_characters() {
    assert_run_refused!(told_to("answer_at_length"));
}

#[test]
fn a_plugin_that_panics() {
    assert_run_refused!(told_to("panic"));
}

#[test]
fn a_plugin_that_panics_as_told_verbosely() {
    let project = told_to("panic");
    let ran = project.run(&["run", "--verbose", "--at", crate::support::AT]);
    // The numbers of functions are the compiler's.
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("wasm backtrace:"), "{}", ran.stderr);
}

#[test]
fn a_plugin_that_never_returns() {
    assert_run_refused!(told_to("spin"));
}

#[test]
fn a_plugin_that_takes_too_much_memory() {
    assert_run_refused!(told_to("hoard"));
}

#[test]
fn a_plugin_that_recurses_without_end() {
    assert_run_refused!(told_to("recurse"));
}

#[test]
fn a_plugin_that_emits_a_column_with_a_row_too_few() {
    assert_run_refused!(told_to("emit_short"));
}

#[test]
fn a_plugin_that_emits_text_for_numbers() {
    assert_run_refused!(told_to("emit_text"));
}

#[test]
fn a_plugin_that_emits_too_few_columns() {
    assert_run_refused!(told_to("emit_narrow"));
}

#[test]
fn a_plugin_that_gathers_rows_that_are_not_there() {
    assert_run_refused!(told_to("gather_beyond"));
}

#[test]
fn a_plugin_that_emits_a_null_where_it_promised_none() {
    assert_run_refused!(told_to("emit_null"));
}

#[test]
fn a_plugin_that_emits_rows_without_end() {
    assert_run_refused!(told_to("emit_forever"));
}

#[test]
fn a_plugin_that_emits_nothing_without_end() {
    assert_run_refused!(told_to("emit_empty"));
}

#[test]
fn a_failure_as_json_names_its_parts() {
    let project = told_to("answer_data");
    assert_refused!(
        project,
        "run",
        "--format",
        "json",
        "--at",
        crate::support::AT
    );
}
