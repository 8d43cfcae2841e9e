//! What the side that holds the rows does with a plugin's answer.
//!
//! The host keeps rows ([`Kept`]) and the batch of the current call; a plugin speaks of them by
//! number. Numbers come from a plugin, so each is checked before Arrow sees it.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow_buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow_cast::cast;
use arrow_ord::ord::make_comparator;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, SortOptions};
use arrow_select::take::take;

use crate::{Budget, Kept, budget::largest_row};

/// The row number that stands for no row.
pub const NO_ROW: u32 = u32::MAX;

/// What the numbers of a selection count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Rows of the batch of the current call.
    Current,
    /// The kept rows.
    Kept,
}

/// Some rows of one origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// What the numbers count.
    pub origin: Origin,
    /// Row numbers, [`NO_ROW`] for no row.
    pub rows: Vec<u32>,
}

/// One output column, as a plugin answers it.
#[derive(Debug, Clone)]
pub enum Answer {
    /// This column of the current batch, as it is.
    Forward(usize),
    /// A column of a selection's origin, at the selected rows.
    Gather {
        /// Which selection.
        selection: usize,
        /// Which column.
        column: usize,
    },
    /// A new array.
    Values(ArrayRef),
}

/// Why a plugin's answer makes no rows.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// Another number of columns than the schema has.
    #[error("{actual} columns were emitted where the schema has {expected}")]
    Columns {
        /// How many the schema has.
        expected: usize,
        /// How many were emitted.
        actual: usize,
    },
    /// A column has another length than was said.
    #[error("column `{column}` has {actual} rows where {expected} were announced")]
    Rows {
        /// The output column.
        column: String,
        /// How many rows were announced.
        expected: usize,
        /// How many it has.
        actual: usize,
    },
    /// A column has another type than the schema says.
    #[error("column `{column}` is {actual}, but the schema says {expected}")]
    Type {
        /// The output column.
        column: String,
        /// The type of the schema.
        expected: DataType,
        /// The type of the column.
        actual: DataType,
    },
    /// Two columns of different types are to be compared.
    #[error(
        "`differ` compares column {left}, which is {left_type}, with column {right}, which is {right_type}"
    )]
    Differ {
        /// The number of the one.
        left: usize,
        /// Its type.
        left_type: DataType,
        /// The number of the other.
        right: usize,
        /// Its type.
        right_type: DataType,
    },
    /// Nulls where the schema allows none.
    #[error("column `{column}` has {count} nulls, but the schema allows none")]
    Null {
        /// The output column.
        column: String,
        /// How many.
        count: usize,
    },
    /// A selection that was not given.
    #[error("column `{column}` gathers from selection {selection}, but there are {count}")]
    NoSelection {
        /// The output column.
        column: String,
        /// The number of the selection.
        selection: usize,
        /// How many there are.
        count: usize,
    },
    /// A column that the origin does not have.
    #[error("{what} names column {column}, but there are {count}")]
    NoColumn {
        /// Who names it.
        what: &'static str,
        /// The number of the column.
        column: usize,
        /// How many there are.
        count: usize,
    },
    /// A row that the origin does not have.
    #[error("a selection names row {row} of {count}")]
    NoRow {
        /// The row number.
        row: u32,
        /// How many rows there are.
        count: usize,
    },
    /// The current batch was named where there is none.
    #[error("there is no current batch in this call")]
    NoBatch,
    /// Two lists that must be equally long are not.
    #[error("{what} have the lengths {left} and {right}")]
    Uneven {
        /// Which lists.
        what: &'static str,
        /// One length.
        left: usize,
        /// The other.
        right: usize,
    },
    /// The rows would take more memory than is left of the budget.
    #[error("the rows would take {bytes} bytes, but {left} are left for them")]
    TooMuch {
        /// How many they would take.
        bytes: u64,
        /// How many are left.
        left: u64,
    },
    /// The time of the budget is over.
    #[error("the time was over before the rows were put together")]
    Late,
    /// Arrow refused.
    #[error("the rows could not be put together")]
    Arrow(#[from] ArrowError),
}

/// Puts an emitted batch of `rows` rows together, and takes what its gathered columns cost from
/// the budget.
///
/// # Errors
///
/// Any variant of [`AssembleError`]: everything here came from a plugin.
pub fn assemble(
    schema: &SchemaRef,
    rows: usize,
    selections: Vec<Selection>,
    answers: &[Answer],
    current: Option<&RecordBatch>,
    kept: &mut Kept,
    budget: &mut Budget<'_>,
) -> Result<RecordBatch, AssembleError> {
    if answers.len() != schema.fields().len() {
        return Err(AssembleError::Columns {
            expected: schema.fields().len(),
            actual: answers.len(),
        });
    }
    let selections = selections
        .into_iter()
        .map(|selection| {
            let count = origin_rows(selection.origin, current, kept)?;
            Ok((selection.origin, row_numbers(selection.rows, count)?))
        })
        .collect::<Result<Vec<_>, AssembleError>>()?;
    let mut columns = Vec::with_capacity(answers.len());
    let mut gathered: Vec<((usize, usize), ArrayRef)> = vec![];
    for (field, answer) in schema.fields().iter().zip(answers) {
        let column = match answer {
            Answer::Forward(column) => {
                let batch = current.ok_or(AssembleError::NoBatch)?;
                Arc::clone(column_of(batch, "`forward`", *column)?)
            }
            Answer::Gather { selection, column } => {
                let Some((origin, numbers)) = selections.get(*selection) else {
                    return Err(AssembleError::NoSelection {
                        column: field.name().clone(),
                        selection: *selection,
                        count: selections.len(),
                    });
                };
                let place = (*selection, *column);
                let known = gathered.iter().find(|(known, _)| *known == place);
                if let Some((_, array)) = known {
                    Arc::clone(array)
                } else {
                    let array = selected(*origin, *column, numbers, current, kept, budget)?;
                    budget.spend(&array);
                    gathered.push((place, Arc::clone(&array)));
                    array
                }
            }
            Answer::Values(array) => Arc::clone(array),
        };
        check_column(field, rows, &column)?;
        columns.push(column);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(
        Arc::clone(schema),
        columns,
        &options,
    )?)
}

fn check_column(field: &Field, rows: usize, column: &ArrayRef) -> Result<(), AssembleError> {
    if column.len() != rows {
        return Err(AssembleError::Rows {
            column: field.name().clone(),
            expected: rows,
            actual: column.len(),
        });
    }
    if column.data_type() != field.data_type() {
        return Err(AssembleError::Type {
            column: field.name().clone(),
            expected: field.data_type().clone(),
            actual: column.data_type().clone(),
        });
    }
    if !field.is_nullable() && column.null_count() > 0 {
        return Err(AssembleError::Null {
            column: field.name().clone(),
            count: column.null_count(),
        });
    }
    Ok(())
}

/// Says for each pair of rows whether any of the columns differs; two nulls are the same.
///
/// What is gathered to be compared is gone afterwards: each column has the whole budget.
///
/// # Errors
///
/// Any variant of [`AssembleError`]: everything here came from a plugin.
pub fn differ(
    left: Selection,
    left_columns: &[usize],
    right: Selection,
    right_columns: &[usize],
    current: Option<&RecordBatch>,
    kept: &mut Kept,
    budget: &Budget<'_>,
) -> Result<BooleanArray, AssembleError> {
    let even = |what, left: usize, right: usize| {
        if left == right {
            Ok(())
        } else {
            Err(AssembleError::Uneven { what, left, right })
        }
    };
    even("the rows", left.rows.len(), right.rows.len())?;
    even("the columns", left_columns.len(), right_columns.len())?;
    let rows = left.rows.len();
    let (left_origin, right_origin) = (left.origin, right.origin);
    let left_rows = row_numbers(left.rows, origin_rows(left_origin, current, kept)?)?;
    let right_rows = row_numbers(right.rows, origin_rows(right_origin, current, kept)?)?;
    let mut differ = vec![false; rows];
    for (&left_column, &right_column) in left_columns.iter().zip(right_columns) {
        let sides = [
            (left_origin, left_column, &left_rows),
            (right_origin, right_column, &right_rows),
        ];
        budget.check_time()?;
        if differ_in_codes(sides, current, kept, budget, &mut differ)? {
            continue;
        }
        let left = selected(left_origin, left_column, &left_rows, current, kept, budget)?;
        let right = selected(
            right_origin,
            right_column,
            &right_rows,
            current,
            kept,
            budget,
        )?;
        if left.data_type() != right.data_type() {
            return Err(AssembleError::Differ {
                left: left_column,
                left_type: left.data_type().clone(),
                right: right_column,
                right_type: right.data_type().clone(),
            });
        }
        mark_differing(&left, &right, &mut differ)?;
    }
    Ok(BooleanArray::from(differ))
}

/// Compares a column of kept rows with one of the batch where they are, if that can be done.
fn differ_in_codes(
    sides: [(Origin, usize, &UInt32Array); 2],
    current: Option<&RecordBatch>,
    kept: &Kept,
    budget: &Budget<'_>,
    differ: &mut [bool],
) -> Result<bool, AssembleError> {
    let [left, right] = sides;
    let (kept_side, other) = match (left.0, right.0) {
        (Origin::Kept, Origin::Current) => (left, right),
        (Origin::Current, Origin::Kept) => (right, left),
        _ => return Ok(false),
    };
    if kept_side.1 >= kept.columns() {
        // The error is told by whoever selects it.
        return Ok(false);
    }
    let batch = current.ok_or(AssembleError::NoBatch)?;
    let array = column_of(batch, "a selection", other.1)?;
    let array = if is_whole(other.2, batch.num_rows()) {
        Arc::clone(array)
    } else {
        budget.check_gather(array, largest_row(array), other.2)?;
        take(array, other.2, None)?
    };
    let mark = |row: usize, differs: bool| differ[row] |= differs;
    Ok(kept.differs(kept_side.1, kept_side.2, &array, mark))
}

/// Says whether row numbers are all those of a batch, in their order.
fn is_whole(rows: &UInt32Array, count: usize) -> bool {
    rows.len() == count
        && rows.null_count() == 0
        && (0..).zip(rows.values()).all(|(row, number)| row == *number)
}

fn mark_differing(
    left: &ArrayRef,
    right: &ArrayRef,
    differ: &mut [bool],
) -> Result<(), AssembleError> {
    if left.data_type().is_nested() || left.data_type() == &DataType::Null {
        let compare = make_comparator(left, right, SortOptions::default())?;
        for (row, differs) in differ.iter_mut().enumerate() {
            *differs |= compare(row, row).is_ne();
        }
    } else {
        let distinct = arrow_ord::cmp::distinct(left, right)?;
        for row in distinct.values().set_indices() {
            differ[row] = true;
        }
    }
    Ok(())
}

fn origin_rows(
    origin: Origin,
    current: Option<&RecordBatch>,
    kept: &Kept,
) -> Result<usize, AssembleError> {
    match origin {
        Origin::Current => Ok(current.ok_or(AssembleError::NoBatch)?.num_rows()),
        Origin::Kept => Ok(kept.rows()),
    }
}

/// Takes rows of a column of an origin, if the budget allows it.
fn selected(
    origin: Origin,
    column: usize,
    rows: &UInt32Array,
    current: Option<&RecordBatch>,
    kept: &mut Kept,
    budget: &Budget<'_>,
) -> Result<ArrayRef, AssembleError> {
    budget.check_time()?;
    match origin {
        Origin::Current => {
            let batch = current.ok_or(AssembleError::NoBatch)?;
            let array = column_of(batch, "a selection", column)?;
            budget.check_gather(array, largest_row(array), rows)?;
            Ok(take(array, rows, None)?)
        }
        Origin::Kept if column < kept.columns() => kept.take(column, rows, budget),
        Origin::Kept => Err(AssembleError::NoColumn {
            what: "a selection",
            column,
            count: kept.columns(),
        }),
    }
}

fn column_of<'a>(
    batch: &'a RecordBatch,
    what: &'static str,
    column: usize,
) -> Result<&'a ArrayRef, AssembleError> {
    batch.columns().get(column).ok_or(AssembleError::NoColumn {
        what,
        column,
        count: batch.num_columns(),
    })
}

/// Checks row numbers against `count` and makes [`NO_ROW`] null.
fn row_numbers(rows: Vec<u32>, count: usize) -> Result<UInt32Array, AssembleError> {
    // One pass that the compiler can vectorize: `NO_ROW + 1` is 0.
    let end = rows
        .iter()
        .map(|row| row.wrapping_add(1))
        .max()
        .unwrap_or(0);
    let absent = rows.contains(&NO_ROW);
    if end as usize > count {
        return Err(AssembleError::NoRow {
            row: end - 1,
            count,
        });
    }
    let nulls = absent.then(|| {
        let present = BooleanBuffer::collect_bool(rows.len(), |row| rows[row] != NO_ROW);
        NullBuffer::new(present)
    });
    Ok(UInt32Array::new(ScalarBuffer::from(rows), nulls))
}

/// Returns the type in which a column of `data_type` crosses: dictionaries, views and run-end
/// encoding as the plain type of their values, everything else as it is.
pub fn crossing_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => crossing_type(values),
        DataType::RunEndEncoded(_, values) => crossing_type(values.data_type()),
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        other => other.clone(),
    }
}

/// Returns `batch` with every column in the type in which it crosses.
///
/// # Errors
///
/// - Arrow's, if a cast fails.
pub fn crossing_batch(batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
    let crosses = |field: &Arc<Field>| crossing_type(field.data_type()) == *field.data_type();
    if batch.schema_ref().fields().iter().all(crosses) {
        return Ok(batch);
    }
    let mut fields = Vec::with_capacity(batch.num_columns());
    let mut columns = Vec::with_capacity(batch.num_columns());
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        let data_type = crossing_type(field.data_type());
        columns.push(cast(column, &data_type)?);
        fields.push(field.as_ref().clone().with_data_type(data_type));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
}

#[cfg(test)]
mod tests {
    use arrow_array::{Int64Array, StringArray};

    use super::*;

    fn batch(texts: Vec<Option<&str>>) -> RecordBatch {
        let numbers = Int64Array::from_iter_values((0..).take(texts.len()));
        let fields = [("t", DataType::Utf8), ("n", DataType::Int64)];
        let fields = fields.map(|(name, data_type)| Field::new(name, data_type, true));
        let columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from(texts)), Arc::new(numbers)];
        RecordBatch::try_new(Arc::new(Schema::new(fields.to_vec())), columns).unwrap()
    }

    fn selection(origin: Origin, rows: &[u32]) -> Selection {
        let rows = rows.to_vec();
        Selection { origin, rows }
    }

    /// Which of the pairs differ in their text, asked from both sides.
    fn differing(kept_rows: &[u32], current_rows: &[u32]) -> Vec<bool> {
        let kept_batch = batch(vec![Some("a"), None, Some(""), Some("b"), Some("a")]);
        let current = batch(vec![Some("a"), Some("b"), None, Some("")]);
        let mut kept = Kept::new(kept_batch.schema_ref());
        kept.push(&kept_batch).unwrap();
        let kept_side = || selection(Origin::Kept, kept_rows);
        let current_side = || selection(Origin::Current, current_rows);
        let one = differ(
            kept_side(),
            &[0],
            current_side(),
            &[0],
            Some(&current),
            &mut kept,
            &Budget::unlimited(),
        );
        let other = differ(
            current_side(),
            &[0],
            kept_side(),
            &[0],
            Some(&current),
            &mut kept,
            &Budget::unlimited(),
        );
        let (one, other) = (one.unwrap(), other.unwrap());
        assert_eq!(one, other);
        one.values().iter().collect()
    }

    #[test]
    fn text_differs_by_its_value_and_null_is_a_value() {
        // The whole batch in its order, then parts of it.
        assert_eq!(differing(&[0, 3, 1, 2], &[0, 1, 2, 3]), [false; 4]);
        assert_eq!(differing(&[1, 2, 4, 3], &[0, 1, 2, 3]), [true; 4]);
        assert_eq!(
            differing(&[4, 1, NO_ROW, 2], &[0, 2, 2, 2]),
            [false, false, false, true]
        );
        assert_eq!(differing(&[0, NO_ROW], &[NO_ROW, NO_ROW]), [true, false]);
        assert_eq!(differing(&[], &[]), [false; 0]);
    }

    #[test]
    fn columns_of_other_types_or_that_are_not_there_are_told() {
        let rows = batch(vec![Some("a")]);
        let mut kept = Kept::new(rows.schema_ref());
        kept.push(&rows).unwrap();
        let mut asked = |kept_column: usize, current_column: usize| {
            let (left, right) = (
                selection(Origin::Kept, &[0]),
                selection(Origin::Current, &[0]),
            );
            differ(
                left,
                &[kept_column],
                right,
                &[current_column],
                Some(&rows),
                &mut kept,
                &Budget::unlimited(),
            )
            .unwrap_err()
        };
        assert!(matches!(asked(0, 1), AssembleError::Type { .. }));
        assert!(matches!(asked(2, 0), AssembleError::NoColumn { .. }));
        assert!(matches!(asked(0, 2), AssembleError::NoColumn { .. }));
    }

    /// What is left of a budget after a column of each of the answers was gathered.
    fn assembled(
        origin: Origin,
        numbers: &[u32],
        answers: usize,
        mut budget: Budget<'_>,
    ) -> Result<u64, AssembleError> {
        let long = "x".repeat(1_000);
        let current = batch(vec![Some(long.as_str()), Some("y")]);
        let mut kept = Kept::new(current.schema_ref());
        kept.push(&current).unwrap();
        let fields: Vec<_> = (0..answers)
            .map(|i| Field::new(format!("c{i}"), DataType::Utf8, true))
            .collect();
        let selections = vec![selection(origin, numbers); answers];
        let gathers: Vec<_> = (0..answers)
            .map(|selection| Answer::Gather {
                selection,
                column: 0,
            })
            .collect();
        let schema = Arc::new(Schema::new(fields));
        assemble(
            &schema,
            numbers.len(),
            selections,
            &gathers,
            Some(&current),
            &mut kept,
            &mut budget,
        )?;
        Ok(budget.bytes)
    }

    fn of_bytes(bytes: u64) -> Budget<'static> {
        Budget {
            bytes,
            ..Budget::unlimited()
        }
    }

    #[test]
    fn a_gather_that_would_take_too_much_is_refused_before_it_is_made() {
        for origin in [Origin::Current, Origin::Kept] {
            let long = vec![0; 100];
            let left = assembled(origin, &long, 1, of_bytes(200_000)).unwrap();
            assert!((90_000..=99_600).contains(&left), "{left}");
            // What one column has taken is not there for the next.
            assert!(matches!(
                assembled(origin, &long, 2, of_bytes(150_000)),
                Err(AssembleError::TooMuch { .. })
            ));
            // So much could not even be allocated.
            let endless = vec![0; 1 << 20];
            assert!(matches!(
                assembled(origin, &endless, 1, of_bytes(1 << 20)),
                Err(AssembleError::TooMuch { .. })
            ));
            // Many rows are not refused because one that is not among them is long.
            let short = vec![1; 100];
            assembled(origin, &short, 1, of_bytes(1_000)).unwrap();
        }
    }

    #[test]
    fn what_is_compared_is_within_the_budget_too() {
        let long = "x".repeat(1_000);
        let rows = batch(vec![Some(long.as_str()), Some("y")]);
        let compared = |column: usize, budget: &Budget<'_>| {
            let both = || selection(Origin::Current, &[0; 100]);
            differ(
                both(),
                &[column],
                both(),
                &[column],
                Some(&rows),
                &mut Kept::default(),
                budget,
            )
        };
        assert!(matches!(
            compared(0, &of_bytes(10_000)),
            Err(AssembleError::TooMuch { .. })
        ));
        compared(1, &of_bytes(10_000)).unwrap();
    }

    #[test]
    fn no_column_is_gathered_when_the_time_is_over() {
        let late = || Budget {
            bytes: u64::MAX,
            is_late: &|| true,
        };
        for origin in [Origin::Current, Origin::Kept] {
            assert!(matches!(
                assembled(origin, &[0], 1, late()),
                Err(AssembleError::Late)
            ));
            assembled(origin, &[], 0, late()).unwrap();
        }
    }
}
