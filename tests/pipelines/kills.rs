//! A run that is killed at any moment leaves whole loads only, and the next one goes on from there:
//! with several lanes at work, and while a stored transform, the history or changes are written.

use std::{
    collections::BTreeSet,
    hash::{BuildHasher, RandomState},
    process::Child,
    thread,
    time::{Duration, Instant},
};

use fs_err as fs;
use wigeon_generator::Extract;
use wigeon_tests::Project;

use crate::{
    arrivals::{Arrivals, settings},
    failpoints::all_kinds_over,
    tables::{assert_same, of_pipeline, open, texts},
};

pub(crate) const WAREHOUSE: &str = "pageviews_postcode.duckdb";
pub(crate) const RUN: [&str; 3] = ["run", "--at", "2020-01-01"];

/// Returns some part of a duration.
pub(crate) fn some_of(duration: Duration) -> Duration {
    let random = RandomState::new().hash_one(()) >> 32;
    duration * u32::try_from(random >> 16).expect("16 bits are left") / (1 << 16)
}

/// Kills a process after a time, and says whether it was still there to be killed.
pub(crate) fn kill_after(mut run: Child, time: Duration) -> bool {
    thread::sleep(time);
    let over = run.try_wait().expect("the state of a child");
    run.kill().expect("SIGKILL");
    let ended = run.wait().expect("a child that ends");
    match over {
        Some(status) => assert!(status.success(), "a run failed: {status}"),
        // It may have ended by itself just before the signal.
        None => assert!(
            ended.success() || ended.code().is_none(),
            "a run failed: {ended}"
        ),
    }
    ended.code().is_none()
}

/// What is in the tables is what the ledger says, no more and no less.
pub(crate) fn check_whole_loads(project: &Project, when: &str) {
    let path = project.path(WAREHOUSE);
    if !path.exists() {
        return;
    }
    // A run that was killed amid a checkpoint may have left a block that only Wigeon can mend.
    if project.path(&format!("{WAREHOUSE}.doublewrite")).exists() {
        project.ok(&["status"]);
    }
    let connection = open(&path);
    let tables = "select concat(table_schema, '.', table_name) from information_schema.tables";
    let tables: BTreeSet<String> = texts(&connection, tables).into_iter().collect();
    let has = |table: &str| tables.contains(table);
    if !has("wigeon.ledger") {
        assert!(
            tables.is_empty(),
            "{when}: tables without a ledger: {tables:?}"
        );
        return;
    }
    let count = |query: &str| -> i64 {
        let count = connection.query_row(query, [], |row| row.get(0));
        count.unwrap_or_else(|error| panic!("{when}: {query}: {error}"))
    };
    let loads = [
        ("current_postcode", "main.current_postcode_history"),
        ("pageviews_postcode", "main.pageviews_postcode"),
        // Of those pipelines that have it.
        ("clean_views", "main.clean_views"),
    ];
    for (step, table) in loads {
        let of_step = format!("from wigeon.ledger where step = '{step}'");
        let loaded = count(&format!(
            "select coalesce(sum(rows_out), 0)::bigint {of_step}"
        ));
        let there = if has(table) {
            count(&format!("select count(*) from {table}"))
        } else {
            0
        };
        assert_eq!(there, loaded, "{when}: rows in {table}");
        let twice = "select count(*) - count(distinct path) from wigeon.input";
        assert_eq!(
            count(&format!("{twice} where step = '{step}'")),
            0,
            "{when}: files loaded twice"
        );
    }
    let orphans = "select count(*) from wigeon.input where load_id not in (select load_id from wigeon.ledger)";
    assert_eq!(count(orphans), 0, "{when}: files without a load");
    if has("main.current_postcode_history") {
        let open = "select count(*) - count(distinct id) from current_postcode_history where valid_to is null";
        assert_eq!(count(open), 0, "{when}: keys with two open versions");
    }
}

/// Nothing is left lying about but the warehouse, its lock and what was there before.
pub(crate) fn check_no_litter(project: &Project) {
    let names = fs::read_dir(project.path(".")).expect("the directory");
    let names: BTreeSet<_> = names
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect();
    let expected = [
        "extracts",
        "pageviews_postcode.duckdb",
        "pageviews_postcode.duckdb.lock",
        "pipeline.toml",
        "wigeon.lock",
    ];
    assert_eq!(names, expected.map(str::to_owned).into());
}

/// Extracts keep arriving, every run is killed, and once a day one run is left alone: from then on
/// the tables are those of a project that nobody disturbed.
#[test]
fn fifty_kills_leave_the_tables_of_an_undisturbed_run() {
    const KILLS: u32 = 50;
    let days = 60;
    let mut undisturbed = all_kinds_over(settings(7, 200, 1_200, days));
    let mut disturbed = all_kinds_over(settings(7, 200, 1_200, days));
    let mut kills = 0;
    let mut day = 0;
    while kills < KILLS {
        assert!(day < days, "only {kills} kills in {days} days");
        Extract::of_day(day).for_each(|extract| undisturbed.arrive(extract));
        let started = Instant::now();
        undisturbed.project.ok(&RUN);
        let whole = started.elapsed();
        disturbed.arrive(Extract::users(day));
        for hour in 0..24 {
            disturbed.arrive(Extract::views(day, hour));
            if hour % 2 == 0 {
                let time = some_of(whole);
                kills += u32::from(kill_after(disturbed.project.start(&RUN), time));
                check_whole_loads(
                    &disturbed.project,
                    &format!("day {day}, hour {hour}, after {time:?}"),
                );
            }
        }
        disturbed.project.ok(&RUN);
        let when = format!("after day {day} and {kills} kills");
        assert_same(
            &of_pipeline(&disturbed.project.path(WAREHOUSE)),
            &of_pipeline(&undisturbed.project.path(WAREHOUSE)),
            &when,
        );
        day += 1;
    }
    disturbed.check("at the end");
    check_no_litter(&disturbed.project);
}

/// Runs that write an overlay, load beside one or fold one in are killed as well; now one mode
/// holds, now another.
#[test]
fn kills_while_changes_are_merged_and_folded_leave_right_tables() {
    const KILLS: u32 = 30;
    let days = 40;
    let mut arrivals = Arrivals::new(settings(17, 200, 1_200, days));
    arrivals.lanes(3);
    let (mut kills, mut day, mut overlays) = (0, 0, 0);
    while kills < KILLS {
        assert!(day < days, "only {kills} kills in {days} days");
        arrivals.arrive(Extract::users(day));
        let mut whole = Duration::from_millis(300);
        for hour in 0..24 {
            arrivals.arrive(Extract::views(day, hour));
            arrivals.update_mode(1 + hour.to_le_bytes()[0] / 2 % 2);
            if hour % 2 == 0 {
                let time = some_of(whole);
                kills += u32::from(kill_after(arrivals.project.start(&RUN), time));
                let when = format!("day {day}, hour {hour}, after {time:?}");
                check_whole_loads(&arrivals.project, &when);
            } else if hour % 8 == 1 {
                let started = Instant::now();
                arrivals.project.ok(&RUN);
                whole = started.elapsed();
                arrivals.check(&format!("day {day}, hour {hour}, after {kills} kills"));
                overlays += u32::from(has_overlay(&arrivals.project));
            }
        }
        day += 1;
    }
    arrivals.update_mode(2);
    arrivals.project.ok(&RUN);
    arrivals.check("at the end");
    assert!(!has_overlay(&arrivals.project), "it was to be folded in");
    assert!(overlays > 0, "no run has left an overlay");
    check_no_litter(&arrivals.project);
}

fn has_overlay(project: &Project) -> bool {
    project.sql("select target from wigeon.overlay") != "target\n"
}

/// The first run of all makes the warehouse and the lock file; it may be killed as well.
#[test]
fn a_first_run_may_be_killed() {
    let project = || {
        let mut arrivals = all_kinds_over(settings(11, 60, 300, 2));
        (0..2)
            .flat_map(Extract::of_day)
            .for_each(|extract| arrivals.arrive(extract));
        arrivals
    };
    // Compiles the plugins, once for all.
    project().project.ok(&RUN);
    let undisturbed = project();
    let started = Instant::now();
    undisturbed.project.ok(&RUN);
    let whole = started.elapsed();
    let (mut kills, mut round) = (0, 0);
    while round < 12 || kills == 0 {
        assert!(round < 60, "no run was there to be killed");
        round += 1;
        let arrivals = project();
        let time = some_of(whole);
        kills += u32::from(kill_after(arrivals.project.start(&RUN), time));
        let when = format!("round {round}, killed after {time:?}");
        check_whole_loads(&arrivals.project, &when);
        arrivals.project.ok(&RUN);
        arrivals.check(&when);
        check_no_litter(&arrivals.project);
    }
}
