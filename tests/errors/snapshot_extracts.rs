//! Full extracts that the guard, or the order of time, keeps out.

use wigeon_tests::Project;

use crate::support::{
    AT, NEXT_USERS, TEN_USERS, USERS, assert_run_refused, assert_told, loaded, new, refused, run,
    told,
};

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

/// Takes what a guard stops, and returns what was said.
fn accept(project: &Project) -> String {
    let ran = project.run(&["run", "--at", AT, "--accept", "current_postcode"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    told(project, &ran)
}

#[test]
fn half_an_extract_that_is_accepted() {
    let project = loaded();
    let half: String = TEN_USERS.split_inclusive('\n').take(6).collect();
    project.write(NEXT_USERS, half);
    let told = accept(&project);
    assert!(told.contains("would close 5 of 10 open versions"), "{told}");
    assert_told!(told);
    let kept = project.sql(
        "select details from wigeon.ledger where contains(details, 'accepted') and run_id is not null",
    );
    assert!(kept.contains("max_closed_share"), "{kept}");
    let history = project.ok(&["history", "--step", "current_postcode", "--limit", "1"]);
    assert!(
        history.contains("was accepted although the extract would close 5 of 10"),
        "{history}"
    );
    let status = project.ok(&["status", "--at", AT]);
    assert!(
        status.contains("current_postcode accepted 1 extract that its guard stops"),
        "{status}"
    );
    // It was for one run only.
    project.write(
        "extracts/users_extract_2019-10-13.csv",
        "id,postcode\n1,AB1 2CD\n",
    );
    assert_run_refused!(project);
}

#[test]
fn one_extract_is_accepted_and_not_the_next() {
    let project = loaded();
    let half: String = TEN_USERS.split_inclusive('\n').take(6).collect();
    project.write(NEXT_USERS, half);
    project.write(
        "extracts/users_extract_2019-10-13.csv",
        "id,postcode\n1,AB1 2CD\n",
    );
    let ran = project.run(&["run", "--at", AT, "--accept", "current_postcode"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let told = told(&project, &ran);
    assert!(told.contains("users_extract_2019-10-13.csv"), "{told}");
    let open = project.sql("select count(*) as open from current_postcode");
    assert!(open.contains('5'), "{open}");
    // What is left is stopped and told as before.
    let again = refused(&project, &["run", "--at", AT]);
    assert!(
        again.contains("would close 4 of 5 open versions"),
        "{again}"
    );
    accept(&project);
}

#[test]
fn an_empty_extract_that_is_accepted() {
    let project = loaded();
    project.write(NEXT_USERS, "id,postcode\n");
    assert_told!(accept(&project));
}

#[test]
fn nothing_to_accept() {
    assert_told!(accept(&loaded()));
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
