//! Doing anything twice changes nothing: no table, and not the ledger either.

use std::time::{Duration, SystemTime};

use fs_err as fs;
use wigeon_generator::Extract;

use crate::{
    arrivals::{Arrivals, settings},
    tables::{Tables, assert_same, everything},
};

/// The extracts of the first days of a history.
fn arrivals(days: u32) -> Arrivals {
    let mut arrivals = Arrivals::new(settings(31, 60, 240, days));
    (0..days)
        .flat_map(Extract::of_day)
        .for_each(|extract| arrivals.arrive(extract));
    arrivals
}

fn tables(arrivals: &Arrivals) -> Tables {
    everything(&arrivals.project.path("pageviews_postcode.duckdb"))
}

/// The whole pipeline, and then each of its steps.
#[test]
fn a_second_run_changes_nothing() {
    let arrivals = arrivals(3);
    // The first run has nothing to detect changes in.
    for (at, due) in [("2019-10-12T12:00", 8), ("2019-10-13T23:59", 9)] {
        arrivals.project.ok(&["run", "--at", at]);
        let before = tables(&arrivals);
        assert_eq!(before.len(), due, "{:?}", before.keys());
        arrivals.project.ok(&["run", "--at", at]);
        assert_same(&tables(&arrivals), &before, &format!("twice at {at}"));
        for step in [
            "updated_postcode_stg",
            "pageviews_postcode",
            "current_postcode",
        ] {
            arrivals.project.ok(&["run", "--at", at, "--step", step]);
            assert_same(
                &tables(&arrivals),
                &before,
                &format!("{step} once more at {at}"),
            );
        }
    }
    arrivals.check("at the end");
}

/// What cron asks for, asked twice in the same minute; and a run by hand after it.
#[test]
fn what_was_due_is_not_due_again() {
    let arrivals = arrivals(3);
    for at in [
        "2019-10-11T00:50",
        "2019-10-11T03:10",
        "2019-10-13T02:45",
        "2019-10-13T23:59",
    ] {
        arrivals.project.ok(&["run", "--due", "--at", at]);
        let before = tables(&arrivals);
        arrivals.project.ok(&["run", "--due", "--at", at]);
        assert_same(&tables(&arrivals), &before, &format!("due twice at {at}"));
    }
    let before = tables(&arrivals);
    arrivals.project.ok(&["run", "--at", "2019-10-13T23:59"]);
    assert_same(&tables(&arrivals), &before, "by hand after cron");
    arrivals.check("at the end");
}

/// An earlier logical time than that of the last run finds nothing that it has not seen.
#[test]
fn a_run_for_an_earlier_time_changes_nothing() {
    let arrivals = arrivals(2);
    arrivals.project.ok(&["run", "--at", "2019-10-11T12:00"]);
    arrivals.project.ok(&["run", "--at", "2019-10-12T23:59"]);
    let before = tables(&arrivals);
    for command in [
        ["run", "--at", "2019-10-11T12:00"].as_slice(),
        &["run", "--due", "--at", "2019-10-11T12:00"],
    ] {
        arrivals.project.ok(command);
        assert_same(&tables(&arrivals), &before, &format!("{command:?}"));
    }
}

/// Looking never changes anything.
#[test]
fn plan_status_and_history_change_nothing() {
    let arrivals = arrivals(2);
    arrivals.project.ok(&["run", "--at", "2019-10-11T12:00"]);
    let before = tables(&arrivals);
    for command in ["plan", "status", "history", "check", "lock"] {
        arrivals.project.ok(&[command]);
    }
    assert_same(&tables(&arrivals), &before, "after looking");
}

/// A file is known by its bytes: one that was copied over itself, or restored from a backup, has
/// another time and is the same.
#[test]
fn a_file_that_was_touched_is_not_loaded_again() {
    let arrivals = arrivals(2);
    arrivals.project.ok(&["run", "--at", "2019-10-11T12:00"]);
    arrivals.project.ok(&["run", "--at", "2019-10-12T23:59"]);
    let before = tables(&arrivals);
    for (path, age) in arrivals.users.iter().chain(&arrivals.views).zip(1_u64..) {
        let file = fs::OpenOptions::new()
            .write(true)
            .open(path)
            .expect("an extract");
        let time = SystemTime::now() - Duration::from_secs(3_600 * age);
        file.file().set_modified(time).expect("a new time");
    }
    arrivals.project.ok(&["run", "--at", "2019-10-12T23:59"]);
    arrivals
        .project
        .ok(&["run", "--due", "--at", "2019-10-12T23:59"]);
    assert_same(&tables(&arrivals), &before, "after touching all files");
    arrivals.check("at the end");
}
