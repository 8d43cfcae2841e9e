//! The committed pipelines with their committed extracts give their committed tables.

use duckdb::Connection;
use fs_err as fs;
use wigeon_tests::{Project, workspace};

const QUERIES: [&str; 6] = [
    "now_by_hour",
    "now_by_day",
    "now_by_month",
    "then_by_hour",
    "then_by_day",
    "then_by_month",
];

/// `pipelines/pageviews_postcode`, copied.
fn flagship() -> Project {
    let project = Project::flagship();
    let extracts = fs::read_dir(committed("extracts")).expect("extracts");
    for extract in extracts.map(|entry| entry.expect("an extract")) {
        let name = extract.file_name().into_string().expect("UTF-8");
        project.write(
            &format!("extracts/{name}"),
            fs::read(extract.path()).expect("an extract"),
        );
    }
    project
}

fn committed(file: &str) -> std::path::PathBuf {
    workspace().join("pipelines/pageviews_postcode").join(file)
}

fn text(file: &str) -> String {
    fs::read_to_string(committed(file)).expect("a committed file")
}

/// Asks the tables that are compared with the committed ones.
fn check(project: &Project) {
    let views = project.sql("select * from pageviews_postcode order by all nulls first");
    assert_eq!(views, text("expected/pageviews_postcode.csv"));
    let history = project.sql("select * from current_postcode_history order by id, valid_from");
    assert_eq!(history, text("expected/current_postcode_history.csv"));
}

/// All at once, with the guards as they are committed.
#[test]
fn the_flagship_gives_its_expected_tables() {
    let project = flagship();
    project.ok(&["run", "--at", "2019-10-15T23:59"]);
    check(&project);
}

/// As the one crontab line would have run it, every four hours.
#[test]
fn the_flagship_gives_its_expected_tables_day_by_day() {
    let project = flagship();
    for day in 11..=15 {
        for hour in (2..24).step_by(4) {
            project.ok(&[
                "run",
                "--due",
                "--at",
                &format!("2019-10-{day}T{hour:02}:50"),
            ]);
        }
    }
    project.ok(&["run", "--at", "2019-10-15T23:59"]);
    check(&project);
}

/// Each query of the analysts, asked with Wigeon, is the same question asked of the expected
/// table in plain SQL of another shape.
#[test]
fn the_queries_answer_the_two_questions() {
    let project = flagship();
    project.ok(&["run", "--at", "2019-10-15T23:59"]);
    let connection = Connection::open_in_memory().expect("a database");
    let expected = committed("expected/pageviews_postcode.csv");
    let load = format!(
        "create table expected as select * from read_csv('{}', header = true, nullstr = '', columns = {{\
         'user_id': 'BIGINT', 'pageview_datetime': 'TIMESTAMP', 'original_postcode': 'VARCHAR', \
         'current_postcode': 'VARCHAR', 'postcode_updated_date': 'TIMESTAMP'}})",
        expected.display()
    );
    connection.execute_batch(&load).expect("the expected table");
    for name in QUERIES {
        let (question, period) = name.split_once("_by_").expect("a question and a period");
        let postcode = if question == "now" {
            "current_postcode"
        } else {
            "original_postcode"
        };
        // The text of a time is cut off where the period ends.
        let (start, length) = match period {
            "hour" => ("concat(left(t, 13), ':00:00')", 13),
            "day" => ("left(t, 10)", 10),
            _ => ("concat(left(t, 7), '-01')", 7),
        };
        let answer = format!(
            "select concat_ws(',', any_value({start}), coalesce(p, ''), count(*)) from \
             (select pageview_datetime::varchar as t, {postcode} as p from expected) \
             group by left(t, {length}), p order by left(t, {length}), count(*) desc, p"
        );
        let answer = crate::tables::texts(&connection, &answer);
        let asked = project.sql(&text(&format!("queries/{name}.sql")));
        let (header, asked) = asked.split_once('\n').expect("a header");
        assert_eq!(header, format!("{period},postcode,pageviews"), "{name}");
        assert_eq!(asked.lines().collect::<Vec<_>>(), answer, "{name}");
        assert!(answer.len() > 5, "{name}: {answer:?}");
    }
}

/// The directory has no query that is not asked here.
#[test]
fn every_committed_query_is_known() {
    let queries = fs::read_dir(committed("queries")).expect("queries");
    let mut found: Vec<_> = queries
        .map(|entry| {
            entry
                .expect("a query")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect();
    found.sort();
    let mut known = QUERIES.map(|name| format!("{name}.sql"));
    known.sort();
    assert_eq!(found, known);
}
