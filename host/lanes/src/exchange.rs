//! Routes rows to lanes by the hash of their key.
//!
//! The unit of work is a *bucket* of keys: `bucket = hash(key) % BUCKETS`. A lane serves whole
//! buckets, so the same key always meets the same plugin instance, whatever the number of lanes,
//! and another engine that runs the same plugins can cut the work at the same places.
//!
//! **The hash is specified**, and not DuckDB's: XXH3 with 64 bits and seed 0
//! (<https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md>) over the key's columns in
//! order, where an integer, date, timestamp or boolean is its value as eight little-endian bytes,
//! sign-extended, and text or binary is its length as eight little-endian bytes and its bytes.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, Int64Array, RecordBatch, UInt32Array,
    cast::AsArray,
    types::{Int64Type, UInt64Type},
};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType};
use arrow_select::take::take_record_batch;
use xxhash_rust::xxh3::xxh3_64;

use crate::key_set::KeySet;

/// How many buckets keys fall into.
pub const BUCKETS: u64 = 256;

/// Returns which of so many passes the keys with this hash belong to, if so many lanes serve them.
///
/// A pass has whole buckets, and about as many for each lane.
#[must_use]
pub fn pass_of(hash: u64, lanes: usize, passes: usize) -> usize {
    bucket(hash) / lanes % passes
}

/// Returns how many passes there may be, a power of two: each has a bucket for each lane.
#[must_use]
pub fn most_passes(lanes: usize) -> usize {
    let rounds = BUCKETS / lanes.max(1) as u64;
    rounds.checked_ilog2().map_or(1, |power| 1 << power)
}

/// Why a batch cannot be routed.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// This key column is null somewhere.
    #[error("column {0}, of the key, has a null")]
    NullKey(usize),
    /// Arrow refused.
    #[error("the rows of a lane could not be taken")]
    Arrow(#[source] ArrowError),
}

/// Splits batches over lanes.
#[derive(Debug, Clone)]
pub struct Router {
    key: Vec<usize>,
    lanes: usize,
}

impl Router {
    /// Makes a router by these columns to so many lanes, at least one.
    pub fn new(key: Vec<usize>, lanes: usize) -> Self {
        Self { key, lanes }
    }

    /// Returns the number of lanes.
    pub(crate) fn lanes(&self) -> usize {
        self.lanes
    }

    /// Calls `send` with each lane's rows of `batch`, in their order. A lane without rows is left
    /// out.
    ///
    /// # Errors
    ///
    /// - [`RouteError::NullKey`] if a key is null.
    /// - [`RouteError::Arrow`] if a key is of a type that cannot be hashed.
    pub fn route(
        &self,
        batch: &RecordBatch,
        mut send: impl FnMut(usize, RecordBatch),
    ) -> Result<(), RouteError> {
        self.check_key(batch)?;
        if self.lanes == 1 {
            send(0, batch.clone());
            return Ok(());
        }
        let mut rows = vec![Vec::with_capacity(batch.num_rows()); self.lanes];
        for (row, bucket) in (0_u32..).zip(self.buckets(batch).map_err(RouteError::Arrow)?) {
            rows[bucket % self.lanes].push(row);
        }
        for (lane, rows) in rows.into_iter().enumerate() {
            if rows.len() == batch.num_rows() {
                send(lane, batch.clone());
            } else if !rows.is_empty() {
                let rows = UInt32Array::from(rows);
                send(
                    lane,
                    take_record_batch(batch, &rows).map_err(RouteError::Arrow)?,
                );
            }
        }
        Ok(())
    }

    /// Calls `send` with each lane's rows of `batch` whose key's hash is kept, in their order.
    pub(crate) fn route_kept(
        &self,
        batch: &RecordBatch,
        mut keep: impl FnMut(u64) -> bool,
        send: impl FnMut(usize, RecordBatch),
    ) -> Result<(), RouteError> {
        self.check_key(batch)?;
        let hashes = self.hash(batch).map_err(RouteError::Arrow)?;
        let mut rows = vec![vec![]; self.lanes];
        for (row, hash) in (0_u32..).zip(hashes) {
            if keep(hash) {
                rows[bucket(hash) % self.lanes].push(row);
            }
        }
        Self::send_rows(batch, rows, send)
    }

    /// Calls `send` with each lane's rows of `batch` whose key is in a set and its hash kept, in
    /// their order. Only where it is asked for is the hash of a key taken.
    pub(crate) fn route_known(
        &self,
        batch: &RecordBatch,
        known: &KeySet,
        keep: Option<&dyn Fn(u64) -> bool>,
        send: impl FnMut(usize, RecordBatch),
    ) -> Result<(), RouteError> {
        self.check_key(batch)?;
        let keys = self.integers(batch).map_err(RouteError::Arrow)?;
        let keys = keys.as_ref().map_or(&[][..], |keys| keys.values().as_ref());
        let mut rows = vec![vec![]; self.lanes];
        for (row, &key) in (0_u32..).zip(keys) {
            if !known.contains(key) {
                continue;
            }
            if self.lanes == 1 && keep.is_none() {
                rows[0].push(row);
                continue;
            }
            let hash = hash_integer(key);
            if keep.is_none_or(|keep| keep(hash)) {
                rows[bucket(hash) % self.lanes].push(row);
            }
        }
        Self::send_rows(batch, rows, send)
    }

    /// Returns the keys of a batch as integers, if they are one; equal keys are equal integers.
    pub(crate) fn integers(&self, batch: &RecordBatch) -> Result<Option<Int64Array>, ArrowError> {
        let &[column] = self.key.as_slice() else {
            return Ok(None);
        };
        Ok(match Canonical::new(batch.column(column))? {
            Canonical::Integers(keys) => Some(keys.as_primitive::<Int64Type>().clone()),
            Canonical::Bytes(_) => None,
        })
    }

    fn send_rows(
        batch: &RecordBatch,
        rows: Vec<Vec<u32>>,
        mut send: impl FnMut(usize, RecordBatch),
    ) -> Result<(), RouteError> {
        for (lane, rows) in rows.into_iter().enumerate() {
            if rows.len() == batch.num_rows() {
                send(lane, batch.clone());
            } else if !rows.is_empty() {
                let rows = take_record_batch(batch, &UInt32Array::from(rows));
                send(lane, rows.map_err(RouteError::Arrow)?);
            }
        }
        Ok(())
    }

    /// Returns which rows of `batch` have a key whose hash is kept. What a null hashes to is not
    /// specified.
    ///
    /// # Errors
    ///
    /// If a key is of a type that cannot be hashed.
    pub fn kept(
        &self,
        batch: &RecordBatch,
        mut keep: impl FnMut(u64) -> bool,
    ) -> Result<UInt32Array, ArrowError> {
        let hashes = (0_u32..).zip(self.hash(batch)?);
        Ok(hashes
            .filter(|(_, hash)| keep(*hash))
            .map(|(row, _)| row)
            .collect::<Vec<_>>()
            .into())
    }

    fn check_key(&self, batch: &RecordBatch) -> Result<(), RouteError> {
        let is_null = |&&column: &&usize| batch.column(column).null_count() > 0;
        match self.key.iter().find(is_null) {
            Some(&column) => Err(RouteError::NullKey(column)),
            None => Ok(()),
        }
    }

    fn buckets(&self, batch: &RecordBatch) -> Result<Vec<usize>, ArrowError> {
        Ok(self.hash(batch)?.into_iter().map(bucket).collect())
    }

    fn hash(&self, batch: &RecordBatch) -> Result<Vec<u64>, ArrowError> {
        let columns = self
            .key
            .iter()
            .map(|&column| Canonical::new(batch.column(column)));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        if let [Canonical::Integers(values)] = columns.as_slice() {
            let values = values.as_primitive::<Int64Type>().values();
            return Ok(values.iter().copied().map(hash_integer).collect());
        }
        let mut bytes = vec![];
        let rows = 0..batch.num_rows();
        Ok(rows
            .map(|row| {
                bytes.clear();
                for column in &columns {
                    column.encode(row, &mut bytes);
                }
                xxh3_64(&bytes)
            })
            .collect())
    }
}

/// Returns the bucket of the keys with this hash.
fn bucket(hash: u64) -> usize {
    // Below 256, so it fits.
    (hash % BUCKETS) as usize
}

/// Returns the hash of a key that is one integer.
pub(crate) fn hash_integer(key: i64) -> u64 {
    xxh3_64(&key.to_le_bytes())
}

/// A key column in the form that is hashed.
enum Canonical {
    Integers(ArrayRef),
    Bytes(ArrayRef),
}

impl Canonical {
    fn new(column: &ArrayRef) -> Result<Self, ArrowError> {
        Ok(match column.data_type() {
            DataType::Int64 => Self::Integers(Arc::clone(column)),
            DataType::UInt64 => {
                // The same bits.
                let values = column.as_primitive::<UInt64Type>();
                let values = values.unary::<_, Int64Type>(u64::cast_signed);
                Self::Integers(Arc::new(values))
            }
            DataType::Date32 => {
                Self::Integers(cast(&cast(column, &DataType::Int32)?, &DataType::Int64)?)
            }
            DataType::LargeBinary => Self::Bytes(Arc::clone(column)),
            DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Binary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => Self::Bytes(cast(column, &DataType::LargeBinary)?),
            DataType::Dictionary(_, values) => Self::new(&cast(column, values)?)?,
            _ => Self::Integers(cast(column, &DataType::Int64)?),
        })
    }

    fn encode(&self, row: usize, bytes: &mut Vec<u8>) {
        match self {
            Self::Integers(values) => {
                let value = values.as_primitive::<Int64Type>().value(row);
                bytes.extend_from_slice(&value.to_le_bytes());
            }
            Self::Bytes(values) => {
                let value = values.as_binary::<i64>().value(row);
                bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
                bytes.extend_from_slice(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{Int32Array, StringArray};
    use arrow_schema::{Field, Schema};

    use super::*;

    fn batch(columns: Vec<ArrayRef>) -> RecordBatch {
        let fields: Vec<_> = columns
            .iter()
            .enumerate()
            .map(|(i, column)| Field::new(format!("c{i}"), column.data_type().clone(), true))
            .collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
    }

    #[test]
    fn the_hash_is_the_one_that_is_specified() {
        let router = Router::new(vec![0], 2);
        let buckets = router
            .buckets(&batch(vec![Arc::new(Int64Array::from(vec![
                0, 1, -1, 1234,
            ]))]))
            .unwrap();
        let expected: Vec<_> = [0_i64, 1, -1, 1234]
            .map(|key| (xxh3_64(&key.to_le_bytes()) % 256) as usize)
            .into();
        assert_eq!(buckets, expected);
        // Pinned: another engine must find the same buckets.
        assert_eq!(buckets, [217, 46, 19, 254]);
    }

    #[test]
    fn an_integer_key_of_another_width_is_the_same_key() {
        let router = Router::new(vec![0], 2);
        let wide = router.buckets(&batch(vec![Arc::new(Int64Array::from(vec![-3, 7]))]));
        let narrow = router.buckets(&batch(vec![Arc::new(Int32Array::from(vec![-3, 7]))]));
        assert_eq!(wide.unwrap(), narrow.unwrap());
    }

    #[test]
    fn every_row_goes_to_one_lane_and_a_key_always_to_the_same() {
        let keys: Vec<_> = (0..1_000).map(|i| format!("k{}", i % 100)).collect();
        let rows = batch(vec![
            Arc::new(StringArray::from(keys)),
            Arc::new(Int64Array::from_iter_values(0..1_000)),
        ]);
        let router = Router::new(vec![0], 3);
        let mut lane_of = std::collections::HashMap::new();
        let mut routed = 0;
        router
            .route(&rows, |lane, part| {
                routed += part.num_rows();
                for key in part.column(0).as_string::<i32>().iter().flatten() {
                    assert_eq!(*lane_of.entry(key.to_owned()).or_insert(lane), lane);
                }
            })
            .unwrap();
        assert_eq!(routed, 1_000);
    }

    #[test]
    fn passes_share_the_buckets_of_every_lane_evenly() {
        for lanes in [1, 2, 3, 7, 64, 200, 300] {
            let most = most_passes(lanes);
            for power in 0..=most.ilog2() {
                let passes = 1 << power;
                let mut buckets = vec![vec![0; passes]; lanes.min(256)];
                for hash in 0..BUCKETS {
                    buckets[bucket(hash) % lanes][pass_of(hash, lanes, passes)] += 1;
                }
                for lane in &buckets {
                    let (least, most) = (lane.iter().min().unwrap(), lane.iter().max().unwrap());
                    assert!(
                        most - least <= 1,
                        "{lanes} lanes, {passes} passes: {lane:?}"
                    );
                    assert!(passes == 1 || *least > 0);
                }
            }
        }
        assert_eq!(
            [1, 2, 3, 128, 129, 1_024].map(most_passes),
            [256, 128, 64, 2, 1, 1]
        );
    }

    #[test]
    fn a_null_key_is_refused() {
        let rows = batch(vec![Arc::new(Int64Array::from(vec![Some(1), None]))]);
        let routed = Router::new(vec![0], 2).route(&rows, |_, _| {});
        assert!(matches!(routed, Err(RouteError::NullKey(0))));
    }
}
