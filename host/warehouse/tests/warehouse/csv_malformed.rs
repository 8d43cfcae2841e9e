//! Rows of CSV that are malformed, or whose keys are bad, are named or rejected.

use wigeon_warehouse::{ReadError, RejectedRow, RowPlace};

use crate::{
    csv::users,
    csv_files::{rows, tricky},
    support::{Context, chain},
};

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
