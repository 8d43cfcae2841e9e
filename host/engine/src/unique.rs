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
            return Ok(values
                .iter()
                .all(|&value| self.integers.insert(value.cast_unsigned())));
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
