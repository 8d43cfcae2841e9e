//! CSV files are read as declared or not at all.

use std::{fmt::Write as _, io::Write as _};

use arrow_schema::{DataType, TimeUnit};
use wigeon_warehouse::{FileSource, ReadError, RejectedRow, RowPlace, SourceFormat, digest_file};

use crate::support::{Context, chain, csv, gzip, table};

fn users() -> FileSource {
    csv(&[
        ("id", DataType::Int64),
        ("name", DataType::Utf8),
        ("n", DataType::Int32),
    ])
}

fn rows(count: u64, row: impl Fn(u64) -> String) -> String {
    (0..count).map(row).collect()
}

#[test]
fn columns_are_found_by_their_header() {
    let context = Context::new();
    context.write("a.csv", "id,name,n\n1,x,5\n");
    context.write("b.csv", "n,\"id\",name\r\n6,2,y\r\n");
    context.write("c.csv", "\u{feff}name,n,id\nz,7,3\n");
    let read = context.read(&users(), "*.csv", 0).unwrap();
    assert_eq!(read.rows, "1 | x | 5\n2 | y | 6\n3 | z | 7");
    let projected = context
        .read_projected(&users(), "*.csv", &[2, 0], 0)
        .unwrap();
    assert_eq!(projected.rows, "5 | 1\n6 | 2\n7 | 3");
}

#[test]
fn a_header_must_name_the_declared_columns() {
    let context = Context::new();
    for (header, missing, extra) in [
        ("id,name", vec!["n"], vec![]),
        ("id,name,n,more", vec![], vec!["more"]),
        ("id;name;n", vec!["id", "name", "n"], vec!["id;name;n"]),
        ("ID,name,n", vec!["id"], vec!["ID"]),
        ("id,name,n,n", vec![], vec!["n"]),
        ("", vec!["id", "name", "n"], vec![]),
    ] {
        context.write(
            "a.csv",
            format!("{header}\n1,x,5\n").trim_start_matches('\n'),
        );
        let error = context.read(&users(), "*.csv", 0).unwrap_err();
        if header.is_empty() {
            // The first row is taken for a header.
            assert!(matches!(error, ReadError::Columns { .. }));
            continue;
        }
        match error {
            ReadError::Columns {
                path,
                missing: found_missing,
                extra: found_extra,
                ..
            } => {
                assert_eq!(path, "a.csv");
                assert_eq!(
                    (found_missing, found_extra),
                    (to_strings(&missing), to_strings(&extra))
                );
            }
            error => panic!("{header}: {error}"),
        }
    }
    context.write("a.csv", "");
    let error = context.read(&users(), "*.csv", 0).unwrap_err();
    assert_eq!(error.to_string(), "`a.csv` is empty: it has no header");
}

#[test]
fn columns_that_are_not_declared_are_ignored_if_that_is_wanted() {
    let context = Context::new();
    let mut source = users();
    source.ignore_extra_columns = true;
    context.write(
        "a.csv",
        b"more,id,,name,ID,n,more\n\xff,1,\"a\nb\",x,y,5,z\n,2,,y,,6,\n",
    );
    context.write("b.csv", "id,name,n\n3,z,7\n");
    let read = context.read(&source, "*.csv", 0).unwrap();
    assert_eq!(read.rows, "1 | x | 5\n2 | y | 6\n3 | z | 7");
    let files = context.files("a.csv");
    let null = context.warehouse.find_null_key(&source, &files, &[0]);
    assert_eq!(null.unwrap(), None);

    context.write(
        "c.csv",
        "id,name,n,more,More\n1,x,5,a,b\n2,y,6,c\n3,z,zz,a,b\n",
    );
    let rejected = context.read(&source, "c.csv", 2).unwrap().rejected;
    let places: Vec<_> = rejected
        .iter()
        .map(|row| (row.line, row.column.as_deref()))
        .collect();
    assert_eq!(places, [(3, Some("More (column 5)")), (4, Some("n"))]);

    // Which of the two is meant cannot be told.
    context.write("d.csv", "id,name,n,n,more\n1,x,5,6,7\n");
    match context.read(&source, "d.csv", 0).unwrap_err() {
        ReadError::Columns { missing, extra, .. } => {
            assert_eq!((missing, extra), (vec![], vec!["n".to_owned()]));
        }
        error => panic!("{error}"),
    }
}

#[test]
fn the_columns_are_shown_side_by_side() {
    let context = Context::new();
    context.write("a.csv", "id,email,n\n1,x,5\n");
    let error = context.read(&users(), "a.csv", 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the columns of `a.csv` differ from the declared ones: `name` missing, `email` not declared\n  \
         id int64\n- name utf8\n+ email\n  n int32"
    );
}

#[test]
fn a_last_line_without_its_end_is_refused_unless_accepted() {
    let context = Context::new();
    let rows: String = rows(200_000, |id| format!("{id},name of {id},{}\n", id % 7));
    let text = format!("id,name,n\n{rows}200000,last,1");
    context.write("a.csv", &text);
    context.write("b.csv.gz", gzip(&text));
    let mut accepting = users();
    accepting.accept_missing_line_end = true;
    for name in ["a.csv", "b.csv.gz"] {
        let error = context.read(&users(), name, 0).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "line 200002 of `{name}`, its last, has no line end and may be cut off\n200000,last,1"
            )
        );
        let mut files = context.files(name);
        files[0].take_digest(&users()).unwrap();
        let read = |source: &FileSource| context.warehouse.read_files(source, &files, &[0], 0);
        assert!(matches!(
            read(&users()),
            Err(ReadError::MissingLineEnd { line: 200_002, .. })
        ));
        assert_eq!(table(read(&accepting).unwrap()).lines().count(), 200_001);
    }
    context.write("c.csv", "id,name,n");
    assert!(matches!(
        context.read(&users(), "c.csv", 0),
        Err(ReadError::MissingLineEnd { line: 1, raw, .. }) if raw == "id,name,n"
    ));
    // The line end may be the one that is cut.
    context.write("c.csv", "id,name,n\r\n1,x,5\r");
    assert!(matches!(
        context.read(&users(), "c.csv", 0),
        Err(ReadError::MissingLineEnd { line: 2, raw, .. }) if raw == "1,x,5"
    ));
}

fn to_strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn an_empty_field_is_null_and_a_quoted_one_is_empty() {
    let context = Context::new();
    context.write("a.csv", "id,name,n\n1,,\n2,\"\",3\n");
    assert_eq!(
        context.read(&users(), "a.csv", 0).unwrap().rows,
        "1 | null | null\n2 |  | 3"
    );

    let mut source = users();
    source.format = SourceFormat::Csv {
        delimiter: '\t',
        null_value: "\\N".to_owned(),
    };
    context.write("b.tsv", "id\tname\tn\n1\t\\N\t\\N\n2\t\t3\n3\t\"\\N\"\t4\n");
    assert_eq!(
        context.read(&source, "b.tsv", 0).unwrap().rows,
        "1 | null | null\n2 |  | 3\n3 | \\N | 4"
    );
}

#[test]
fn quoted_fields_may_contain_anything() {
    let context = Context::new();
    context.write("a.csv", "id,name,n\n1,\"a,b\n\"\"c\"\"\",5\n2,#x,6\n");
    assert_eq!(
        context.read(&users(), "a.csv", 0).unwrap().rows,
        "1 | a,b\n\"c\" | 5\n2 | #x | 6"
    );
}

#[test]
fn a_malformed_row_is_named() {
    let context = Context::new();
    for (rows, line, column, reason, raw) in [
        (
            "1,x,5\n2,y,zz\n",
            3,
            Some("n"),
            "the value does not have the declared type",
            "2,y,zz",
        ),
        (
            "1,x,5\n\n2,y,zz\n",
            4,
            Some("n"),
            "the value does not have the declared type",
            "2,y,zz",
        ),
        (
            "1,\"x\ny\",5\n2,y,zz\n",
            4,
            Some("n"),
            "the value does not have the declared type",
            "2,y,zz",
        ),
        (
            "1,x,5\n2,y,\"\"\n",
            3,
            Some("n"),
            "the value does not have the declared type",
            "2,y,\"\"",
        ),
        ("1,x,5\n2,y\n", 3, Some("n"), "it has too few fields", "2,y"),
        ("1,x,5,9\n", 2, None, "it has too many fields", "1,x,5,9"),
        (
            "1,x,5\n2,\"y\n",
            3,
            Some("name"),
            "a quoted value is not closed properly",
            "2,\"y",
        ),
        (
            "99999999999999999999,x,5\n",
            2,
            Some("id"),
            "the value does not have the declared type",
            "99999999999999999999,x,5",
        ),
    ] {
        context.write("a.csv", format!("id,name,n\n{rows}"));
        let error = context.read(&users(), "a.csv", 0).unwrap_err();
        match error {
            ReadError::Malformed {
                path,
                line: found_line,
                column: found_column,
                reason: found_reason,
                raw: found_raw,
                count,
            } => {
                assert_eq!(path, "a.csv");
                assert_eq!(
                    (
                        found_line,
                        found_column.as_deref(),
                        found_reason.as_str(),
                        found_raw.as_str(),
                        count
                    ),
                    (line, column, reason, raw, 1),
                    "{rows}"
                );
            }
            error => panic!("{rows}: {}", chain(&error)),
        }
    }
    context.write("b.csv", b"id,name,n\n1,\xff,2\n");
    let error = context.read(&users(), "b.csv", 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 2 of `b.csv` is malformed in column `name`: it is not UTF-8\n1,\u{fffd},2"
    );
}

#[test]
fn a_quote_that_is_never_closed_is_an_error() {
    let context = Context::new();
    let rows: String = rows(1_000_000, |id| format!("{id},name {id},5\n"));
    let begin = format!("id,name,n\n{rows}");
    let mut source = users();
    source.accept_missing_line_end = true;
    for end in ["7,\"y\n", "7,\"y", "7,x,\"", "7,\"x\n8,y,6\n"] {
        context.write("a.csv", format!("{begin}{end}"));
        for max_rejected in [0, 5] {
            match context.read(&source, "a.csv", max_rejected).unwrap_err() {
                ReadError::Malformed {
                    line, column, raw, ..
                } => {
                    let expected = if end == "7,x,\"" { "n" } else { "name" };
                    assert_eq!(
                        (line, column.as_deref()),
                        (1_000_002, Some(expected)),
                        "{end}"
                    );
                    assert_eq!(raw, end.trim_end());
                }
                error => panic!("{error}"),
            }
        }
    }
    // Quotes within unquoted fields are characters.
    context.write(
        "a.csv",
        "id,name,n\n1,5\" pipe,6\n2,\"\"\"\",7\n3, \"a\nb\" ,8\n",
    );
    assert_eq!(
        context.read(&users(), "a.csv", 0).unwrap().rows,
        "1 | 5\" pipe | 6\n2 | \" | 7\n3 | a\nb | 8"
    );
}

#[test]
fn many_files_are_checked_as_well() {
    let context = Context::new();
    for file in 0..20 {
        context.write(&format!("{file:02}.csv"), "id,name,n\n1,x,5\n2,y,6\n");
    }
    assert_eq!(
        context
            .read(&users(), "*.csv", 0)
            .unwrap()
            .rows
            .lines()
            .count(),
        40
    );
    context.write("13.csv", "id,name,n\n1,x,5\n2,\"y,6\n");
    assert_eq!(
        context.read(&users(), "*.csv", 3).unwrap_err().to_string(),
        "line 3 of `13.csv` is malformed in column `name`: a quoted value is not closed properly\n2,\"y,6"
    );
    context.write("13.csv", "id,name,n\n1,x,5\n2,y,six\n");
    assert_eq!(
        context.read(&users(), "*.csv", 0).unwrap_err().to_string(),
        "line 3 of `13.csv` is malformed in column `n`: the value does not have the declared type\n2,y,six"
    );
}

#[test]
fn mixed_line_ends_are_malformed() {
    let context = Context::new();
    context.write("a.csv", "id,name,n\n1,x,5\n2,y,6\r\n3,z,7\n");
    for max_rejected in [0, 5] {
        match context.read(&users(), "a.csv", max_rejected) {
            Err(ReadError::Malformed { line, .. }) => assert_eq!(line, 3),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn rejected_rows_are_told_up_to_a_limit() {
    let context = Context::new();
    context.write(
        "a.csv",
        "id,name,n\n1,x,5\nfoo,\"y\nz\",bar\n3,z\n4,\"a\nb\",8\n5,x,\"\"\n",
    );
    context.write("b.csv", "n,id,name\n5,6,x\nx,7,y\n");
    let read = context.read(&users(), "*.csv", 4).unwrap();
    assert_eq!(read.rows, "1 | x | 5\n4 | a\nb | 8\n6 | x | 5");
    let reject = |path: &str, line, column: &str, reason: &str, raw: &str| RejectedRow {
        path: path.to_owned(),
        line,
        column: Some(column.to_owned()),
        reason: reason.to_owned(),
        raw: raw.to_owned(),
    };
    let no_type = "the value does not have the declared type";
    assert_eq!(
        read.rejected,
        [
            reject("a.csv", 3, "id", no_type, "foo,\"y\nz\",bar"),
            reject("a.csv", 5, "n", "it has too few fields", "3,z"),
            reject("a.csv", 8, "n", no_type, "5,x,\"\""),
            reject("b.csv", 3, "n", no_type, "x,7,y"),
        ]
    );
    match context.read(&users(), "*.csv", 3).unwrap_err() {
        ReadError::Malformed {
            path, line, count, ..
        } => assert_eq!((path.as_str(), line, count), ("a.csv", 3, 4)),
        error => panic!("{error}"),
    }
}

#[test]
fn values_that_are_not_projected_are_not_looked_at() {
    let context = Context::new();
    context.write("a.csv", b"id,name,n\n1,x,zz\n2,\xff,6\n");
    assert_eq!(
        context
            .read_projected(&users(), "a.csv", &[0], 0)
            .unwrap()
            .rows,
        "1\n2"
    );
    let read = context.read_projected(&users(), "a.csv", &[0], 1).unwrap();
    assert_eq!((read.rows.as_str(), read.rejected.len()), ("1\n2", 0));
    context.write("a.csv", "id,name,n\n1,x\n");
    assert!(matches!(
        context
            .read_projected(&users(), "a.csv", &[0], 0)
            .unwrap_err(),
        ReadError::Malformed { line: 2, .. }
    ));
}

#[test]
fn compressed_files_are_read_and_checked() {
    let context = Context::new();
    let rows: String = rows(200_000, |id| format!("{id},name of {id},{}\n", id % 7));
    let text = format!("id,name,n\n{rows}");
    context.write("a.csv.gz", gzip(&text));
    let mut two = gzip("id,name,n\n1,x,5\n");
    two.extend(gzip("2,y,6\n"));
    context.write("b.csv.gz", two);
    let files = context.files("*.gz");
    let stream = context
        .warehouse
        .read_files(&users(), &files, &[0], 0)
        .unwrap();
    assert_eq!(
        stream.map(|batch| batch.unwrap().num_rows()).sum::<usize>(),
        200_002
    );
    for mut file in files {
        let digest = digest_file(&file.absolute).unwrap();
        file.take_digest(&users()).unwrap();
        assert_eq!(file.digest.as_ref(), Some(&digest));
        let bytes = fs_err::read(&file.absolute).unwrap();
        assert_eq!(digest, format!("blake3:{}", blake3::hash(&bytes).to_hex()));
    }

    let whole = gzip(&text);
    for damaged in [
        whole[..whole.len() / 2].to_vec(),
        whole[..whole.len() - 3].to_vec(),
        Vec::new(),
        text.into(),
    ] {
        context.write("c.csv.gz", damaged);
        let error = digest_file(&context.path("c.csv.gz")).unwrap_err();
        assert!(matches!(error, ReadError::Truncated { .. }), "{error}");
    }
    context.write("d.csv.gz", gzip("id,name,n\n1,x,5\n2,y\n"));
    let error = context.read(&users(), "d.csv.gz", 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 3 of `d.csv.gz` is malformed in column `n`: it has too few fields\n2,y"
    );
}

#[test]
fn times_and_numbers_have_their_types() {
    let context = Context::new();
    let source = csv(&[
        ("at", DataType::Timestamp(TimeUnit::Microsecond, None)),
        (
            "tz",
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ),
        ("day", DataType::Date32),
        ("price", DataType::Decimal128(10, 2)),
        ("yes", DataType::Boolean),
        ("data", DataType::Binary),
    ]);
    context.write(
        "a.csv",
        "at,tz,day,price,yes,data\n2019-10-11 14:55:23.5,2019-10-11T14:55:23+01:00,2019-10-11,1.25,true,a\\x00\n,,,,,\n",
    );
    assert_eq!(
        context.read(&source, "a.csv", 0).unwrap().rows,
        "2019-10-11T14:55:23.500 | 2019-10-11T13:55:23 | 2019-10-11 | 1.25 | true | 6100\n\
         null | null | null | null | null | null"
    );
}

#[test]
fn values_that_reading_would_change_are_refused() {
    let context = Context::new();
    let source = csv(&[
        ("id", DataType::Int64),
        ("at", DataType::Timestamp(TimeUnit::Microsecond, None)),
        ("price", DataType::Decimal128(10, 2)),
        ("day", DataType::Date32),
    ]);
    let good = "1,2019-10-11 14:55:23,1.5,2019-10-11\n";
    for (row, column, reason) in [
        ("1.5,,,", "id", "the value is not a whole number"),
        ("\"1.5\",,,", "id", "the value is not a whole number"),
        (
            "1,2019-10-11 14:55:23+01:00,,",
            "at",
            "the value has a time zone, but the declared type has none",
        ),
        (
            "1,2019-10-11T14:55:23Z,,",
            "at",
            "the value has a time zone, but the declared type has none",
        ),
        (
            "1,,1.255,",
            "price",
            "the value has more decimals than the declared type",
        ),
        (
            "1,,,2019-10-11 14:55:23",
            "day",
            "the value has a time, but the declared type has none",
        ),
    ] {
        // Over several blocks, with a row that begins in one and ends in another.
        let begin = format!("id,at,price,day\n{}", good.repeat(20_000));
        context.write("a.csv", format!("{begin}{row}\n{good}"));
        for max_rejected in [0, 5] {
            let error = context.read(&source, "a.csv", max_rejected).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "line 20002 of `a.csv` would be changed in column `{column}`: {reason}\n{row}"
                )
            );
        }
        let mut files = context.files("a.csv");
        files[0].take_digest(&source).unwrap();
        let read = |projection: &[usize]| {
            let warehouse = &context.warehouse;
            warehouse.read_files(&source, &files, projection, 0)
        };
        assert!(matches!(
            read(&[0, 1, 2, 3]),
            Err(ReadError::Lossy { line: 20_002, .. })
        ));
        // Only what is read is looked at.
        let others: Vec<_> = (0..4)
            .filter(|index| source.columns[*index].name() != column)
            .collect();
        assert_eq!(table(read(&others).unwrap()).lines().count(), 20_002);
    }
    context.write(
        "a.csv",
        "day,price,at,id\n2019-10-11 00:00:00,1.2500,2019-10-11T14:55,1e3\n,-1e2,,7.0\n",
    );
    assert_eq!(
        context.read(&source, "a.csv", 0).unwrap().rows,
        "1000 | 2019-10-11T14:55:00 | 1.25 | 2019-10-11\n7 | null | -100.00 | null"
    );
}

#[test]
fn names_with_special_characters_are_names() {
    let context = Context::new();
    context.write("day=1/it's [1]?*.csv", "id,name,n\n1,x,5\n2,y\n");
    let files = context.files("day=1/*");
    assert_eq!(files[0].path, "day=1/it's [1]?*.csv");
    let mut stream = context
        .warehouse
        .read_files(&users(), &files, &[0, 1, 2], 1)
        .unwrap();
    assert_eq!(stream.schema().fields().len(), 3);
    assert_eq!(stream.next().unwrap().unwrap().num_rows(), 1);
    assert!(stream.next().is_none());
    assert_eq!(stream.rejected()[0].path, files[0].path);
}

#[test]
fn no_files_give_no_rows() {
    let context = Context::new();
    let read = context.read(&users(), "none*.csv", 0).unwrap();
    assert_eq!(read.rows, "");
    context.write("a.csv", "id,name,n\n");
    assert_eq!(context.read(&users(), "a.csv", 0).unwrap().rows, "");
}

#[test]
fn files_that_changed_are_refused() {
    let context = Context::new();
    context.write("a.csv", "id,name,n\n1,x,5\n");
    let files = context.files("a.csv");
    context.write("a.csv", "id,name,n\n1,x,5\n2,y,6\n");
    let read = |files| context.warehouse.read_files(&users(), files, &[0], 0);
    assert!(matches!(read(&files).unwrap_err(), ReadError::Changed { path } if path == "a.csv"));
    fs_err::remove_file(context.path("a.csv")).unwrap();
    assert!(matches!(read(&files).unwrap_err(), ReadError::Vanished { path } if path == "a.csv"));

    let rows: String = rows(500_000, |id| format!("{id},x,1\n"));
    context.write("b.csv", format!("id,name,n\n{rows}"));
    let files = context.files("b.csv");
    let stream = read(&files).unwrap();
    fs_err::OpenOptions::new()
        .append(true)
        .open(context.path("b.csv"))
        .and_then(|mut file| file.write_all(b"500000,x,1\n"))
        .unwrap();
    let last = stream.last().unwrap();
    assert!(matches!(last.unwrap_err(), ReadError::Changed { path } if path == "b.csv"));
}

/// Rows of many sizes, with line feeds in quotes that look like rows.
fn tricky(rows: u64) -> String {
    let mut text = "id,name,n\n".to_owned();
    for id in 0..rows {
        let name = match id % 5 {
            0 => "\"1,x,5\n2,y,6\n3,z,7\"".to_owned(),
            1 => format!("\"say \"\"{id}\"\"\n\"\"\n\""),
            2 => format!("\"{}\n\"", ",\n".repeat(usize::try_from(id % 97).unwrap())),
            _ => format!("name{id}"),
        };
        writeln!(text, "{id},{name},{}", id % 7).unwrap();
    }
    text
}

#[test]
fn large_files_with_quoted_line_feeds_are_read_right() {
    let context = Context::new();
    let rows = 1_300_000;
    context.write("a.csv", tricky(rows));
    assert!(context.files("a.csv")[0].size_bytes > 30_000_000);
    context.append_files_to("t", &users(), "a.csv");
    assert_eq!(
        context.query("SELECT count(*), count(DISTINCT id), min(id), max(id), sum(n) FROM t"),
        format!(
            "{rows} | {rows} | 0 | {} | {}",
            rows - 1,
            (0..rows).map(|id| id % 7).sum::<u64>()
        )
    );
}

#[test]
fn the_first_malformed_row_is_found_far_into_a_file() {
    let context = Context::new();
    let mut text = tricky(100_000);
    let line = 1 + text.matches('\n').count();
    text.push_str("1,x,five\n");
    text.push_str(&"2,y,six\n".repeat(10));
    text.push_str(&tricky(100_000)["id,name,n\n".len()..]);
    context.write("a.csv", &text);
    match context.read(&users(), "a.csv", 0).unwrap_err() {
        ReadError::Malformed {
            line: found,
            raw,
            count,
            ..
        } => assert_eq!((found, raw.as_str(), count), (line as u64, "1,x,five", 11)),
        error => panic!("{error}"),
    }
    let read = context
        .read_projected(&users(), "a.csv", &[0, 2], 11)
        .unwrap();
    assert_eq!(read.rejected.len(), 11);
    assert_eq!(read.rejected[0].line, line as u64);
    assert_eq!(read.rows.lines().count(), 200_000);
}

#[test]
fn a_file_full_of_malformed_rows_is_given_up_early() {
    let context = Context::new();
    let rows = "x,y,z\n".repeat(3_000_000);
    context.write("a.csv", format!("id,name,n\n{rows}"));
    match context.read(&users(), "a.csv", 100).unwrap_err() {
        ReadError::Malformed { line, count, .. } => {
            assert_eq!(line, 2);
            assert!(count < 1_000_000, "{count}");
        }
        error => panic!("{error}"),
    }
}

#[test]
fn dropping_a_stream_stops_the_reading() {
    let context = Context::new();
    let rows = "1,some name that takes space,2\n".repeat(3_000_000);
    context.write("a.csv", format!("id,name,n\n{rows}"));
    let files = context.files("a.csv");
    let mut stream = context
        .warehouse
        .read_files(&users(), &files, &[0, 1], 0)
        .unwrap();
    assert!(stream.next().unwrap().is_ok());
    drop(stream);
}

#[test]
fn bad_keys_are_placed() {
    let context = Context::new();
    let rows: String = rows(50_000, |id| format!("{id},\"a\nb\",1\n"));
    context.write("a.csv", format!("id,name,n\n{rows}"));
    context.write(
        "b.csv",
        "n,id,name\n1,50000,x\n\n1,,y\n1,20000,x\n1,20000,x\n1,7,x\n",
    );
    let files = context.files("*.csv");
    let place = |path: &str, row, line| RowPlace {
        path: path.to_owned(),
        row,
        line: Some(line),
    };
    let null = context
        .warehouse
        .find_null_key(&users(), &files, &[0])
        .unwrap();
    assert_eq!(null, Some(place("b.csv", 2, 4)));
    let twice = context
        .warehouse
        .find_duplicate_key(&users(), &files, &[0])
        .unwrap()
        .unwrap();
    assert_eq!(twice.key, "20000");
    assert_eq!(
        twice.places,
        [place("a.csv", 20_001, 40_002), place("b.csv", 3, 5)]
    );
    let first = &files[..1];
    assert_eq!(
        context
            .warehouse
            .find_null_key(&users(), first, &[0])
            .unwrap(),
        None
    );
    assert_eq!(
        context
            .warehouse
            .find_duplicate_key(&users(), first, &[0])
            .unwrap(),
        None
    );
    let both = context
        .warehouse
        .find_duplicate_key(&users(), first, &[1, 2])
        .unwrap()
        .unwrap();
    assert_eq!(both.key, "a\nb, 1");
    assert_eq!(both.places, [place("a.csv", 1, 2), place("a.csv", 2, 4)]);
}

#[test]
fn streams_read_while_others_do() {
    let context = Context::new();
    context.write("a.csv", tricky(20_000));
    let files = context.files("a.csv");
    let streams: Vec<_> = (0..6)
        .map(|limit| {
            context
                .warehouse
                .read_files(&users(), &files, &[0], limit)
                .unwrap()
        })
        .collect();
    for stream in streams {
        assert_eq!(table(stream).lines().count(), 20_000);
    }
}
