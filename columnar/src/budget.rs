//! What answers of a plugin may cost, and what a gather would, told before it is made.
//!
//! A gather is cheap to ask for: four bytes a row, whatever the row holds. So its size is
//! bounded before anything is allocated, by the largest row there is, and reckoned row by row
//! only if that bound is too much.

use std::fmt;

use arrow_array::{Array, ArrayRef, OffsetSizeTrait, UInt32Array, cast::AsArray};
use arrow_schema::DataType;

use crate::{
    AssembleError,
    layout::{Layout, layout_of},
};

/// What putting rows together may cost.
pub struct Budget<'a> {
    /// How many bytes gathered columns may still take. Less after every call.
    pub bytes: u64,
    /// Says whether the time is over. Asked before each column.
    pub is_late: &'a dyn Fn() -> bool,
}

impl Budget<'static> {
    /// Returns a budget that is never used up.
    pub fn unlimited() -> Self {
        Self {
            bytes: u64::MAX,
            is_late: &|| false,
        }
    }
}

impl Budget<'_> {
    pub(crate) fn check_time(&self) -> Result<(), AssembleError> {
        if (self.is_late)() {
            return Err(AssembleError::Late);
        }
        Ok(())
    }

    /// Refuses rows that would take too much: `count` of them that take `largest` bytes at most,
    /// and `exactly` in all.
    pub(crate) fn check(
        &self,
        count: usize,
        largest: u64,
        exactly: impl FnOnce() -> u64,
    ) -> Result<(), AssembleError> {
        if largest.saturating_mul(count as u64) <= self.bytes {
            return Ok(());
        }
        let bytes = exactly();
        if bytes > self.bytes {
            return Err(AssembleError::TooMuch {
                bytes,
                left: self.bytes,
            });
        }
        Ok(())
    }

    /// Refuses a gather from an array that would take too much.
    pub(crate) fn check_gather(
        &self,
        array: &dyn Array,
        largest: u64,
        rows: &UInt32Array,
    ) -> Result<(), AssembleError> {
        self.check(rows.len(), largest, || {
            let present = rows.iter().flatten();
            present.fold(0, |bytes: u64, row| {
                bytes.saturating_add(bytes_of(array, row as usize, row as usize + 1))
            })
        })
    }

    /// Takes what a gathered array takes.
    pub(crate) fn spend(&mut self, array: &ArrayRef) {
        let bytes = array.get_buffer_memory_size() as u64;
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

impl fmt::Debug for Budget<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// Returns how many bytes the largest row of an array takes.
pub(crate) fn largest_row(array: &dyn Array) -> u64 {
    match array.data_type() {
        DataType::Utf8 => longest(array.as_string::<i32>().value_offsets()),
        DataType::LargeUtf8 => longest(array.as_string::<i64>().value_offsets()),
        DataType::Binary => longest(array.as_binary::<i32>().value_offsets()),
        DataType::LargeBinary => longest(array.as_binary::<i64>().value_offsets()),
        data_type if data_type.is_nested() => (0..array.len())
            .map(|row| bytes_of(array, row, row + 1))
            .max()
            .unwrap_or(0),
        data_type => bytes_of_fixed(data_type, 1),
    }
}

/// Returns how many bytes the rows from `start` to before `end` take.
fn bytes_of(array: &dyn Array, start: usize, end: usize) -> u64 {
    match array.data_type() {
        DataType::Utf8 => bytes_of_text(array.as_string::<i32>().value_offsets(), start, end),
        DataType::LargeUtf8 => bytes_of_text(array.as_string::<i64>().value_offsets(), start, end),
        DataType::Binary => bytes_of_text(array.as_binary::<i32>().value_offsets(), start, end),
        DataType::LargeBinary => {
            bytes_of_text(array.as_binary::<i64>().value_offsets(), start, end)
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            bytes_of_list(list.value_offsets(), list.values(), start, end)
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            bytes_of_list(list.value_offsets(), list.values(), start, end)
        }
        DataType::FixedSizeList(_, size) => {
            let size = usize::try_from(*size).unwrap_or(0);
            let values = array.as_fixed_size_list().values();
            bytes_of(values, start * size, end * size)
        }
        DataType::Struct(_) => {
            let columns = array.as_struct().columns().iter();
            columns.fold(0, |bytes: u64, column| {
                bytes.saturating_add(bytes_of(column, start, end))
            })
        }
        data_type => bytes_of_fixed(data_type, end - start),
    }
}

fn bytes_of_fixed(data_type: &DataType, rows: usize) -> u64 {
    match layout_of(data_type) {
        Some(Layout::FixedWidth(width)) => (width as u64).saturating_mul(rows as u64),
        Some(Layout::Bits) => rows.div_ceil(8) as u64,
        _ => 0,
    }
}

fn bytes_of_text<O: OffsetSizeTrait>(offsets: &[O], start: usize, end: usize) -> u64 {
    let bytes = offsets[end].as_usize() - offsets[start].as_usize();
    (bytes + (end - start) * size_of::<O>()) as u64
}

fn bytes_of_list<O: OffsetSizeTrait>(
    offsets: &[O],
    values: &ArrayRef,
    start: usize,
    end: usize,
) -> u64 {
    let items = bytes_of(values, offsets[start].as_usize(), offsets[end].as_usize());
    items.saturating_add(((end - start) * size_of::<O>()) as u64)
}

/// The length of the longest value, with its offset.
fn longest<O: OffsetSizeTrait>(offsets: &[O]) -> u64 {
    let lengths = offsets.windows(2).map(|pair| pair[1] - pair[0]);
    let longest = lengths.max().unwrap_or_default();
    (longest.as_usize() + size_of::<O>()) as u64
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{
        BooleanArray, FixedSizeListArray, Int64Array, LargeBinaryArray, ListArray, NullArray,
        StringArray, StructArray, types::Int32Type,
    };
    use arrow_schema::Field;

    use super::*;

    fn gather(array: &dyn Array, rows: &[Option<u32>], bytes: u64) -> Result<(), AssembleError> {
        let budget = Budget {
            bytes,
            ..Budget::unlimited()
        };
        budget.check_gather(array, largest_row(array), &UInt32Array::from(rows.to_vec()))
    }

    #[test]
    fn the_largest_row_of_each_type_is_known() {
        let text = StringArray::from(vec![Some("a"), None, Some("four"), Some("")]);
        assert_eq!(largest_row(&text), 4 + 4);
        assert_eq!(largest_row(&text.slice(0, 2)), 1 + 4);
        let bytes = LargeBinaryArray::from(vec![b"abc".as_slice()]);
        assert_eq!(largest_row(&bytes), 3 + 8);
        assert_eq!(largest_row(&Int64Array::from(vec![1])), 8);
        assert_eq!(largest_row(&BooleanArray::from(vec![true])), 1);
        assert_eq!(largest_row(&NullArray::new(3)), 0);
        assert_eq!(largest_row(&StringArray::from(Vec::<&str>::new())), 4);

        let lists = [
            Some(vec![Some(1)]),
            None,
            Some(vec![Some(2), None, Some(3)]),
        ];
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>(lists);
        assert_eq!(largest_row(&list), 3 * 4 + 4);
        let pair = [Some(vec![Some(1), Some(2)])];
        let pair = FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>(pair, 2);
        assert_eq!(largest_row(&pair), 2 * 4);
        let columns: Vec<(Arc<Field>, ArrayRef)> = vec![
            (
                Arc::new(Field::new("t", DataType::Utf8, true)),
                Arc::new(text.slice(0, 1)),
            ),
            (
                Arc::new(Field::new("n", DataType::Int64, true)),
                Arc::new(Int64Array::from(vec![1])),
            ),
        ];
        assert_eq!(largest_row(&StructArray::from(columns)), 1 + 4 + 8);
    }

    #[test]
    fn what_a_gather_takes_is_reckoned_only_if_the_largest_row_may_be_too_much() {
        let text = StringArray::from(vec!["a".repeat(1_000), "b".to_owned()]);
        let small = vec![Some(1); 100];
        // A hundred of the largest would take 100,400 bytes, these take 500.
        gather(&text, &small, 500).unwrap();
        let error = gather(&text, &small, 499).unwrap_err();
        assert!(matches!(
            error,
            AssembleError::TooMuch {
                bytes: 500,
                left: 499
            }
        ));
        assert!(gather(&text, &[Some(0), None, Some(0)], 2_007).is_err());
        gather(&text, &[Some(0), None, Some(0)], 2_008).unwrap();
    }
}
