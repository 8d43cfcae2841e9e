//! Adds columns of the latest version of each row's key.
//!
//! An incremental plugin completes new rows from a lookup. It is handed the versions first, then
//! the rows. Only the keys and `valid_from` are copied in; the values are gathered by the host.

use serde::Deserialize;
use wigeon_sdk::{
    Batch, Column, Error, Host, Incremental, IncrementalInput, JsonSchema, Origin, Plugin, Schema,
    Selection, Shape, Versions, arrow_array::ArrayRef, valid_from,
};

/// The step at work.
pub struct AddLatest {
    rows_key: Vec<usize>,
    lookup_key: Vec<usize>,
    valid_from: usize,
    /// The columns of the lookup that are added.
    added: Vec<usize>,
    output: Vec<Column>,
    schema: Schema,
    versions: Versions,
    settled: bool,
}

/// What `[step.options]` of the manifest may say.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The columns of the lookup to add, under their own names.
    columns: Vec<String>,
}

impl Plugin for AddLatest {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    type Options = Options;
}

impl Incremental for AddLatest {
    fn open(options: Options, input: IncrementalInput) -> Result<Self, Error> {
        let mut fields = input.rows.fields().to_vec();
        let mut output: Vec<_> = (0..fields.len()).map(Column::Forward).collect();
        let mut added = vec![];
        for name in &options.columns {
            let Some((column, field)) = input.lookup.column_with_name(name) else {
                return Err(Error::options(format!(
                    "`columns` names `{name}`, which is no column of the lookup"
                )));
            };
            if input.rows.column_with_name(name).is_some() {
                return Err(Error::options(format!(
                    "`columns` names `{name}`, which the rows have already"
                )));
            }
            // A key without a version has none of the values.
            fields.push(field.clone().with_nullable(true).into());
            output.push(Column::gather(0, column));
            added.push(column);
        }
        let (valid_from, _) = valid_from(&input.lookup)?;
        Ok(Self {
            versions: Versions::try_new(&input.lookup, &input.lookup_key, 0)?,
            rows_key: input.rows_key,
            lookup_key: input.lookup_key,
            valid_from,
            added,
            output,
            schema: Schema::new(fields),
            settled: false,
        })
    }

    fn shape(&self) -> Shape {
        Shape {
            schema: self.schema.clone(),
            // Each call of `rows` emits the rows of its batch in their order, so that a change of
            // the lookup can reach rows that were loaded earlier.
            row_wise: true,
            event_time: None,
        }
    }

    fn lookup(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        let key = columns(batch, &self.lookup_key);
        self.versions.push(&key, &batch.column(self.valid_from))
    }

    fn rows(&mut self, batch: &Batch<'_>, host: &mut Host<'_>) -> Result<(), Error> {
        if !self.settled {
            self.versions.settle(&self.added, host);
            self.settled = true;
        }
        let latest = self.versions.most_recent(&columns(batch, &self.rows_key));
        let latest = Selection::new(Origin::Kept, latest);
        host.emit(batch.rows(), vec![latest], self.output.clone());
        Ok(())
    }
}

fn columns(batch: &Batch<'_>, columns: &[usize]) -> Vec<ArrayRef> {
    columns.iter().map(|&column| batch.column(column)).collect()
}

wigeon_sdk::export!(incremental: AddLatest);
