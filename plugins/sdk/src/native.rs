//! Runs a plugin natively, for its unit tests and for measuring what the sandbox costs.
//!
//! The same type that [`crate::export!`] makes a component of runs here in the test's own process,
//! on batches in memory, with the same contract: what it forwards and gathers is put together by
//! the code that the host uses.

mod change_detection;
mod incremental;
mod snapshot;
mod transform;

pub use change_detection::detect;
pub use incremental::{Load, load};
pub use snapshot::diff;
pub use transform::transform;

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use serde::de::DeserializeOwned;
use wigeon_columnar::{self as columnar, Kept};

use crate::{Column, Error, Level, Origin, Selection, host::Calls};

/// The host's part of the contract, in memory.
struct InMemory {
    schema: SchemaRef,
    kept: Kept,
    current: Option<RecordBatch>,
    emitted: Vec<RecordBatch>,
}

impl InMemory {
    fn new(schema: Schema, kept: &Schema) -> Self {
        Self {
            schema: Arc::new(schema),
            kept: Kept::new(kept),
            current: None,
            emitted: vec![],
        }
    }

    fn keep(&mut self, batch: &RecordBatch) {
        let kept = self.kept.push(batch);
        kept.expect("the batch has the schema that the plugin was told");
    }

    fn take_emitted(&mut self) -> Vec<RecordBatch> {
        std::mem::take(&mut self.emitted)
    }
}

fn selection(selection: Selection) -> columnar::Selection {
    columnar::Selection {
        origin: match selection.origin {
            Origin::Current => columnar::Origin::Current,
            Origin::Kept => columnar::Origin::Kept,
        },
        rows: selection.rows,
    }
}

impl Calls for InMemory {
    fn emit(&mut self, rows: usize, selections: Vec<Selection>, columns: Vec<Column>) {
        let selections = selections.into_iter().map(selection).collect();
        let answers: Vec<_> = columns
            .into_iter()
            .map(|column| match column {
                Column::Forward(column) => columnar::Answer::Forward(column),
                Column::Gather { selection, column } => {
                    columnar::Answer::Gather { selection, column }
                }
                Column::Values(array) => columnar::Answer::Values(array),
            })
            .collect();
        let batch = columnar::assemble(
            &self.schema,
            rows,
            selections,
            &answers,
            self.current.as_ref(),
            &mut self.kept,
            &mut columnar::Budget::unlimited(),
        );
        let batch = batch.unwrap_or_else(|error| panic!("the plugin broke the contract: {error}"));
        self.emitted.push(batch);
    }

    fn differ(
        &mut self,
        left: Selection,
        left_columns: &[usize],
        right: Selection,
        right_columns: &[usize],
    ) -> Vec<bool> {
        let differ = columnar::differ(
            selection(left),
            left_columns,
            selection(right),
            right_columns,
            self.current.as_ref(),
            &mut self.kept,
            &columnar::Budget::unlimited(),
        );
        let differ =
            differ.unwrap_or_else(|error| panic!("the plugin broke the contract: {error}"));
        differ.values().iter().collect()
    }

    fn log(&mut self, _: Level, _: &str) {}
}

fn options_of<O: DeserializeOwned>(options: serde_json::Value) -> Result<O, Error> {
    serde_json::from_value(options).map_err(|error| Error::options(error.to_string()))
}
