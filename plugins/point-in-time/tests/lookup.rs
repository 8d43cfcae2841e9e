//! What `point-in-time` adds to a row, natively and without a host: each clause of the law.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    cast::AsArray, types::TimestampMicrosecondType,
};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use serde_json::{Value, json};
use wigeon_point_in_time::PointInTime;
use wigeon_sdk::{IncrementalInput, native::load};

fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}

fn input() -> IncrementalInput {
    IncrementalInput {
        rows: Schema::new(vec![
            Field::new("user_id", DataType::Int64, false),
            Field::new("seen", instant(), true),
        ]),
        rows_key: vec![0],
        lookup: Schema::new(vec![
            Field::new("id", DataType::Int64, false),
            Field::new("postcode", DataType::Utf8, true),
            Field::new("valid_from", instant(), false),
        ]),
        lookup_key: vec![0],
    }
}

fn options() -> Value {
    json!({
        "event_time": "seen",
        "as_was": { "original": "postcode" },
        "as_is": { "current": "postcode" },
        "changed_at": "changed",
    })
}

type Completed = (Option<&'static str>, Option<&'static str>, Option<i64>);

/// Completes one row of user 1 at `time`, with these versions of user 1 among others.
fn complete_with(
    options: Value,
    versions: &[(Option<&'static str>, i64)],
    time: Option<i64>,
) -> (Option<String>, Option<String>, Option<i64>) {
    let mut ids = vec![7; 1];
    let mut postcodes = vec![Some("other")];
    let mut from = vec![0];
    for (postcode, valid_from) in versions {
        ids.push(1);
        postcodes.push(*postcode);
        from.push(*valid_from);
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(ids)),
        Arc::new(StringArray::from(postcodes)),
        Arc::new(TimestampMicrosecondArray::from(from)),
    ];
    let lookup = RecordBatch::try_new(Arc::new(input().lookup), columns).unwrap();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![1])),
        Arc::new(TimestampMicrosecondArray::from(vec![time])),
    ];
    let rows = RecordBatch::try_new(Arc::new(input().rows), columns).unwrap();
    // One version a batch: the order and the batches of the lookup do not matter.
    let lookup: Vec<_> = (0..lookup.num_rows())
        .map(|row| lookup.slice(row, 1))
        .collect();
    let emitted = load::<PointInTime>(options, input(), &lookup, &[rows]).unwrap();
    let batch = &emitted[0];
    let text = |column: usize| {
        let column = batch.column(column).as_string::<i32>();
        column.is_valid(0).then(|| column.value(0).to_owned())
    };
    let changed = batch.column(4).as_primitive::<TimestampMicrosecondType>();
    (
        text(2),
        text(3),
        changed.is_valid(0).then(|| changed.value(0)),
    )
}

fn check(versions: &[(Option<&'static str>, i64)], time: i64, (was, is, changed): Completed) {
    let expected = (was.map(str::to_owned), is.map(str::to_owned), changed);
    // In any order of the versions.
    let backwards: Vec<_> = versions.iter().rev().copied().collect();
    for versions in [versions, &backwards] {
        assert_eq!(
            complete_with(options(), versions, Some(time)),
            expected,
            "{versions:?}"
        );
    }
}

#[test]
fn as_was_is_the_last_version_that_began_by_then() {
    let versions = [(Some("SW19"), 10), (Some("SW20"), 20), (Some("SW21"), 30)];
    check(&versions, 15, (Some("SW19"), Some("SW21"), Some(30)));
    check(&versions, 20, (Some("SW20"), Some("SW21"), Some(30)));
    check(&versions, 29, (Some("SW20"), Some("SW21"), Some(30)));
}

#[test]
fn a_row_of_the_present_version_has_not_changed() {
    check(
        &[(Some("SW19"), 10), (Some("SW20"), 20)],
        25,
        (Some("SW20"), Some("SW20"), None),
    );
}

#[test]
fn a_row_older_than_the_first_version_has_the_first() {
    check(&[(Some("SW19"), 10)], 5, (Some("SW19"), Some("SW19"), None));
    check(
        &[(Some("SW19"), 10), (Some("SW20"), 20)],
        5,
        (Some("SW19"), Some("SW20"), Some(20)),
    );
}

#[test]
fn before_first_may_be_null_instead() {
    let mut options = options();
    options["before_first"] = json!("null");
    let completed = complete_with(options, &[(Some("SW19"), 10)], Some(5));
    assert_eq!(completed, (None, Some("SW19".to_owned()), Some(10)));
}

#[test]
fn an_unknown_key_has_nothing() {
    check(&[], 5, (None, None, None));
}

#[test]
fn who_moved_away_and_back_has_moved() {
    let versions = [(Some("A"), 10), (Some("B"), 20), (Some("A"), 30)];
    check(&versions, 15, (Some("A"), Some("A"), Some(30)));
    check(&versions, 35, (Some("A"), Some("A"), None));
}

#[test]
fn who_was_only_away_has_not_moved() {
    // Closed at some time between, and opened again with the same value.
    let versions = [(Some("A"), 10), (Some("A"), 30)];
    check(&versions, 15, (Some("A"), Some("A"), None));
    check(&versions, 35, (Some("A"), Some("A"), None));
    let versions = [
        (Some("A"), 10),
        (Some("B"), 20),
        (Some("B"), 30),
        (Some("B"), 40),
    ];
    check(&versions, 15, (Some("A"), Some("B"), Some(20)));
    check(&versions, 45, (Some("B"), Some("B"), None));
}

#[test]
fn null_is_a_value_that_one_can_move_to_and_from() {
    let versions = [(None, 10), (Some("N1"), 20), (None, 30)];
    check(&versions, 15, (None, None, Some(30)));
    check(&versions, 25, (Some("N1"), None, Some(30)));
}

#[test]
fn a_row_without_a_time_has_no_value_at_its_time() {
    let completed = complete_with(options(), &[(Some("A"), 10)], None);
    assert_eq!(completed, (None, Some("A".to_owned()), Some(10)));
}

#[test]
fn options_that_name_no_column_are_refused() {
    for (key, value, says) in [
        (
            "event_time",
            json!("nope"),
            "`event_time` is `nope`, which is no column of the rows",
        ),
        (
            "event_time",
            json!("user_id"),
            "`event_time` is `user_id`, which is Int64, not a timestamp",
        ),
        (
            "as_is",
            json!({ "x": "nope" }),
            "`nope` is no column of the lookup, which has id, postcode, valid_from",
        ),
        ("as_now", json!({}), "unknown field `as_now`"),
    ] {
        let mut options = options();
        options[key] = value;
        let error = load::<PointInTime>(options, input(), &[], &[])
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(says), "{error}");
    }
}
