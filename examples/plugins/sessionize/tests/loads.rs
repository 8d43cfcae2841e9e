//! What `sessionize` makes of whole loads, natively and without a host.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, sync::Arc};

use arrow_array::{
    ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    cast::AsArray,
    types::{Int64Type, TimestampMicrosecondType},
};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use proptest::prelude::*;
use serde_json::{Value, json};
use wigeon_example_sessionize::Sessionize;
use wigeon_sdk::{Error, IncrementalInput, native::load};

const MINUTE: i64 = 60_000_000;

fn input() -> IncrementalInput {
    let timestamp = DataType::Timestamp(TimeUnit::Microsecond, None);
    IncrementalInput {
        rows: Schema::new(vec![
            Field::new("url", DataType::Utf8, true),
            Field::new("user_id", DataType::Int64, true),
            Field::new("at", timestamp.clone(), true),
        ]),
        rows_key: vec![1],
        lookup: Schema::new(vec![
            Field::new("id", DataType::Int64, false),
            Field::new("valid_from", timestamp, false),
        ]),
        lookup_key: vec![0],
    }
}

/// A row: who, and when in minutes.
type Row = (Option<i64>, Option<i64>);

fn batch(rows: &[Row]) -> RecordBatch {
    let urls = (0..rows.len()).map(|row| (row % 3 > 0).then(|| format!("/{row}")));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(urls.collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>()),
        Arc::new(
            rows.iter()
                .map(|row| row.1.map(|minutes| minutes * MINUTE))
                .collect::<TimestampMicrosecondArray>(),
        ),
    ];
    RecordBatch::try_new(Arc::new(input().rows), columns).unwrap()
}

fn run(options: Value, batches: &[RecordBatch]) -> Result<Vec<RecordBatch>, Error> {
    load::<Sessionize>(options, input(), &[], batches)
}

/// The rows that came out, each with its visit and when that began, sorted.
fn visits(batches: &[RecordBatch]) -> Vec<(Row, Option<i64>, Option<i64>)> {
    let mut rows = vec![];
    for batch in batches {
        let integers = |column: usize| batch.column(column).as_primitive::<Int64Type>().iter();
        let times = |column: usize| {
            let times = batch
                .column(column)
                .as_primitive::<TimestampMicrosecondType>();
            times.iter().map(|time| time.map(|time| time / MINUTE))
        };
        let whose = integers(1).zip(times(2));
        let visits = integers(3).zip(times(4));
        rows.extend(
            whose
                .zip(visits)
                .map(|(row, (visit, began))| (row, visit, began)),
        );
    }
    rows.sort_unstable();
    rows
}

#[test]
fn visits_are_numbered_across_batches_in_any_order() {
    let row = |user, minute| (Some(user), Some(minute));
    let batches = [
        batch(&[row(1, 70), row(2, 5), row(1, 0)]),
        batch(&[row(1, 25), (Some(1), None), (None, Some(3)), row(2, 1500)]),
    ];
    let emitted = run(json!({ "event_time": "at" }), &batches).unwrap();
    for (before, after) in batches.iter().zip(&emitted) {
        assert_eq!(before.columns(), &after.columns()[..3]);
    }
    assert_eq!(
        visits(&emitted),
        [
            ((None, Some(3)), None, None),
            ((Some(1), None), None, None),
            (row(1, 0), Some(1), Some(0)),
            (row(1, 25), Some(1), Some(0)),
            (row(1, 70), Some(2), Some(70)),
            (row(2, 5), Some(1), Some(5)),
            (row(2, 1500), Some(1), Some(1500)),
        ]
    );
}

#[test]
fn options_that_cannot_be_used_are_refused() {
    let says = |options: Value| run(options, &[]).unwrap_err().to_string();
    assert_eq!(
        says(json!({ "event_time": "when" })),
        "`event_time` is `when`, which is no column"
    );
    assert_eq!(
        says(json!({ "event_time": "url" })),
        "`event_time` is `url`, which is Utf8, not a timestamp"
    );
}

#[test]
fn nothing_in_is_nothing_out() {
    let options = || json!({ "event_time": "at" });
    assert!(run(options(), &[]).unwrap().is_empty());
    assert_eq!(visits(&run(options(), &[batch(&[])]).unwrap()), []);
}

/// The plainest way: every user's minutes of a day in order, one after the other.
fn expected(rows: &[Row], gap: i64) -> Vec<(Row, Option<i64>, Option<i64>)> {
    let mut days: BTreeMap<(i64, i64), Vec<i64>> = BTreeMap::new();
    for &(user, minute) in rows {
        if let (Some(user), Some(minute)) = (user, minute) {
            days.entry((user, minute / 1440)).or_default().push(minute);
        }
    }
    let mut visits: Vec<_> = rows
        .iter()
        .filter(|row| row.0.is_none() || row.1.is_none())
        .map(|&row| (row, None, None))
        .collect();
    for ((user, _), mut minutes) in days {
        minutes.sort_unstable();
        let (mut number, mut began) = (1, minutes[0]);
        for (place, &minute) in minutes.iter().enumerate() {
            if place > 0 && minute - minutes[place - 1] > gap {
                (number, began) = (number + 1, minute);
            }
            visits.push(((Some(user), Some(minute)), Some(number), Some(began)));
        }
    }
    visits.sort_unstable();
    visits
}

proptest! {
    // region: property-test
    #[test]
    fn batches_make_no_difference(
        rows in prop::collection::vec(
            (prop::option::weighted(0.95, 0..4_i64), prop::option::weighted(0.95, 0..4000_i64)),
            1..80,
        ),
        size in 1..20_usize,
        gap in 0..200_u32,
    ) {
        let batches: Vec<_> = rows.chunks(size).map(batch).collect();
        let options = json!({ "event_time": "at", "gap_minutes": gap });
        let emitted = run(options, &batches).unwrap();
        prop_assert_eq!(visits(&emitted), expected(&rows, i64::from(gap)));
    }
    // endregion: property-test
}
