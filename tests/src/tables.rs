//! What is in a warehouse, read without Wigeon.

use std::{collections::BTreeMap, path::Path};

use duckdb::{AccessMode, Config, Connection};

/// The rows of each table and view, as text and sorted, by `schema.name`.
pub type Tables = BTreeMap<String, Vec<String>>;

/// Opens a warehouse for reading.
pub fn open(warehouse: &Path) -> Connection {
    let config = Config::default()
        .access_mode(AccessMode::ReadOnly)
        .expect("a configuration");
    Connection::open_with_flags(warehouse, config).expect("the warehouse opens")
}

/// Returns the rows of a query of one text column.
pub fn texts(connection: &Connection, query: &str) -> Vec<String> {
    let mut statement = connection.prepare(query).expect("a query");
    let rows = statement.query_map([], |row| row.get(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("text")
}

/// Returns everything in a warehouse, Wigeon's own tables included.
pub fn everything(warehouse: &Path) -> Tables {
    let connection = open(warehouse);
    let names = texts(
        &connection,
        "select concat(table_schema, '.', table_name) from information_schema.tables",
    );
    let rows_of = |name: &String| {
        texts(
            &connection,
            &format!("select row_::varchar from {name} as row_ order by all"),
        )
    };
    names
        .iter()
        .map(|name| (name.clone(), rows_of(name)))
        .collect()
}

/// Returns everything in a warehouse, without what is another with each run of the same: its name,
/// when it was, and when the files were written.
pub fn everything_but_times(warehouse: &Path) -> Tables {
    let mut tables = everything(warehouse);
    let connection = open(warehouse);
    for (name, left_out) in [
        ("wigeon.ledger", "run_id, started_at, finished_at"),
        ("wigeon.input", "modified"),
    ] {
        let rows = texts(
            &connection,
            &format!(
                "select row_::varchar from (select * exclude ({left_out}) from {name}) as row_ order by all"
            ),
        );
        tables.insert(name.to_owned(), rows);
    }
    tables
}

/// Returns the tables of the pipeline, without Wigeon's own.
pub fn of_pipeline(warehouse: &Path) -> Tables {
    let mut tables = everything(warehouse);
    tables.retain(|name, _| name.starts_with("main."));
    tables
}

/// Compares two warehouses, and shows the first rows that differ.
pub fn assert_same(actual: &Tables, expected: &Tables, when: &str) {
    let names = |tables: &Tables| tables.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(actual), names(expected), "{when}: the tables");
    for (name, expected) in expected {
        let actual = &actual[name];
        if actual == expected {
            continue;
        }
        let differing = actual
            .iter()
            .zip(expected)
            .find(|(actual, expected)| actual != expected);
        panic!(
            "{when}: {name} has {} rows where {} are due; first difference: {differing:#?}",
            actual.len(),
            expected.len()
        );
    }
}
