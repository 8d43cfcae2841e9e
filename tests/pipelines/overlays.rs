//! Changes that are kept beside the rows: how that begins, shows and ends.

use fs_err as fs;
use serde_json::Value;
use wigeon_tests::Project;

use crate::tables::{everything, open, texts};

const AT: &str = "2019-12-01";
const VIEWS: &str = "select user_id, pageview_datetime::time as at, original_postcode as was, current_postcode as is_now, \
                     postcode_updated_date::date as since from pageviews_postcode order by all";

/// The flagship with three users and a view of each on its first day, merged on read.
fn project() -> Project {
    let project = Project::flagship();
    project.edit_manifest("max_changed_share = 0.5", "max_changed_share = 1.0");
    let target = "target = \"pageviews_postcode\"";
    let merged = format!("{target}\nupdate_mode = \"merge-on-read\"");
    project.edit_manifest(target, &merged);
    users(&project, 11, "1,AA1\n2,BB2\n3,CC3\n");
    views(
        &project,
        11,
        "1,u,2019-10-11 01:00:00\n2,u,2019-10-11 02:00:00\n4,u,2019-10-11 03:00:00\n",
    );
    run(&project);
    project
}

fn users(project: &Project, day: u32, users: &str) {
    let path = format!("extracts/users_extract_2019-10-{day}.csv");
    project.write(&path, format!("id,postcode\n{users}"));
}

fn views(project: &Project, day: u32, views: &str) {
    let path = format!("extracts/pageview_extract_2019-10-{day}T04.csv");
    project.write(&path, format!("user_id,url,pageview_datetime\n{views}"));
}

fn run(project: &Project) -> Value {
    run_at(project, AT)
}

fn run_at(project: &Project, at: &str) -> Value {
    let report = project.ok(&["run", "--at", at, "--format", "json"]);
    serde_json::from_str(&report).expect("JSON")
}

/// What the last step of a run did.
fn change_detection(report: &Value) -> Vec<&Value> {
    let steps = report["steps"].as_array().expect("steps").iter();
    steps
        .filter(|step| step["step"] == "updated_postcode_stg")
        .collect()
}

/// Whether the table is one, and how many entries its overlay has.
fn status(project: &Project) -> (bool, Value) {
    let status = project.ok(&["status", "--format", "json"]);
    let status: Value = serde_json::from_str(&status).expect("JSON");
    let steps = status["steps"].as_array().expect("steps").iter();
    let table = steps
        .clone()
        .find(|step| step["step"] == "pageviews_postcode");
    let table = table.expect("the step");
    assert_eq!(table["rows"], 3, "an overlay has no rows");
    let is_table = project.sql(
        "select table_type = 'BASE TABLE' as t from information_schema.tables where table_name = 'pageviews_postcode'",
    );
    (is_table == "t\ntrue\n", table["overlay"].clone())
}

#[test]
fn a_change_and_its_return_are_told_as_what_they_are() {
    let project = project();
    assert_eq!(status(&project), (true, Value::Null));

    users(&project, 12, "1,AA2\n2,BB2\n3,CC3\n4,DD4\n");
    let report = run(&project);
    let [moved] = change_detection(&report)[..] else {
        panic!("one load: {report}");
    };
    assert_eq!(moved["rows_updated"], 0);
    // User 1 moved, and the first version of user 4 holds for all time. Of the version that begins
    // after the last view there is nothing to say.
    assert_eq!(moved["overlay"]["target"], "pageviews_postcode");
    assert_eq!(moved["overlay"]["entries"], 2);
    let (is_table, overlay) = status(&project);
    assert!(!is_table);
    assert_eq!(overlay["entries"], 2);
    assert_eq!(overlay["since"], "2019-12-01T00:00:00Z");
    assert!(
        project
            .ok(&["status"])
            .contains("has an overlay of 2 entries since")
    );
    assert_eq!(
        project.sql(VIEWS),
        "user_id,at,was,is_now,since\n1,01:00:00,AA1,AA2,2019-10-12\n2,02:00:00,BB2,BB2,\n4,03:00:00,DD4,DD4,\n"
    );

    // User 1 moves back, and user 2 moves.
    users(&project, 13, "1,AA1\n2,BB3\n3,CC3\n4,DD4\n");
    let report = run(&project);
    assert_eq!(change_detection(&report)[0]["overlay"]["entries"], 3);
    let returned = "user_id,at,was,is_now,since\n1,01:00:00,AA1,AA1,2019-10-13\n2,02:00:00,BB2,BB3,2019-10-13\n4,03:00:00,DD4,DD4,\n";
    assert_eq!(project.sql(VIEWS), returned);

    // Nothing has changed, but the manifest asks for plain rows.
    project.edit_manifest("merge-on-read", "copy-on-write");
    let report = run(&project);
    let [folded] = change_detection(&report)[..] else {
        panic!("one load: {report}");
    };
    assert_eq!(folded["rows_updated"], 3);
    assert_eq!(folded["overlay"]["entries"], 0);
    assert_eq!(folded["overlay"]["folded_entries"], 3);
    assert_eq!(status(&project), (true, Value::Null));
    assert_eq!(project.sql(VIEWS), returned);
    let details = "select details from wigeon.ledger order by load_id desc limit 1";
    let details = project.sql(details);
    assert!(details.contains("folded_rows"), "{details}");
    let before = everything(&project.path("pageviews_postcode.duckdb"));
    run(&project);
    let after = everything(&project.path("pageviews_postcode.duckdb"));
    assert_eq!(after, before, "a second run changes nothing");
}

/// What is left in an overlay is folded in by the next run of the target, after its own load, and not
/// more often than once a day.
#[test]
fn the_next_run_folds_in_what_is_left_once_a_day() {
    let project = project();
    users(&project, 12, "1,AA2\n2,BB2\n3,CC3\n");
    run(&project);
    let moved = project.sql(VIEWS);
    project.edit_manifest("merge-on-read", "auto");
    run_at(&project, "2019-12-01T01:00");
    assert_eq!(status(&project), (true, Value::Null));
    assert_eq!(project.sql(VIEWS), moved);

    project.edit_manifest("\"auto\"", "\"merge-on-read\"");
    users(&project, 13, "1,AA3\n2,BB2\n3,CC3\n");
    run_at(&project, "2019-12-01T02:00");
    project.edit_manifest("merge-on-read", "auto");
    let moved = project.sql(VIEWS);
    let target = ["--step", "pageviews_postcode"];
    project.ok(&[&["run", "--at", "2019-12-01T20:59"][..], &target].concat());
    assert_eq!(status(&project).1["entries"], 1, "folded at one o'clock");
    let plan = |at: &str| project.ok(&[&["plan", "--at", at][..], &target].concat());
    let to_fold = "no new file; an overlay is to be folded in";
    assert!(!plan("2019-12-01T20:59").contains(to_fold));
    let planned = plan("2019-12-01T21:00");
    assert!(planned.contains(to_fold), "{planned}");
    views(&project, 12, "1,u,2019-10-12 05:00:00\n");
    let report = run_at(&project, "2019-12-01T21:00");
    let steps = report["steps"].as_array().expect("steps").iter();
    let loads: Vec<_> = steps
        .filter(|step| step["step"] == "pageviews_postcode")
        .map(|step| (&step["rows_out"], &step["overlay"]["folded_entries"]))
        .collect();
    assert_eq!(loads, [(&1.into(), &Value::Null), (&0.into(), &1.into())]);
    assert_eq!(project.sql("select target from wigeon.overlay"), "target\n");
    let late = "1,05:00:00,AA2,AA3,2019-10-13\n";
    assert_eq!(project.sql(VIEWS).replace(late, ""), moved);
}

/// The run that detects a change commits it and then folds it in, if the table is short. The target's
/// step, which comes before in the same run, waits for that: otherwise there would be two folds.
#[test]
fn a_short_table_is_folded_into_by_the_run_that_detects_the_change() {
    let project = project();
    users(&project, 12, "1,AA2\n2,BB2\n3,CC3\n");
    run(&project);
    project.edit_manifest("merge-on-read", "auto");
    users(&project, 13, "1,AA2\n2,BB3\n3,CC3\n");
    let report = run_at(&project, "2019-12-02");
    let loads = change_detection(&report).into_iter();
    let loads: Vec<_> = loads
        .map(|load| (&load["overlay"]["entries"], &load["rows_updated"]))
        .collect();
    assert_eq!(loads, [(&2.into(), &0.into()), (&0.into(), &2.into())]);
    assert_eq!(status(&project), (true, Value::Null));
    assert_eq!(
        project.sql(VIEWS),
        "user_id,at,was,is_now,since\n1,01:00:00,AA1,AA2,2019-10-12\n2,02:00:00,BB2,BB3,2019-10-13\n4,03:00:00,,,\n"
    );
}

/// Leaves a change in an overlay, since so short a table has none otherwise.
fn merge(project: &Project, day: u32, postcodes: &str, at: &str) {
    project.edit_manifest("\"auto\"", "\"merge-on-read\"");
    users(project, day, postcodes);
    run_at(project, at);
    project.edit_manifest("merge-on-read", "auto");
}

/// Who folded in the last overlay, and when.
fn last_fold(project: &Project) -> String {
    let last = "select concat(step, ' at ', strftime(logical_time at time zone 'utc', '%dT%H')) as fold \
                from wigeon.ledger where contains(details, 'folded_entries') order by load_id desc limit 1";
    let last = project.sql(last);
    let last = last.strip_prefix("fold\n").expect("a column");
    last.trim_end().to_owned()
}

/// A second change on a day is kept in the overlay: a fold of few changes takes as long as one of many.
/// The first step to run 20 hours after folds it in. A fold by the target does not hold off the one
/// that the next day's change is due.
#[test]
fn one_change_more_does_not_put_off_the_folds_of_the_days_after() {
    let project = project();
    users(&project, 12, "1,AA2\n2,BB2\n3,CC3\n");
    run(&project);
    project.edit_manifest("merge-on-read", "auto");
    users(&project, 13, "1,AA2\n2,BB3\n3,CC3\n");
    run_at(&project, "2019-12-02");
    assert_eq!(last_fold(&project), "updated_postcode_stg at 02T00");

    merge(&project, 14, "1,AA3\n2,BB3\n3,CC3\n", "2019-12-02T01:00");
    users(&project, 15, "1,AA3\n2,BB4\n3,CC3\n");
    run_at(&project, "2019-12-02T19:59");
    assert_eq!(status(&project).1["entries"], 2);
    let detection = ["--step", "updated_postcode_stg"];
    let plan = |at: &str| project.ok(&[&["plan", "--at", at][..], &detection].concat());
    let to_fold =
        "no extract since it last ran, or nothing loaded yet; an overlay is to be folded in";
    assert!(!plan("2019-12-02T19:59").contains(to_fold));
    let planned = plan("2019-12-02T20:00");
    assert!(planned.contains(to_fold), "{planned}");
    // Of the whole pipeline the target's step comes first, and leaves nothing to fold.
    let planned = project.ok(&["plan", "--at", "2019-12-02T20:00"]);
    assert_eq!(
        planned.matches("is to be folded in").count(),
        1,
        "{planned}"
    );
    assert!(
        planned.contains("no new file; an overlay is to be folded in"),
        "{planned}"
    );
    let other = project.copy();
    other.ok(&[&["run", "--at", "2019-12-02T20:00"][..], &detection].concat());
    assert_eq!(status(&other), (true, Value::Null));
    assert_eq!(last_fold(&other), "updated_postcode_stg at 02T20");
    let second = "user_id,at,was,is_now,since\n1,01:00:00,AA1,AA3,2019-10-14\n2,02:00:00,BB2,BB4,2019-10-15\n4,03:00:00,,,\n";
    assert_eq!(other.sql(VIEWS), second);
    run_at(&project, "2019-12-02T20:00");
    assert_eq!(status(&project), (true, Value::Null));
    assert_eq!(last_fold(&project), "pageviews_postcode at 02T20");
    assert_eq!(project.sql(VIEWS), second);

    merge(&project, 16, "1,AA4\n2,BB4\n3,CC3\n", "2019-12-02T23:00");
    users(&project, 17, "1,AA4\n2,BB5\n3,CC3\n");
    run_at(&project, "2019-12-03");
    assert_eq!(status(&project), (true, Value::Null));
    assert_eq!(last_fold(&project), "updated_postcode_stg at 03T00");
    assert_eq!(
        project.sql(VIEWS),
        "user_id,at,was,is_now,since\n1,01:00:00,AA1,AA4,2019-10-16\n2,02:00:00,BB2,BB5,2019-10-17\n4,03:00:00,,,\n"
    );
}

/// Nobody has said what holds for a row without a time, so that its rows are updated one by one.
#[test]
fn rows_without_a_time_are_updated_in_place() {
    let project = project();
    users(&project, 12, "1,AA2\n2,BB2\n3,CC3\n");
    run(&project);
    assert_eq!(status(&project).1["entries"], 1);
    views(&project, 12, "1,u,\n");
    users(&project, 13, "1,AA3\n2,BB2\n3,CC3\n");
    let report = run(&project);
    let [moved] = change_detection(&report)[..] else {
        panic!("one load: {report}");
    };
    assert_eq!(moved["overlay"]["folded_entries"], 1);
    assert_eq!(
        project.sql(VIEWS),
        "user_id,at,was,is_now,since\n1,01:00:00,AA1,AA3,2019-10-13\n1,,,AA3,2019-10-13\n2,02:00:00,BB2,BB2,\n4,03:00:00,,,\n"
    );
    assert_eq!(project.sql("select target from wigeon.overlay"), "target\n");
}

/// Other options of the plugin mean other values: what was said with the old ones is written into
/// the rows that it was said of before others are loaded.
#[test]
fn other_options_end_an_overlay_of_older_ones() {
    let project = project();
    users(&project, 12, "1,AA2\n2,BB2\n3,CC3\n");
    run(&project);
    assert_eq!(status(&project).1["entries"], 1);
    project.edit_manifest(
        "event_time = \"pageview_datetime\"",
        "event_time = \"pageview_datetime\"\nbefore_first = \"null\"",
    );
    views(&project, 12, "1,u,2019-10-10 05:00:00\n");
    project.ok(&["run", "--at", AT, "--step", "pageviews_postcode"]);
    assert_eq!(project.sql("select target from wigeon.overlay"), "target\n");
    assert_eq!(
        project.sql(VIEWS),
        "user_id,at,was,is_now,since\n1,01:00:00,AA1,AA2,2019-10-12\n1,05:00:00,,AA2,2019-10-12\n2,02:00:00,BB2,BB2,\n4,03:00:00,,,\n"
    );
    // The next change says it of all rows of the user, in the new way.
    users(&project, 13, "1,AA3\n2,BB2\n3,CC3\n");
    run(&project);
    assert_eq!(
        project.sql(VIEWS),
        "user_id,at,was,is_now,since\n1,01:00:00,AA1,AA3,2019-10-13\n1,05:00:00,,AA3,2019-10-13\n2,02:00:00,BB2,BB2,\n4,03:00:00,,,\n"
    );
    assert_eq!(
        project.sql("select target from wigeon.overlay"),
        "target\npageviews_postcode\n"
    );
}

/// Nobody would say anything new of the rows any more: late ones show what they were loaded with.
#[test]
fn an_overlay_ends_when_no_step_detects_changes() {
    let project = project();
    users(&project, 12, "1,AA2\n2,BB2\n3,CC3\n");
    run(&project);
    assert_eq!(status(&project).1["entries"], 1);
    let manifest = fs::read_to_string(project.path("pipeline.toml")).expect("the manifest");
    let before = manifest.split("# Which users moved").next();
    project.write("pipeline.toml", before.expect("the steps before"));
    users(&project, 13, "1,AA3\n2,BB2\n3,CC3\n");
    views(&project, 13, "1,u,2019-10-11 00:30:00\n");
    run(&project);
    assert_eq!(project.sql("select target from wigeon.overlay"), "target\n");
    assert_eq!(
        project.sql(VIEWS),
        "user_id,at,was,is_now,since\n1,00:30:00,AA1,AA3,2019-10-13\n1,01:00:00,AA1,AA2,2019-10-12\n2,02:00:00,BB2,BB2,\n4,03:00:00,,,\n"
    );
}

/// Another lookup says other things, and nothing of some users.
#[test]
fn another_lookup_ends_an_overlay_of_the_one_before() {
    let project = project();
    users(&project, 12, "1,AA2\n2,BB2\n3,CC3\n");
    run(&project);
    assert_eq!(status(&project).1["entries"], 1);
    project.edit_manifest(
        "# Every view, with both postcodes.",
        "[source.others]\nformat = \"csv\"\npath = \"extracts/others_{date}.csv\"\n\
         columns = { id = \"int64\", postcode = \"utf8\" }\n\n\
         [[step]]\nname = \"other_postcode\"\nkind = \"snapshot\"\nplugin = \"builtin:scd2\"\n\
         input = \"others\"\nkey = [\"id\"]\n",
    );
    project.write("extracts/others_2019-10-11.csv", "id,postcode\n2,XX2\n");
    project.edit_manifest(
        "lookup = \"current_postcode\"",
        "lookup = \"other_postcode\"",
    );
    project.edit_manifest("input = \"current_postcode\"", "input = \"other_postcode\"");
    views(&project, 13, "1,u,2019-10-11 00:30:00\n");
    run(&project);
    assert!(
        project.sql(VIEWS).contains("\n1,00:30:00,,,\n"),
        "{}",
        project.sql(VIEWS)
    );
}

/// Any DuckDB reads the table, whatever it calls the file.
#[test]
fn other_programs_read_the_merged_rows() {
    let project = project();
    users(&project, 12, "1,AA2\n2,BB2\n3,CC3\n");
    run(&project);
    let copy = project.path("copy_for_bi.duckdb");
    fs::copy(project.path("pageviews_postcode.duckdb"), &copy).expect("a copy");
    let connection = open(&copy);
    let postcodes =
        "select concat(user_id, ' ', current_postcode) as p from pageviews_postcode order by p";
    assert_eq!(texts(&connection, postcodes), ["1 AA2", "2 BB2", "4 "]);
}
