//! Tables of another DuckDB file.

use arrow_schema::{DataType, Field};
use wigeon_warehouse::{AttachedColumns, AttachedTable, ReadError, Warehouse, Watermark};

use crate::support::{Context, fields, settings, table};

/// Makes a DuckDB file with a table.
fn other(context: &Context) -> std::path::PathBuf {
    let path = context.path("other's.duckdb");
    let warehouse = Warehouse::open(&settings(&path)).unwrap();
    let make = "CREATE TABLE users AS SELECT range::INTEGER AS id, 'name ' || range AS name, \
                TIMESTAMP '2026-01-01' + INTERVAL (range) HOUR AS updated_at FROM range(5)";
    for statement in [make, "CREATE VIEW few AS SELECT * FROM users WHERE id < 2"] {
        warehouse.query(statement).unwrap().for_each(drop);
    }
    path
}

fn users() -> AttachedTable {
    AttachedTable::Table("users".to_owned())
}

/// Of a table that may have more columns.
fn some<'a>(declared: &'a [Field], projection: &'a [usize]) -> AttachedColumns<'a> {
    AttachedColumns {
        declared,
        projection,
        ignore_extra: true,
    }
}

#[test]
fn tables_and_queries_are_read() {
    let context = Context::new();
    let path = other(&context);
    let columns = fields(&[("name", DataType::Utf8), ("id", DataType::Int64)]);
    let query = |text: &str| AttachedTable::Query(text.to_owned());
    for (rows, expected) in [
        (users(), 5),
        (AttachedTable::Table("few".to_owned()), 2),
        (query("SELECT id, name FROM users WHERE id > 1;"), 3),
        (
            query("WITH u AS (FROM few) SELECT * FROM u -- all of them"),
            2,
        ),
    ] {
        let stream = context
            .warehouse
            .read_attached(&path, &rows, some(&columns, &[0, 1]), None)
            .unwrap();
        let text = table(stream);
        assert_eq!(text.lines().count(), expected);
        assert_eq!(
            text.lines().last(),
            Some(
                format!(
                    "name {} | {}",
                    if expected == 2 { 1 } else { 4 },
                    if expected == 2 { 1 } else { 4 }
                )
                .as_str()
            )
        );
    }
    // Two at a time.
    let streams = [0, 1].map(|_| {
        context
            .warehouse
            .read_attached(&path, &users(), some(&columns, &[1]), None)
            .unwrap()
    });
    for stream in streams {
        assert_eq!(
            stream.map(|batch| batch.unwrap().num_rows()).sum::<usize>(),
            5
        );
    }
    // And then it can be written again.
    drop(Warehouse::open(&settings(&path)).unwrap());
}

#[test]
fn a_watermark_tells_what_is_new() {
    let context = Context::new();
    let path = other(&context);
    let columns = fields(&[("id", DataType::Int64)]);
    let beyond = |rows: &AttachedTable, column: &str, after: Option<&str>| {
        let newest = context
            .warehouse
            .newest_watermark(&path, rows, column, after)
            .unwrap();
        (newest.value, newest.nulls)
    };
    let (newest, nulls) = beyond(&users(), "updated_at", None);
    assert_eq!(newest.as_deref(), Some("2026-01-01 04:00:00"));
    assert_eq!(nulls, 0);
    // What went away at the other side does not make old rows new.
    assert_eq!(
        beyond(&users(), "updated_at", Some("2026-01-01 04:00:00")).0,
        None
    );
    assert_eq!(
        beyond(&users(), "updated_at", Some("2026-01-01 09:00:00")).0,
        None
    );
    let numbers =
        AttachedTable::Query("SELECT * FROM (VALUES (9), (10), (NULL)) AS t(n)".to_owned());
    assert_eq!(beyond(&numbers, "n", Some("9")), (Some("10".to_owned()), 1));
    let read = |after: Option<&str>, up_to: Option<&str>| {
        let watermark = Watermark {
            column: "updated_at".to_owned(),
            after: after.map(str::to_owned),
            up_to: up_to.map(str::to_owned),
        };
        let stream = context.warehouse.read_attached(
            &path,
            &users(),
            some(&columns, &[0]),
            Some(&watermark),
        );
        table(stream.unwrap())
    };
    assert_eq!(read(None, newest.as_deref()), "0\n1\n2\n3\n4");
    assert_eq!(
        read(Some("2026-01-01 01:00:00"), Some("2026-01-01 03:00:00")),
        "2\n3"
    );
    assert_eq!(read(newest.as_deref(), None), "");
    let none = AttachedTable::Query("SELECT id FROM users WHERE false".to_owned());
    assert_eq!(beyond(&none, "id", None), (None, 0));
}

#[test]
fn other_files_and_columns_are_refused() {
    let context = Context::new();
    let path = other(&context);
    let read = |path: &std::path::Path, columns: &[(&str, DataType)]| {
        context
            .warehouse
            .read_attached(path, &users(), some(&fields(columns), &[0]), None)
            .unwrap_err()
    };
    let shown = format!("{}: users", path.display());
    match read(&path, &[("id", DataType::Int64), ("email", DataType::Utf8)]) {
        ReadError::Columns { path, missing, .. } => {
            assert_eq!((path, missing), (shown.clone(), vec!["email".to_owned()]));
        }
        error => panic!("{error}"),
    }
    match read(&path, &[("id", DataType::Utf8)]) {
        ReadError::Type { path, column, .. } => assert_eq!((path, column.as_str()), (shown, "id")),
        error => panic!("{error}"),
    }
    let id = [("id", DataType::Int64)];
    assert!(matches!(
        read(&context.path("none.duckdb"), &id),
        ReadError::Vanished { .. }
    ));
    context.write("text.duckdb", "not a database at all");
    assert!(matches!(
        read(&context.path("text.duckdb"), &id),
        ReadError::NotADatabase { .. }
    ));
    match read(&context.path("test.duckdb"), &id) {
        ReadError::Held { pid, .. } => assert_eq!(pid, Some(std::process::id())),
        error => panic!("{error}"),
    }
}

#[test]
fn a_table_has_the_declared_columns_only_and_a_query_may_have_more() {
    let context = Context::new();
    let path = other(&context);
    let declared = fields(&[("name", DataType::Utf8), ("id", DataType::Int64)]);
    let read = |rows: &AttachedTable| {
        let columns = AttachedColumns {
            ignore_extra: false,
            ..some(&declared, &[1])
        };
        context.warehouse.read_attached(&path, rows, columns, None)
    };
    let error = read(&users()).unwrap_err();
    assert!(
        error.to_string().ends_with(
            "differ from the declared ones: `updated_at` not declared\
             \n  name utf8\n+ updated_at timestamp\n  id int64"
        ),
        "{error}"
    );
    let few = AttachedTable::Query("FROM few".to_owned());
    assert_eq!(table(read(&few).unwrap()), "0\n1");
    let chosen = AttachedTable::Query("SELECT id, name FROM users".to_owned());
    assert_eq!(table(read(&chosen).unwrap()).lines().count(), 5);
}
