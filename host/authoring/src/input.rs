//! What a plugin is handed: two streams of rows, and the ways to hand the same rows over.

use std::sync::Arc;

use arrow_array::{RecordBatch, UInt32Array, new_null_array};
use arrow_schema::ArrowError;
use arrow_select::take::take_record_batch;

use crate::rows::{batch, no_rows};

/// The rows of a case.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    /// What is kept first: open versions, the lookup, the versions last applied. A transform has
    /// none.
    pub(crate) first: Option<RecordBatch>,
    /// Which of their columns make the key.
    pub(crate) first_key: Vec<usize>,
    /// What is worked on.
    pub(crate) second: RecordBatch,
    /// Which of their columns make the key. A transform has none.
    pub(crate) second_key: Vec<usize>,
}

/// Which of the two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    First,
    Second,
}

impl Input {
    /// Returns the rows of a transform.
    pub(crate) fn unkeyed(second: RecordBatch) -> Self {
        Self {
            first: None,
            first_key: vec![],
            second,
            second_key: vec![],
        }
    }

    /// Returns how many rows there are on both sides.
    pub(crate) fn rows(&self) -> usize {
        self.first.as_ref().map_or(0, RecordBatch::num_rows) + self.second.num_rows()
    }

    /// Returns how many rows one side has.
    pub(crate) fn rows_of(&self, side: Side) -> usize {
        match side {
            Side::First => self.first.as_ref().map_or(0, RecordBatch::num_rows),
            Side::Second => self.second.num_rows(),
        }
    }

    /// Returns the input with only these rows on one side, in this order.
    pub(crate) fn with_rows(&self, side: Side, rows: &[u32]) -> Result<Self, ArrowError> {
        let rows = UInt32Array::from(rows.to_vec());
        let mut input = self.clone();
        match side {
            Side::First => {
                let first = self.first.as_ref();
                input.first = first.map(|b| take_record_batch(b, &rows)).transpose()?;
            }
            Side::Second => input.second = take_record_batch(&self.second, &rows)?,
        }
        Ok(input)
    }

    /// Returns the input without the rows of these sides. What is kept first is empty on the first
    /// run of every pipeline.
    pub(crate) fn without(&self, sides: &[Side]) -> Self {
        let mut input = self.clone();
        for side in sides {
            match side {
                Side::First => {
                    let first = self.first.as_ref();
                    input.first = first.map(|first| no_rows(&first.schema()));
                }
                Side::Second => input.second = no_rows(&self.second.schema()),
            }
        }
        input
    }

    /// Returns the rows of both sides in the opposite order, or in one that follows from `seed`.
    pub(crate) fn shuffled(&self, seed: Option<u64>) -> Result<Self, ArrowError> {
        let order = |rows: usize| {
            let mut order: Vec<u32> = (0..).take(rows).collect();
            match seed {
                None => order.reverse(),
                Some(seed) => shuffle(&mut order, seed),
            }
            order
        };
        let input = self.with_rows(Side::First, &order(self.rows_of(Side::First)))?;
        input.with_rows(Side::Second, &order(self.rows_of(Side::Second)))
    }

    /// Returns the rows with null in every column but those of the key and `valid_from`.
    pub(crate) fn with_nulls(&self) -> Result<Self, ArrowError> {
        let nulled = |rows: &RecordBatch, key: &[usize]| {
            let schema = rows.schema();
            let columns = rows.columns().iter().zip(schema.fields()).enumerate();
            let columns = columns.map(|(i, (column, field))| {
                if field.is_nullable() && !key.contains(&i) {
                    new_null_array(field.data_type(), rows.num_rows())
                } else {
                    Arc::clone(column)
                }
            });
            batch(&schema, columns.collect(), rows.num_rows())
        };
        Ok(Self {
            first: self
                .first
                .as_ref()
                .map(|first| nulled(first, &self.first_key))
                .transpose()?,
            second: nulled(&self.second, &self.second_key)?,
            ..self.clone()
        })
    }
}

/// Cuts rows into batches of at most so many. No rows are no batch.
pub(crate) fn batches(rows: &RecordBatch, most: usize) -> impl Iterator<Item = RecordBatch> {
    let starts = (0..rows.num_rows()).step_by(most.max(1));
    starts.map(move |start| rows.slice(start, most.min(rows.num_rows() - start)))
}

/// Brings numbers into an order that follows from the seed.
fn shuffle(numbers: &mut [u32], seed: u64) {
    let mut state = seed | 1;
    for last in (1..numbers.len()).rev() {
        // xorshift64: good enough to mix rows, and the same everywhere.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let other = usize::try_from(state % (last as u64 + 1)).unwrap_or(0);
        numbers.swap(last, other);
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::Int64Array;
    use arrow_schema::{DataType, Field, Schema};

    use super::*;

    #[test]
    fn a_side_that_is_emptied_keeps_its_columns_and_leaves_the_other_alone() {
        let schema = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, true)]));
        let ids = |ids: Vec<i64>| {
            let ids = Arc::new(Int64Array::from(ids));
            RecordBatch::try_new(Arc::clone(&schema), vec![ids]).unwrap()
        };
        let input = Input {
            first: Some(ids(vec![1, 2])),
            first_key: vec![0],
            second: ids(vec![3]),
            second_key: vec![0],
        };
        let rows = |sides: &[Side]| {
            let emptied = input.without(sides);
            let first = emptied.first.as_ref().expect("it stays, without rows");
            assert_eq!(first.schema(), schema);
            assert_eq!(emptied.second.schema(), schema);
            (emptied.rows_of(Side::First), emptied.rows_of(Side::Second))
        };
        assert_eq!(rows(&[Side::First]), (0, 1));
        assert_eq!(rows(&[Side::Second]), (2, 0));
        assert_eq!(rows(&[Side::First, Side::Second]), (0, 0));
    }

    #[test]
    fn a_shuffle_loses_nothing_and_is_repeatable() {
        let mut numbers: Vec<u32> = (0..100).collect();
        shuffle(&mut numbers, 7);
        let mut again: Vec<u32> = (0..100).collect();
        shuffle(&mut again, 7);
        assert_eq!(numbers, again);
        assert!(!numbers.is_sorted());
        numbers.sort_unstable();
        assert_eq!(numbers, (0..100).collect::<Vec<_>>());
    }
}
