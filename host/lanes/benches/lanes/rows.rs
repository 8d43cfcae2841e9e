//! The lookup and the rows that are looked up.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// So many different rows are made; after them they come again.
const ROWS: usize = 2_000_000;

/// What the keys are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// The numbers from 0 on, as int64.
    Numbers,
    /// Sixteen hexadecimal digits each, in no order.
    Text,
}

impl Keys {
    fn data_type(self) -> DataType {
        match self {
            Self::Numbers => DataType::Int64,
            Self::Text => DataType::Utf8,
        }
    }

    fn array(self, numbers: impl Iterator<Item = i64>) -> ArrayRef {
        match self {
            Self::Numbers => Arc::new(numbers.collect::<Int64Array>()),
            Self::Text => {
                let text = numbers.map(|number| format!("{:016x}", mix(number as u64)));
                Arc::new(StringArray::from_iter_values(text))
            }
        }
    }
}

pub(crate) fn lookup_schema(keys: Keys) -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("key", keys.data_type(), false),
        Field::new("payload", DataType::Utf8, true),
        Field::new("valid_from", instant(), false),
    ]))
}

pub(crate) fn rows_schema(keys: Keys) -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("key", keys.data_type(), false),
        Field::new("event_time", instant(), false),
    ]))
}

/// The rows with what the lookup adds to them.
pub(crate) fn completed_schema(keys: Keys) -> SchemaRef {
    let mut fields = wigeon_yardstick::completed().fields().to_vec();
    fields[0] = Field::new("key", keys.data_type(), false).into();
    Arc::new(Schema::new(fields))
}

fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}

/// One version of each key, some 3,000 different payloads.
pub(crate) fn lookup(keys: Keys, count: usize, batch: usize) -> Vec<RecordBatch> {
    let numbers: Vec<i64> = (0..count as i64).collect();
    let batch_of = |numbers: &[i64]| {
        let payload = numbers
            .iter()
            .map(|&key| Some(format!("PC{}", mix(key as u64) % 3_000)));
        let columns: Vec<ArrayRef> = vec![
            keys.array(numbers.iter().copied()),
            Arc::new(payload.collect::<StringArray>()),
            Arc::new(TimestampMicrosecondArray::from(vec![0; numbers.len()])),
        ];
        RecordBatch::try_new(lookup_schema(keys), columns).expect("columns of one length")
    };
    numbers.chunks(batch).map(batch_of).collect()
}

/// Batches of rows with keys all over the lookup, one in 200 unknown.
pub(crate) fn rows(keys: Keys, count: usize, batch: usize) -> Vec<RecordBatch> {
    let batch_of = |number: usize| {
        let seeds = (number * batch) as u64..((number + 1) * batch) as u64;
        let known = count as u64 + count as u64 / 200;
        let key = |seed| (mix(seed) % known) as i64;
        let columns: Vec<ArrayRef> = vec![
            keys.array(seeds.clone().map(key)),
            Arc::new(TimestampMicrosecondArray::from_iter_values(
                seeds.map(|seed| seed as i64),
            )),
        ];
        RecordBatch::try_new(rows_schema(keys), columns).expect("columns of one length")
    };
    (0..(ROWS / batch).max(1)).map(batch_of).collect()
}

/// The finalizer of splitmix64.
fn mix(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
