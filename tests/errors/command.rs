//! Commands that ask for what there is not.

use crate::support::{assert_refused, loaded, new};

#[test]
fn an_unknown_step() {
    assert_refused!(loaded(), "run", "--step", "curent_postcode");
}

#[test]
fn an_unknown_step_to_accept() {
    assert_refused!(loaded(), "run", "--accept", "curent_postcode");
}

#[test]
fn a_step_without_a_guard_to_accept() {
    assert_refused!(loaded(), "run", "--accept", "pageviews_postcode");
}

#[test]
fn nothing_is_accepted_from_cron() {
    assert_refused!(loaded(), "run", "--due", "--accept", "current_postcode");
}

#[test]
fn a_time_that_cannot_be_read() {
    assert_refused!(loaded(), "run", "--at", "yesterday");
}

#[test]
fn a_query_with_a_mistake() {
    assert_refused!(loaded(), "sql", "select postcod from current_postcode");
}

#[test]
fn a_query_that_is_no_sql() {
    assert_refused!(loaded(), "sql", "selec 1");
}

#[test]
fn a_query_that_would_write() {
    assert_refused!(loaded(), "sql", "delete from pageviews_postcode");
}

#[test]
fn a_query_that_would_overwrite_the_warehouse() {
    let copy = "copy (select 1) to 'pageviews_postcode.duckdb'";
    assert_refused!(loaded(), "sql", copy);
}

#[test]
fn a_query_that_would_read_another_file() {
    let read = "select * from read_csv('pipeline.toml')";
    assert_refused!(loaded(), "sql", read);
}

#[test]
fn a_query_before_the_first_run() {
    assert_refused!(new(), "sql", "select 1");
}
