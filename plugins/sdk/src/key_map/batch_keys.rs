//! The keys of a batch as bytes: a column of strings or binary as it is, several columns encoded.

use std::borrow::Cow;

use arrow_array::{Array, ArrayRef, GenericByteArray, cast::AsArray, types::ByteArrayType};
use arrow_buffer::ArrowNativeType;
use arrow_schema::DataType;

use super::integers::{integers, is_integer};

/// Says whether a key column of this type can be part of an encoded key.
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

/// The keys of a batch, one behind the other.
pub(super) struct BatchKeys<'a> {
    /// Where each key begins in `bytes`, and where the last one ends.
    offsets: Vec<usize>,
    bytes: Cow<'a, [u8]>,
}

impl<'a> BatchKeys<'a> {
    /// A single column is taken as it is, several are encoded.
    pub(super) fn new(key: &'a [ArrayRef]) -> Self {
        match key {
            [single] => Self::of_column(single),
            several => Self::encoded(several),
        }
    }

    fn of_column(column: &'a ArrayRef) -> Self {
        let (offsets, bytes) = match column.data_type() {
            DataType::Utf8 => variable(column.as_string::<i32>()),
            DataType::LargeUtf8 => variable(column.as_string::<i64>()),
            DataType::Binary => variable(column.as_binary::<i32>()),
            DataType::LargeBinary => variable(column.as_binary::<i64>()),
            DataType::FixedSizeBinary(width) => {
                let width = usize::try_from(*width).expect("a width is not negative");
                let offsets = (0..=column.len()).map(|row| row * width).collect();
                (offsets, column.as_fixed_size_binary().value_data())
            }
            other => panic!("{other} has no bytes"),
        };
        let bytes = Cow::Borrowed(bytes);
        Self { offsets, bytes }
    }

    /// Integers as eight little-endian bytes, strings and binary behind their length, so that no
    /// two composite keys run together.
    fn encoded(key: &[ArrayRef]) -> Self {
        let rows = key[0].len();
        let columns: Vec<_> = key.iter().map(Part::new).collect();
        let mut offsets = Vec::with_capacity(rows + 1);
        let mut bytes = Vec::with_capacity(rows * 16);
        for row in 0..rows {
            offsets.push(bytes.len());
            for column in &columns {
                match column {
                    Part::Integers(values) => bytes.extend_from_slice(&values[row].to_le_bytes()),
                    Part::Bytes(values) => {
                        let value = values.row(row);
                        let length = u32::try_from(value.len()).expect("a value fits into memory");
                        bytes.extend_from_slice(&length.to_le_bytes());
                        append(&mut bytes, value);
                    }
                }
            }
        }
        offsets.push(bytes.len());
        let bytes = Cow::Owned(bytes);
        Self { offsets, bytes }
    }

    pub(super) fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    #[inline]
    pub(super) fn row(&self, row: usize) -> &[u8] {
        &self.bytes[self.offsets[row]..self.offsets[row + 1]]
    }
}

/// A column of a composite key.
enum Part<'a> {
    Integers(Cow<'a, [i64]>),
    Bytes(BatchKeys<'a>),
}

impl<'a> Part<'a> {
    fn new(column: &'a ArrayRef) -> Self {
        if is_integer(column.data_type()) {
            Self::Integers(integers(column))
        } else {
            Self::Bytes(BatchKeys::of_column(column))
        }
    }
}

fn variable<T: ByteArrayType>(array: &GenericByteArray<T>) -> (Vec<usize>, &[u8]) {
    let offsets = array.value_offsets().iter().map(|offset| offset.as_usize());
    (offsets.collect(), array.value_data())
}

/// Appends by words, since copying a few bytes is a call of the host in Wasm.
#[inline]
fn append(bytes: &mut Vec<u8>, more: &[u8]) {
    let (words, rest) = more.as_chunks::<8>();
    for word in words {
        bytes.extend_from_slice(word);
    }
    for &byte in rest {
        bytes.push(byte);
    }
}
