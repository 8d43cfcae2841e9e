//! Rows whose key is missing or not unique.

use crate::support::{NEXT_USERS, NEXT_VIEWS, TEN_USERS, assert_run_refused, loaded, new};

#[test]
fn a_null_key_in_a_full_extract() {
    let project = loaded();
    project.write(NEXT_USERS, TEN_USERS.replace("\n4,", "\n,"));
    assert_run_refused!(project);
}

#[test]
fn a_null_key_in_the_first_full_extract() {
    let project = new();
    project.write(crate::support::USERS, TEN_USERS.replace("\n4,", "\n,"));
    assert_run_refused!(project);
}

#[test]
fn a_null_key_in_new_rows() {
    let project = loaded();
    project.write(
        NEXT_VIEWS,
        "user_id,url,pageview_datetime\n1,https://example.com/c,2019-10-11 02:00:00\n\
         ,https://example.com/d,2019-10-11 02:01:00\n",
    );
    assert_run_refused!(project);
}

#[test]
fn a_key_twice_with_the_same_values() {
    let project = loaded();
    project.write(NEXT_USERS, format!("{TEN_USERS}3,EF3 4GH\n"));
    assert_run_refused!(project);
}

#[test]
fn a_key_twice_with_other_values() {
    let project = loaded();
    project.write(NEXT_USERS, format!("{TEN_USERS}7,UV2 3WX\n"));
    assert_run_refused!(project);
}

#[test]
fn a_key_of_two_columns_twice() {
    let project = new();
    project.edit_manifest("key = [\"id\"]", "key = [\"id\", \"postcode\"]");
    project.edit_manifest("key = [\"user_id\"]", "key = [\"user_id\", \"url\"]");
    project.edit_manifest(
        "columns = [\"user_id\", ",
        "columns = [\"user_id\", \"url\", ",
    );
    project.edit_manifest(
        "columns = [\"id\", \"postcode\"]",
        "columns = [\"id\", \"postcode\", \"since\"]",
    );
    project.edit_manifest(
        "postcode = \"utf8\"",
        "postcode = \"utf8\"\nsince = \"date32\"",
    );
    project.edit_manifest(
        "{ original_postcode = \"postcode\" }",
        "{ original_since = \"since\" }",
    );
    project.edit_manifest(
        "{ current_postcode = \"postcode\" }",
        "{ current_since = \"since\" }",
    );
    project.write(
        crate::support::USERS,
        "id,postcode,since\n1,\"AB1, 2CD\",2019-01-01\n2,AB1 2CD,2019-01-01\n1,\"AB1, 2CD\",2019-01-02\n",
    );
    assert_run_refused!(project);
}
