//! Arguments that make no sense, or that are wrong for the pipeline.

use insta::assert_snapshot;

use crate::{MANIFEST, Place};

#[test]
fn without_a_command_the_help_is_printed() {
    let place = Place::empty();
    let output = place.command(&[]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("Commands:"), "{stderr}");
}

#[test]
fn an_unknown_command_is_refused_with_a_suggestion() {
    assert_snapshot!(Place::empty().run(&["chek"]));
}

#[test]
fn an_unknown_option_is_refused_with_a_suggestion() {
    assert_snapshot!(Place::empty().run(&["run", "--stp", "postcodes"]));
}

#[test]
fn a_time_in_another_form_is_refused() {
    assert_snapshot!(Place::empty().run(&["run", "--at", "yesterday"]));
}

#[test]
fn a_time_that_the_clock_of_the_pipeline_never_showed_is_refused() {
    let place = Place::with_manifest(MANIFEST);
    assert_snapshot!(place.run(&["run", "--at", "2019-03-31T01:30"]));
}

#[test]
fn an_unknown_step_is_refused_with_a_suggestion() {
    let place = Place::with_manifest(MANIFEST);
    assert_snapshot!(place.run(&["plan", "--step", "postcode"]));
}

#[test]
fn a_query_is_required() {
    assert_snapshot!(Place::empty().run(&["sql"]));
}

#[test]
fn a_query_has_one_place() {
    assert_snapshot!(Place::empty().run(&["sql", "SELECT 1", "--file", "query.sql"]));
}

#[test]
fn a_file_with_a_query_must_be_there() {
    let place = Place::with_manifest(MANIFEST);
    assert_snapshot!(place.run(&["sql", "--file", "query.sql"]));
}

#[test]
fn a_query_before_the_first_run_says_what_to_do() {
    let place = Place::with_manifest(MANIFEST);
    assert_snapshot!(place.run(&["sql", "SELECT 1"]));
}

#[test]
fn quiet_and_verbose_exclude_each_other() {
    assert_snapshot!(Place::empty().run(&["check", "--quiet", "--verbose"]));
}
