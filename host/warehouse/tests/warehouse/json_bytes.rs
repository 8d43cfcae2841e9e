//! Newline-delimited JSON of bytes that are rare, or wrong.

use arrow_schema::DataType;
use wigeon_warehouse::{FileSource, ReadError, RejectedRow};

use crate::support::{Context, gzip, ndjson, table};

const FIRST: &str = "{\"id\":1,\"name\":\"x\"}\n";

fn users() -> FileSource {
    ndjson(&[("id", DataType::Int64), ("name", DataType::Utf8)])
}

/// Asserts that the file has one malformed line, which may be left out if the limit is not zero.
#[track_caller]
fn assert_malformed(context: &Context, name: &str, expected: (u64, &str, &str)) {
    match context.read(&users(), name, 0).unwrap_err() {
        ReadError::Malformed {
            path,
            line,
            column,
            reason,
            raw,
            count,
        } => {
            assert_eq!((path.as_str(), column, count), (name, None, 1));
            assert_eq!((line, reason.as_str(), raw.as_str()), expected);
        }
        error => panic!("{name}: {error}"),
    }
    let (line, reason, raw) = expected;
    let row = RejectedRow {
        path: name.to_owned(),
        line,
        column: None,
        reason: reason.to_owned(),
        raw: raw.to_owned(),
    };
    let read = context.read(&users(), name, 1).unwrap();
    assert_eq!(read.rejected, [row]);
    assert!(!read.rows.is_empty());
}

/// Unlike in CSV.
#[test]
fn a_byte_order_mark_is_refused() {
    let context = Context::new();
    let reason = "it begins with a byte order mark, which JSON does not allow";
    let marked = format!("\u{feff}{FIRST}");
    let raw = marked.trim_end();
    let rows = FIRST.repeat(20_000);
    context.write("a.ndjson", format!("{marked}{rows}"));
    assert_malformed(&context, "a.ndjson", (1, reason, raw));
    context.write("a.ndjson.gz", gzip(&format!("{marked}{rows}")));
    assert_malformed(&context, "a.ndjson.gz", (1, reason, raw));
    // As when files are put together.
    context.write("b.ndjson", format!("{rows}{marked}{rows}"));
    assert_malformed(&context, "b.ndjson", (20_001, reason, raw));
}

#[test]
fn nul_bytes_are_refused_unless_they_are_escaped() {
    let context = Context::new();
    for line in [
        "{\"id\":2,\"name\":\"y\0z\"}",
        "\0{\"id\":2,\"name\":\"y\"}",
        "\0",
    ] {
        context.write("a.ndjson", format!("{FIRST}{line}\n{FIRST}"));
        assert_malformed(&context, "a.ndjson", (2, "it is not valid JSON", line));
    }
    context.write(
        "a.ndjson",
        format!("{FIRST}{{\"id\":2,\"name\":\"y\\u0000z\"}}\n"),
    );
    let read = context.read(&users(), "a.ndjson", 0).unwrap();
    assert_eq!(read.rows, "1 | x\n2 | y\0z");
}

#[test]
fn members_may_be_long() {
    let context = Context::new();
    let long = "z".repeat(1 << 20);
    let declared = format!("{{\"id\":2,\"name\":\"{long}\"}}\n");
    let other = format!("{{\"more\":\"{long}\",\"id\":3,\"{long}\":null,\"name\":\"y\"}}\n");
    context.write("a.ndjson", format!("{FIRST}{declared}{other}"));
    let read = context.read(&users(), "a.ndjson", 0).unwrap();
    assert!(read.rows == format!("1 | x\n2 | {long}\n3 | y"));

    // Of a line that is as long, the message has the beginning.
    let unclosed = format!("{{\"id\":2,\"name\":\"{long}");
    context.write("a.ndjson", format!("{FIRST}{unclosed}\n{FIRST}"));
    let expected = (2, "it is not valid JSON", &unclosed[..10_000]);
    assert_malformed(&context, "a.ndjson", expected);
}

#[test]
fn compressed_json_has_its_end() {
    let context = Context::new();
    let text = FIRST.repeat(20_000);
    let whole = gzip(&text);
    for cut in [whole.len() / 2, whole.len() - 3, 0] {
        context.write("a.ndjson.gz", &whole[..cut]);
        let error = context.files("a.ndjson.gz")[0].take_digest(&users(), true);
        assert!(
            matches!(error, Err(ReadError::Truncated { .. })),
            "{error:?}"
        );
    }

    context.write("b.ndjson.gz", gzip(text.trim_end()));
    let message = format!(
        "line 20000 of `b.ndjson.gz`, its last, has no line end and may be cut off\n{}",
        FIRST.trim_end()
    );
    let error = context.read(&users(), "b.ndjson.gz", 0).unwrap_err();
    assert_eq!(error.to_string(), message);
    let mut files = context.files("b.ndjson.gz");
    files[0].take_digest(&users(), true).unwrap();
    let read = |source: &FileSource| context.warehouse.read_files(source, &files, &[0], 0);
    assert!(matches!(
        read(&users()),
        Err(ReadError::MissingLineEnd { line: 20_000, .. })
    ));
    let mut accepting = users();
    accepting.accept_missing_line_end = true;
    assert_eq!(table(read(&accepting).unwrap()).lines().count(), 20_000);
}
