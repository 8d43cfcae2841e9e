//! CSV files are read as declared or not at all: their columns and values.

use arrow_schema::{DataType, TimeUnit};
use wigeon_warehouse::{FileSource, ReadError, SourceFormat};

use crate::support::{Context, csv, table};

pub(crate) fn users() -> FileSource {
    csv(&[
        ("id", DataType::Int64),
        ("name", DataType::Utf8),
        ("n", DataType::Int32),
    ])
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
        files[0].take_digest(&source, true).unwrap();
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
