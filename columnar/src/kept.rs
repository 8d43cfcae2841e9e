//! The rows that the host holds for an instance.
//!
//! A lookup's payload is gathered from at random, once for every row of the facts. So what matters
//! is how little memory a gather must touch: a column of text is kept as codes of two bytes into
//! its distinct values while there are few of these, and any other column as one array.

mod coded;

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, UInt32Array, new_empty_array};
use arrow_schema::{ArrowError, DataType, Schema};
use arrow_select::{concat::concat, take::take};

use self::coded::Coded;
use crate::{AssembleError, Budget, budget::largest_row};

/// Rows that the host keeps, under the numbers in which they came.
#[derive(Debug, Default)]
pub struct Kept {
    rows: usize,
    columns: Vec<Column>,
}

impl Kept {
    /// Makes room for rows of `schema`.
    pub fn new(schema: &Schema) -> Self {
        let fields = schema.fields().iter();
        Self {
            rows: 0,
            columns: fields.map(|field| Column::new(field.data_type())).collect(),
        }
    }

    /// Adds the rows of `batch`, whose columns must have the types that were told.
    ///
    /// # Errors
    ///
    /// - Arrow's, if the columns are of other types, or the text is too much for one array.
    pub fn push(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        self.rows += batch.num_rows();
        for (column, array) in self.columns.iter_mut().zip(batch.columns()) {
            column.push(array)?;
        }
        Ok(())
    }

    /// Returns how many rows are kept.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns how many columns they have.
    pub fn columns(&self) -> usize {
        self.columns.len()
    }

    /// Returns a column at the rows of `rows`, which must be below [`Kept::rows`] or null, if the
    /// budget allows it.
    pub(crate) fn take(
        &mut self,
        column: usize,
        rows: &UInt32Array,
        budget: &Budget<'_>,
    ) -> Result<ArrayRef, AssembleError> {
        self.columns[column].take(rows, budget)
    }

    /// Says for each row of `rows`, as in [`Kept::take`], whether the column differs there from
    /// `other` at the row of `other_rows`, and gives that to `mark`. Returns false, and does nothing,
    /// unless it can be told without making an array: for text or binary that is kept as codes.
    pub(crate) fn differs(
        &self,
        column: usize,
        rows: &UInt32Array,
        other: &ArrayRef,
        other_rows: &UInt32Array,
        mark: impl FnMut(usize, bool),
    ) -> bool {
        match &self.columns[column] {
            Column::Coded(coded) => coded.differs(rows, other, other_rows, mark),
            Column::Plain { .. } => false,
        }
    }
}

#[derive(Debug)]
enum Column {
    Coded(Coded),
    Plain {
        parts: Vec<ArrayRef>,
        /// The parts as one array, made when it is first needed, and the size of its largest row.
        joined: Option<(ArrayRef, u64)>,
    },
}

impl Column {
    fn new(data_type: &DataType) -> Self {
        match data_type {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Binary | DataType::LargeBinary => {
                Self::Coded(Coded::new(data_type.clone()))
            }
            _ => Self::Plain {
                parts: vec![new_empty_array(data_type)],
                joined: None,
            },
        }
    }

    fn push(&mut self, array: &ArrayRef) -> Result<(), ArrowError> {
        if let Self::Coded(coded) = self {
            let coding = coded.push(array);
            if coding && coded.is_worth_it() {
                return Ok(());
            }
            let rows = coded.rows();
            let rows = UInt32Array::from_iter_values((0..).take(rows));
            let so_far = coded.take(&rows)?;
            *self = Self::Plain {
                parts: vec![so_far],
                joined: None,
            };
            if coding {
                return Ok(());
            }
        }
        if let Self::Plain { parts, joined } = self {
            parts.push(Arc::clone(array));
            *joined = None;
        }
        Ok(())
    }

    fn take(&mut self, rows: &UInt32Array, budget: &Budget<'_>) -> Result<ArrayRef, AssembleError> {
        match self {
            Self::Coded(coded) => {
                budget.check(rows.len(), coded.largest_row(), || coded.bytes_of(rows))?;
                Ok(coded.take(rows)?)
            }
            Self::Plain { parts, joined } => {
                let (array, largest) = if let Some(known) = joined {
                    &*known
                } else {
                    let arrays: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
                    let array = concat(&arrays)?;
                    // The array is all that is needed from now on.
                    *parts = vec![Arc::clone(&array)];
                    let largest = largest_row(&array);
                    &*joined.insert((array, largest))
                };
                budget.check_gather(array, *largest, rows)?;
                Ok(take(array, rows, None)?)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{BinaryArray, Int64Array, LargeStringArray, StringArray, cast::AsArray};
    use arrow_buffer::{NullBuffer, ScalarBuffer};
    use arrow_schema::Field;

    use super::*;

    fn batch(columns: Vec<ArrayRef>) -> RecordBatch {
        let fields: Vec<_> = columns
            .iter()
            .enumerate()
            .map(|(i, column)| Field::new(format!("c{i}"), column.data_type().clone(), true))
            .collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
    }

    fn kept(columns: impl IntoIterator<Item = ArrayRef>) -> Kept {
        let batches: Vec<_> = columns
            .into_iter()
            .map(|column| batch(vec![column]))
            .collect();
        let mut kept = Kept::new(batches[0].schema_ref());
        for batch in &batches {
            kept.push(batch).unwrap();
        }
        kept
    }

    fn rows(rows: &[Option<u32>]) -> UInt32Array {
        // As `row_numbers` makes them: the number of a null is out of range.
        let numbers: Vec<_> = rows.iter().map(|row| row.unwrap_or(u32::MAX)).collect();
        let nulls = rows.iter().map(Option::is_some).collect::<NullBuffer>();
        UInt32Array::new(ScalarBuffer::from(numbers), Some(nulls))
    }

    #[test]
    fn rows_are_numbered_over_all_batches() {
        let mut text = kept([
            Arc::new(StringArray::from(vec![Some("a"), None, Some("")])) as ArrayRef,
            Arc::new(StringArray::from(vec!["b", "a"])),
        ]);
        let taken = text.take(
            0,
            &rows(&[Some(4), Some(1), None, Some(2), Some(3)]),
            &Budget::unlimited(),
        );
        let expected = StringArray::from(vec![Some("a"), None, None, Some(""), Some("b")]);
        assert_eq!(taken.unwrap().as_string::<i32>(), &expected);

        let mut numbers = kept([
            Arc::new(Int64Array::from(vec![Some(1), None])) as ArrayRef,
            Arc::new(Int64Array::from(vec![3])),
        ]);
        let taken = numbers
            .take(0, &rows(&[Some(2), None, Some(1)]), &Budget::unlimited())
            .unwrap();
        assert_eq!(
            taken.as_ref(),
            &Int64Array::from(vec![Some(3), None, None]) as &dyn Array
        );
    }

    #[test]
    fn more_rows_may_follow_when_some_were_taken() {
        let first: ArrayRef = Arc::new(BinaryArray::from(vec![b"a".as_slice()]));
        let mut kept = kept([first]);
        kept.take(0, &rows(&[Some(0)]), &Budget::unlimited())
            .unwrap();
        let second: ArrayRef = Arc::new(BinaryArray::from(vec![b"b".as_slice(), b"a"]));
        kept.push(&batch(vec![second])).unwrap();
        let taken = kept
            .take(0, &rows(&[Some(2), Some(1)]), &Budget::unlimited())
            .unwrap();
        assert_eq!(
            taken.as_binary::<i32>(),
            &BinaryArray::from(vec![b"a".as_slice(), b"b"])
        );
    }

    #[test]
    fn many_values_are_kept_as_they_are() {
        // Too many for codes of two bytes, whether there are repetitions or not.
        for repeated in [1, 3] {
            let text = |i: usize| format!("v{}", i % 100_000);
            let columns = (0..repeated).flat_map(|_| 0..10).map(|part| {
                let values = (part * 10_000..).take(10_000).map(text);
                Arc::new(LargeStringArray::from_iter_values(values)) as ArrayRef
            });
            let mut kept = kept(columns);
            assert_eq!(kept.rows(), repeated * 100_000);
            let last = u32::try_from(kept.rows() - 1).unwrap();
            let taken = kept
                .take(
                    0,
                    &rows(&[Some(last), Some(70_000), None]),
                    &Budget::unlimited(),
                )
                .unwrap();
            let expected = LargeStringArray::from(vec![Some("v99999"), Some("v70000"), None]);
            assert_eq!(taken.as_string::<i64>(), &expected);
        }
    }

    #[test]
    fn a_column_of_nulls_has_no_values() {
        let mut kept = kept([Arc::new(StringArray::new_null(3)) as ArrayRef]);
        let taken = kept
            .take(0, &rows(&[Some(2), None]), &Budget::unlimited())
            .unwrap();
        assert_eq!(taken.as_string::<i32>(), &StringArray::new_null(2));
    }
}
