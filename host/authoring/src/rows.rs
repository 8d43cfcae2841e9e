//! Rows of a case, from text to record batches and back to CSV.

use std::{path::Path, sync::Arc};

use arrow_array::{
    Array, ArrayRef, RecordBatch, RecordBatchOptions, StringArray, cast::AsArray,
    types::TimestampMicrosecondType,
};
use arrow_cast::{
    cast,
    display::{ArrayFormatter, FormatOptions},
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use wigeon_manifest::ColumnType;

use crate::AuthoringError;

/// The type of `valid_from`.
pub(crate) fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}

/// Returns a column of a manifest's type as a field: it may be null, as a source's may, but for
/// `valid_from` of versions.
pub(crate) fn field(name: &str, column: ColumnType, versions: bool) -> Field {
    Field::new(name, column.into(), !(versions && name == "valid_from"))
}

/// Returns how a type is written: as in a manifest, or as Arrow has it where a manifest has none.
pub(crate) fn type_name(data_type: &DataType) -> String {
    let word = match data_type {
        DataType::Boolean => "boolean",
        DataType::Int8 => "int8",
        DataType::Int16 => "int16",
        DataType::Int32 => "int32",
        DataType::Int64 => "int64",
        DataType::UInt8 => "uint8",
        DataType::UInt16 => "uint16",
        DataType::UInt32 => "uint32",
        DataType::UInt64 => "uint64",
        DataType::Float32 => "float32",
        DataType::Float64 => "float64",
        DataType::Utf8 => "utf8",
        DataType::Binary => "binary",
        DataType::Date32 => "date32",
        DataType::Timestamp(TimeUnit::Microsecond, None) => "timestamp",
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if zone.as_ref() == "UTC" => {
            "timestamp_tz"
        }
        DataType::Decimal128(precision, scale) => {
            return format!("decimal128({precision}, {scale})");
        }
        other => return other.to_string(),
    };
    word.to_owned()
}

/// Returns a batch of these columns, which may be none.
pub(crate) fn batch(
    schema: &SchemaRef,
    columns: Vec<ArrayRef>,
    rows: usize,
) -> Result<RecordBatch, ArrowError> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(SchemaRef::clone(schema), columns, &options)
}

/// Returns the type with UTC as an offset, which Arrow can parse and show without a table of zones.
fn by_offset(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Timestamp(unit, Some(zone)) if zone.as_ref() == "UTC" => {
            DataType::Timestamp(*unit, Some("+00:00".into()))
        }
        other => other.clone(),
    }
}

/// Returns instants under the name that `data_type` has for UTC, anything else as it is.
fn in_zone(column: &ArrayRef, data_type: &DataType) -> ArrayRef {
    match (
        column.as_primitive_opt::<TimestampMicrosecondType>(),
        data_type,
    ) {
        (Some(instants), DataType::Timestamp(TimeUnit::Microsecond, Some(zone))) => {
            Arc::new(instants.clone().with_timezone(Arc::clone(zone)))
        }
        _ => Arc::clone(column),
    }
}

/// Reads a CSV file with a header. An empty field is null.
///
/// # Errors
///
/// - [`AuthoringError::Read`] if the file cannot be read.
/// - [`AuthoringError::Invalid`] if its header is not `schema`, or a value is not of its type.
pub(crate) fn read_csv(path: &Path, schema: &SchemaRef) -> Result<RecordBatch, AuthoringError> {
    let bytes = fs_err::read(path).map_err(|source| AuthoringError::Read {
        path: path.to_owned(),
        source,
    })?;
    parse_csv(&bytes, schema).map_err(|reason| AuthoringError::Invalid {
        path: path.to_owned(),
        reason,
    })
}

fn parse_csv(bytes: &[u8], schema: &SchemaRef) -> Result<RecordBatch, String> {
    let mut reader = csv::ReaderBuilder::new().from_reader(bytes);
    let header = reader.headers().map_err(|error| error.to_string())?;
    let expected = || schema.fields().iter().map(|field| field.name().as_str());
    if !header.iter().eq(expected()) {
        let (is, expected) = (
            header.iter().collect::<Vec<_>>(),
            expected().collect::<Vec<_>>(),
        );
        return Err(format!(
            "its header is `{}`, but `case.toml` has the columns `{}`",
            is.join(","),
            expected.join(",")
        ));
    }
    let mut texts: Vec<Vec<Option<String>>> = vec![vec![]; schema.fields().len()];
    let mut rows = 0;
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        rows += 1;
        for (column, value) in texts.iter_mut().zip(&record) {
            column.push((!value.is_empty()).then(|| value.to_owned()));
        }
    }
    let columns = texts.into_iter().zip(schema.fields());
    let columns = columns
        .map(|(texts, field)| column(texts, field))
        .collect::<Result<Vec<_>, _>>()?;
    batch(schema, columns, rows).map_err(|error| error.to_string())
}

fn column(texts: Vec<Option<String>>, field: &Field) -> Result<ArrayRef, String> {
    let texts = StringArray::from(texts);
    // What is not of the type becomes null, which tells the row.
    let values = cast(&texts, &by_offset(field.data_type())).map_err(|error| error.to_string())?;
    let values = in_zone(&values, field.data_type());
    let lost = (0..texts.len()).find(|&row| texts.is_valid(row) && values.is_null(row));
    if let Some(row) = lost {
        return Err(format!(
            "`{}` in row {} is `{}`, which is no {}",
            field.name(),
            row + 1,
            texts.value(row),
            type_name(field.data_type())
        ));
    }
    if !field.is_nullable() && values.null_count() > 0 {
        return Err(format!("`{}` must not be null", field.name()));
    }
    Ok(values)
}

/// Returns the values of a batch as text, row by row; null is none.
pub(crate) fn cells(batch: &RecordBatch) -> Result<Vec<Vec<Option<String>>>, ArrowError> {
    let options = FormatOptions::new().with_display_error(false);
    let columns: Vec<_> = batch
        .columns()
        .iter()
        .map(|column| in_zone(column, &by_offset(column.data_type())))
        .collect();
    let formatters = columns
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
        .collect::<Result<Vec<_>, _>>()?;
    let cell = |row: usize, column: usize| -> Result<Option<String>, ArrowError> {
        if batch.column(column).is_null(row) {
            return Ok(None);
        }
        formatters[column].value(row).try_to_string().map(Some)
    };
    (0..batch.num_rows())
        .map(|row| {
            (0..formatters.len())
                .map(|column| cell(row, column))
                .collect()
        })
        .collect()
}

/// Returns a batch as CSV with a header, as a case could have it.
pub(crate) fn to_csv(batch: &RecordBatch) -> String {
    let mut writer = csv::Writer::from_writer(vec![]);
    let schema: SchemaRef = batch.schema();
    let header = schema.fields().iter().map(|field| field.name());
    let rows = cells(batch).unwrap_or_default();
    // Writing to memory does not fail, and every record has a field for each column.
    writer.write_record(header).ok();
    for row in rows {
        writer
            .write_record(row.iter().map(|cell| cell.as_deref().unwrap_or("")))
            .ok();
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns a schema without rows as a batch.
pub(crate) fn no_rows(schema: &Schema) -> RecordBatch {
    RecordBatch::new_empty(Arc::new(schema.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> SchemaRef {
        let fields = [
            ("id", "int64"),
            ("name", "utf8"),
            ("at", "timestamp"),
            ("on", "date32"),
            ("amount", "decimal128(8, 2)"),
            ("open", "boolean"),
            ("raw", "binary"),
            ("zoned", "timestamp_tz"),
        ];
        let fields = fields.map(|(name, data_type)| field(name, data_type.parse().unwrap(), false));
        Arc::new(Schema::new(fields.to_vec()))
    }

    #[test]
    fn rows_print_as_they_were_written() {
        let text = "id,name,at,on,amount,open,raw,zoned\n\
            1,\"a, b\",2025-01-01T10:00:00,2025-01-01,10.50,true,xyz,2025-01-01T10:00:00Z\n\
            ,,,,,,,\n";
        let rows = parse_csv(text.as_bytes(), &schema()).unwrap();
        let again = to_csv(&rows);
        assert_eq!(
            parse_csv(again.as_bytes(), &schema()).unwrap().num_rows(),
            2,
            "{again}"
        );
        assert_eq!(rows.column(0).null_count(), 1);
        insta::assert_snapshot!(again);
    }

    #[test]
    fn a_value_of_another_type_is_told_with_its_row() {
        let schema: SchemaRef = Arc::new(Schema::new(vec![field("id", ColumnType::Int64, false)]));
        assert_eq!(
            parse_csv(b"id\n1\nx\n", &schema).unwrap_err(),
            "`id` in row 2 is `x`, which is no int64"
        );
        assert_eq!(
            parse_csv(b"key\n1\n", &schema).unwrap_err(),
            "its header is `key`, but `case.toml` has the columns `id`"
        );
    }
}
