//! A batch out of what a plugin answers for each of its columns.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, SchemaRef};

use super::{AssembleError, Selection, column_of, origin_rows, row_numbers, selected};
use crate::{Budget, Kept};

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
