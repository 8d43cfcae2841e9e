//! The built-in plugin `normalize`: text trimmed, in one case, and null where it is empty.

use std::sync::Arc;

use serde::Deserialize;
use wigeon_sdk::{
    Batch, Column, DataType, Error, Field, Host, JsonSchema, Plugin, Schema, Transform,
    arrow_array::{ArrayRef, GenericStringArray, OffsetSizeTrait, cast::AsArray},
};

/// The step at work.
#[derive(Debug)]
pub struct Normalize {
    options: Options,
    /// For each column, whether it is one of those to normalize.
    chosen: Vec<bool>,
    schema: Schema,
}

/// What the manifest's `[step.options]` may say.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The columns to normalize, all of them text.
    pub columns: Vec<String>,
    /// Whether to take white space off both ends.
    #[serde(default = "yes")]
    pub trim: bool,
    /// The case to bring the text into.
    #[serde(default)]
    pub case: Case,
    /// Whether text that is empty, after trimming, becomes null.
    #[serde(default = "yes")]
    pub empty_to_null: bool,
}

/// A case to bring text into.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Case {
    /// As it is.
    #[default]
    Keep,
    /// Upper case, as Unicode maps it.
    Upper,
    /// Lower case, as Unicode maps it.
    Lower,
}

fn yes() -> bool {
    true
}

impl Plugin for Normalize {
    const NAME: &'static str = "normalize";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    type Options = Options;
}

impl Transform for Normalize {
    fn open(options: Options, rows: Schema) -> Result<Self, Error> {
        let mut chosen = vec![false; rows.fields().len()];
        let mut fields: Vec<_> = rows.fields().to_vec();
        for name in &options.columns {
            let Some((column, field)) = rows.column_with_name(name) else {
                return Err(Error::options(format!(
                    "`columns` names `{name}`, which is no column"
                )));
            };
            if !matches!(field.data_type(), DataType::Utf8 | DataType::LargeUtf8) {
                let data_type = field.data_type();
                return Err(Error::options(format!(
                    "`columns` names `{name}`, which is {data_type}, not text"
                )));
            }
            let nullable = field.is_nullable() || options.empty_to_null;
            fields[column] = Field::new(name, field.data_type().clone(), nullable).into();
            chosen[column] = true;
        }
        Ok(Self {
            options,
            chosen,
            schema: Schema::new(fields),
        })
    }

    fn schema(&self) -> Schema {
        self.schema.clone()
    }

    fn rows(&mut self, batch: &Batch<'_>, host: &mut Host<'_>) -> Result<(), Error> {
        let columns = self.chosen.iter().enumerate().map(|(column, &chosen)| {
            if chosen {
                Column::Values(self.normalize(&batch.column(column)))
            } else {
                Column::Forward(column)
            }
        });
        host.emit(batch.rows(), vec![], columns.collect());
        Ok(())
    }
}

impl Normalize {
    fn normalize(&self, column: &ArrayRef) -> ArrayRef {
        match column.data_type() {
            DataType::LargeUtf8 => Arc::new(self.text(column.as_string::<i64>())),
            _ => Arc::new(self.text(column.as_string::<i32>())),
        }
    }

    fn text<O: OffsetSizeTrait>(&self, texts: &GenericStringArray<O>) -> GenericStringArray<O> {
        let normalized = texts.iter().map(|text| {
            let text = text.map(|text| if self.options.trim { text.trim() } else { text })?;
            if text.is_empty() && self.options.empty_to_null {
                return None;
            }
            Some(match self.options.case {
                Case::Keep => text.to_owned(),
                Case::Upper => text.to_uppercase(),
                Case::Lower => text.to_lowercase(),
            })
        });
        normalized.collect()
    }
}

wigeon_sdk::export!(transform: Normalize);
