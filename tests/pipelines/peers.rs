//! What other tools made of the same extracts, when they were compared: each mistake has a test
//! with its name, in which every row is counted.

use std::fmt::Write as _;

use wigeon_tests::Project;

const USERS: u32 = 2_000;
const AT: &str = "2019-12-01";
const POSTCODES: &str = "select original_postcode, current_postcode, postcode_updated_date, count(*) as pageviews \
                         from pageviews_postcode group by all order by all";
const HEADER: &str = "original_postcode,current_postcode,postcode_updated_date,pageviews\n";

/// The flagship with 2,000 users at one postcode, and two views of each of them, loaded.
fn loaded() -> Project {
    let project = Project::flagship();
    users(&project, 11, &|_| "AB1");
    views(&project, 1, 1, 2);
    run(&project);
    assert_eq!(
        project.sql(POSTCODES),
        format!("{HEADER}AB1,AB1,,4000\n"),
        "before anything is wrong"
    );
    project
}

fn run(project: &Project) {
    project.ok(&["run", "--at", AT]);
}

/// Runs, which must fail, and returns what it said.
fn refused(project: &Project) -> String {
    let ran = project.run(&["run", "--at", AT]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    ran.stderr
}

/// Lets the users extract of a day of October arrive.
fn users(project: &Project, day: u32, postcode: &dyn Fn(u32) -> &'static str) {
    write_users(project, day, &users_csv(postcode));
}

fn users_csv(postcode: &dyn Fn(u32) -> &'static str) -> String {
    let mut csv = "id,postcode\n".to_owned();
    for user in 1..=USERS {
        writeln!(csv, "{user},{}", postcode(user)).expect("memory");
    }
    csv
}

fn write_users(project: &Project, day: u32, contents: &str) {
    let path = format!("extracts/users_extract_2019-10-{day}.csv");
    project.write(&path, contents);
}

/// The first 700 users have moved.
fn movers(user: u32) -> &'static str {
    if user <= 700 { "CD2" } else { "AB1" }
}

/// Lets the file of an hour arrive, with so many views of each user, all in the hour `viewed`.
fn views(project: &Project, hour: u32, viewed: u32, each: u32) {
    let mut csv = "user_id,url,pageview_datetime\n".to_owned();
    for user in 1..=USERS {
        for view in 0..each {
            let url = format!("https://example.com/{view}");
            writeln!(csv, "{user},{url},2019-10-11 {viewed:02}:{view:02}:00").expect("memory");
        }
    }
    let path = format!("extracts/pageview_extract_2019-10-11T{hour:02}.csv");
    project.write(&path, csv);
}

/// An incremental model in dbt looked at the last change only: two users extracts before the next
/// load left 10,785 rows stale.
#[test]
fn two_users_extracts_before_the_next_load_leave_no_stale_row() {
    let project = loaded();
    users(&project, 12, &movers);
    users(&project, 13, &|user| match user {
        101..=700 => "CD2",
        701..=1_400 => "EF3",
        _ => "AB1",
    });
    run(&project);
    // A hundred users have moved there and back.
    assert_eq!(
        project.sql(POSTCODES),
        format!(
            "{HEADER}AB1,AB1,2019-10-13 00:00:00,200\nAB1,AB1,,1200\n\
             AB1,CD2,2019-10-12 00:00:00,1200\nAB1,EF3,2019-10-13 00:00:00,1400\n"
        )
    );
}

/// `SQLMesh` loads intervals of event time: 1,000 late rows in a new file were dropped without a
/// word, since their interval was loaded.
#[test]
fn late_rows_in_a_new_file_are_loaded() {
    let project = loaded();
    users(&project, 12, &movers);
    views(&project, 10, 10, 1);
    run(&project);
    // Rows of the first hour in the file of a later one, and a file of an hour before all others.
    views(&project, 11, 1, 1);
    views(&project, 0, 0, 1);
    run(&project);
    assert_eq!(
        project.sql(
            "select hour(pageview_datetime) as hour, count(*) as pageviews \
             from pageviews_postcode group by all order by all"
        ),
        "hour,pageviews\n0,2000\n1,6000\n10,2000\n"
    );
    assert_eq!(
        project.sql(POSTCODES),
        format!("{HEADER}AB1,AB1,,6500\nAB1,CD2,2019-10-12 00:00:00,3500\n")
    );
}

/// `SQLMesh` and dbt computed loaded rows anew after users had moved, and what was to be the postcode
/// at the time of the view became the one of today.
#[test]
fn a_run_again_after_a_change_keeps_original_postcodes() {
    let project = loaded();
    users(&project, 12, &movers);
    let expected = format!("{HEADER}AB1,AB1,,2600\nAB1,CD2,2019-10-12 00:00:00,1400\n");
    run(&project);
    assert_eq!(project.sql(POSTCODES), expected);
    for arguments in [
        ["run", "--at", AT].as_slice(),
        &["run", "--at", AT, "--step", "pageviews_postcode"],
        &["run", "--at", AT, "--step", "updated_postcode_stg"],
        &["run", "--at", "2019-10-11T23:59"],
    ] {
        project.ok(arguments);
        assert_eq!(project.sql(POSTCODES), expected, "{arguments:?}");
    }
    // Nor does it matter that the users had moved before anything was loaded.
    let again = Project::flagship();
    users(&again, 11, &|_| "AB1");
    users(&again, 12, &movers);
    views(&again, 1, 1, 2);
    run(&again);
    assert_eq!(again.sql(POSTCODES), expected, "from nothing");
}

/// SQL by an expert took an empty users extract at its word, and emptied every postcode.
#[test]
fn an_empty_users_extract_is_refused_and_empties_no_postcode() {
    let project = loaded();
    for (contents, message) in [
        ("id,postcode\n", "has 0 rows, but `guard.min_rows` is 1"),
        ("", "is empty: it has no header"),
    ] {
        write_users(&project, 12, contents);
        let told = refused(&project);
        let message = format!("`extracts/users_extract_2019-10-12.csv` {message}");
        assert!(told.contains(&message), "{told}");
        assert_eq!(
            project.sql(POSTCODES),
            format!("{HEADER}AB1,AB1,,4000\n"),
            "{contents:?}"
        );
        assert_eq!(
            project.sql("select count(*) as open from current_postcode"),
            "open\n2000\n"
        );
    }
}

/// SQL by an expert joined the views with the users: an id that was there twice multiplied its
/// views.
#[test]
fn a_duplicate_id_is_refused_and_multiplies_no_view() {
    let project = loaded();
    views(&project, 2, 2, 1);
    for twice in ["1000,AB1\n", "1000,CD2\n"] {
        write_users(&project, 12, &(users_csv(&movers) + twice));
        let told = refused(&project);
        let message = "has the key `1000` more than once, on lines 1001 and 2002";
        assert!(told.contains(message), "{told}");
        assert_eq!(
            project.sql("select count(*) as open from current_postcode"),
            "open\n2000\n",
            "{twice}"
        );
        let expected = format!("{HEADER}AB1,AB1,,4000\n");
        assert_eq!(project.sql(POSTCODES), expected, "{twice}");
    }
    users(&project, 12, &movers);
    run(&project);
    assert_eq!(
        project.sql(POSTCODES),
        format!("{HEADER}AB1,AB1,,3900\nAB1,CD2,2019-10-12 00:00:00,2100\n")
    );
}
