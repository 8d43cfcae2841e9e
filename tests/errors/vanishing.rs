//! Files that vanish, or grow, after a run has found them and before it has read them.

use std::io::Write as _;

use fs_err::{self as fs, OpenOptions};
use wigeon_tests::{Project, Stopped};

use crate::{
    input_formats::write_with_duckdb,
    support::{
        AT, NEXT_USERS, NEXT_VIEWS, Outcome, TEN_USERS, assert_goes_on, assert_told, gzip, loaded,
        new, run, state, told,
    },
};

const VIEWS: &str = "user_id,url,pageview_datetime\n1,https://example.com/c,2019-10-11 02:00:00\n";
const MORE: &str = "2,https://example.com/d,2019-10-11 02:01:00\n";

/// The flagship with an extract that has not been taken in.
fn with_news(extract: &str, rows: &str) -> Project {
    let project = loaded();
    project.write(extract, rows);
    project
}

/// Runs up to a point, does something to the extract, and lets the run go on, which must fail and
/// change nothing. Returns what it said.
fn meddle(project: &Project, point: &str, act: impl FnOnce()) -> String {
    let before = state(project);
    let run = Stopped::at(project, point, &["run", "--at", AT]);
    act();
    let ran = run.go_on();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_eq!(state(project), before, "it failed and changed something");
    told(project, &ran)
}

/// Puts the extract back; now it is taken in, as if it had never been away.
fn go_on(project: &Project, extract: &str, rows: &str) {
    project.write(extract, rows);
    let undisturbed = with_news(extract, rows);
    run(&undisturbed);
    assert_goes_on(project, &Outcome::of(&undisturbed));
}

#[test]
fn a_file_that_vanishes_before_its_digest_is_taken() {
    let project = with_news(NEXT_VIEWS, VIEWS);
    let path = project.path(NEXT_VIEWS);
    let told = meddle(&project, "started:pageviews_postcode", || {
        fs::remove_file(path).expect("it was there");
    });
    assert!(told.contains(NEXT_VIEWS), "{told}");
    assert_told!(told);
    go_on(&project, NEXT_VIEWS, VIEWS);
}

#[test]
fn a_file_that_vanishes_before_it_is_read() {
    let project = with_news(NEXT_VIEWS, VIEWS);
    let path = project.path(NEXT_VIEWS);
    let told = meddle(&project, "digested:pageviews_postcode", || {
        fs::remove_file(path).expect("it was there");
    });
    assert!(told.contains(NEXT_VIEWS), "{told}");
    assert_told!(told);
    go_on(&project, NEXT_VIEWS, VIEWS);
}

#[test]
fn a_full_extract_that_vanishes_before_it_is_read() {
    let project = with_news(NEXT_USERS, TEN_USERS);
    let path = project.path(NEXT_USERS);
    let told = meddle(&project, "digested:current_postcode", || {
        fs::remove_file(path).expect("it was there");
    });
    assert!(told.contains(NEXT_USERS), "{told}");
    assert_told!(told);
    go_on(&project, NEXT_USERS, TEN_USERS);
}

#[test]
fn a_file_that_grows_before_it_is_read() {
    let project = with_news(NEXT_VIEWS, VIEWS);
    let path = project.path(NEXT_VIEWS);
    let told = meddle(&project, "digested:pageviews_postcode", || {
        let mut file = OpenOptions::new()
            .append(true)
            .open(path)
            .expect("it is there");
        file.write_all(MORE.as_bytes()).expect("room");
    });
    assert!(told.contains(NEXT_VIEWS), "{told}");
    assert_told!(told);
    // Nobody writes to it any more, so that it is taken as it is.
    let undisturbed = with_news(NEXT_VIEWS, &[VIEWS, MORE].concat());
    run(&undisturbed);
    assert_goes_on(&project, &Outcome::of(&undisturbed));
}

/// By then all of its rows have been read.
#[test]
fn a_file_that_vanishes_when_its_rows_are_written_is_loaded() {
    let project = with_news(NEXT_VIEWS, VIEWS);
    let run = Stopped::at(&project, "written:pageviews_postcode", &["run", "--at", AT]);
    fs::remove_file(project.path(NEXT_VIEWS)).expect("it was there");
    let ran = run.go_on();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(
        project.sql("select count(*) as n from pageviews_postcode"),
        "n\n3\n"
    );
}

/// Writes a view in the format that the end of the name tells.
fn write_view(project: &Project, file: &str) {
    match file.rsplit_once('.') {
        Some((_, "gz")) => project.write(file, gzip(VIEWS)),
        Some((_, "ndjson")) => project.write(
            file,
            "{\"user_id\": 1, \"url\": \"https://example.com/c\", \"pageview_datetime\": \"2019-10-11 02:00:00\"}\n",
        ),
        _ => write_with_duckdb(
            "copy (select 1::bigint as user_id, 'https://example.com/c' as url, \
             timestamp '2019-10-11 02:00:00' as pageview_datetime) to '{}' (format parquet)",
            project,
            file,
        ),
    }
}

#[test]
fn files_of_other_formats_that_vanish_or_grow() {
    for (format, suffix) in [
        ("csv", "csv.gz"),
        ("ndjson", "ndjson"),
        ("parquet", "parquet"),
    ] {
        let project = new();
        let pattern = "extracts/pageview_extract_{date}T{hour}";
        project.edit_manifest(
            &format!("format = \"csv\"\npath = \"{pattern}.csv\""),
            &format!("format = \"{format}\"\npath = \"{pattern}.{suffix}\""),
        );
        write_view(
            &project,
            &format!("extracts/pageview_extract_2019-10-11T01.{suffix}"),
        );
        run(&project);
        let news = format!("extracts/pageview_extract_2019-10-11T02.{suffix}");
        for (point, grows, why) in [
            ("started", false, "is not there"),
            ("digested", false, "is not there"),
            ("digested", true, "has changed since it was listed"),
        ] {
            write_view(&project, &news);
            let path = project.path(&news);
            let told = meddle(&project, &format!("{point}:pageviews_postcode"), || {
                if grows {
                    let file = OpenOptions::new().append(true).open(&path);
                    let mut file = file.expect("it is there");
                    file.write_all(b"{}\n").expect("room");
                } else {
                    fs::remove_file(&path).expect("it was there");
                }
            });
            let message = format!("`{news}` {why}");
            assert!(told.contains(&message), "{point}: {told}");
        }
        write_view(&project, &news);
        let before = state(&project);
        run(&project);
        assert_ne!(state(&project), before, "there was something to take in");
    }
}
