//! Rows of a case from a Parquet file.

use std::{path::Path, sync::Arc};

use arrow_array::RecordBatch;
use arrow_cast::cast;
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::{
    AuthoringError,
    rows::{batch, instant},
};

/// Reads a Parquet file, whose own schema says what the columns are. Versions end with `valid_from`,
/// which is brought to microseconds.
///
/// # Errors
///
/// - [`AuthoringError::Read`] if the file cannot be read.
/// - [`AuthoringError::Invalid`] if it is no Parquet file, or its versions do not end with
///   `valid_from`.
pub(crate) fn read_parquet(path: &Path, versions: bool) -> Result<RecordBatch, AuthoringError> {
    let bytes = fs_err::read(path).map_err(|source| AuthoringError::Read {
        path: path.to_owned(),
        source,
    })?;
    let invalid = |reason: String| AuthoringError::Invalid {
        path: path.to_owned(),
        reason,
    };
    let rows = parsed(bytes.into()).map_err(|error| invalid(error.to_string()))?;
    let ends_well = rows
        .schema()
        .fields()
        .last()
        .is_some_and(|field| field.name() == "valid_from" && field.data_type().is_temporal());
    if versions && !ends_well {
        return Err(invalid(
            "its last column must be `valid_from`, a timestamp".to_owned(),
        ));
    }
    plain(&rows, versions).map_err(|error| invalid(error.to_string()))
}

fn parsed(bytes: Bytes) -> Result<RecordBatch, ArrowError> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(ArrowError::from)?;
    let schema: SchemaRef = Arc::clone(reader.schema());
    let batches = reader.build().map_err(ArrowError::from)?;
    let batches = batches.collect::<Result<Vec<_>, _>>()?;
    concat_batches(&schema, &batches)
}

/// Returns rows with fields as a pipeline has them: without metadata, and nullable, but for
/// `valid_from`.
fn plain(rows: &RecordBatch, versions: bool) -> Result<RecordBatch, ArrowError> {
    let mut columns = rows.columns().to_vec();
    if versions && let Some(last) = columns.last_mut() {
        *last = cast(last, &instant())?;
    }
    let names = rows.schema();
    let fields: Vec<_> = columns
        .iter()
        .zip(names.fields())
        .map(|(column, field)| {
            let nullable = !(versions && field.name() == "valid_from");
            Field::new(field.name(), column.data_type().clone(), nullable)
        })
        .collect();
    batch(&Arc::new(Schema::new(fields)), columns, rows.num_rows())
}

#[cfg(test)]
mod tests {
    use arrow_array::{Int64Array, TimestampMillisecondArray, cast::AsArray};
    use parquet::arrow::ArrowWriter;

    use super::*;

    #[test]
    fn versions_are_read_with_their_own_schema() {
        let millis = TimestampMillisecondArray::from(vec![1_000, 2_000]);
        let rows = RecordBatch::try_from_iter([
            ("id", Arc::new(Int64Array::from(vec![1, 2])) as _),
            ("valid_from", Arc::new(millis) as _),
        ]);
        let rows = rows.unwrap();
        let mut bytes = vec![];
        let mut writer = ArrowWriter::try_new(&mut bytes, rows.schema(), None).unwrap();
        writer.write(&rows).unwrap();
        writer.close().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("versions.parquet");
        fs_err::write(&path, bytes).unwrap();

        let read = read_parquet(&path, true).unwrap();
        let times = read.column(1);
        assert_eq!(*times.data_type(), instant());
        let times = times.as_primitive::<arrow_array::types::TimestampMicrosecondType>();
        assert_eq!(times.values(), &[1_000_000, 2_000_000]);
        assert!(!read.schema().field(1).is_nullable());
    }
}
