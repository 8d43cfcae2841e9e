//! Text and binary as codes of two bytes into the distinct values.

use std::{hash::BuildHasher, str, sync::Arc};

use arrow_array::{
    Array, ArrayRef, GenericByteArray, UInt16Array, UInt32Array,
    builder::{GenericBinaryBuilder, GenericStringBuilder},
    cast::AsArray,
    new_null_array,
    types::ByteArrayType,
};
use arrow_buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType};
use arrow_select::take::take;
use hashbrown::{DefaultHashBuilder, HashTable};

/// The code of a null.
const NULL: u16 = u16::MAX;

/// How many rows are looked at before it is judged whether codes are worth it.
const JUDGED_AFTER: usize = 16_384;

/// A column of text or binary as codes into its distinct values.
#[derive(Debug)]
pub(super) struct Coded {
    data_type: DataType,
    codes: Vec<u16>,
    /// The distinct values, one behind the other, and where each ends.
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// The length of the longest of them.
    longest: usize,
    /// The codes by the hash of their value.
    index: HashTable<u16>,
    hasher: DefaultHashBuilder,
    /// The distinct values as an array, made when it is first needed.
    values: Option<ArrayRef>,
}

impl Coded {
    pub(super) fn new(data_type: DataType) -> Self {
        Self {
            data_type,
            codes: vec![],
            bytes: vec![],
            ends: vec![],
            longest: 0,
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            values: None,
        }
    }

    /// Adds an array, or nothing of it and returns false: there would be too many values.
    pub(super) fn push(&mut self, array: &ArrayRef) -> bool {
        let rows = self.codes.len();
        let done = match &self.data_type {
            DataType::Utf8 => self.add(
                array
                    .as_string::<i32>()
                    .iter()
                    .map(|v| v.map(str::as_bytes)),
            ),
            DataType::LargeUtf8 => self.add(
                array
                    .as_string::<i64>()
                    .iter()
                    .map(|v| v.map(str::as_bytes)),
            ),
            DataType::Binary => self.add(array.as_binary::<i32>().iter()),
            _ => self.add(array.as_binary::<i64>().iter()),
        };
        if !done {
            self.codes.truncate(rows);
        }
        done
    }

    fn add<'a>(&mut self, values: impl Iterator<Item = Option<&'a [u8]>>) -> bool {
        for value in values {
            let code = match value {
                None => NULL,
                Some(value) => match self.code(value) {
                    Some(code) => code,
                    None => return false,
                },
            };
            self.codes.push(code);
        }
        true
    }

    fn code(&mut self, value: &[u8]) -> Option<u16> {
        let Self {
            bytes,
            ends,
            index,
            hasher,
            ..
        } = self;
        let at = |code: &u16| value_at(bytes, ends, *code);
        let hash = hasher.hash_one(value);
        if let Some(code) = index.find(hash, |code| at(code) == value) {
            return Some(*code);
        }
        let code = u16::try_from(ends.len())
            .ok()
            .filter(|code| *code != NULL)?;
        index.insert_unique(hash, code, |code| hasher.hash_one(at(code)));
        bytes.extend_from_slice(value);
        ends.push(bytes.len());
        self.longest = self.longest.max(value.len());
        self.values = None;
        Some(code)
    }

    pub(super) fn rows(&self) -> usize {
        self.codes.len()
    }

    pub(super) fn is_worth_it(&self) -> bool {
        self.codes.len() < JUDGED_AFTER || self.ends.len() < self.codes.len() / 2
    }

    /// The size of the longest value with its offset, as an array would have it.
    pub(super) fn largest_row(&self) -> u64 {
        (self.longest + size_of::<i64>()) as u64
    }

    /// The size of an array of these rows.
    pub(super) fn bytes_of(&self, rows: &UInt32Array) -> u64 {
        let values = rows.values().iter().filter_map(|row| {
            let code = self
                .codes
                .get(*row as usize)
                .filter(|code| **code != NULL)?;
            Some(value_at(&self.bytes, &self.ends, *code).len() as u64)
        });
        let offsets = (rows.len() * size_of::<i64>()) as u64;
        values.fold(offsets, u64::saturating_add)
    }

    pub(super) fn take(&mut self, rows: &UInt32Array) -> Result<ArrayRef, ArrowError> {
        let values = match &self.values {
            Some(values) => Arc::clone(values),
            None => Arc::clone(self.values.insert(self.distinct())),
        };
        if values.is_empty() {
            return Ok(new_null_array(&self.data_type, rows.len()));
        }
        let code = |row: &u32| self.codes.get(*row as usize).copied().unwrap_or(NULL);
        // The number of a null row is out of range, see `row_numbers`.
        let mut codes: Vec<u16> = rows.values().iter().map(code).collect();
        let nulls = codes.contains(&NULL).then(|| {
            let present = BooleanBuffer::collect_bool(codes.len(), |row| codes[row] != NULL);
            codes
                .iter_mut()
                .filter(|code| **code == NULL)
                .for_each(|code| *code = 0);
            NullBuffer::new(present)
        });
        take(
            &values,
            &UInt16Array::new(ScalarBuffer::from(codes), nulls),
            None,
        )
    }

    pub(super) fn differs(
        &self,
        rows: &UInt32Array,
        other: &ArrayRef,
        other_rows: &UInt32Array,
        mark: impl FnMut(usize, bool),
    ) -> bool {
        if other.data_type() != &self.data_type {
            return false;
        }
        match &self.data_type {
            DataType::Utf8 => self.differ_from(rows, other.as_string::<i32>(), other_rows, mark),
            DataType::LargeUtf8 => {
                self.differ_from(rows, other.as_string::<i64>(), other_rows, mark);
            }
            DataType::Binary => self.differ_from(rows, other.as_binary::<i32>(), other_rows, mark),
            _ => self.differ_from(rows, other.as_binary::<i64>(), other_rows, mark),
        }
        true
    }

    fn differ_from<T: ByteArrayType>(
        &self,
        rows: &UInt32Array,
        other: &GenericByteArray<T>,
        other_rows: &UInt32Array,
        mut mark: impl FnMut(usize, bool),
    ) {
        let rows = rows.values().iter().zip(other_rows.values());
        for (place, (row, other_row)) in rows.enumerate() {
            // The number of a null row is out of range, see `row_numbers`.
            let code = self.codes.get(*row as usize).copied().unwrap_or(NULL);
            let own = (code != NULL).then(|| value_at(&self.bytes, &self.ends, code));
            let row = *other_row as usize;
            let is_value = row < other.len() && other.is_valid(row);
            let other: Option<&[u8]> = is_value.then(|| other.value(row).as_ref());
            mark(place, own != other);
        }
    }

    fn distinct(&self) -> ArrayRef {
        let codes = (0..).take(self.ends.len());
        let values = codes.map(|code| value_at(&self.bytes, &self.ends, code));
        let texts = values
            .clone()
            .map(|value| str::from_utf8(value).expect("it came out of an array of text"));
        match &self.data_type {
            DataType::Utf8 => {
                let mut builder = GenericStringBuilder::<i32>::new();
                texts.for_each(|text| builder.append_value(text));
                Arc::new(builder.finish())
            }
            DataType::LargeUtf8 => {
                let mut builder = GenericStringBuilder::<i64>::new();
                texts.for_each(|text| builder.append_value(text));
                Arc::new(builder.finish())
            }
            DataType::Binary => {
                let mut builder = GenericBinaryBuilder::<i32>::new();
                values.for_each(|value| builder.append_value(value));
                Arc::new(builder.finish())
            }
            _ => {
                let mut builder = GenericBinaryBuilder::<i64>::new();
                values.for_each(|value| builder.append_value(value));
                Arc::new(builder.finish())
            }
        }
    }
}

fn value_at<'a>(bytes: &'a [u8], ends: &[usize], code: u16) -> &'a [u8] {
    let code = usize::from(code);
    let start = code.checked_sub(1).map_or(0, |before| ends[before]);
    &bytes[start..ends[code]]
}
