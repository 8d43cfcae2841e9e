//! Keeps the rows that have one value in one column.
//!
//! A transform turns rows to rows. The batch stays in the host: only the column that is compared is
//! copied in, and nothing but row numbers is copied out.

use serde::Deserialize;
use wigeon_sdk::{
    Batch, Column, DataType, Error, Host, JsonSchema, Origin, Plugin, Schema, Selection, Transform,
    arrow_array::cast::AsArray,
};

/// The step at work.
pub struct KeepRows {
    column: usize,
    value: String,
    schema: Schema,
}

/// What `[step.options]` of the manifest may say.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The column to look at, which must be text.
    column: String,
    /// The value of the rows to keep.
    value: String,
}

impl Plugin for KeepRows {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    type Options = Options;
}

impl Transform for KeepRows {
    fn open(options: Options, rows: Schema) -> Result<Self, Error> {
        let name = &options.column;
        let Some((column, field)) = rows.column_with_name(name) else {
            return Err(Error::options(format!(
                "`column` is `{name}`, which is no column of the rows"
            )));
        };
        if *field.data_type() != DataType::Utf8 {
            return Err(Error::options(format!(
                "`column` is `{name}`, which is {}, not text",
                field.data_type()
            )));
        }
        Ok(Self {
            column,
            value: options.value,
            schema: rows,
        })
    }

    fn schema(&self) -> Schema {
        self.schema.clone()
    }

    fn rows(&mut self, batch: &Batch<'_>, host: &mut Host<'_>) -> Result<(), Error> {
        let texts = batch.column(self.column);
        let texts = texts.as_string::<i32>().iter();
        let kept: Vec<u32> = (0..)
            .zip(texts)
            .filter(|(_, text)| *text == Some(self.value.as_str()))
            .map(|(row, _)| row)
            .collect();
        let columns = (0..self.schema.fields().len()).map(|column| Column::gather(0, column));
        host.emit(
            kept.len(),
            vec![Selection::new(Origin::Current, kept)],
            columns.collect(),
        );
        Ok(())
    }
}

wigeon_sdk::export!(transform: KeepRows);
