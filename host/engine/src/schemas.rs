//! The manifest's columns as Arrow fields, and rows brought into a declared schema.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use wigeon_manifest::Column;

/// The type of `valid_from` and `changed_from`.
pub(crate) fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}

/// Returns a declared column as a field, which may be null.
pub(crate) fn field(column: &Column) -> Field {
    Field::new(&column.name, column.data_type.into(), true)
}

/// Returns `schema` with the columns `not_null` free of nulls.
pub(crate) fn without_nulls(schema: &Schema, not_null: &[usize]) -> SchemaRef {
    let fields = schema.fields().iter().enumerate().map(|(i, field)| {
        let nullable = field.is_nullable() && !not_null.contains(&i);
        Arc::new(field.as_ref().clone().with_nullable(nullable))
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Returns the columns of `batch` in the types and under the names of `schema`.
///
/// What DuckDB gives for its own tables may be another Arrow type of the same meaning.
pub(crate) fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns
        .map(|(column, field)| {
            if column.data_type() == field.data_type() {
                Ok(Arc::clone(column))
            } else {
                cast(column, field.data_type())
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(SchemaRef::clone(schema), columns, &options)
}
