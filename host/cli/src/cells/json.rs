//! Rows as JSON objects.

use std::io::{self, Write};

use arrow_array::{Array, RecordBatch, cast::AsArray as _};
use arrow_buffer::{ArrowNativeType, NullBuffer};
use arrow_cast::display::ArrayFormatter;
use arrow_schema::{ArrowError, DataType};

use super::FORMAT;

/// The rows of a batch as JSON objects.
///
/// Numbers are written with all their digits, whatever the reader makes of them; what JSON has no
/// number for (`NaN`, infinities), times and binary values (in hexadecimal) are strings.
pub(crate) struct JsonRows<'a> {
    rows: usize,
    columns: Vec<(String, Values<'a>)>,
}

impl<'a> JsonRows<'a> {
    /// Prepares the columns of a batch that [`super::showable`] returned.
    ///
    /// # Errors
    ///
    /// - [`ArrowError`] if a column has a type that cannot be shown.
    pub(crate) fn try_new(batch: &'a RecordBatch) -> Result<Self, ArrowError> {
        let schema = batch.schema_ref();
        let columns = schema.fields().iter().zip(batch.columns());
        let columns = columns
            .map(|(field, column)| Ok((field.name().clone(), Values::try_new(column.as_ref())?)));
        Ok(Self {
            rows: batch.num_rows(),
            columns: columns.collect::<Result<_, ArrowError>>()?,
        })
    }

    /// Returns how many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// Writes a row as an object, on one line.
    ///
    /// # Errors
    ///
    /// - [`io::Error`] if it cannot be written, or if a value cannot be shown.
    pub(crate) fn write(&self, row: usize, out: &mut dyn Write) -> io::Result<()> {
        write_object(&self.columns, row, out)
    }
}

fn write_object(
    fields: &[(String, Values<'_>)],
    row: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    for (index, (name, values)) in fields.iter().enumerate() {
        out.write_all(if index == 0 { b"{" } else { b"," })?;
        serde_json::to_writer(&mut *out, name)?;
        out.write_all(b":")?;
        values.write(row, out)?;
    }
    out.write_all(if fields.is_empty() { b"{}" } else { b"}" })
}

/// The values of a column.
struct Values<'a> {
    nulls: Option<NullBuffer>,
    shape: Shape<'a>,
}

/// How the values of a column are written.
enum Shape<'a> {
    /// As they are shown.
    Bare(ArrayFormatter<'a>),
    /// As they are shown, in quotes.
    Quoted(ArrayFormatter<'a>),
    /// As arrays: where each begins and ends among the items.
    List(Vec<(usize, usize)>, Box<Values<'a>>),
    /// As objects.
    Object(Vec<(String, Values<'a>)>),
}

impl<'a> Values<'a> {
    fn try_new(array: &'a dyn Array) -> Result<Self, ArrowError> {
        Ok(Self {
            nulls: array.logical_nulls(),
            shape: Shape::try_new(array)?,
        })
    }

    fn write(&self, row: usize, out: &mut dyn Write) -> io::Result<()> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return out.write_all(b"null");
        }
        match &self.shape {
            Shape::Bare(formatter) => {
                let text = shown(formatter, row)?;
                // Floats are the only ones that may be no number: `NaN`, `inf`.
                if text.ends_with(|c: char| c.is_ascii_digit())
                    || matches!(&*text, "true" | "false")
                {
                    out.write_all(text.as_bytes())
                } else {
                    Ok(serde_json::to_writer(out, &text)?)
                }
            }
            Shape::Quoted(formatter) => Ok(serde_json::to_writer(out, &shown(formatter, row)?)?),
            Shape::List(bounds, items) => {
                let (start, end) = bounds[row];
                out.write_all(b"[")?;
                for item in start..end {
                    if item > start {
                        out.write_all(b",")?;
                    }
                    items.write(item, out)?;
                }
                out.write_all(b"]")
            }
            Shape::Object(fields) => write_object(fields, row, out),
        }
    }
}

fn shown(formatter: &ArrayFormatter<'_>, row: usize) -> io::Result<String> {
    let text = formatter.value(row).try_to_string();
    text.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

impl<'a> Shape<'a> {
    fn try_new(array: &'a dyn Array) -> Result<Self, ArrowError> {
        let list = |bounds, items: &'a dyn Array| {
            Ok(Self::List(bounds, Box::new(Values::try_new(items)?)))
        };
        match array.data_type() {
            DataType::List(_) => {
                let array = array.as_list::<i32>();
                list(bounds(array.value_offsets()), array.values())
            }
            DataType::LargeList(_) => {
                let array = array.as_list::<i64>();
                list(bounds(array.value_offsets()), array.values())
            }
            DataType::FixedSizeList(_, _) => {
                let array = array.as_fixed_size_list();
                let length = array.value_length().as_usize();
                let starts = (0..array.len()).map(|row| array.value_offset(row).as_usize());
                let bounds = starts.map(|start| (start, start + length)).collect();
                list(bounds, array.values())
            }
            // JSON allows text only as a key, so the entries are objects with `key` and `value`.
            DataType::Map(_, _) => {
                let array = array.as_map();
                list(bounds(array.value_offsets()), array.entries())
            }
            DataType::Struct(fields) => {
                let columns = fields.iter().zip(array.as_struct().columns());
                let columns = columns.map(|(field, column)| {
                    Ok((field.name().clone(), Values::try_new(column.as_ref())?))
                });
                Ok(Self::Object(columns.collect::<Result<_, ArrowError>>()?))
            }
            flat => {
                let formatter = ArrayFormatter::try_new(array, &FORMAT)?;
                let values = match flat {
                    DataType::Dictionary(_, values) => values,
                    other => other,
                };
                Ok(if values.is_numeric() || *values == DataType::Boolean {
                    Self::Bare(formatter)
                } else {
                    Self::Quoted(formatter)
                })
            }
        }
    }
}

/// Returns where each list begins and ends.
fn bounds<T: ArrowNativeType>(offsets: &[T]) -> Vec<(usize, usize)> {
    offsets
        .windows(2)
        .map(|pair| (pair[0].as_usize(), pair[1].as_usize()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::tests::batch;

    fn row(row: usize) -> serde_json::Value {
        let batch = batch();
        let mut text = Vec::new();
        JsonRows::try_new(&batch)
            .unwrap()
            .write(row, &mut text)
            .unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    #[test]
    fn numbers_are_numbers_and_the_rest_is_text() {
        let expected = serde_json::json!({
            "number": -7,
            "sum": 123.45,
            "share": "NaN",
            "text": "say \"a, b\"\n",
            "time": "2019-10-20 00:00:00.500",
            "instant": "2019-10-20 00:00:00+00:00",
            "list": [1, null],
            "point": { "x": -7 },
        });
        assert_eq!(row(0), expected);
    }

    #[test]
    fn a_null_is_null_at_any_depth() {
        let expected = serde_json::json!({
            "number": null,
            "sum": null,
            "share": null,
            "text": "",
            "time": null,
            "instant": null,
            "list": null,
            "point": { "x": null },
        });
        assert_eq!(row(1), expected);
    }
}
