//! What `scd2` makes of a full extract, natively and without a host.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_cast::pretty::pretty_format_batches;
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use serde_json::json;
use wigeon_scd2::Scd2;
use wigeon_sdk::native::diff;

type Row = (i64, Option<&'static str>);

fn extract_schema() -> Schema {
    Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("postcode", DataType::Utf8, true),
    ])
}

fn extract(rows: &[Row]) -> RecordBatch {
    let (ids, postcodes): (Vec<_>, Vec<_>) = rows.iter().copied().unzip();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(ids)),
        Arc::new(StringArray::from(postcodes)),
    ];
    RecordBatch::try_new(Arc::new(extract_schema()), columns).unwrap()
}

fn versions(rows: &[Row]) -> RecordBatch {
    let batch = extract(rows);
    let instant = DataType::Timestamp(TimeUnit::Microsecond, None);
    let mut fields = batch.schema().fields().to_vec();
    fields.push(Arc::new(Field::new("valid_from", instant, false)));
    let mut columns = batch.columns().to_vec();
    columns.push(Arc::new(TimestampMicrosecondArray::from(vec![
        0;
        rows.len()
    ])));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

/// The changes, one line for each, in order of the key.
fn changes(before: &[&[Row]], after: &[&[Row]]) -> Vec<String> {
    let before: Vec<_> = before.iter().map(|rows| versions(rows)).collect();
    let after: Vec<_> = after.iter().map(|rows| extract(rows)).collect();
    let emitted = diff::<Scd2>(json!({}), &extract_schema(), &[0], &before, &after).unwrap();
    let table = pretty_format_batches(&emitted).unwrap().to_string();
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    let mut rows: Vec<String> = rows
        .map(|line| {
            line.split('|')
                .map(str::trim)
                .collect::<Vec<_>>()
                .join(" ")
                .trim()
                .to_owned()
        })
        .collect();
    rows.sort_by_key(|row| row.split(' ').nth(1).map(str::to_owned));
    rows
}

#[test]
fn a_first_extract_opens_every_key() {
    assert_eq!(
        changes(&[], &[&[(1, Some("a")), (2, None)]]),
        ["0 1 a", "0 2"]
    );
}

#[test]
fn only_what_changed_is_emitted() {
    let before: &[Row] = &[(1, Some("a")), (2, Some("b")), (3, Some("c"))];
    let after: &[Row] = &[(1, Some("a")), (2, Some("x")), (4, Some("d"))];
    assert_eq!(changes(&[before], &[after]), ["1 2 x", "2 3 c", "0 4 d"]);
}

#[test]
fn a_null_is_a_value_like_any_other() {
    let before: &[Row] = &[(1, None), (2, None), (3, Some("c"))];
    let after: &[Row] = &[(1, None), (2, Some("b")), (3, None)];
    assert_eq!(changes(&[before], &[after]), ["1 2 b", "1 3"]);
}

#[test]
fn how_rows_are_split_into_batches_does_not_matter() {
    let before: &[&[Row]] = &[&[(1, Some("a"))], &[], &[(2, Some("b")), (3, Some("c"))]];
    let after: &[&[Row]] = &[&[(4, Some("d")), (3, Some("y"))], &[(1, Some("a"))]];
    assert_eq!(changes(before, after), ["2 2 b", "1 3 y", "0 4 d"]);
}

#[test]
fn an_empty_extract_closes_every_key() {
    assert_eq!(changes(&[&[(1, Some("a"))]], &[]), ["2 1 a"]);
}

#[test]
fn an_option_is_refused() {
    let refused = diff::<Scd2>(json!({ "x": 1 }), &extract_schema(), &[0], &[], &[]);
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("unknown field `x`")
    );
}
