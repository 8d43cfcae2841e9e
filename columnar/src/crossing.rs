//! The plain types in which columns cross, whatever they are where they come from.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType, Field, Schema};

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
