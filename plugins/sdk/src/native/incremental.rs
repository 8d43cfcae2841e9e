use arrow_array::RecordBatch;

use super::{InMemory, options_of};
use crate::{Batch, Error, Host, Incremental, IncrementalInput, Shape};

/// An incremental load at work.
#[derive(Debug)]
pub struct Load<P> {
    plugin: P,
    input: IncrementalInput,
    host: InMemory,
}

impl std::fmt::Debug for InMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InMemory").finish_non_exhaustive()
    }
}

impl<P: Incremental> Load<P> {
    /// Opens the step.
    ///
    /// # Errors
    ///
    /// What the plugin answers.
    pub fn open(options: serde_json::Value, input: IncrementalInput) -> Result<Self, Error> {
        let plugin = P::open(options_of(options)?, input.clone())?;
        let host = InMemory::new(plugin.shape().schema, &input.lookup);
        Ok(Self {
            plugin,
            input,
            host,
        })
    }

    /// Returns what the plugin says it will emit.
    pub fn shape(&self) -> Shape {
        self.plugin.shape()
    }

    /// Hands over versions of the lookup.
    ///
    /// # Errors
    ///
    /// What the plugin answers.
    pub fn lookup(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.plugin
            .lookup(&Batch::native(&self.input.lookup, batch))?;
        self.host.keep(batch);
        Ok(())
    }

    /// Hands over new rows, and returns what was emitted.
    ///
    /// # Errors
    ///
    /// What the plugin answers.
    pub fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<RecordBatch>, Error> {
        self.host.current = Some(batch.clone());
        let rows = Batch::native(&self.input.rows, batch);
        self.plugin.rows(&rows, &mut Host::new(&mut self.host))?;
        self.host.current = None;
        Ok(self.host.take_emitted())
    }

    /// Ends the load, and returns what was emitted last.
    ///
    /// # Errors
    ///
    /// What the plugin answers.
    pub fn finish(mut self) -> Result<Vec<RecordBatch>, Error> {
        self.plugin.finish(&mut Host::new(&mut self.host))?;
        Ok(self.host.take_emitted())
    }
}

/// Runs a whole incremental load.
///
/// # Errors
///
/// What the plugin answers.
///
/// # Panics
///
/// Panics if the plugin breaks the contract.
pub fn load<P: Incremental>(
    options: serde_json::Value,
    input: IncrementalInput,
    lookup: &[RecordBatch],
    rows: &[RecordBatch],
) -> Result<Vec<RecordBatch>, Error> {
    let mut load = Load::<P>::open(options, input)?;
    for batch in lookup {
        load.lookup(batch)?;
    }
    let mut emitted = vec![];
    for batch in rows {
        emitted.extend(load.rows(batch)?);
    }
    emitted.extend(load.finish()?);
    Ok(emitted)
}
