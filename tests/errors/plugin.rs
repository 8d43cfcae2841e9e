//! Plugins that are not there, are not what the step needs, or refuse what the step gives them.

use wigeon_tests::{Project, guest};

use crate::support::{assert_run_refused, loaded, new};

/// The flagship with another plugin for its snapshot.
fn with_plugin(reference: &str) -> Project {
    let project = loaded();
    project.edit_manifest("builtin:scd2", reference);
    project
}

#[test]
fn an_unknown_built_in_plugin() {
    assert_run_refused!(with_plugin("builtin:scd"));
}

#[test]
fn a_plugin_file_that_is_not_there() {
    assert_run_refused!(with_plugin("file:plugins/mine.wasm"));
}

#[test]
fn a_plugin_file_that_is_too_large() {
    let project = with_plugin("file:mine.wasm");
    project.write("mine.wasm", b"\0asm\x0d\0\x01\0");
    // A file with a hole takes no room.
    let file = fs_err::OpenOptions::new()
        .write(true)
        .open(project.path("mine.wasm"))
        .unwrap();
    file.set_len((256 << 20) + 1).unwrap();
    assert_run_refused!(project);
}

#[test]
fn a_plugin_of_another_kind() {
    assert_run_refused!(with_plugin("builtin:net-change"));
}

#[test]
fn a_file_that_is_text() {
    let project = with_plugin("file:mine.wasm");
    project.write("mine.wasm", "This is not WebAssembly.\n");
    assert_run_refused!(project);
}

#[test]
fn a_file_that_is_a_core_module() {
    let project = with_plugin("file:mine.wasm");
    project.write("mine.wasm", b"\0asm\x01\0\0\0");
    assert_run_refused!(project);
}

#[test]
fn a_component_that_is_no_plugin() {
    let project = with_plugin("file:mine.wasm");
    project.write("mine.wasm", b"\0asm\x0d\0\x01\0");
    assert_run_refused!(project);
}

/// A plugin that says it was built against another version of the contract.
fn of_contract(version: &str) -> Project {
    const OURS: &[u8] = b"@0.1.0";
    assert_eq!(version.len(), OURS.len());
    let mut component = guest("wigeon-scd2");
    let mut at = 0;
    while at + OURS.len() <= component.len() {
        if component[at..].starts_with(OURS) {
            component[at..at + OURS.len()].copy_from_slice(version.as_bytes());
        }
        at += 1;
    }
    let project = with_plugin("file:mine.wasm");
    project.write("mine.wasm", component);
    project
}

#[test]
fn a_plugin_of_a_newer_contract() {
    assert_run_refused!(of_contract("@0.2.0"));
}

/// No contract was released before 0.1.0, so there is none to be adapted.
#[test]
fn a_plugin_of_an_older_contract() {
    assert_run_refused!(of_contract("@0.0.9"));
}

#[test]
fn a_component_that_asks_for_what_is_unknown() {
    let project = with_plugin("file:mine.wasm");
    // One type, an empty instance; one import, an instance of it.
    let name = b"acme:filesystem/types@0.2.0";
    let length = u8::try_from(name.len()).expect("a short name");
    let mut component = b"\0asm\x0d\0\x01\0\x07\x03\x01\x42\0".to_vec();
    component.extend([0x0a, length + 5, 1, 0, length]);
    component.extend(name);
    component.extend([5, 0]);
    project.write("mine.wasm", component);
    assert_run_refused!(project);
}

#[test]
fn a_plugin_that_is_not_the_pinned_one() {
    let project = new();
    project.ok(&["lock"]);
    crate::support::run(&project);
    let lock = fs_err::read_to_string(project.path("wigeon.lock")).expect("the lock file");
    let (before, after) = lock.split_once("sha256:").expect("a digest");
    project.write(
        "wigeon.lock",
        format!("{before}sha256:{}{}", "0".repeat(64), &after[64..]),
    );
    assert_run_refused!(project);
}

#[test]
fn a_lock_file_that_is_none() {
    let project = loaded();
    project.write("wigeon.lock", "<<<<<<< HEAD\n");
    assert_run_refused!(project);
}

#[test]
fn an_option_that_is_misspelt() {
    let project = loaded();
    project.edit_manifest("changed_at = ", "change_at = ");
    assert_run_refused!(project);
}

#[test]
fn an_option_that_is_missing() {
    let project = loaded();
    project.edit_manifest("event_time = \"pageview_datetime\"\n", "");
    assert_run_refused!(project);
}

#[test]
fn an_option_of_the_wrong_type() {
    let project = loaded();
    project.edit_manifest("event_time = \"pageview_datetime\"", "event_time = 3");
    assert_run_refused!(project);
}

#[test]
fn a_column_that_the_lookup_does_not_have() {
    let project = loaded();
    project.edit_manifest(
        "{ original_postcode = \"postcode\" }",
        "{ original_postcode = \"post_code\" }",
    );
    assert_run_refused!(project);
}

#[test]
fn an_option_that_names_a_column_like_row_numbers() {
    let project = loaded();
    project.edit_manifest(
        "{ original_postcode = \"postcode\" }",
        "{ RowId = \"postcode\" }",
    );
    assert_run_refused!(project);
}

#[test]
fn an_event_time_that_is_none() {
    let project = loaded();
    project.edit_manifest(
        "event_time = \"pageview_datetime\"",
        "event_time = \"user_id\"",
    );
    assert_run_refused!(project);
}

/// One key alone is more than an instance may have, so that no number of passes helps.
#[test]
fn a_key_that_does_not_fit_the_memory_of_an_instance() {
    let project = new();
    project.edit_manifest("id = \"int64\"", "id = \"utf8\"");
    project.edit_manifest(
        "[step.guard]",
        "[step.limits]\nmemory_mib = 2\n\n[step.guard]",
    );
    let key = "k".repeat(1_900_000);
    project.write(
        crate::support::USERS,
        format!("id,postcode\n{key},AB1 2CD\n"),
    );
    assert_run_refused!(project);
}
