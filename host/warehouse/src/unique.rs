//! Watches whether an integer key occurs twice, while the rows pass.
//!
//! Grouping 20 million keys in DuckDB takes longer than inserting them. Keys are mostly
//! integers that lie close together, for which a bitmap is exact and costs next to
//! nothing; all others are left to DuckDB.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use arrow_array::{Array, RecordBatch, RecordBatchReader, downcast_integer_array};
use arrow_buffer::ArrowNativeType;
use arrow_schema::{ArrowError, Field, SchemaRef};

/// Bits of a page, which takes 8 KiB.
const PAGE: u64 = 1 << 16;

/// Pages at most, 64 MiB: as many keys as there are people on earth would have gaps.
const PAGES: usize = 1 << 13;

/// What was seen of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Every key once.
    Unique,
    /// Something else: which, is for DuckDB to find out.
    Unknown,
}

/// A reader that remembers the keys of its batches.
pub(crate) struct UniqueReader {
    reader: Box<dyn RecordBatchReader + Send>,
    column: Option<usize>,
    keys: Arc<Mutex<Keys>>,
}

/// The keys that a [`UniqueReader`] has seen.
#[derive(Debug)]
pub(crate) struct Keys {
    pages: HashMap<u64, Box<[u64]>>,
    unique: bool,
}

impl UniqueReader {
    /// Watches a key, and returns where the keys are kept.
    pub(crate) fn new(
        reader: Box<dyn RecordBatchReader + Send>,
        key: &[Field],
    ) -> (Self, Arc<Mutex<Keys>>) {
        let column = match key {
            [field] if field.data_type().is_integer() => {
                reader.schema().index_of(field.name()).ok()
            }
            _ => None,
        };
        let keys = Arc::new(Mutex::new(Keys {
            pages: HashMap::new(),
            unique: column.is_some(),
        }));
        let watched = Self {
            reader,
            column,
            keys: Arc::clone(&keys),
        };
        (watched, keys)
    }
}

/// Returns what is known of the keys.
pub(crate) fn seen(keys: &Mutex<Keys>) -> Seen {
    if keys.lock().unwrap_or_else(PoisonError::into_inner).unique {
        Seen::Unique
    } else {
        Seen::Unknown
    }
}

impl Keys {
    fn add(&mut self, keys: &dyn Array) {
        if !self.unique {
            return;
        }
        self.unique = keys.null_count() == 0
            && downcast_integer_array! {
                keys => keys.values().iter().all(|key| self.insert(key.as_usize() as u64)),
                _ => false
            };
        if !self.unique {
            self.pages = HashMap::new();
        }
    }

    /// Adds a key; false if it was there, or if there are too many pages.
    fn insert(&mut self, key: u64) -> bool {
        let pages = self.pages.len();
        let page = match self.pages.entry(key / PAGE) {
            std::collections::hash_map::Entry::Occupied(page) => page.into_mut(),
            std::collections::hash_map::Entry::Vacant(_) if pages == PAGES => return false,
            std::collections::hash_map::Entry::Vacant(place) => {
                let words = usize::try_from(PAGE / 64).unwrap_or_default();
                place.insert(vec![0; words].into_boxed_slice())
            }
        };
        let bit = key % PAGE;
        let word = &mut page[usize::try_from(bit / 64).unwrap_or_default()];
        let mask = 1 << (bit % 64);
        let new = *word & mask == 0;
        *word |= mask;
        new
    }
}

impl Iterator for UniqueReader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.reader.next()?;
        if let (Some(column), Ok(batch)) = (self.column, &next)
            && let Some(keys) = batch.columns().get(column)
        {
            self.keys
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .add(keys);
        }
        Some(next)
    }
}

impl RecordBatchReader for UniqueReader {
    fn schema(&self) -> SchemaRef {
        self.reader.schema()
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{ArrayRef, Int8Array, Int64Array, StringArray, UInt64Array};

    use super::*;
    use crate::reader::batch_reader;

    fn watch(arrays: Vec<ArrayRef>) -> Seen {
        let batches: Vec<_> = arrays
            .into_iter()
            .map(|array| RecordBatch::try_from_iter([("id", array)]))
            .collect();
        let schema = batches[0].as_ref().unwrap().schema();
        let key = schema.field(0).clone();
        let (reader, keys) = UniqueReader::new(batch_reader(schema, batches), &[key]);
        assert!(reader.map(Result::unwrap).count() > 0);
        seen(&keys)
    }

    #[test]
    fn integers_are_watched() {
        let int64 = |keys: Vec<i64>| -> ArrayRef { Arc::new(Int64Array::from(keys)) };
        assert_eq!(
            watch(vec![int64((-100_000..100_000).collect())]),
            Seen::Unique
        );
        assert_eq!(
            watch(vec![int64(vec![i64::MIN, i64::MAX, -1, 0])]),
            Seen::Unique
        );
        assert_eq!(
            watch(vec![int64(vec![1, 2]), int64(vec![3, 1])]),
            Seen::Unknown
        );
        assert_eq!(
            watch(vec![Arc::new(Int64Array::from(vec![Some(1), None]))]),
            Seen::Unknown
        );
        assert_eq!(
            watch(vec![Arc::new(Int8Array::from(vec![-1, 127, -128]))]),
            Seen::Unique
        );
        assert_eq!(
            watch(vec![Arc::new(UInt64Array::from(vec![u64::MAX, 0]))]),
            Seen::Unique
        );
        assert_eq!(
            watch(vec![Arc::new(UInt64Array::from(vec![u64::MAX, u64::MAX]))]),
            Seen::Unknown
        );
    }

    #[test]
    fn other_keys_are_not() {
        assert_eq!(
            watch(vec![Arc::new(StringArray::from(vec!["a", "b"]))]),
            Seen::Unknown
        );
        let scattered =
            (0..20_000).map(|key: i64| key.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64.cast_signed()));
        assert_eq!(
            watch(vec![Arc::new(Int64Array::from_iter_values(scattered))]),
            Seen::Unknown
        );
    }
}
