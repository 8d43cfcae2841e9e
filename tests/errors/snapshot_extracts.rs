//! Full extracts that the guard, or the order of time, keeps out.

use crate::support::{NEXT_USERS, TEN_USERS, USERS, assert_run_refused, loaded, new, run};

#[test]
fn an_extract_of_no_bytes() {
    let project = loaded();
    project.write(NEXT_USERS, "");
    assert_run_refused!(project);
}

#[test]
fn an_extract_of_a_header_only() {
    let project = loaded();
    project.write(NEXT_USERS, "id,postcode\n");
    assert_run_refused!(project);
}

#[test]
fn a_first_extract_of_a_header_only() {
    let project = new();
    project.write(USERS, "id,postcode\n");
    assert_run_refused!(project);
}

#[test]
fn half_an_extract() {
    let project = loaded();
    let half: String = TEN_USERS.split_inclusive('\n').take(6).collect();
    project.write(NEXT_USERS, half);
    assert_run_refused!(project);
}

#[test]
fn an_extract_in_which_nearly_everybody_moved() {
    let project = loaded();
    project.write(
        NEXT_USERS,
        TEN_USERS
            .replace("2CD", "9ZZ")
            .replace("4GH", "9ZZ")
            .replace("6KL", "9ZZ"),
    );
    assert_run_refused!(project);
}

#[test]
fn an_extract_older_than_the_newest_one() {
    let project = loaded();
    project.write("extracts/users_extract_2019-10-10.csv", TEN_USERS);
    assert_run_refused!(project);
}

#[test]
fn two_new_extracts_for_the_same_time() {
    let project = loaded();
    project.edit_manifest("users_extract_{date}.csv", "users_extract_{date}*.csv");
    project.write(NEXT_USERS, TEN_USERS);
    project.write("extracts/users_extract_2019-10-12_again.csv", TEN_USERS);
    assert_run_refused!(project);
}

#[test]
fn another_extract_for_a_time_that_was_taken() {
    let project = new();
    project.edit_manifest("users_extract_{date}.csv", "users_extract_{date}*.csv");
    run(&project);
    project.write("extracts/users_extract_2019-10-11_again.csv", TEN_USERS);
    assert_run_refused!(project);
}
