//! Sources that are no CSV.

use wigeon_tests::Project;

use crate::support::{assert_run_refused, new};

/// The flagship with views of another format.
fn views_as(source: &str) -> Project {
    let project = new();
    project.edit_manifest(
        "format = \"csv\"\npath = \"extracts/pageview_extract_{date}T{hour}.csv\"",
        source,
    );
    project
}

fn ndjson(lines: &str) -> Project {
    let project = views_as("format = \"ndjson\"\npath = \"extracts/views_{date}.ndjson\"");
    project.write("extracts/views_2019-10-11.ndjson", lines);
    project.ok(&[
        "run",
        "--step",
        "current_postcode",
        "--at",
        crate::support::AT,
    ]);
    project
}

#[test]
fn a_line_that_is_no_json() {
    let good = "{\"user_id\": 1, \"url\": \"https://example.com/c\", \"pageview_datetime\": \"2019-10-11 02:00:00\"}\n";
    assert_run_refused!(ndjson(&format!("{good}{{\"user_id\": 2,\n")));
}

#[test]
fn a_json_value_of_the_wrong_type() {
    let good = "{\"user_id\": 1, \"url\": \"https://example.com/c\", \"pageview_datetime\": \"2019-10-11 02:00:00\"}\n";
    assert_run_refused!(ndjson(&format!(
        "{good}{}",
        good.replace(": 1,", ": \"one\",")
    )));
}

#[test]
fn a_json_value_that_reading_would_change() {
    let good = "{\"user_id\": 1, \"url\": \"https://example.com/c\", \"pageview_datetime\": \"2019-10-11 02:00:00\"}\n";
    assert_run_refused!(ndjson(&format!("{good}{}", good.replace(": 1,", ": 1.5,"))));
}

/// One that is no JSON, one that is no object, one of the wrong type, and two that reading would
/// change.
const FIVE_BAD_LINES: &str = "{\"user_id\": 1, \"url\": \"https://example.com/c\", \"pageview_datetime\": \"2019-10-11 02:00:00\"}
{\"user_id\": 2,

[1, 2]
{\"user_id\": \"one\", \"url\": \"https://example.com/d\", \"pageview_datetime\": \"2019-10-11 02:00:00\"}
{\"user_id\": 1.5, \"url\": \"https://example.com/e\", \"pageview_datetime\": \"2019-10-11 02:00:00\"}
{\"user_id\": 1, \"url\": \"https://example.com/f\", \"pageview_datetime\": \"2019-10-11 02:00:00.1234567\"}
{\"user_id\": 2.0, \"url\": \"https://example.com/g\", \"pageview_datetime\": \"2019-10-11 02:00:01\"}
";

fn allowing(lines: u32) -> Project {
    let project = ndjson(FIVE_BAD_LINES);
    let lookup = "lookup = \"current_postcode\"";
    project.edit_manifest(lookup, &format!("{lookup}\nmax_rejected_rows = {lines}"));
    project
}

#[test]
fn json_lines_that_are_allowed_go_to_quarantine() {
    let project = allowing(5);
    crate::support::run(&project);
    let status = project.ok(&["status", "--format", "json"]);
    let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
    let steps = status["steps"].as_array().expect("steps");
    let step = steps
        .iter()
        .find(|step| step["step"] == "pageviews_postcode");
    assert_eq!(step.expect("the step")["rows_rejected"], 5, "{status}");
    assert_eq!(
        project.sql("select line, \"column\", reason from wigeon.quarantine order by line"),
        "line,column,reason\n\
         2,,it is not valid JSON\n\
         4,,it is not a JSON object\n\
         5,user_id,the value does not have the declared type\n\
         6,user_id,the value is not a whole number\n\
         7,pageview_datetime,the value is finer than a microsecond\n"
    );
    let rows = project.sql("select * exclude load_id from wigeon.quarantine order by all");
    let loaded = project.sql("select * from pageviews_postcode order by all");
    crate::support::assert_told!(format!(
        "----- quarantine -----\n{rows}----- pageviews_postcode -----\n{loaded}"
    ));
    // What was left out is left out again.
    project.ok(&["verify"]);
}

#[test]
fn one_json_line_more_than_is_allowed() {
    assert_run_refused!(allowing(4));
}

/// Each line may leave a member out, but not all of them.
#[test]
fn a_json_member_that_no_line_has() {
    let line = "{\"user_id\": 1, \"uri\": \"https://example.com/c\", \"pageview_datetime\": \"2019-10-11 02:00:00\"}\n";
    assert_run_refused!(ndjson(&line.repeat(3)));
    let mended = format!("{line}{}", line.replace("uri", "u\\u0072l"));
    let project = ndjson(&mended);
    crate::support::run(&project);
    assert_eq!(
        project.sql("select count(*) as views from pageviews_postcode"),
        "views\n2\n",
        "one line has it, its name written with an escape"
    );
}

fn parquet() -> Project {
    let project = views_as("format = \"parquet\"\npath = \"extracts/views_{date}.parquet\"");
    project.ok(&[
        "run",
        "--step",
        "current_postcode",
        "--at",
        crate::support::AT,
    ]);
    project
}

#[test]
fn a_file_that_is_no_parquet() {
    let project = parquet();
    project.write("extracts/views_2019-10-11.parquet", "user_id,url\n");
    assert_run_refused!(project);
}

#[test]
fn a_parquet_column_of_the_wrong_type() {
    let project = parquet();
    write_with_duckdb(
        "copy (select 'one' as user_id, 'https://example.com/c' as url, timestamp '2019-10-11 02:00:00' \
         as pageview_datetime) to '{}' (format parquet)",
        &project,
        "extracts/views_2019-10-11.parquet",
    );
    assert_run_refused!(project);
}

#[test]
fn a_parquet_time_with_nanoseconds() {
    let project = parquet();
    write_with_duckdb(
        "copy (select 1::bigint as user_id, 'https://example.com/c' as url, \
         timestamp_ns '2019-10-11 02:00:00.123456789' as pageview_datetime) to '{}' (format parquet)",
        &project,
        "extracts/views_2019-10-11.parquet",
    );
    assert_run_refused!(project);
}

#[test]
fn a_parquet_column_that_is_not_declared() {
    let project = parquet();
    write_with_duckdb(
        "copy (select 1::bigint as user_id, 'https://example.com/c' as url, timestamp '2019-10-11 02:00:00' \
         as pageview_datetime, 'x' as referrer) to '{}' (format parquet)",
        &project,
        "extracts/views_2019-10-11.parquet",
    );
    assert_run_refused!(project);
    ignore_extra_columns(&project, "parquet");
    crate::support::run(&project);
}

/// Lets the views have more columns than declared.
fn ignore_extra_columns(project: &Project, format: &str) {
    let format = format!("format = \"{format}\"");
    project.edit_manifest(&format, &format!("{format}\nextra_columns = \"ignore\""));
}

#[test]
fn a_parquet_file_that_is_cut_off() {
    let project = parquet();
    let file = "extracts/views_2019-10-11.parquet";
    write_with_duckdb(
        "copy (select 1::bigint as user_id, 'https://example.com/c' as url, timestamp '2019-10-11 02:00:00' \
         as pageview_datetime) to '{}' (format parquet)",
        &project,
        file,
    );
    let bytes = fs_err::read(project.path(file)).expect("the file");
    project.write(file, &bytes[..bytes.len() / 2]);
    assert_run_refused!(project);
}

fn database() -> Project {
    let project = views_as(
        "format = \"duckdb\"\npath = \"views.duckdb\"\ntable = \"views\"\nwatermark = \"pageview_datetime\"",
    );
    project.ok(&[
        "run",
        "--step",
        "current_postcode",
        "--at",
        crate::support::AT,
    ]);
    project
}

#[test]
fn a_database_that_is_not_there() {
    assert_run_refused!(database());
}

#[test]
fn a_file_that_is_no_database() {
    let project = database();
    project.write("views.duckdb", "user_id,url,pageview_datetime\n");
    assert_run_refused!(project);
}

#[test]
fn a_database_without_the_table() {
    let project = database();
    write_with_duckdb(
        "attach '{}' as made; create table made.view (user_id bigint)",
        &project,
        "views.duckdb",
    );
    assert_run_refused!(project);
}

#[test]
fn a_database_without_a_column() {
    let project = database();
    write_with_duckdb(
        "attach '{}' as made; create table made.views as select timestamp '2019-10-11 02:00:00' as pageview_datetime",
        &project,
        "views.duckdb",
    );
    assert_run_refused!(project);
}

#[test]
fn a_database_with_a_column_that_is_not_declared() {
    let project = database();
    write_with_duckdb(
        "attach '{}' as made; create table made.views as select 1::bigint as user_id, \
         'https://example.com/c' as url, timestamp '2019-10-11 02:00:00' as pageview_datetime, \
         'x' as referrer",
        &project,
        "views.duckdb",
    );
    assert_run_refused!(project);
    ignore_extra_columns(&project, "duckdb");
    crate::support::run(&project);
}

#[test]
fn a_database_without_the_watermark() {
    let project = database();
    write_with_duckdb(
        "attach '{}' as made; create table made.views (user_id bigint)",
        &project,
        "views.duckdb",
    );
    assert_run_refused!(project);
}

#[test]
fn a_query_of_a_database_with_a_mistake() {
    let project = database();
    project.edit_manifest(
        "table = \"views\"",
        "query = \"select * from view where user = 3\"",
    );
    write_with_duckdb(
        "attach '{}' as made; create table made.views (user_id bigint)",
        &project,
        "views.duckdb",
    );
    assert_run_refused!(project);
}

/// Runs statements in which `{}` is the path of a file of the project.
pub(crate) fn write_with_duckdb(statements: &str, project: &Project, file: &str) {
    let path = project.path(file);
    let connection = duckdb::Connection::open_in_memory().expect("a database in memory");
    let statements = statements.replace("{}", &path.display().to_string());
    connection.execute_batch(&statements).expect("statements");
}
