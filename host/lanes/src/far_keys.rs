//! Rows whose key lies far from the others' go last: a few that stand for unknown users, say.
//!
//! The contract promises no order of rows, and the warehouse packs integers: 2,048 neighbours take as
//! many bits each as their range needs (DuckDB's
//! `BITPACKING`, <https://duckdb.org/2022/10/28/lightweight-compression>). One far key widens
//! them all, and a quarter of a percent of such rows, evenly spread, reaches nearly every 2,048.
//!
//! About [`HELD_ROWS`] wait at most, or [`HELD_BYTES`]; if there are more, they are handed on in groups. Even rows of
//! one key may change places: of the middle that a key is far from, a later batch may tell otherwise.

use std::iter::Fuse;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Int64Array, RecordBatch, cast::AsArray, types::Int64Type,
};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType};
use arrow_select::{concat::concat_batches, filter::filter_record_batch};

/// A key is far if it lies this many times as far from the middle nine tenths of the keys as they
/// lie apart: leaving it out then saves four bits of a row, or more.
const TIMES: i128 = 16;

/// If more than one row in so many is far, the keys have moved on, and the middle is sought anew.
const FAR_SHARE: usize = 8;

/// The middle of fewer keys than this says nothing.
const FEWEST_ROWS: usize = 64;

/// So many far rows, or a few more, are handed on at once, whether or not others follow.
const HELD_ROWS: usize = 1 << 16;

/// And so are far rows that take so much memory, or a little more.
const HELD_BYTES: usize = 16 << 20;

/// A stream of batches, the rows with far keys behind the others.
pub(crate) struct FarKeysLast<I, F> {
    batches: Fuse<I>,
    key: Vec<usize>,
    refused: F,
    near: Option<(i64, i64)>,
    held: Vec<RecordBatch>,
    held_rows: usize,
    held_bytes: usize,
}

impl<I, E, F> FarKeysLast<I, F>
where
    I: Iterator<Item = Result<RecordBatch, E>>,
    F: Fn(ArrowError) -> E,
{
    /// Wraps a stream whose rows have a key of these columns. Only a key of one integer column is looked at.
    pub(crate) fn new(batches: I, key: Vec<usize>, refused: F) -> Self {
        Self {
            batches: batches.fuse(),
            key,
            refused,
            near: None,
            held: vec![],
            held_rows: 0,
            held_bytes: 0,
        }
    }

    /// Returns what of a batch goes on now.
    fn part(&mut self, batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
        let Some(column) = integers(&batch, &self.key) else {
            return Ok(batch);
        };
        let keys = cast(column, &DataType::Int64)?;
        let keys = keys.as_primitive::<Int64Type>();
        let near = match self.near {
            Some(near) if far_rows(keys, near) <= keys.len() / FAR_SHARE => near,
            _ if keys.len() < FEWEST_ROWS => return Ok(batch),
            _ => *self.near.insert(near_keys(keys)),
        };
        if far_rows(keys, near) == 0 {
            return Ok(batch);
        }
        let is_far: Vec<_> = keys.values().iter().map(|key| is_far(*key, near)).collect();
        let is_near: Vec<_> = is_far.iter().map(|far| !far).collect();
        let far = filter_record_batch(&batch, &BooleanArray::from(is_far))?;
        self.held_rows += far.num_rows();
        self.held_bytes += far.get_array_memory_size();
        self.held.push(far);
        filter_record_batch(&batch, &BooleanArray::from(is_near))
    }

    /// Returns the far rows that wait, if there are any.
    fn release(&mut self) -> Option<Result<RecordBatch, ArrowError>> {
        (self.held_rows, self.held_bytes) = (0, 0);
        let held = std::mem::take(&mut self.held);
        let first = held.first()?;
        Some(concat_batches(first.schema_ref(), &held))
    }
}

impl<I, E, F> Iterator for FarKeysLast<I, F>
where
    I: Iterator<Item = Result<RecordBatch, E>>,
    F: Fn(ArrowError) -> E,
{
    type Item = Result<RecordBatch, E>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = if self.held_rows >= HELD_ROWS || self.held_bytes >= HELD_BYTES {
            self.release()
        } else {
            match self.batches.next() {
                Some(Ok(batch)) => Some(self.part(batch)),
                Some(Err(error)) => return Some(Err(error)),
                None => self.release(),
            }
        };
        next.map(|batch| batch.map_err(&self.refused))
    }
}

/// Returns the key, if it is one column of integers that fit 64 bits with a sign. A null key is told of by
/// whoever routes the row.
fn integers<'a>(batch: &'a RecordBatch, key: &[usize]) -> Option<&'a ArrayRef> {
    use DataType::{Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32};

    let &[column] = key else {
        return None;
    };
    let column = batch.column(column);
    let is_integer = matches!(
        column.data_type(),
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32
    );
    (is_integer && column.null_count() == 0).then_some(column)
}

/// Returns the least and the greatest key that is not far: by the middle nine tenths of these.
fn near_keys(keys: &Int64Array) -> (i64, i64) {
    let mut keys = keys.values().to_vec();
    let twentieth = keys.len() / 20;
    let last = keys.len() - 1 - twentieth;
    let least = *keys.select_nth_unstable(twentieth).1;
    let greatest = *keys.select_nth_unstable(last).1;
    let reach = TIMES * (i128::from(greatest) - i128::from(least)).max(1);
    let bound = |key: i128| i64::try_from(key).ok();
    (
        bound(i128::from(least) - reach).unwrap_or(i64::MIN),
        bound(i128::from(greatest) + reach).unwrap_or(i64::MAX),
    )
}

fn far_rows(keys: &Int64Array, near: (i64, i64)) -> usize {
    keys.values()
        .iter()
        .map(|key| usize::from(is_far(*key, near)))
        .sum()
}

fn is_far(key: i64, (least, greatest): (i64, i64)) -> bool {
    !(least..=greatest).contains(&key)
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, sync::Arc};

    use arrow_array::StringArray;
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const FAR: i64 = 1 << 40;

    fn batch(keys: Vec<i64>, first: i64) -> RecordBatch {
        let places: Int64Array = (first..).take(keys.len()).collect();
        RecordBatch::try_from_iter([
            ("key", Arc::new(Int64Array::from(keys)) as ArrayRef),
            ("place", Arc::new(places) as ArrayRef),
        ])
        .unwrap()
    }

    fn stream(batches: &[Vec<i64>]) -> Vec<RecordBatch> {
        let mut first = 0;
        let of = |keys: &Vec<i64>| {
            let batch = batch(keys.clone(), first);
            first += i64::try_from(keys.len()).unwrap();
            batch
        };
        batches.iter().map(of).collect()
    }

    fn parted(batches: Vec<RecordBatch>) -> Vec<RecordBatch> {
        let batches = batches.into_iter().map(Ok::<_, Infallible>);
        let parted = FarKeysLast::new(batches, vec![0], |error| panic!("{error}"));
        parted.map(|batch| batch.unwrap()).collect()
    }

    /// The key and the place of each row, in their order.
    fn rows(batches: &[RecordBatch]) -> Vec<(i64, i64)> {
        let column = |i: usize| {
            let columns = batches.iter().map(move |batch| batch.column(i));
            columns.flat_map(|column| column.as_primitive::<Int64Type>().values().to_vec())
        };
        column(0).zip(column(1)).collect()
    }

    fn keys(batches: &[RecordBatch]) -> Vec<i64> {
        rows(batches).into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn far_keys_come_last_and_in_one_batch() {
        let far = |i: i64| if i % 50 == 7 { FAR + i } else { i };
        let batches = [0, 100, 200].map(|first| (first..first + 100).map(far).collect());
        let parted = parted(stream(&batches));
        assert_eq!(
            parted.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(),
            [98, 98, 98, 6]
        );
        let far: Vec<_> = keys(&parted).split_off(294);
        assert_eq!(far, [7, 57, 107, 157, 207, 257].map(|i| FAR + i));
    }

    #[test]
    fn keys_that_move_on_stay_where_they_are() {
        let batches = [0, FAR, 2 * FAR].map(|first| (first..first + 100).collect());
        assert_eq!(parted(stream(&batches)), stream(&batches));
    }

    #[test]
    fn two_clusters_stay_where_they_are() {
        let keys = (0..1_000).map(|i| if i % 3 == 0 { FAR + i } else { i });
        let batches = [keys.collect()];
        assert_eq!(parted(stream(&batches)), stream(&batches));
    }

    #[test]
    fn far_rows_do_not_wait_for_the_end_if_they_are_many() {
        let far = |i: i64| if i % 25 == 0 { FAR } else { i };
        let batches: Vec<_> = (0..20).map(|_| (0..100_000).map(far).collect()).collect();
        let parted = keys(&parted(stream(&batches)));
        assert_eq!(parted.iter().filter(|key| **key == FAR).count(), 80_000);
        let first = parted.iter().position(|key| *key == FAR);
        assert_eq!(first, Some(17 * 96_000));
    }

    #[test]
    fn far_rows_do_not_wait_for_the_end_if_they_are_wide() {
        let keys: Int64Array = (0..100).map(|i| if i == 9 { FAR } else { i }).collect();
        let text: StringArray = (0..100)
            .map(|i| Some("x".repeat(if i == 9 { 1 << 20 } else { 1 })))
            .collect();
        let batch = RecordBatch::try_from_iter([
            ("key", Arc::new(keys) as ArrayRef),
            ("text", Arc::new(text)),
        ]);
        let batches = parted(vec![batch.unwrap(); 40]);
        let far: Vec<_> = batches
            .iter()
            .map(RecordBatch::num_rows)
            .filter(|rows| *rows != 99)
            .collect();
        assert_eq!(far.iter().sum::<usize>(), 40);
        assert!(far.len() > 1 && far[0] <= 16, "{far:?}");
    }

    #[test]
    fn few_rows_extremes_nulls_and_text_go_on_as_they_are() {
        let few = [vec![1, 2, FAR]];
        assert_eq!(parted(stream(&few)), stream(&few));
        let extremes = [[i64::MIN, i64::MAX].repeat(100)];
        assert_eq!(parted(stream(&extremes)), stream(&extremes));
        let nulls: Int64Array = (0..200)
            .map(|i| (i != 9).then_some(FAR * (i / 199)))
            .collect();
        let text: StringArray = (0..200).map(|i| Some(i.to_string())).collect();
        for column in [Arc::new(nulls) as ArrayRef, Arc::new(text)] {
            let batch = RecordBatch::try_from_iter_with_nullable([("key", column, true)]).unwrap();
            assert_eq!(parted(vec![batch.clone()]), [batch]);
        }
    }

    proptest! {
        #[test]
        fn all_rows_come(
            batches in vec(vec(prop_oneof![40 => 0_i64..9, 1 => FAR..FAR + 3, 1 => -FAR..3 - FAR], 1..300), 0..8),
        ) {
            let (before, after) = (rows(&stream(&batches)), rows(&parted(stream(&batches))));
            let sorted = |mut rows: Vec<(i64, i64)>| {
                rows.sort_unstable();
                rows
            };
            prop_assert_eq!(sorted(before), sorted(after));
        }
    }
}
