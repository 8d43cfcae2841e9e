//! Faults of plugins whose steps have keys, most of which their own cases do not show, and the
//! properties that do.

use wigeon_tests::Project;

use crate::{
    authoring::{found, without_cases},
    support::assert_told,
};

/// Returns what the tests find in an incremental load, whose case is the towns of two users. The
/// lookup has both and is in the order of time, and each user has two rows.
fn incremental(fault: &str) -> String {
    let project = with_case(
        "incremental",
        &format!(
            "key = [\"user\"]\nlookup_key = [\"id\"]\n\n[options]\nfault = \"{fault}\"\n\n\
             [columns.lookup]\nid = \"int64\"\ntown = \"utf8\"\nvalid_from = \"timestamp\"\n\n\
             [columns.rows]\nuser = \"int64\"\nspent = \"int64\"\n"
        ),
    );
    project.write(
        "tests/cases/towns/lookup.csv",
        "id,town,valid_from\n1,Ayr,2024-01-01 00:00:00\n2,Cork,2024-01-01 00:00:00\n\
         1,Bath,2024-02-01 00:00:00\n",
    );
    project.write(
        "tests/cases/towns/rows.csv",
        "user,spent\n1,10\n2,20\n2,\n1,40\n",
    );
    found(&project)
}

/// Returns what the tests find in a snapshot, whose case is the towns of four users: one stays, one
/// moves, one goes and one comes.
fn snapshot(fault: &str) -> String {
    let project = with_case(
        "snapshot",
        &format!(
            "key = [\"id\"]\n\n[options]\nfault = \"{fault}\"\n\n\
             [columns.extract]\nid = \"int64\"\ntown = \"utf8\"\n"
        ),
    );
    project.write(
        "tests/cases/towns/versions.csv",
        "id,town,valid_from\n1,Ayr,2024-01-01 00:00:00\n2,Bath,2024-01-01 00:00:00\n\
         3,Cork,2024-01-01 00:00:00\n",
    );
    project.write(
        "tests/cases/towns/extract.csv",
        "id,town\n1,Ayr\n2,Bristol\n4,Deal\n",
    );
    found(&project)
}

/// The careless plugin of a kind, with this `case.toml` and no rows yet.
fn with_case(kind: &str, case: &str) -> Project {
    let project = without_cases(&format!("careless-{kind}"), kind);
    project.write("tests/cases/towns/case.toml", case);
    project
}

/// Returns the tests that fail.
fn failed(told: &str) -> Vec<&str> {
    let lines = told.lines();
    lines
        .filter_map(|line| line.strip_prefix("  FAILED   "))
        .collect()
}

#[test]
fn an_incremental_without_faults_passes() {
    assert!(incremental("none").starts_with("exit code: 0\n"));
}

#[test]
fn an_incremental_that_loses_rows_without_a_lookup_is_caught() {
    let told = incremental("lose_unknown");
    assert_eq!(failed(&told), ["an input without rows is worked with"]);
    assert!(told.contains("it was given 1 rows and emitted 0"), "{told}");
    assert_told!(told);
}

#[test]
fn an_incremental_that_traps_without_a_lookup_is_caught() {
    let told = incremental("trap_on_unknown");
    assert_eq!(failed(&told), ["an input without rows is worked with"]);
    assert!(told.contains("without rows in `lookup`:"), "{told}");
    assert_told!(told);
}

#[test]
fn an_incremental_that_depends_on_the_order_of_the_lookup_is_caught() {
    let told = incremental("trust_order");
    assert_eq!(failed(&told), ["the order of the input does not show"]);
    assert_told!(told);
}

#[test]
fn an_incremental_that_looks_at_other_keys_is_caught() {
    let told = incremental("count_all");
    assert_eq!(
        failed(&told),
        [
            "the number of lanes does not show",
            "100,000 rows are worked with"
        ]
    );
    assert_told!(told);
}

#[test]
fn an_incremental_that_traps_on_one_row_is_caught() {
    let told = incremental("trap_on_single");
    assert_eq!(failed(&told), ["an input of one row is worked with"]);
    assert_told!(told);
}

#[test]
fn an_incremental_that_tires_of_keys_is_caught() {
    let told = incremental("tire");
    assert_eq!(failed(&told), ["100,000 rows are worked with"]);
    assert_told!(told);
}

#[test]
fn a_snapshot_without_faults_passes() {
    assert!(snapshot("none").starts_with("exit code: 0\n"));
}

#[test]
fn a_snapshot_that_opens_what_is_open_is_caught() {
    let told = snapshot("reopen");
    // It is right only where nothing is open or nothing comes. A guest has no clock and no randomness:
    // what it fails with when it runs twice is what it fails with always.
    assert_eq!(
        failed(&told),
        [
            "the output is as expected",
            "running twice gives the same rows",
            "the size of batches does not show",
            "the number of lanes does not show",
            "the order of the input does not show",
            "an input of one row is worked with",
            "an input of nulls is worked with",
            "100,000 rows are worked with"
        ]
    );
    assert!(
        told.contains("the key 1 is opened, but it is open"),
        "{told}"
    );
    assert_told!(told);
}

#[test]
fn a_snapshot_that_takes_a_batch_for_the_extract_is_caught() {
    let told = snapshot("close_early");
    assert_eq!(
        failed(&told),
        [
            "the size of batches does not show",
            "the number of lanes does not show",
            "an input without rows is worked with",
            "100,000 rows are worked with"
        ]
    );
    assert_told!(told);
}

#[test]
fn a_snapshot_that_closes_what_is_not_open_is_caught() {
    let told = snapshot("close_nulls");
    assert_eq!(failed(&told), ["an input of nulls is worked with"]);
    assert!(
        told.contains("the key 4 is closed, but it is not open"),
        "{told}"
    );
    assert_told!(told);
}
