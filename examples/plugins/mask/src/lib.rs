//! The example plugin `mask`: the values of chosen columns, replaced by a keyed hash.
//!
//! The same value has the same mask under one key, whichever column it is in, so that masked
//! tables can still be joined and counted. Without the key nobody can work out a mask, not even of
//! a value that they can guess.

// region: imports
mod secret;
mod values;

use serde::Deserialize;
use wigeon_sdk::{
    Batch, Column, DataType, Error, Field, Host, JsonSchema, Plugin, Schema, Transform,
};

use secret::Secret;
// endregion: imports

// region: state
/// The step at work.
#[derive(Debug)]
pub struct Mask {
    secret: Secret,
    /// For each column, whether it is one of those to mask.
    chosen: Vec<bool>,
    schema: Schema,
}
// endregion: state

// region: options
/// What the manifest's `[step.options]` may say.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The columns to mask: text, binary or integers.
    pub columns: Vec<String>,
    /// The secret: 64 hexadecimal digits, or a text of at least 16 bytes.
    pub key: String,
}
// endregion: options

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = &self.columns;
        f.debug_struct("Options")
            .field("columns", columns)
            .finish_non_exhaustive()
    }
}

// region: plugin
impl Plugin for Mask {
    const NAME: &'static str = "mask";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    type Options = Options;
}
// endregion: plugin

impl Transform for Mask {
    // region: open
    fn open(options: Options, rows: Schema) -> Result<Self, Error> {
        let mut chosen = vec![false; rows.fields().len()];
        let mut fields = rows.fields().to_vec();
        for name in &options.columns {
            let Some((column, field)) = rows.column_with_name(name) else {
                return Err(Error::options(format!(
                    "`columns` names `{name}`, which is no column"
                )));
            };
            if !values::is_maskable(field.data_type()) {
                return Err(Error::options(format!(
                    "`columns` names `{name}`, which is {}: only text, binary and integers can be masked",
                    field.data_type()
                )));
            }
            fields[column] = Field::new(name, DataType::Utf8, field.is_nullable()).into();
            chosen[column] = true;
        }
        Ok(Self {
            secret: Secret::try_new(&options.key)?,
            chosen,
            schema: Schema::new(fields),
        })
    }
    // endregion: open

    // region: schema
    fn schema(&self) -> Schema {
        self.schema.clone()
    }
    // endregion: schema

    // region: rows
    fn rows(&mut self, batch: &Batch<'_>, host: &mut Host<'_>) -> Result<(), Error> {
        let columns = self.chosen.iter().enumerate().map(|(column, &chosen)| {
            if chosen {
                Column::Values(values::masked(&batch.column(column), &self.secret))
            } else {
                // It stays in the host: not a byte of it is copied.
                Column::Forward(column)
            }
        });
        host.emit(batch.rows(), vec![], columns.collect());
        Ok(())
    }
    // endregion: rows
}

// region: export
wigeon_sdk::export!(transform: Mask);
// endregion: export
