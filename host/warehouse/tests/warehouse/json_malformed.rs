//! Lines of JSON that are malformed, or whose values reading would change.

use arrow_schema::{DataType, TimeUnit};
use wigeon_warehouse::{FileSource, ReadError, RejectedRow};

use crate::support::{Context, gzip, ndjson};

fn views() -> FileSource {
    ndjson(&[
        ("id", DataType::Int64),
        ("name", DataType::Utf8),
        ("at", DataType::Timestamp(TimeUnit::Microsecond, None)),
        ("share", DataType::Float32),
        ("seen", DataType::Boolean),
    ])
}

const NO_TYPE: &str = "the value does not have the declared type";

/// Lines that cannot be read as they are: the text, the column at fault, and why.
static BAD: [(&str, Option<&str>, &str); 17] = [
    ("{\"id\":1", None, "it is not valid JSON"),
    ("{\"id\":1} {\"id\":2}", None, "it is not valid JSON"),
    ("[1,2]", None, "it is not a JSON object"),
    ("{\"name\":\"y\",\"id\":\"one\"}", Some("id"), NO_TYPE),
    ("{\"id\":\"\"}", Some("id"), NO_TYPE),
    ("{\"id\":true}", Some("id"), NO_TYPE),
    ("{\"id\":[1]}", Some("id"), NO_TYPE),
    ("{\"id\":9223372036854775808}", Some("id"), NO_TYPE),
    (
        "{\"id\":1.5}",
        Some("id"),
        "the value is not a whole number",
    ),
    (
        "{\"id\":9007199254740993.5}",
        Some("id"),
        "the value is not a whole number",
    ),
    (
        "{\"id\":1,\"id\":1}",
        Some("id"),
        "the member is there more than once",
    ),
    (
        "{\"at\":\"2019-10-11 14:55:23.1234567\"}",
        Some("at"),
        "the value is finer than a microsecond",
    ),
    (
        "{\"at\":\"2019-10-11 14:55:23+01:00\"}",
        Some("at"),
        "the value has a time zone, but the declared type has none",
    ),
    ("{\"at\":1570805723}", Some("at"), NO_TYPE),
    ("{\"at\":\"soon\"}", Some("at"), NO_TYPE),
    (
        "{\"share\":1e39}",
        Some("share"),
        "the value is too large for the declared type",
    ),
    ("{\"seen\":2}", Some("seen"), NO_TYPE),
];

const GOOD: &str =
    "{\"id\":1,\"name\":\"a name of some length\",\"at\":null,\"share\":1,\"seen\":true}\n";

#[test]
fn a_line_that_cannot_be_read_is_named_or_left_out() {
    let context = Context::new();
    let good = GOOD.repeat(10_000);
    for (line, column, reason) in BAD {
        context.write("a.ndjson", format!("{good}\n{line}\n{good}"));
        let error = context.read(&views(), "a.ndjson", 0).unwrap_err();
        let (found, found_column, found_reason, raw) = match error {
            ReadError::Malformed {
                line,
                column,
                reason,
                raw,
                count: 1,
                ..
            } => (line, column, reason, raw),
            ReadError::Lossy {
                line,
                column,
                reason,
                raw,
                ..
            } => (line, Some(column), reason.to_owned(), raw),
            error => panic!("{line}: {error}"),
        };
        assert_eq!(
            (
                found,
                found_column.as_deref(),
                found_reason.as_str(),
                raw.as_str()
            ),
            (10_002, column, reason, line)
        );
        let read = context.read(&views(), "a.ndjson", 1).unwrap();
        assert_eq!(read.rows.lines().count(), 20_000, "{line}");
        assert_eq!(
            read.rejected,
            [RejectedRow {
                path: "a.ndjson".to_owned(),
                line: 10_002,
                column: column.map(str::to_owned),
                reason: reason.to_owned(),
                raw: line.to_owned(),
            }]
        );
    }
}

#[test]
fn a_value_that_reading_would_change_is_told_as_in_csv() {
    let context = Context::new();
    context.write(
        "a.ndjson",
        format!("{GOOD}{{\"id\":1.5}}\n{{\"id\":2.5}}\n"),
    );
    assert_eq!(
        context
            .read(&views(), "a.ndjson", 0)
            .unwrap_err()
            .to_string(),
        "line 2 of `a.ndjson` would be changed in column `id`: the value is not a whole number\n{\"id\":1.5}"
    );
    // More than are allowed.
    assert_eq!(
        context
            .read(&views(), "a.ndjson", 1)
            .unwrap_err()
            .to_string(),
        "line 2 of `a.ndjson` is malformed in column `id`: the value is not a whole number; \
         at least 2 rows are malformed\n{\"id\":1.5}"
    );
}

#[test]
fn rejected_lines_are_told_in_their_order() {
    let context = Context::new();
    let many: String = BAD
        .iter()
        .flat_map(|(line, ..)| [line, "\n", GOOD, "\n"])
        .collect();
    context.write("a.ndjson", &many);
    context.write("b.ndjson.gz", gzip(&many));
    let count = 2 * BAD.len() as u64;
    let read = context.read(&views(), "*.ndjson*", count).unwrap();
    assert_eq!(read.rows.lines().count(), 2 * BAD.len());
    let expected = ["a.ndjson", "b.ndjson.gz"].into_iter().flat_map(|path| {
        BAD.iter()
            .zip(0..)
            .map(move |((raw, column, reason), place)| RejectedRow {
                path: path.to_owned(),
                line: 1 + 3 * place,
                column: column.map(str::to_owned),
                reason: (*reason).to_owned(),
                raw: (*raw).to_owned(),
            })
    });
    assert_eq!(read.rejected, expected.collect::<Vec<_>>());
    match context.read(&views(), "*.ndjson*", count - 1).unwrap_err() {
        ReadError::Malformed {
            path, line, count, ..
        } => assert_eq!((path.as_str(), line, count), ("a.ndjson", 1, 34)),
        error => panic!("{error}"),
    }
}

#[test]
fn values_that_are_not_read_are_not_looked_at() {
    let context = Context::new();
    context.write(
        "a.ndjson",
        format!("{GOOD}{{\"id\":1.5,\"id\":2,\"name\":\"y\"}}\n"),
    );
    let read = context.read_projected(&views(), "a.ndjson", &[1], 0);
    assert_eq!(read.unwrap().rows, "a name of some length\ny");
}

#[test]
fn values_are_kept_as_they_are_written() {
    let context = Context::new();
    let source = ndjson(&[
        ("id", DataType::Int64),
        ("name", DataType::Utf8),
        ("price", DataType::Decimal128(38, 2)),
        ("bytes", DataType::Binary),
        ("share", DataType::Float64),
    ]);
    context.write(
        "a.ndjson",
        "{\"id\":9007199254740993.0,\"name\":1.50,\"price\":12345678901234567.89,\"bytes\":\"\\\\x61\",\"share\":1e-1}\n\
         {\"id\":\" -7\",\"name\":{\"a\" : [1.0]},\"price\":\"1e2\",\"bytes\":\"\u{e9}\",\"share\":\"0.5\"}\n\
         {\"name\":\"\\u0041\\n\",\"more\":9e999}\n",
    );
    assert_eq!(
        context.read(&source, "a.ndjson", 0).unwrap().rows,
        "-7 | {\"a\" : [1.0]} | 100.00 | c3a9 | 0.5\n\
         9007199254740993 | 1.50 | 12345678901234567.89 | 5c783631 | 0.1\n\
         null | A\n | null | null | null"
    );
}

#[test]
fn bad_keys_are_placed_beside_malformed_lines() {
    let context = Context::new();
    let many = GOOD.replace(":1,", ":7,").repeat(10_000);
    context.write(
        "a.ndjson",
        format!(
            "{{\"id\":1}}\n\n{{\"id\":1\n{{\"id\":2.5}}\n{{\"name\":\"x\"}}\n{{\"id\":1e0}}\n{many}"
        ),
    );
    let files = context.files("a.ndjson");
    let null = context.warehouse.find_null_key(&views(), &files, &[0]);
    let null = null.unwrap().unwrap();
    assert_eq!((null.row, null.line), (4, Some(5)));
    let twice = context.warehouse.find_duplicate_key(&views(), &files, &[0]);
    let twice = twice.unwrap().unwrap();
    let places: Vec<_> = twice.places.iter().map(|p| (p.row, p.line)).collect();
    assert_eq!(
        (twice.key.as_str(), places),
        ("1", vec![(1, Some(1)), (5, Some(6))])
    );
}

/// Lines that are no JSON do not keep a member from being missed.
#[test]
fn a_member_that_no_line_has_is_missed_beside_malformed_lines() {
    let context = Context::new();
    context.write("a.ndjson", "{\"id\":1,\"nom\":\"x\"}\n{\"name\n");
    let source = ndjson(&[("id", DataType::Int64), ("name", DataType::Utf8)]);
    match context.read(&source, "a.ndjson", 5).unwrap_err() {
        ReadError::Columns {
            missing,
            difference,
            ..
        } => {
            assert_eq!(missing, ["name"]);
            assert_eq!(difference.to_string(), "\n  id int64\n- name utf8\n+ nom");
        }
        error => panic!("{error}"),
    }
}
