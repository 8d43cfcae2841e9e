//! What is seen of texts, in pieces of any size.

use arrow_schema::TimeUnit;

use super::*;

fn scan(columns: &[(&str, DataType)]) -> CsvScan {
    let field = |(name, data_type): &(&str, DataType)| Field::new(*name, data_type.clone(), true);
    CsvScan::new(&FileSource {
        format: SourceFormat::Csv {
            delimiter: ',',
            null_value: "-1.5".to_owned(),
        },
        columns: columns.iter().map(field).collect(),
        ignore_extra_columns: true,
        accept_missing_line_end: false,
    })
}

#[test]
fn pieces_of_any_size_with_and_without_quotes_say_the_same() {
    let rows = [
        ["1", "a", "2019-10-11 14:55:23"],
        ["-1.5", "1.5", "2019-10-11"],
        ["2.0", "", ""],
        ["3", "b.5", "2019-10-11 14:55:23.1234567"],
        ["4.25", "c", "infinity"],
        ["5.5", "", "2019-10-11 14:55:23Z"],
    ];
    let columns = [
        ("id", DataType::Int64),
        ("name", DataType::Utf8),
        ("at", DataType::Timestamp(TimeUnit::Microsecond, None)),
    ];
    for line_end in ["\n", "\r\n"] {
        // A value of the third column may be quoted, or one of the second.
        for quoted in [[].as_slice(), &[0], &[3], &[4], &[5], &[0, 1, 2, 3, 4, 5]] {
            let mut text = format!("id,name,at{line_end}");
            for (number, [id, name, at]) in rows.iter().enumerate() {
                let quote = if quoted.contains(&number) { "\"" } else { "" };
                text.extend([id, ",", name, ",", quote, at, quote, line_end]);
            }
            for size in 1..=text.len() {
                let mut scan = scan(&columns);
                text.as_bytes()
                    .chunks(size)
                    .for_each(|piece| scan.add(piece));
                let found = scan.finish().lossy;
                let mut places: Vec<_> = found.iter().map(|f| (f.column, f.line)).collect();
                places.sort_unstable();
                assert_eq!(places, [(0, 6), (2, 5)], "{text} in pieces of {size}");
                assert!(
                    found.iter().all(|f| f.raw.starts_with(['3', '4'])),
                    "{found:?}"
                );
            }
        }
    }
}

#[test]
fn the_record_behind_one_that_is_too_long_is_looked_at() {
    for long in [
        "x".repeat(LONGEST + 300_000),
        format!("\"{}\n7.5,b\n\"", "x".repeat(LONGEST + 300_000)),
    ] {
        let mut scan = scan(&[("id", DataType::Int64)]);
        let text = format!("id,name\n2,{long}\n{}1.5,lossy\n4,d\n", "3,c\n".repeat(40));
        for piece in text.as_bytes().chunks(100) {
            scan.add(piece);
        }
        let raw: Vec<_> = scan.finish().lossy.into_iter().map(|l| l.raw).collect();
        assert_eq!(raw, ["1.5,lossy"]);
    }
}

#[test]
fn what_follows_a_record_that_is_too_long_is_looked_at() {
    let mut scan = scan(&[("id", DataType::Int64)]);
    let long = "x".repeat(2 * LONGEST);
    // The line end in the quotes of the long one is not its end.
    let text = format!("name,id\na,1\n\"{long}\n\",2.5\nb,1.5\n");
    for piece in text.as_bytes().chunks(1 << 16) {
        scan.add(piece);
    }
    let found = scan.finish().lossy;
    let raw: Vec<_> = found.iter().map(|found| found.raw.as_str()).collect();
    assert_eq!(raw, ["b,1.5"]);
    assert_eq!(found[0].line, 5);
}

#[test]
fn a_text_may_be_looked_at_before_its_delimiter_is_refused() {
    let mut scan = CsvScan::new(&FileSource {
        format: SourceFormat::Csv {
            delimiter: '\u{e9}',
            null_value: String::new(),
        },
        columns: vec![Field::new("id", DataType::Int64, true)],
        ignore_extra_columns: true,
        accept_missing_line_end: false,
    });
    scan.add("id\nx\u{91cd}\n".as_bytes());
    assert_eq!(scan.finish().lossy, []);
}

#[test]
fn the_null_value_loses_nothing_unless_there_are_quotes_around_it() {
    for (text, lossy) in [
        ("name,id\na,-1.5\n", 0),
        ("name,id\r\na,-1.5\r\n", 0),
        ("name,id\r\n\"a\",-1.5\r\n", 0),
        ("name,id\n\"a\nb\",-1.5\n", 0),
        ("name,id\na,\"-1.5\"\n", 1),
        ("name,id\r\na,\"-1.5\"\r\n", 1),
        ("name,id\n\"a\nb\",\"-1.5\"\n", 1),
    ] {
        for size in 1..=text.len() {
            let mut scan = scan(&[("id", DataType::Int64)]);
            text.as_bytes()
                .chunks(size)
                .for_each(|piece| scan.add(piece));
            assert_eq!(
                scan.finish().lossy.len(),
                lossy,
                "{text} in pieces of {size}"
            );
        }
    }
}

/// What is said of the columns `id`, `name` and `at`, in pieces of any size.
fn canonical(text: &str) -> Option<Vec<bool>> {
    let columns = [
        ("id", DataType::Int64),
        ("name", DataType::Utf8),
        ("at", DataType::Timestamp(TimeUnit::Microsecond, None)),
        ("share", DataType::Float64),
    ];
    let said = |size: usize| {
        let mut scan = scan(&columns);
        text.as_bytes()
            .chunks(size)
            .for_each(|piece| scan.add(piece));
        scan.finish().canonical
    };
    let whole = said(text.len());
    for size in 1..text.len() {
        assert_eq!(said(size), whole, "{text} in pieces of {size}");
    }
    whole
}

#[test]
fn canonical_columns_have_one_form_or_are_null() {
    let all = Some(vec![true, true, true, false]);
    for text in [
        "name,id,at\n",
        "id,more,name,at\n1,,é,2019-10-11 14:55:23\n-1.5,x,-1.5,-1.5\n",
        "\u{feff}id\n7\n",
        "\"id\",name\n1,\"a, \"\"b\"\"\"\n\"7\",\"\"\n",
        "name,at\n\"-1.5\",-1.5\n\"\",\"2019-10-11 14:55:23\"\n",
    ] {
        assert_eq!(canonical(text), all, "{text}");
    }
    assert_eq!(
        canonical("id,name\n1,a\n 1,b\n"),
        Some(vec![false, true, true, false])
    );
    // The null value is none with quotes around it.
    assert_eq!(
        canonical("id,name\n\"-1.5\",a\n"),
        Some(vec![false, true, true, false])
    );
    assert_eq!(
        canonical("at,id\n2019-10-11,1\n"),
        Some(vec![true, true, false, false])
    );
}

#[test]
fn records_that_are_more_than_fields_are_for_others_to_read() {
    for text in [
        "id,name\n1,\"a\nb\"\n",
        "id,name\n1,\"a\n1,2\n\"\n",
        "id,name\n1, \"a\"\n",
        "id,name\n1,\"a\" \n",
        "id,name\n1,a\"b\"\n",
        "\"id\n\",name\n1,a\n",
        "id,name\r\n1,a\r\n",
        "id,name\n1,a\rb\n",
        "id,name\n1,\0\n",
        "id,name\n1\n",
        "id,name\n1,a,b\n",
        "id,name\n\n1,a\n",
        "name\n\na\n",
        "id,name\n1,a",
        "id,name",
    ] {
        assert_eq!(canonical(text), None, "{text}");
    }
    let mut scan = scan(&[("name", DataType::Utf8)]);
    scan.add(b"name\n\xff\n");
    assert_eq!(scan.finish().canonical, None);
    let mut scan = self::scan(&[("name", DataType::Utf8)]);
    scan.add(format!("name\n{}\n", "x".repeat(LONGEST_SIMPLE)).as_bytes());
    assert_eq!(scan.finish().canonical, None);
}
