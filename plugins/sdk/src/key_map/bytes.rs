//! Strings and composite keys: encoded as bytes, kept in one arena, found by hash.

use std::borrow::Cow;

use arrow_array::{Array, ArrayRef, cast::AsArray};
use arrow_schema::DataType;
use hashbrown::HashTable;

use super::integers::{integers, is_integer};
use crate::NO_ROW;

#[derive(Debug, Default)]
pub(super) struct BytesTable {
    table: HashTable<u32>,
    /// Where each entry's key ends in the arena; it begins where the one before ends.
    ends: Vec<usize>,
    values: Vec<u32>,
    arena: Vec<u8>,
}

impl BytesTable {
    pub(super) fn update(&mut self, key: &[ArrayRef], f: &mut impl FnMut(usize, &mut u32)) {
        let keys = EncodedKeys::new(key);
        for row in 0..keys.rows() {
            let key = keys.row(row);
            let hash = xxhash_rust::xxh3::xxh3_64(key);
            let Self {
                table,
                ends,
                values,
                arena,
            } = self;
            let known = table.find(hash, |&entry| entry_key(arena, ends, entry) == key);
            let entry = if let Some(&entry) = known {
                entry
            } else {
                let entry = u32::try_from(values.len()).expect("memory is 32 bits wide");
                arena.extend_from_slice(key);
                ends.push(arena.len());
                values.push(NO_ROW);
                table.insert_unique(hash, entry, |&entry| {
                    xxhash_rust::xxh3::xxh3_64(entry_key(arena, ends, entry))
                });
                entry
            };
            f(row, &mut values[entry as usize]);
        }
    }

    pub(super) fn probe(&self, key: &[ArrayRef]) -> Vec<u32> {
        let keys = EncodedKeys::new(key);
        let find = |row| {
            let key = keys.row(row);
            let hash = xxhash_rust::xxh3::xxh3_64(key);
            let same = |&entry: &u32| entry_key(&self.arena, &self.ends, entry) == key;
            self.table.find(hash, same)
        };
        let value =
            |found: Option<&u32>| found.map_or(NO_ROW, |&entry| self.values[entry as usize]);
        (0..keys.rows()).map(find).map(value).collect()
    }

    pub(super) fn for_each_value(&self, f: &mut impl FnMut(u32)) {
        self.values.iter().copied().for_each(f);
    }
}

fn entry_key<'a>(arena: &'a [u8], ends: &[usize], entry: u32) -> &'a [u8] {
    let entry = entry as usize;
    let start = if entry == 0 { 0 } else { ends[entry - 1] };
    &arena[start..ends[entry]]
}

pub(super) fn is_encodable(data_type: &DataType) -> bool {
    is_integer(data_type)
        || matches!(
            data_type,
            DataType::Utf8
                | DataType::LargeUtf8
                | DataType::Binary
                | DataType::LargeBinary
                | DataType::FixedSizeBinary(_)
        )
}

/// The keys of a batch as bytes: integers as eight little-endian bytes, strings and binary behind
/// their length, so that no two composite keys run together.
struct EncodedKeys {
    ends: Vec<usize>,
    bytes: Vec<u8>,
}

impl EncodedKeys {
    fn new(key: &[ArrayRef]) -> Self {
        let rows = key[0].len();
        let columns: Vec<Column<'_>> = key.iter().map(Column::new).collect();
        let mut encoded = Self {
            ends: Vec::with_capacity(rows),
            bytes: Vec::with_capacity(rows * 16),
        };
        for row in 0..rows {
            for column in &columns {
                column.encode(row, &mut encoded.bytes);
            }
            encoded.ends.push(encoded.bytes.len());
        }
        encoded
    }

    fn rows(&self) -> usize {
        self.ends.len()
    }

    fn row(&self, row: usize) -> &[u8] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.bytes[start..self.ends[row]]
    }
}

enum Column<'a> {
    Integers(Cow<'a, [i64]>),
    Bytes(Box<dyn Fn(usize) -> &'a [u8] + 'a>),
}

impl<'a> Column<'a> {
    fn new(column: &'a ArrayRef) -> Self {
        match column.data_type() {
            DataType::Utf8 => {
                let array = column.as_string::<i32>();
                Self::Bytes(Box::new(|row| array.value(row).as_bytes()))
            }
            DataType::LargeUtf8 => {
                let array = column.as_string::<i64>();
                Self::Bytes(Box::new(|row| array.value(row).as_bytes()))
            }
            DataType::Binary => {
                let array = column.as_binary::<i32>();
                Self::Bytes(Box::new(|row| array.value(row)))
            }
            DataType::LargeBinary => {
                let array = column.as_binary::<i64>();
                Self::Bytes(Box::new(|row| array.value(row)))
            }
            DataType::FixedSizeBinary(_) => {
                let array = column.as_fixed_size_binary();
                Self::Bytes(Box::new(|row| array.value(row)))
            }
            _ => Self::Integers(integers(column)),
        }
    }

    fn encode(&self, row: usize, bytes: &mut Vec<u8>) {
        match self {
            Self::Integers(values) => bytes.extend_from_slice(&values[row].to_le_bytes()),
            Self::Bytes(value) => {
                let value = value(row);
                bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
                bytes.extend_from_slice(value);
            }
        }
    }
}
