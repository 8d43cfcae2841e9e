//! The same extracts in any format give the same tables.

use std::path::Path;

use duckdb::Connection;
use wigeon_generator::{Extract, Format, History, Settings};
use wigeon_tests::Project;

use crate::{
    arrivals::{Arrivals, settings},
    tables::{Tables, assert_same, of_pipeline},
};

const DAYS: u32 = 4;
const VIEWS: &str = "{'user_id': 'BIGINT', 'url': 'VARCHAR', 'pageview_datetime': 'TIMESTAMP'}";
const USERS: &str = "{'id': 'BIGINT', 'postcode': 'VARCHAR'}";

fn history() -> Settings {
    settings(23, 60, 240, DAYS)
}

/// Two moments of each day: by the first, half of its extracts have come.
fn moments() -> impl Iterator<Item = (u32, std::ops::Range<u32>, String)> {
    (0..DAYS).flat_map(|day| {
        [(0..12, "11:59"), (12..24, "23:59")]
            .map(|(hours, time)| (day, hours, format!("2019-10-{:02}T{time}", 11 + day)))
    })
}

/// The tables of the flagship over CSV files, which are the oracle's.
fn expected() -> (Arrivals, Tables) {
    let mut arrivals = Arrivals::new(history());
    for (day, hours, at) in moments() {
        if hours.start == 0 {
            arrivals.arrive(Extract::users(day));
        }
        hours.for_each(|hour| arrivals.arrive(Extract::views(day, hour)));
        arrivals.project.ok(&["run", "--at", &at]);
    }
    arrivals.check("over CSV");
    let tables = of_pipeline(&arrivals.project.path("pageviews_postcode.duckdb"));
    assert_eq!(tables.len(), 4, "{:?}", tables.keys());
    (arrivals, tables)
}

/// Runs a project at each of the moments, when all files are there from the start.
fn run(project: &Project) -> Tables {
    for (_, _, at) in moments() {
        project.ok(&["run", "--at", &at]);
    }
    of_pipeline(&project.path("pageviews_postcode.duckdb"))
}

/// The flagship over files of another format.
fn flagship_over(format: &str, suffix: &str) -> Project {
    let project = Arrivals::new(history()).project;
    project.edit_manifest("format = \"csv\"", &format!("format = \"{format}\""));
    project.edit_manifest(".csv\"", &format!(".{suffix}\""));
    project
}

/// CSV compressed with gzip, and newline-delimited JSON.
#[test]
fn compressed_csv_and_ndjson_give_the_same_tables_as_csv() {
    let (_, expected) = expected();
    for (made, format, suffix) in [
        (Format::CsvGz, "csv", "csv.gz"),
        (Format::Ndjson, "ndjson", "ndjson"),
    ] {
        let project = flagship_over(format, suffix);
        let history = History::new(Settings {
            format: made,
            ..history()
        });
        for extract in history.extracts() {
            history
                .write_file(extract, &project.path("extracts"))
                .expect("an extract");
        }
        assert_same(&run(&project), &expected, suffix);
    }
}

/// Parquet, converted from the CSV files by DuckDB.
#[test]
fn parquet_gives_the_same_tables_as_csv() {
    let (arrivals, expected) = expected();
    let project = flagship_over("parquet", "parquet");
    let connection = Connection::open_in_memory().expect("a database");
    for (paths, columns) in [(&arrivals.users, USERS), (&arrivals.views, VIEWS)] {
        for csv in paths {
            let name = csv.file_name().expect("a name");
            let parquet = project
                .path("extracts")
                .join(name)
                .with_extension("parquet");
            let rows = rows_of(csv, columns);
            let copy = format!("copy ({rows}) to '{}' (format parquet)", parquet.display());
            connection.execute_batch(&copy).expect("a Parquet file");
        }
    }
    assert_same(&run(&project), &expected, "over Parquet");
}

/// A table that is replaced every day, and one that grows, in the DuckDB file of somebody else.
#[test]
fn an_attached_database_gives_the_same_tables_as_csv() {
    let (arrivals, expected) = expected();
    let project = Arrivals::new(history()).project;
    project.edit_manifest(
        "format = \"csv\"\npath = \"extracts/users_extract_{date}.csv\"",
        "format = \"duckdb\"\npath = \"app.duckdb\"\ntable = \"users\"",
    );
    project.edit_manifest(
        "format = \"csv\"\npath = \"extracts/pageview_extract_{date}T{hour}.csv\"",
        "format = \"duckdb\"\npath = \"app.duckdb\"\nquery = \"select * from views -- all of them\"\nwatermark = \"arrived\"",
    );
    project.edit_manifest(
        "pageview_datetime = \"timestamp\"",
        "pageview_datetime = \"timestamp\"\narrived = \"timestamp\"",
    );
    for (day, hours, at) in moments() {
        // Closed again before the run: DuckDB lets one process write, or many read.
        let connection = Connection::open(project.path("app.duckdb")).expect("a database");
        let users = rows_of(&arrivals.users[index(day)], USERS);
        connection
            .execute_batch(&format!("create or replace table users as {users}"))
            .expect("users");
        for hour in hours {
            let views = rows_of(&arrivals.views[index(day * 24 + hour)], VIEWS);
            let arrived = format!("timestamp '2019-10-{:02} {hour:02}:00:00'", 11 + day);
            let create = format!("create table if not exists views as {views} limit 0");
            let column = "alter table views add column if not exists arrived timestamp";
            let insert = format!("insert into views select *, {arrived} from ({views})");
            connection
                .execute_batch(&format!("{create}; {column}; {insert}"))
                .expect("views");
        }
        drop(connection);
        project.ok(&["run", "--at", &at]);
        // There is nothing new.
        project.ok(&["run", "--at", &at]);
    }
    let tables = of_pipeline(&project.path("pageviews_postcode.duckdb"));
    assert_same(&tables, &expected, "over an attached database");
    let loads = project
        .sql("select step, count(*) as loads from wigeon.ledger group by step order by step");
    assert_eq!(
        loads,
        "step,loads\ncurrent_postcode,4\npageviews_postcode,8\nupdated_postcode_stg,3\n"
    );
}

/// A query of the rows of a CSV file.
fn rows_of(csv: &Path, columns: &str) -> String {
    format!(
        "select * from read_csv('{}', header = true, columns = {columns})",
        csv.display()
    )
}

fn index(number: u32) -> usize {
    usize::try_from(number).expect("32 bits fit")
}
