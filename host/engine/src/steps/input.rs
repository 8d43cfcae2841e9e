//! The new rows of a step, for one pass or for several.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use wigeon_lanes::{Inlet, Pass};
use wigeon_runtime::{PluginError, Task};
use wigeon_warehouse::{RejectedRow, Stage};

use super::{
    StepRun,
    read::{Rejected, Rows},
};
use crate::{
    EngineError,
    inputs::{NewFile, NewTable},
    progress::Progress,
    resolved::Chain,
};

/// Where the new rows come from.
#[derive(Clone, Copy)]
pub(super) enum NewRows<'a> {
    Files(&'a [NewFile]),
    Table(&'a NewTable),
}

/// The new rows of a step: from their source, through the transforms.
///
/// One pass takes them as they come. For several they are read into a stage first, so that nothing
/// is parsed, transformed or rejected more than once.
pub(super) struct Input<'a> {
    step: &'a StepRun<'a>,
    chain: &'a Chain<'a>,
    from: NewRows<'a>,
    /// Whether all files are parsed before the first row is handed out.
    at_once: bool,
    opened: Option<Rows<'a>>,
    staged: Option<Stage>,
    rejected: Rejected,
}

impl<'a> Input<'a> {
    pub(super) fn new(step: &'a StepRun<'a>, chain: &'a Chain<'a>, from: NewRows<'a>) -> Self {
        Self {
            step,
            chain,
            from,
            at_once: false,
            opened: None,
            staged: None,
            rejected: Rejected::default(),
        }
    }

    /// Has all files parsed before the first row is handed out, for those who hold the rows anyhow.
    pub(super) fn parse_at_once(&mut self) {
        self.at_once = true;
    }

    /// Gets ready for an attempt in so many passes.
    pub(super) fn prepare(&mut self, passes: usize) -> Result<(), EngineError> {
        if passes == 1 {
            self.opened = Some(self.open()?);
        } else if self.staged.is_none() {
            // What a first attempt has not read of its stream is not read.
            self.opened = None;
            self.staged = Some(self.stage()?);
        }
        Ok(())
    }

    /// Returns the rows for the next pass.
    pub(super) fn rows(&mut self) -> Result<Rows<'a>, EngineError> {
        let Some(stage) = &self.staged else {
            return Ok(self.opened.take().expect("one pass reads the rows once"));
        };
        let stream = self.step.run.warehouse.read_stage(stage);
        let stream = stream.map_err(EngineError::ReadWarehouse)?;
        Ok(self.step.conformed(stream, &self.schema()))
    }

    /// Returns the rows that were rejected, once all were read.
    pub(super) fn rejected(&self) -> Vec<RejectedRow> {
        self.rejected.take()
    }

    fn open(&mut self) -> Result<Rows<'a>, EngineError> {
        let (rows, rejected) = match self.from {
            NewRows::Files(files) => self.step.read_files(self.chain, files, self.at_once)?,
            NewRows::Table(table) => (
                self.step.read_attached(self.chain, table)?,
                Rejected::default(),
            ),
        };
        self.rejected = rejected;
        Ok(self.step.sampled(rows))
    }

    fn stage(&mut self) -> Result<Stage, EngineError> {
        let run = self.step.run;
        let mut rows = Some(self.open()?);
        let progress = Progress::new(self.step.name(), run.observer, run.cancellation);
        let staged = wigeon_lanes::run(
            1,
            |_| Ok(passing(rows.take().expect("there is one pass"))),
            &self.schema(),
            &progress,
            |rows| self.step.stage(rows),
        );
        staged.map_err(|stopped| self.step.stopped(stopped))
    }

    /// The schema of the rows, in which a key that is null is still to be found.
    fn schema(&self) -> SchemaRef {
        let fields = self.chain.schema.fields().iter();
        let nullable = fields.map(|field| field.as_ref().clone().with_nullable(true));
        Arc::new(Schema::new(nullable.collect::<Vec<_>>()))
    }
}

/// One lane that hands rows on.
pub(super) fn passing(rows: Rows<'_>) -> Pass<'_, Passing, EngineError> {
    let inlet = |rows| Inlet { rows, key: vec![] };
    Pass {
        tasks: vec![Passing],
        first: inlet(Box::new(std::iter::empty())),
        second: inlet(rows),
        budget: None,
    }
}

/// A lane without a plugin of its own: the transforms have done the work.
pub(super) struct Passing;

impl Task for Passing {
    type Error = PluginError;

    fn first(&mut self, _: RecordBatch) -> Result<(), PluginError> {
        Ok(())
    }

    fn second(&mut self, batch: RecordBatch) -> Result<Vec<RecordBatch>, PluginError> {
        Ok(vec![batch])
    }

    fn finish(&mut self) -> Result<Vec<RecordBatch>, PluginError> {
        Ok(vec![])
    }
}
