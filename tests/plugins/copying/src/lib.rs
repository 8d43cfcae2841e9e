//! What the boundary costs when every column is copied in and out.
//!
//! The plugin keeps the rows of the lookup in its own memory, and answers with new arrays only,
//! where `point-in-time` forwards columns and has the host gather. Only the bench of the lanes
//! loads it.

use std::{fmt, sync::Arc};

use serde::Deserialize;
use wigeon_sdk::{
    Batch, Column, Error, Host, Incremental, IncrementalInput, JsonSchema, Plugin, Shape,
    arrow_array::RecordBatch,
};
use wigeon_yardstick::{Lookup, completed};

/// The step at work.
#[derive(Default)]
pub struct Copying {
    lookup: Lookup,
}

impl fmt::Debug for Copying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copying").finish_non_exhaustive()
    }
}

/// Nothing can be said.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Options {}

impl Plugin for Copying {
    const NAME: &'static str = "copying";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    type Options = Options;
}

impl Incremental for Copying {
    fn open(_: Options, _: IncrementalInput) -> Result<Self, Error> {
        Ok(Self::default())
    }

    fn shape(&self) -> Shape {
        Shape {
            schema: completed().as_ref().clone(),
            row_wise: true,
            event_time: None,
        }
    }

    fn lookup(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        self.lookup.push(whole(batch));
        Ok(())
    }

    fn rows(&mut self, batch: &Batch<'_>, host: &mut Host<'_>) -> Result<(), Error> {
        let completed = self.lookup.complete(&whole(batch));
        let columns = completed.columns().iter().cloned().map(Column::Values);
        host.emit(batch.rows(), vec![], columns.collect());
        Ok(())
    }
}

fn whole(batch: &Batch<'_>) -> RecordBatch {
    let columns = (0..batch.schema().fields().len()).map(|column| batch.column(column));
    let schema = Arc::new(batch.schema().clone());
    RecordBatch::try_new(schema, columns.collect()).expect("columns of one length")
}

wigeon_sdk::export!(incremental: Copying);
