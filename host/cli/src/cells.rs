//! The values of a query as text and as JSON.

mod json;

use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use arrow_buffer::NullBuffer;
use arrow_cast::{
    cast,
    display::{ArrayFormatter, FormatOptions},
};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, Schema};

pub(crate) use self::json::JsonRows;
use crate::table::Side;

/// Times as people and databases write them; a fraction of a second only where there is one.
const FORMAT: FormatOptions<'static> = FormatOptions::new()
    .with_display_error(false)
    .with_datetime_format(Some("%Y-%m-%d %H:%M:%S%.f"))
    .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"))
    .with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.f%:z"))
    .with_time_format(Some("%H:%M:%S%.f"));

/// The rows of a batch as text.
pub(crate) struct TextRows<'a> {
    rows: usize,
    columns: Vec<(ArrayFormatter<'a>, Option<NullBuffer>)>,
}

impl<'a> TextRows<'a> {
    /// Prepares the columns of a batch that [`showable`] returned.
    ///
    /// # Errors
    ///
    /// - [`ArrowError`] if a column has a type that cannot be shown.
    pub(crate) fn try_new(batch: &'a RecordBatch) -> Result<Self, ArrowError> {
        let columns = batch.columns().iter().map(|column| {
            let formatter = ArrayFormatter::try_new(column.as_ref(), &FORMAT)?;
            Ok((formatter, column.logical_nulls()))
        });
        Ok(Self {
            rows: batch.num_rows(),
            columns: columns.collect::<Result<_, ArrowError>>()?,
        })
    }

    /// Returns how many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// Returns the texts of a row, with `None` for null.
    ///
    /// # Errors
    ///
    /// - [`ArrowError`] if a value cannot be shown, as a time beyond the years that chrono knows.
    pub(crate) fn row(&self, row: usize) -> Result<Vec<Option<String>>, ArrowError> {
        let cells = self.columns.iter().map(|(formatter, nulls)| {
            if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                return Ok(None);
            }
            formatter.value(row).try_to_string().map(Some)
        });
        cells.collect()
    }
}

/// Returns the side of a table's column that values of a type belong to.
pub(crate) fn side(data_type: &DataType) -> Side {
    if data_type.is_numeric() {
        Side::Right
    } else {
        Side::Left
    }
}

/// Returns a batch with its time zones as offsets, since Arrow shows no times of a zone with a name.
///
/// An instant is the same in every zone; it is shown in UTC, as the warehouse has it.
///
/// # Errors
///
/// - [`ArrowError`] if a column cannot be converted.
pub(crate) fn showable(batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
    let fields: Fields = batch.schema().fields().iter().map(with_offset).collect();
    let schema = Schema::new_with_metadata(fields, batch.schema().metadata().clone());
    if schema == *batch.schema() {
        return Ok(batch);
    }
    let columns = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| cast(column, field.data_type()))
        .collect::<Result<_, _>>()?;
    RecordBatch::try_new(Arc::new(schema), columns)
}

fn with_offset(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, Some("+00:00".into())),
        DataType::List(item) => DataType::List(with_offset(item)),
        DataType::LargeList(item) => DataType::LargeList(with_offset(item)),
        DataType::FixedSizeList(item, length) => {
            DataType::FixedSizeList(with_offset(item), *length)
        }
        DataType::Map(entries, sorted) => DataType::Map(with_offset(entries), *sorted),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(with_offset).collect()),
        other => other.clone(),
    };
    Arc::new(Field::clone(field).with_data_type(data_type))
}

#[cfg(test)]
pub(crate) mod tests {
    use arrow_array::{
        ArrayRef, Decimal128Array, Float64Array, Int64Array, ListArray, StringArray, StructArray,
        TimestampMicrosecondArray, types::Int64Type,
    };

    use super::*;

    /// Two rows of many types, the second all null but for its text, which is empty.
    pub(crate) fn batch() -> RecordBatch {
        const TIME: i64 = 1_571_529_600_000_000;
        let number: ArrayRef = Arc::new(Int64Array::from(vec![Some(-7), None]));
        let point = StructArray::from(vec![(
            Arc::new(Field::new("x", DataType::Int64, true)),
            Arc::clone(&number),
        )]);
        let sum = Decimal128Array::from(vec![Some(12_345), None])
            .with_precision_and_scale(38, 2)
            .unwrap();
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("number", number),
            ("sum", Arc::new(sum)),
            (
                "share",
                Arc::new(Float64Array::from(vec![Some(f64::NAN), None])),
            ),
            (
                "text",
                Arc::new(StringArray::from(vec!["say \"a, b\"\n", ""])),
            ),
            (
                "time",
                Arc::new(TimestampMicrosecondArray::from(vec![
                    Some(TIME + 500_000),
                    None,
                ])),
            ),
            (
                "instant",
                Arc::new(
                    TimestampMicrosecondArray::from(vec![Some(TIME), None])
                        .with_timezone("Etc/UTC"),
                ),
            ),
            (
                "list",
                Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>([
                    Some(vec![Some(1), None]),
                    None,
                ])),
            ),
            ("point", Arc::new(point)),
        ];
        showable(
            RecordBatch::try_from_iter_with_nullable(
                columns
                    .into_iter()
                    .map(|(name, column)| (name, column, true)),
            )
            .unwrap(),
        )
        .unwrap()
    }

    #[test]
    fn values_are_written_as_databases_write_them() {
        let batch = batch();
        let rows = TextRows::try_new(&batch).unwrap();
        let first: Vec<_> = rows.row(0).unwrap().into_iter().flatten().collect();
        assert_eq!(
            first,
            [
                "-7",
                "123.45",
                "NaN",
                "say \"a, b\"\n",
                "2019-10-20 00:00:00.500",
                "2019-10-20 00:00:00+00:00",
                "[1, ]",
                "{x: -7}",
            ]
        );
    }

    #[test]
    fn a_null_is_not_an_empty_text() {
        let batch = batch();
        let rows = TextRows::try_new(&batch).unwrap();
        let second = rows.row(1).unwrap();
        assert_eq!(second[0], None);
        assert_eq!(second[3].as_deref(), Some(""));
    }
}
