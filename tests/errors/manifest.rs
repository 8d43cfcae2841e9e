//! Manifests with mistakes. The crate of the manifest has a test for each kind of mistake; these
//! show the whole of what a user is told.

use crate::support::{assert_refused, assert_run_refused, loaded};

#[test]
fn an_unknown_key() {
    let project = loaded();
    project.edit_manifest("deleted = \"close\"", "deletd = \"close\"");
    assert_run_refused!(project);
}

#[test]
fn several_mistakes_at_once() {
    let project = loaded();
    project.edit_manifest("format = \"csv\"", "format = \"cvs\"");
    project.edit_manifest("\"30 2 * * *\"", "\"30 25 * * *\"");
    project.edit_manifest(
        "input = \"pageview_extract\"",
        "input = \"pageviews_extract\"",
    );
    project.edit_manifest("Europe/London", "Europe/Londn");
    project.edit_manifest("max_closed_share = 0.2", "max_closed_share = 20");
    assert_run_refused!(project);
}

#[test]
fn a_cycle_of_transforms() {
    let project = loaded();
    project.edit_manifest(
        "# Every view, with both postcodes.",
        "[[step]]\nname = \"trimmed\"\nkind = \"transform\"\nplugin = \"builtin:normalize\"\ninput = \"raised\"\n\n\
         [[step]]\nname = \"raised\"\nkind = \"transform\"\nplugin = \"builtin:normalize\"\ninput = \"trimmed\"\n",
    );
    project.edit_manifest("input = \"pageview_extract\"", "input = \"raised\"");
    assert_run_refused!(project);
}

#[test]
fn a_manifest_that_is_no_toml() {
    let project = loaded();
    project.edit_manifest("key = [\"id\"]", "key = [\"id\"");
    assert_run_refused!(project);
}

#[test]
fn a_column_that_the_source_does_not_have() {
    let project = loaded();
    project.edit_manifest(
        "columns = [\"id\", \"postcode\"]",
        "columns = [\"id\", \"post_code\"]",
    );
    assert_run_refused!(project);
}

#[test]
fn a_manifest_that_is_not_there() {
    let project = loaded();
    assert_refused!(project, "run", "--manifest", "pipelines.toml");
}
