//! Files of CSV are the same rows, or the same complaint, whether DuckDB reads them or not.
//!
//! [`Context::read`] reads each file both ways; here it gets many of which either may be so.

use std::fmt::Write as _;

use arrow_schema::{DataType, TimeUnit};
use proptest::prelude::*;
use wigeon_warehouse::SourceFormat;

use crate::support::{Context, csv};

const COLUMNS: [(&str, DataType); 5] = [
    ("small", DataType::Int16),
    ("id", DataType::UInt64),
    ("day", DataType::Date32),
    ("at", DataType::Timestamp(TimeUnit::Microsecond, None)),
    ("name", DataType::Utf8),
];

/// A value that has the canonical form of its column, or nearly.
fn value(column: usize) -> BoxedStrategy<String> {
    let usual = match column {
        0 => any::<i16>().prop_map(|v| v.to_string()).boxed(),
        1 => any::<u64>().prop_map(|v| v.to_string()).boxed(),
        2 => "(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9])".boxed(),
        3 => "20[0-9]{2}-(0[1-9]|1[0-2])-[0-3][0-9][ T][0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?"
            .boxed(),
        _ => "[a-zé ]{0,6}".boxed(),
    };
    let odd = prop_oneof![
        Just(""),
        Just("NULL"),
        Just("7"),
        Just("-0"),
        Just("+7"),
        Just("007"),
        Just("1e2"),
        Just("1.0"),
        Just("1_0"),
        Just(" 7"),
        Just("7 "),
        Just("2020-01-01"),
        Just("2020-1-1"),
        Just("0000-01-01"),
        Just("2020-02-30"),
        Just("2020-01-01 24:00:00"),
        Just("2020-01-01 00:00:60"),
        Just("2020-01-01T01:02:03.5"),
        Just("2020-01-01 1:02:03"),
        Just("infinity"),
        Just("x\"y"),
        Just("\"q\""),
        Just("\"a,b\""),
        Just("\"\""),
        Just("\"NULL\""),
        Just("\"7\""),
        Just("\"2020-01-01\""),
        Just("\"2020-01-01 01:02:03\""),
        Just("\"say \"\"so\"\"\""),
        Just("\"a\" "),
        Just(" \"a\""),
        Just("\"a\nb\""),
        Just("\"a"),
        Just("99999"),
        Just("a\rb"),
    ];
    prop_oneof![12 => usual, 1 => odd.prop_map(str::to_owned)].boxed()
}

fn record() -> impl Strategy<Value = Vec<String>> {
    let all = (0..COLUMNS.len()).map(value).collect::<Vec<_>>();
    let extra = prop_oneof![40 => Just(0_i32), 1 => Just(1), 1 => Just(-1)];
    (all, extra).prop_map(|(mut values, extra)| {
        match extra {
            1 => values.push("more".to_owned()),
            -1 => drop(values.pop()),
            _ => {}
        }
        values
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn who_reads_a_file_does_not_show(
        records in prop::collection::vec(record(), 0..6),
        null_value in prop::sample::select(vec!["", "NULL", "7"]),
        delimiter in prop::sample::select(vec![',', ';']),
        line_end in prop::sample::select(vec!["\n", "\n", "\n", "\r\n"]),
        projection in prop::sample::subsequence((0..COLUMNS.len()).collect::<Vec<_>>(), 1..=COLUMNS.len()),
        marked in any::<bool>(),
        quoted_header in any::<bool>(),
    ) {
        let context = Context::new();
        let mut source = csv(&COLUMNS);
        source.format = SourceFormat::Csv { delimiter, null_value: null_value.to_owned() };
        let name = |(name, _): (&str, DataType)| if quoted_header { format!("\"{name}\"") } else { name.to_owned() };
        let names = COLUMNS.map(name).to_vec();
        let mut text = if marked { "\u{feff}".to_owned() } else { String::new() };
        for record in std::iter::once(&names).chain(&records) {
            write!(text, "{}{line_end}", record.join(&delimiter.to_string())).unwrap();
        }
        context.write("f.csv", text);
        // It compares them.
        let _read = context.read_projected(&source, "f.csv", &projection, 0);
    }
}

#[test]
fn files_of_several_pieces_are_read_whole() {
    let context = Context::new();
    let mut rows = String::new();
    for id in 0..300_000 {
        let (note, second) = ("x".repeat(id % 23), id % 60);
        writeln!(rows, "{id},{note},2020-01-01 00:00:{second:02}").unwrap();
    }
    context.write("a.csv", format!("id,note,at\n{rows}"));
    context.write("b.csv", "note,at,id\nx,2020-01-01 00:00:00,300000\n");
    let source = csv(&[
        ("at", DataType::Timestamp(TimeUnit::Microsecond, None)),
        ("id", DataType::Int64),
        ("note", DataType::Utf8),
    ]);
    let read = context
        .read_projected(&source, "*.csv", &[1, 0], 5)
        .unwrap();
    assert_eq!(read.rows.lines().count(), 300_001);
    assert_eq!(read.rejected, []);
}

#[test]
fn files_that_duckdb_has_to_read_come_with_the_others() {
    let context = Context::new();
    context.write("a.csv", "id,note\n1,a\n2,\"b, \"\"c\"\"\"\n");
    context.write("b.csv", "id,note\r\n3,d\r\n");
    context.write("c.csv", "id,note\n1e1,e\n");
    context.write("d.csv", "id,note\n5,\"f\ng\"\n");
    let source = csv(&[("id", DataType::Int64), ("note", DataType::Utf8)]);
    let read = context.read_projected(&source, "*.csv", &[0, 1], 0);
    assert_eq!(
        read.unwrap().rows,
        "1 | a\n10 | e\n2 | b, \"c\"\n3 | d\n5 | f\ng"
    );

    context.write("e.csv", "id,note\nx,h\n");
    let read = context.read_projected(&source, "*.csv", &[0, 1], 0);
    assert!(read.is_err());
    let read = context
        .read_projected(&source, "*.csv", &[0, 1], 1)
        .unwrap();
    assert_eq!(read.rows, "1 | a\n10 | e\n2 | b, \"c\"\n3 | d\n5 | f\ng");
    assert_eq!(read.rejected.len(), 1);
    assert_eq!(read.rejected[0].path, "e.csv");
}

#[test]
fn a_quoted_field_may_be_all_of_a_record() {
    let context = Context::new();
    let source = csv(&[("note", DataType::Utf8)]);
    context.write("f.csv", "note\n\"\"\n\"\"\"\"\n\"a,b\"\nc\n");
    let read = context.read_projected(&source, "f.csv", &[0], 0);
    assert_eq!(read.unwrap().rows, "\n\"\na,b\nc");
}
