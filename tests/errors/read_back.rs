//! A warehouse that does not hold, at the end of a run, what the run has committed to it.
//!
//! No other process can write to the file as long as a run has it open, so it is prepared: in place
//! of the table of quarantine is a view, which has a row for each load as soon as there is a
//! certain file. Runs look at that table when they commit, and when they read back.

use duckdb::Connection;
use wigeon_tests::{Project, Ran, Stopped};

use crate::support::{AT, NEXT_USERS, NEXT_VIEWS, TEN_USERS, assert_told, loaded, told};

const FLAG: &str = "flag";
const VIEWS: &str = "user_id,url,pageview_datetime\n1,https://example.com/c,2019-10-11 02:00:00\n";
const DIFFERS: &str = "the warehouse does not hold what was committed to it";
const RUN: [&str; 3] = ["run", "--at", AT];

/// The flagship, run once, whose quarantine shows rows that nobody has put there once there is a
/// file of the name [`FLAG`].
fn prepared() -> Project {
    let project = loaded();
    let warehouse = project.path("pageviews_postcode.duckdb");
    let connection = Connection::open(warehouse).expect("the warehouse");
    let prepare = format!(
        "DROP TABLE wigeon.quarantine; \
         CREATE VIEW wigeon.quarantine AS SELECT load_id, file AS path \
         FROM range(1, 100) AS loads(load_id), glob('{}')",
        project.path(FLAG).display()
    );
    connection.execute_batch(&prepare).expect("a view");
    project
}

/// Lets a run go on from a point with other rows in quarantine than it has seen so far.
fn meddle(project: &Project, point: &str) -> Ran {
    let run = Stopped::at(project, point, &RUN);
    project.write(FLAG, "");
    run.go_on()
}

#[test]
fn a_run_whose_loads_are_others_when_they_are_read_back() {
    let project = prepared();
    project.write(NEXT_VIEWS, VIEWS);
    let ran = meddle(&project, "checkpointed");
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert_eq!(ran.stdout, "", "it is no success");
    assert!(ran.stderr.contains(DIFFERS), "{}", ran.stderr);
    let found = "of step `pageviews_postcode`, is 1 instead of 0";
    assert!(ran.stderr.contains(found), "{}", ran.stderr);
    assert_told!(told(&project, &ran));
}

/// What the steps before it have committed is looked at when a step fails, too.
#[test]
fn a_run_that_fails_and_whose_loads_are_others() {
    let project = prepared();
    project.write(NEXT_USERS, TEN_USERS);
    project.write(NEXT_VIEWS, VIEWS.replace("1,https", "nobody,https"));
    let ran = meddle(&project, "started:pageviews_postcode");
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert_eq!(ran.stdout, "", "it is no success");
    assert!(ran.stderr.contains(DIFFERS), "{}", ran.stderr);
    let found = "of step `current_postcode`, is 1 instead of 0";
    assert!(ran.stderr.contains(found), "{}", ran.stderr);
}

/// As long as the rows are those that were committed, such a warehouse is as good as any.
#[test]
fn a_run_whose_loads_are_as_they_were() {
    let project = prepared();
    project.write(NEXT_VIEWS, VIEWS);
    let ran = Stopped::at(&project, "checkpointed", &RUN).go_on();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("pageviews_postcode"), "{}", ran.stdout);
}
