//! Which keys `net-change` finds, natively and without a host.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    cast::AsArray,
    types::{Int64Type, TimestampMicrosecondType},
};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use serde_json::json;
use wigeon_net_change::NetChange;
use wigeon_sdk::native::detect;

type Version = (i64, Option<&'static str>, i64);
/// Key, value and beginning of the most recent version, and from when on the versions differ.
type Change = (i64, Option<String>, i64, Option<i64>);

fn schema() -> Schema {
    let instant = DataType::Timestamp(TimeUnit::Microsecond, None);
    Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("postcode", DataType::Utf8, true),
        Field::new("valid_from", instant, false),
    ])
}

fn batches(versions: &[Version]) -> Vec<RecordBatch> {
    versions
        .chunks(2)
        .map(|rows| {
            let columns: Vec<ArrayRef> = vec![
                Arc::new(rows.iter().map(|row| Some(row.0)).collect::<Int64Array>()),
                Arc::new(rows.iter().map(|row| row.1).collect::<StringArray>()),
                Arc::new(
                    rows.iter()
                        .map(|row| Some(row.2))
                        .collect::<TimestampMicrosecondArray>(),
                ),
            ];
            RecordBatch::try_new(Arc::new(schema()), columns).unwrap()
        })
        .collect()
}

fn changes(applied: &[Version], now: &[Version]) -> Vec<Change> {
    let emitted = detect::<NetChange>(json!({}), &schema(), &[0], &batches(applied), &batches(now));
    let mut changes = vec![];
    for batch in emitted.unwrap() {
        let ids = batch.column(0).as_primitive::<Int64Type>();
        let values = batch.column(1).as_string::<i32>();
        let from = batch.column(2).as_primitive::<TimestampMicrosecondType>();
        let changed = batch.column(3).as_primitive::<TimestampMicrosecondType>();
        for row in 0..batch.num_rows() {
            let value = values.is_valid(row).then(|| values.value(row).to_owned());
            let since = changed.is_valid(row).then(|| changed.value(row));
            changes.push((ids.value(row), value, from.value(row), since));
        }
    }
    changes.sort();
    changes
}

#[expect(clippy::unnecessary_wraps, reason = "a value as a change holds it")]
fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn the_same_versions_are_no_change() {
    let versions = [(1, Some("a"), 10), (2, None, 10), (1, Some("b"), 20)];
    assert_eq!(changes(&versions, &versions), []);
}

#[test]
fn a_new_version_changes_its_key_from_its_beginning_on() {
    let applied = [(1, Some("a"), 10), (2, Some("a"), 10)];
    let now = [(1, Some("a"), 10), (2, Some("a"), 10), (1, Some("b"), 20)];
    assert_eq!(changes(&applied, &now), [(1, some("b"), 20, Some(20))]);
}

#[test]
fn a_new_key_has_changed_for_all_times() {
    assert_eq!(
        changes(&[], &[(1, Some("a"), 10)]),
        [(1, some("a"), 10, None)]
    );
}

#[test]
fn several_changes_are_one_with_the_last_value() {
    let applied = [(1, Some("a"), 10)];
    let now = [(1, Some("c"), 30), (1, Some("a"), 10), (1, Some("b"), 20)];
    assert_eq!(changes(&applied, &now), [(1, some("c"), 30, Some(20))]);
}

#[test]
fn away_and_back_to_the_same_value_is_a_change() {
    let applied = [(1, Some("a"), 10)];
    let now = [(1, Some("a"), 10), (1, Some("b"), 20), (1, Some("a"), 30)];
    assert_eq!(changes(&applied, &now), [(1, some("a"), 30, Some(20))]);
}

#[test]
fn only_away_is_no_change() {
    let applied = [(1, Some("a"), 10)];
    assert_eq!(
        changes(&applied, &[(1, Some("a"), 10), (1, Some("a"), 30)]),
        []
    );
}

#[test]
fn a_version_between_two_others_is_a_change_though_the_last_is_the_same() {
    let applied = [(1, Some("a"), 10), (1, Some("c"), 30)];
    let now = [(1, Some("a"), 10), (1, Some("b"), 20), (1, Some("c"), 30)];
    assert_eq!(changes(&applied, &now), [(1, some("c"), 30, Some(20))]);
}

#[test]
fn null_to_a_value_and_back_are_changes() {
    let applied = [(1, None, 10), (2, Some("a"), 10)];
    let now = [
        (1, None, 10),
        (1, Some("a"), 20),
        (2, Some("a"), 10),
        (2, None, 20),
    ];
    assert_eq!(
        changes(&applied, &now),
        [(1, some("a"), 20, Some(20)), (2, None, 20, Some(20))]
    );
}
