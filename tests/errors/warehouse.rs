//! A warehouse that is taken, or is none.

use std::{
    io::{BufRead, BufReader, Read as _, Write as _},
    process::{Command, Stdio},
};

use fs_err::{File, OpenOptions};
use wigeon_tests::Project;

use crate::support::{
    AT, NEXT_USERS, NEXT_VIEWS, TEN_USERS, assert_run_refused, assert_told, loaded, new, state,
    told,
};

/// Set for a copy of this program that holds a warehouse instead of testing.
const HOLD: &str = "WIGEON_TEST_HOLD";

#[test]
fn a_warehouse_that_another_process_holds() {
    if let Some(path) = std::env::var_os(HOLD) {
        let _connection = duckdb::Connection::open(path).expect("the warehouse");
        println!("\nholding");
        std::io::stdin().lines().next();
        return;
    }
    let project = loaded();
    let before = state(&project);
    let mut holder = Command::new(std::env::current_exe().expect("the test's own path"))
        .args([
            "--exact",
            "warehouse::a_warehouse_that_another_process_holds",
            "--nocapture",
        ])
        .env(HOLD, project.path("pageviews_postcode.duckdb"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test runs again");
    let mut output = BufReader::new(holder.stdout.take().expect("piped"));
    assert!(
        output
            .by_ref()
            .lines()
            .any(|line| line.expect("text") == "holding")
    );
    let run = project.run(&["run", "--at", AT]);
    let query = project.run(&["sql", "select 1"]);
    holder
        .stdin
        .take()
        .expect("piped")
        .write_all(b"\n")
        .expect("the holder waits");
    output.lines().for_each(drop);
    holder.wait().expect("the holder ends");
    assert_eq!(state(&project), before);
    let text = format!(
        "{}\n===== sql =====\n{}",
        told(&project, &run),
        told(&project, &query)
    );
    // Cargo's hash is in the name of the holder, which is this test.
    let name = text
        .split_once("by `errors-")
        .map(|(_, rest)| rest.split('`').next().unwrap_or_default());
    let text = name.map_or(text.clone(), |hash| {
        text.replace(&format!("errors-{hash}"), "errors")
    });
    assert_told!(text);
}

#[test]
fn a_run_while_another_is_under_way() {
    let project = loaded();
    let lock = hold_run_lock(&project);
    lock.set_len(0).expect("the lock file");
    (&lock)
        .write_all(
            br#"{"pid":4242,"started_at":"2019-10-11T01:10:00Z","command":"wigeon run --due"}"#,
        )
        .expect("the lock file");
    assert_run_refused!(project);
}

#[test]
fn a_run_while_another_has_only_just_begun() {
    let project = loaded();
    let lock = hold_run_lock(&project);
    lock.set_len(0).expect("the lock file");
    assert_run_refused!(project);
}

/// Takes the lock of a run, as a run does.
fn hold_run_lock(project: &Project) -> File {
    let path = project.path("pageviews_postcode.duckdb.lock");
    let lock = OpenOptions::new()
        .write(true)
        .open(path)
        .expect("left by the first run");
    lock.try_lock().expect("nobody runs");
    lock
}

#[test]
fn a_warehouse_that_is_no_database() {
    let project = new();
    project.write("pageviews_postcode.duckdb", "id,postcode\n1,AB1 2CD\n");
    assert_run_refused!(project);
}

#[test]
fn a_warehouse_in_a_directory_that_is_not_there() {
    let project = new();
    project.edit_manifest(
        "path = \"pageviews_postcode.duckdb\"",
        "path = \"data/pageviews_postcode.duckdb\"",
    );
    assert_run_refused!(project);
}

#[test]
fn a_snapshot_that_has_other_columns_than_its_table() {
    let project = loaded();
    project.edit_manifest(
        "columns = [\"id\", \"postcode\"]",
        "columns = [\"id\", \"postcode\", \"plan\"]",
    );
    project.edit_manifest(
        "postcode = \"utf8\"",
        "postcode = \"utf8\"\nplan = \"utf8\"",
    );
    project.write(
        crate::support::NEXT_USERS,
        "id,postcode,plan\n1,AB1 2CD,free\n",
    );
    assert_run_refused!(project);
}

#[test]
fn an_incremental_step_that_has_other_columns_than_its_table() {
    let project = loaded();
    project.edit_manifest("changed_at = \"postcode_updated_date\"\n", "");
    project.write(
        crate::support::NEXT_VIEWS,
        "user_id,url,pageview_datetime\n1,https://example.com/c,2019-10-11 02:00:00\n",
    );
    assert_run_refused!(project);
}

#[test]
fn a_table_that_somebody_else_made() {
    let project = new();
    let path = project.path("pageviews_postcode.duckdb");
    let connection = duckdb::Connection::open(path).expect("a new database");
    let made =
        connection.execute_batch("create table current_postcode_history as select 'x' as postcode");
    made.expect("a table");
    drop(connection);
    assert_run_refused!(project);
}

/// Its columns are not guessed: rows of all keys would be taken for those of an entry.
#[test]
fn a_record_of_an_overlay_that_is_damaged() {
    let project = loaded();
    let target = "target = \"pageviews_postcode\"";
    let merged = format!("{target}\nupdate_mode = \"merge-on-read\"");
    project.edit_manifest(target, &merged);
    project.write(NEXT_USERS, TEN_USERS.replace("1,AB1 2CD", "1,UV2 3WX"));
    project.ok(&["run", "--at", AT]);
    let path = project.path("pageviews_postcode.duckdb");
    let connection = duckdb::Connection::open(path).expect("the warehouse");
    let damaged = connection.execute_batch("update wigeon.overlay set key = '[\"user_id'");
    damaged.expect("a record");
    drop(connection);
    project.write(
        NEXT_VIEWS,
        "user_id,url,pageview_datetime\n1,u,2019-10-11 02:00:00\n",
    );
    assert_run_refused!(project);
}
