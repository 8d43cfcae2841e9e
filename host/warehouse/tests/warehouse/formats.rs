//! Parquet and newline-delimited JSON.

use arrow_schema::{DataType, TimeUnit};
use wigeon_warehouse::{FileSource, ReadError, SourceFormat};

use crate::support::{Context, csv, fields, ndjson};

fn parquet(columns: &[(&str, DataType)]) -> FileSource {
    FileSource {
        format: SourceFormat::Parquet,
        columns: fields(columns),
        ignore_extra_columns: false,
        accept_missing_line_end: false,
    }
}

fn copy(context: &Context, query: &str, name: &str) {
    let path = context.path(name);
    context.query(&format!(
        "COPY ({query}) TO '{}' (FORMAT parquet)",
        path.display()
    ));
}

#[test]
fn parquet_columns_are_found_by_name() {
    let context = Context::new();
    copy(&context, "SELECT 1::BIGINT AS id, 'x' AS name", "a.parquet");
    copy(
        &context,
        "SELECT true AS more, 'y' AS name, 2::INTEGER AS id",
        "b.parquet",
    );
    let mut source = parquet(&[("id", DataType::Int64), ("name", DataType::Utf8)]);
    match context.read(&source, "*.parquet", 0).unwrap_err() {
        ReadError::Columns {
            path,
            missing,
            extra,
            difference,
        } => {
            assert_eq!(
                (path.as_str(), missing, extra),
                ("b.parquet", Vec::new(), vec!["more".to_owned()])
            );
            assert_eq!(
                difference.to_string(),
                "\n+ more boolean\n  id int64\n  name utf8"
            );
        }
        error => panic!("{error}"),
    }
    source.ignore_extra_columns = true;
    assert_eq!(
        context.read(&source, "*.parquet", 0).unwrap().rows,
        "1 | x\n2 | y"
    );
    assert_eq!(
        context
            .read_projected(&source, "*.parquet", &[1], 0)
            .unwrap()
            .rows,
        "x\ny"
    );
    copy(&context, "SELECT 3::BIGINT AS id", "c.parquet");
    match context.read(&source, "*.parquet", 0).unwrap_err() {
        ReadError::Columns {
            path,
            missing,
            extra,
            ..
        } => {
            assert_eq!(
                (path.as_str(), missing, extra),
                ("c.parquet", vec!["name".to_owned()], Vec::new())
            );
        }
        error => panic!("{error}"),
    }
}

#[test]
fn parquet_types_must_fit() {
    let context = Context::new();
    let time = |unit| DataType::Timestamp(unit, None);
    for (sql, data_type, expected) in [
        ("1::TINYINT", DataType::Int64, Some("1")),
        ("1::UINTEGER", DataType::Int64, Some("1")),
        ("1::UBIGINT", DataType::Int64, None),
        ("1::BIGINT", DataType::Int32, None),
        ("1::INTEGER", DataType::UInt64, None),
        ("1.5::FLOAT", DataType::Float64, Some("1.5")),
        ("1.5::DOUBLE", DataType::Float32, None),
        ("1::BIGINT", DataType::Float64, None),
        (
            "1.25::DECIMAL(5,2)",
            DataType::Decimal128(10, 3),
            Some("1.250"),
        ),
        ("1.25::DECIMAL(5,2)", DataType::Decimal128(5, 3), None),
        ("'1'", DataType::Int64, None),
        ("1", DataType::Utf8, None),
        (
            "TIMESTAMP_S '2019-10-11 14:55:23'",
            time(TimeUnit::Microsecond),
            Some("2019-10-11T14:55:23"),
        ),
        (
            "TIMESTAMP_NS '2019-10-11 14:55:23'",
            time(TimeUnit::Microsecond),
            Some("2019-10-11T14:55:23"),
        ),
        (
            "TIMESTAMPTZ '2019-10-11 14:55:23+00'",
            time(TimeUnit::Microsecond),
            None,
        ),
        ("DATE '2019-10-11'", DataType::Date32, Some("2019-10-11")),
        ("'a'::BLOB", DataType::Binary, Some("61")),
    ] {
        copy(&context, &format!("SELECT {sql} AS value"), "a.parquet");
        let read = context.read(&parquet(&[("value", data_type.clone())]), "a.parquet", 0);
        match (read, expected) {
            (Ok(read), Some(expected)) => assert_eq!(read.rows, expected, "{sql}"),
            (
                Err(ReadError::Type {
                    column, declared, ..
                }),
                None,
            ) => {
                assert_eq!((column.as_str(), declared), ("value", data_type), "{sql}");
            }
            (read, expected) => panic!("{sql} as {data_type}: {read:?} instead of {expected:?}"),
        }
    }
}

#[test]
fn nanoseconds_of_parquet_are_refused() {
    let context = Context::new();
    let at = DataType::Timestamp(TimeUnit::Microsecond, None);
    let source = parquet(&[("id", DataType::Int64), ("at", at)]);
    copy(
        &context,
        "SELECT range AS id, TIMESTAMP_NS '2019-10-11 14:55:23.123456789' AS at FROM range(0)",
        "empty.parquet",
    );
    assert_eq!(context.read(&source, "empty.parquet", 0).unwrap().rows, "");
    copy(
        &context,
        "SELECT range AS id, CASE WHEN range = 70000 THEN TIMESTAMP_NS '2019-10-11 14:55:23.123456789' \
         WHEN range > 70000 THEN TIMESTAMP_NS '2019-10-11 14:55:23.000000001' \
         WHEN range > 2 THEN TIMESTAMP_NS '2019-10-11 14:55:23.123456' END AS at FROM range(100000)",
        "a.parquet",
    );
    for max_rejected in [0, 100_000] {
        let error = context
            .read(&source, "a.parquet", max_rejected)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "row 70001 of `a.parquet` would be changed in column `at`: the value is finer than a microsecond\n\
             2019-10-11 14:55:23.123456789"
        );
    }
    let others = context.read_projected(&source, "a.parquet", &[0], 0);
    assert_eq!(others.unwrap().rows.lines().count(), 100_000);
}

#[test]
fn what_is_not_parquet_is_refused() {
    let context = Context::new();
    context.write("a.parquet", "id,name\n1,x\n");
    let source = parquet(&[("id", DataType::Int64)]);
    assert!(matches!(
        context.read(&source, "a.parquet", 0).unwrap_err(),
        ReadError::NotParquet { path } if path == "a.parquet"
    ));
}

#[test]
fn bad_keys_of_parquet_have_rows() {
    let context = Context::new();
    copy(
        &context,
        "SELECT CASE WHEN range < 90000 THEN range END AS id FROM range(100000)",
        "a.parquet",
    );
    copy(
        &context,
        "SELECT range + 50000 AS id FROM range(10)",
        "b.parquet",
    );
    let source = parquet(&[("id", DataType::Int64)]);
    let files = context.files("*.parquet");
    let place = context
        .warehouse
        .find_null_key(&source, &files, &[0])
        .unwrap()
        .unwrap();
    assert_eq!(
        (place.path.as_str(), place.row, place.line),
        ("a.parquet", 90_001, None)
    );
    let twice = context
        .warehouse
        .find_duplicate_key(&source, &files, &[0])
        .unwrap()
        .unwrap();
    let places: Vec<_> = twice
        .places
        .iter()
        .map(|place| (place.path.as_str(), place.row))
        .collect();
    assert_eq!(
        (twice.key.as_str(), places),
        ("50000", vec![("a.parquet", 50_001), ("b.parquet", 1)])
    );
}

#[test]
fn json_members_are_columns() {
    let context = Context::new();
    let source = ndjson(&[
        ("id", DataType::Int64),
        ("name", DataType::Utf8),
        ("at", DataType::Timestamp(TimeUnit::Microsecond, None)),
    ]);
    context.write(
        "a.ndjson",
        "{\"id\":1,\"name\":\"x\",\"at\":\"2019-10-11 14:55:23\"}\n\n{\"name\":\"y\",\"more\":[],\"id\":2}\n",
    );
    assert_eq!(
        context.read(&source, "a.ndjson", 0).unwrap().rows,
        "1 | x | 2019-10-11T14:55:23\n2 | y | null"
    );
    assert_eq!(
        context
            .read_projected(&source, "a.ndjson", &[1], 0)
            .unwrap()
            .rows,
        "x\ny"
    );
    context.write("b.ndjson", "{\"id\":1}\n\n{\"id\":2}\n{}\n{\"id\":2}");
    let files = context.files("b.ndjson");
    let place = context
        .warehouse
        .find_null_key(&source, &files, &[0])
        .unwrap()
        .unwrap();
    assert_eq!((place.row, place.line), (3, Some(4)));
    let twice = context
        .warehouse
        .find_duplicate_key(&source, &files, &[0])
        .unwrap()
        .unwrap();
    assert_eq!(twice.places[1].line, Some(5));
}

#[test]
fn a_last_line_of_json_has_its_end() {
    let context = Context::new();
    let mut source = ndjson(&[("id", DataType::Int64)]);
    context.write("a.ndjson", "{\"id\":1}\n{\"id\":2}");
    let error = context.read(&source, "a.ndjson", 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 2 of `a.ndjson`, its last, has no line end and may be cut off\n{\"id\":2}"
    );
    source.accept_missing_line_end = true;
    assert_eq!(context.read(&source, "a.ndjson", 0).unwrap().rows, "1\n2");
    context.write("empty.ndjson", "");
    source.accept_missing_line_end = false;
    assert_eq!(context.read(&source, "empty.ndjson", 0).unwrap().rows, "");
}

#[test]
fn how_many_rows_files_have_is_told_beforehand() {
    let context = Context::new();
    let columns = [("id", DataType::Int64)];
    let estimate = |source: &FileSource, pattern| {
        let files = context.files(pattern);
        context.warehouse.estimate_rows(source, &files).unwrap()
    };
    for (name, rows) in [("a.parquet", 70_000), ("b.parquet", 30_001)] {
        copy(
            &context,
            &format!("SELECT range AS id FROM range({rows})"),
            name,
        );
    }
    assert_eq!(estimate(&parquet(&columns), "*.parquet"), 100_001);
    let lines: Vec<_> = (100_000..200_000).map(|id| id.to_string()).collect();
    context.write("a.csv", format!("id\n{}\n", lines.join("\n")));
    let estimated = estimate(&csv(&columns), "*.csv");
    assert!((99_000..101_000).contains(&estimated), "{estimated}");
    let line = "{\"id\": 1}\n";
    context.write("a.ndjson", line.repeat(7));
    assert_eq!(estimate(&ndjson(&columns), "*.ndjson"), 7);
    context.write("empty.csv", "");
    assert_eq!(estimate(&csv(&columns), "empty.csv"), 0);
    assert_eq!(estimate(&csv(&columns), "none.csv"), 0);
}
