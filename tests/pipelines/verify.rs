//! Tables recomputed from their extracts are what is stored, and whatever was done to a table by
//! hand is found.

use duckdb::Connection;
use fs_err as fs;
use serde_json::Value;
use wigeon_generator::Extract;
use wigeon_tests::Ran;

use crate::{
    arrivals::{Arrivals, settings},
    failpoints::{all_kinds_over, arrive},
    kills::RUN,
    tables::{assert_same, everything},
};

const WAREHOUSE: &str = "pageviews_postcode.duckdb";
const USERS: &str = "extracts/users_extract_2019-10-11.csv";

/// A history whose extracts were loaded as they came, in this way of updating rows.
fn loaded(mode: u8, days: u32) -> Arrivals {
    let mut arrivals = Arrivals::new(settings(17, 60, 240, days + 1));
    arrivals.update_mode(mode);
    for day in 0..days {
        for extract in Extract::of_day(day) {
            arrivals.arrive(extract);
        }
        for hour in [4, 16] {
            let at = format!("2019-10-{}T{hour:02}:50", 11 + day);
            arrivals.project.ok(&["run", "--at", &at]);
        }
    }
    arrivals
}

/// Verifies, which must change nothing.
fn verify(arrivals: &Arrivals, arguments: &[&str]) -> Ran {
    let warehouse = arrivals.project.path(WAREHOUSE);
    let before = everything(&warehouse);
    let command: Vec<&str> = ["verify"].iter().chain(arguments).copied().collect();
    let ran = arrivals.project.run(&command);
    assert_same(&everything(&warehouse), &before, &format!("{command:?}"));
    ran
}

/// Verifies, and returns the report, which must come with this exit code.
fn report(arrivals: &Arrivals, arguments: &[&str], code: i32) -> Value {
    let arguments: Vec<&str> = arguments
        .iter()
        .chain(&["--format", "json"])
        .copied()
        .collect();
    let ran = verify(arrivals, &arguments);
    assert_eq!(ran.code, Some(code), "{}{}", ran.stdout, ran.stderr);
    serde_json::from_str(&ran.stdout).expect("JSON")
}

fn table<'a>(report: &'a Value, name: &str) -> &'a Value {
    let tables = report["tables"].as_array().expect("tables");
    let found = tables.iter().find(|table| table["table"] == name);
    found.expect("the table is told")
}

/// Does something to the warehouse that no run does.
fn tamper(arrivals: &Arrivals, statement: &str) {
    let connection = Connection::open(arrivals.project.path(WAREHOUSE)).expect("the warehouse");
    assert_ne!(connection.execute(statement, []).expect("a change"), 0);
}

/// However changes reach the rows, and also while a change is still to be detected.
#[test]
fn untouched_tables_are_equal() {
    let mut newest = vec![];
    for mode in 0..3 {
        let mut arrivals = loaded(mode, 3);
        let verified = report(&arrivals, &[], 0);
        let views = table(&verified, "pageviews_postcode");
        assert_eq!(views["outcome"], "equal", "{verified:#}");
        assert_ne!(views["stored_rows"], 0);
        assert_eq!(views["stored_rows"], views["recomputed_rows"]);

        for extract in Extract::of_day(3) {
            arrivals.arrive(extract);
        }
        let at = "2019-10-14T16:50";
        arrivals
            .project
            .ok(&["run", "--at", at, "--step", "current_postcode"]);
        report(&arrivals, &[], 0);
        arrivals
            .project
            .ok(&["run", "--at", at, "--step", "pageviews_postcode"]);
        let query =
            "select * from pageviews_postcode where pageview_datetime >= '2019-10-14' order by all";
        newest.push(arrivals.project.sql(query));
        let tables = everything(&arrivals.project.path(WAREHOUSE));
        if tables.contains_key("main.wigeon_overlay_pageviews_postcode") {
            // Late rows show what their keys were, until the change is detected.
            let verified = report(&arrivals, &[], 1);
            let views = table(&verified, "pageviews_postcode");
            assert_eq!(views["outcome"], "not-verified", "{verified:#}");
        } else {
            report(&arrivals, &[], 0);
        }
        arrivals.project.ok(&["run", "--at", at]);
        report(&arrivals, &[], 0);
    }
    assert!(newest[0].lines().count() > 50, "{}", newest[0]);
    assert!(
        newest.iter().all(|rows| *rows == newest[0]),
        "new rows show their own values in every mode: {newest:#?}"
    );
}

#[test]
fn a_sample_is_a_part_of_every_table() {
    let arrivals = loaded(0, 3);
    let whole = report(&arrivals, &[], 0);
    let part = report(&arrivals, &["--sample", "30%"], 0);
    assert_eq!(part["sample_percent"], 30.0);
    for name in ["current_postcode_history", "pageviews_postcode"] {
        let rows = |report: &Value| table(report, name)["stored_rows"].as_u64().expect("rows");
        assert!(
            0 < rows(&part) && rows(&part) < rows(&whole),
            "{name}: {part:#}"
        );
    }
    tamper(
        &arrivals,
        "update pageviews_postcode set current_postcode = 'ZZ9 9ZZ'",
    );
    let part = report(&arrivals, &["--sample", "30%"], 5);
    let views = table(&part, "pageviews_postcode");
    assert_eq!(views["differing_rows"], views["stored_rows"]);
}

#[test]
fn rows_changed_by_hand_are_told() {
    let arrivals = loaded(0, 3);
    tamper(
        &arrivals,
        "update pageviews_postcode set original_postcode = 'ZZ9 9ZZ' where rowid = \
         (select min(rowid) from pageviews_postcode)",
    );
    tamper(
        &arrivals,
        "delete from current_postcode_history where id = (select min(id) from current_postcode_history)",
    );
    tamper(
        &arrivals,
        "insert into current_postcode_history values (-7, 'ZZ9 9ZZ', '2019-10-11', null)",
    );
    let told = report(&arrivals, &[], 5);
    let views = table(&told, "pageviews_postcode");
    assert_eq!(views["outcome"], "different");
    assert_eq!(views["differing_rows"], 1, "{told:#}");
    let value = &views["differences"][0]["columns"][0];
    assert_eq!(value["column"], "original_postcode");
    assert_eq!(value["stored"], "ZZ9 9ZZ");
    let users = table(&told, "current_postcode_history");
    assert_eq!(users["unexpected_rows"], 1, "{told:#}");
    assert_ne!(users["missing_rows"], 0, "{told:#}");
    assert_eq!(users["differences"][0]["kind"], "unexpected");
    assert_eq!(users["differences"][0]["row"][0][1], "-7");

    // One table alone, by either of its names.
    for name in ["current_postcode", "current_postcode_history"] {
        let ran = verify(&arrivals, &[name]);
        assert_eq!(ran.code, Some(5), "{}", ran.stderr);
        assert!(ran.stdout.contains("id -7"), "{}", ran.stdout);
        assert!(
            !ran.stdout.contains("pageviews_postcode  "),
            "{}",
            ran.stdout
        );
    }
}

#[test]
fn an_extract_that_is_gone_or_has_changed_is_told() {
    let arrivals = loaded(0, 2);
    let path = arrivals.project.path(USERS);
    let text = fs::read_to_string(&path).expect("an extract");
    fs::remove_file(&path).expect("it was there");
    let told = report(&arrivals, &[], 1);
    for name in ["current_postcode_history", "pageviews_postcode"] {
        let table = table(&told, name);
        assert_eq!(table["outcome"], "not-verified");
        let reason = table["reason"].as_str().expect("a reason");
        assert!(
            reason.contains(USERS) && reason.ends_with("is gone"),
            "{reason}"
        );
    }
    let ran = verify(&arrivals, &["pageviews_postcode"]);
    assert_eq!(ran.code, Some(1));
    insta::with_settings!({ filters => wigeon_tests::filters(), omit_expression => true }, {
        insta::assert_snapshot!("gone", arrivals.project.steady(&ran));
    });

    // Of the same size, so that only reading it tells.
    let last = text.trim_end().chars().last().expect("a row");
    let other = if last == 'A' { 'B' } else { 'A' };
    fs::write(
        &path,
        format!("{}{other}\n", &text[..text.trim_end().len() - 1]),
    )
    .expect("a file");
    let ran = verify(&arrivals, &[]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("has changed since"), "{}", ran.stderr);
    assert!(ran.stderr.contains(USERS), "{}", ran.stderr);

    fs::write(&path, text).expect("a file");
    report(&arrivals, &[], 0);
}

/// Loads that are recomputed in one go may leave out as many rows as each of them did.
#[test]
fn a_stored_transform_and_malformed_rows_are_recomputed() {
    let mut arrivals = all_kinds_over(settings(19, 60, 240, 2));
    for plugin in ["point-in-time", "normalize"] {
        let plugin = format!("plugin = \"builtin:{plugin}\"\n");
        let allowing = format!("{plugin}max_rejected_rows = 1\n");
        arrivals.project.edit_manifest(&plugin, &allowing);
    }
    arrive(&mut arrivals, 0);
    for hour in [10, 11] {
        let views = format!(
            "user_id,url,pageview_datetime\n1,https://example.com/a,2019-10-11 {hour}:10:00\n\
             nobody,https://example.com/b,2019-10-11 {hour}:20:00\n"
        );
        let path = format!("extracts/pageview_extract_2019-10-11T{hour}.csv");
        arrivals.project.write(&path, views);
        arrivals.project.ok(&RUN);
    }
    let quarantined = "select count(*) as n from wigeon.quarantine";
    assert_eq!(arrivals.project.sql(quarantined), "n\n4\n");
    let verified = report(&arrivals, &[], 0);
    for name in ["pageviews_postcode", "clean_views"] {
        let table = table(&verified, name);
        assert_eq!(table["outcome"], "equal", "{verified:#}");
        assert_ne!(table["stored_rows"], 0, "{verified:#}");
    }

    tamper(&arrivals, "delete from clean_views where rowid = 0");
    let told = report(&arrivals, &["clean_views"], 5);
    assert_eq!(table(&told, "clean_views")["missing_rows"], 1, "{told:#}");
}

/// The guard and the order of the extracts were asked about when they were loaded.
#[test]
fn accepted_and_late_extracts_are_recomputed() {
    let mut arrivals = Arrivals::new(settings(23, 60, 240, 3));
    let project = &arrivals.project;
    project.edit_manifest("max_changed_share = 1.0", "max_changed_share = 0.01");
    let deleted = "deleted = \"close\"";
    project.edit_manifest(deleted, &format!("{deleted}\nlate_extracts = \"insert\""));
    for day in [0, 2, 1] {
        Extract::of_day(day).for_each(|extract| arrivals.arrive(extract));
        let accepting = [&RUN[..], &["--accept", "current_postcode"]].concat();
        arrivals.project.ok(&accepting);
    }
    let accepted = "select count(*) as n from wigeon.ledger where contains(details, 'accepted')";
    assert_ne!(arrivals.project.sql(accepted), "n\n0\n");
    arrivals.check("with a late extract");
    let verified = report(&arrivals, &[], 0);
    for name in ["current_postcode_history", "pageviews_postcode"] {
        let table = table(&verified, name);
        assert_eq!(table["outcome"], "equal", "{verified:#}");
        assert_ne!(table["stored_rows"], 0, "{verified:#}");
    }
}

/// At another time they may be others.
#[test]
fn rows_of_a_plugin_that_is_told_the_time_are_not_verified() {
    let arrivals = loaded(0, 1);
    let allow = |plugin: &str, allowed: &str| {
        let plugin = format!("plugin = \"builtin:{plugin}\"\n");
        let allowing = format!("{plugin}allow = [\"{allowed}\"]\n");
        arrivals.project.edit_manifest(&plugin, &allowing);
    };
    let reason = |step: &str| {
        format!(
            "the plugin of `{step}` is allowed the clock or random numbers, which were those of each run"
        )
    };
    let assert_told = |told: &Value, name: &str, step: &str| {
        let table = table(told, name);
        assert_eq!(table["outcome"], "not-verified", "{told:#}");
        assert_eq!(table["reason"], *reason(step), "{told:#}");
    };
    allow("point-in-time", "random");
    let told = report(&arrivals, &[], 1);
    let users = table(&told, "current_postcode_history");
    assert_eq!(users["outcome"], "equal", "{told:#}");
    assert_told(&told, "pageviews_postcode", "pageviews_postcode");
    let ran = verify(&arrivals, &["pageviews_postcode"]);
    assert_eq!(ran.code, Some(1));
    let reason = reason("pageviews_postcode");
    assert!(ran.stderr.contains(&reason), "{}", ran.stderr);
    insta::with_settings!({ filters => wigeon_tests::filters(), omit_expression => true }, {
        insta::assert_snapshot!("allowed", arrivals.project.steady(&ran));
    });

    // What a table is made of stands in its way as well.
    arrivals.project.edit_manifest("allow = [\"random\"]\n", "");
    allow("scd2", "clock");
    let told = report(&arrivals, &[], 1);
    for name in ["current_postcode_history", "pageviews_postcode"] {
        assert_told(&told, name, "current_postcode");
    }
}

#[test]
fn rows_of_a_duckdb_file_are_not_verified() {
    let mut arrivals = Arrivals::new(settings(31, 60, 240, 1));
    let project = &arrivals.project;
    project.edit_manifest(
        "format = \"csv\"\npath = \"extracts/pageview_extract_{date}T{hour}.csv\"",
        "format = \"duckdb\"\npath = \"app.duckdb\"\ntable = \"views\"\n\
         watermark = \"pageview_datetime\"",
    );
    let views = "create table views as select 1::bigint as user_id, 'https://example.com/a' as url, \
                 timestamp '2019-10-11 09:00:00' as pageview_datetime";
    let connection = Connection::open(project.path("app.duckdb")).expect("a database");
    connection.execute_batch(views).expect("views");
    drop(connection);
    arrivals.arrive(Extract::users(0));
    arrivals.project.ok(&RUN);

    let told = report(&arrivals, &[], 1);
    let users = table(&told, "current_postcode_history");
    assert_eq!(users["outcome"], "equal", "{told:#}");
    let views = table(&told, "pageviews_postcode");
    assert_eq!(views["outcome"], "not-verified", "{told:#}");
    let reason =
        "`pageview_extract` is a DuckDB file, whose rows may have changed since they were loaded";
    assert_eq!(views["reason"], reason);
    let ran = verify(&arrivals, &["pageviews_postcode"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains(reason), "{}", ran.stderr);
}
