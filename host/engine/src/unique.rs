//! Tells whether a key occurs twice among the rows of a lane.

use std::collections::HashSet;

use arrow_array::{Array, ArrayRef, RecordBatch, cast::AsArray, types::Int64Type};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType};
use roaring::RoaringTreemap;
use xxhash_rust::xxh3::xxh3_128;

/// The keys seen so far: integers as a compressed bitmap, anything else as 128-bit hashes.
///
/// A wrong suspicion (two keys of one hash, one in 2^64 with 2^32 keys) is found out by whoever
/// looks for the rows, and never stores anything.
#[derive(Debug, Default)]
pub(crate) struct UniqueKeys {
    integers: RoaringTreemap,
    hashes: HashSet<u128>,
}

impl UniqueKeys {
    /// Adds the keys of a batch, and says whether all of them were new.
    pub(crate) fn insert(
        &mut self,
        batch: &RecordBatch,
        key: &[usize],
    ) -> Result<bool, ArrowError> {
        if let [column] = key
            && batch.column(*column).data_type().is_integer()
        {
            let values = integers(batch.column(*column))?;
            let values = values.as_primitive::<Int64Type>().values();
            return Ok(self.insert_integers(values));
        }
        let columns = key
            .iter()
            .map(|&column| cast(batch.column(column), &DataType::LargeUtf8))
            .collect::<Result<Vec<_>, _>>()?;
        let mut bytes = vec![];
        Ok((0..batch.num_rows()).all(|row| {
            bytes.clear();
            for column in &columns {
                let value = column.as_string::<i64>().value(row);
                bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
                bytes.extend_from_slice(value.as_bytes());
            }
            self.hashes.insert(xxh3_128(&bytes))
        }))
    }

    /// Keys of an extract are mostly numbered one after the other, and so are added run by run.
    fn insert_integers(&mut self, values: &[i64]) -> bool {
        let runs = values.chunk_by(|left, right| left.checked_add(1) == Some(*right));
        runs.into_iter().all(|run| match run {
            [key] => self.integers.insert(key.cast_unsigned()),
            // From -1 to 0 the bits do not go on, hence two runs at most.
            [first, .., last] if (*first < 0) == (*last < 0) => {
                let range = first.cast_unsigned()..=last.cast_unsigned();
                self.integers.insert_range(range) == run.len() as u64
            }
            _ => run
                .iter()
                .all(|key| self.integers.insert(key.cast_unsigned())),
        })
    }
}

fn integers(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    if column.data_type() == &DataType::UInt64 {
        let values = column.as_primitive::<arrow_array::types::UInt64Type>();
        return Ok(std::sync::Arc::new(
            values.unary::<_, Int64Type>(u64::cast_signed),
        ));
    }
    cast(column, &DataType::Int64)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::Int64Array;

    use super::*;

    fn insert(keys: &mut UniqueKeys, values: &[i64]) -> bool {
        let column: ArrayRef = Arc::new(Int64Array::from(values.to_vec()));
        let batch = RecordBatch::try_from_iter([("id", column)]).unwrap();
        keys.insert(&batch, &[0]).unwrap()
    }

    #[test]
    fn integers_in_any_order_are_new_once() {
        let mut keys = UniqueKeys::default();
        for values in [
            [1, 2, 3, 7].as_slice(),
            &[],
            &[6, 5, 4],
            &[i64::MIN, i64::MIN + 1, -3, -2, -1, 0],
            &[i64::MAX - 1, i64::MAX],
        ] {
            assert!(insert(&mut keys, values), "{values:?}");
        }
        for values in [
            [8, 8].as_slice(),
            &[9, 10, 11, 10],
            &[-1, 100],
            &[0],
            &[2, 3],
            &[i64::MAX],
        ] {
            assert!(!insert(&mut keys, values), "{values:?}");
        }
    }

    #[test]
    fn a_run_that_others_have_a_part_of_is_not_new() {
        let mut keys = UniqueKeys::default();
        assert!(insert(&mut keys, &[5]));
        assert!(!insert(&mut keys, &[3, 4, 5, 6]));
    }
}
