//! What the host holds for one instance while the guest runs.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use wigeon_columnar::Kept;

use crate::{Breach, Grants, Traffic, limits::Meter, wasi::Given};

/// The host's half of an instance.
#[derive(Debug)]
pub(crate) struct State {
    /// Shown with every line of the plugin's log.
    pub(crate) plugin: String,
    pub(crate) meter: Meter,
    pub(crate) kept: Kept,
    /// The batch of the current call, under the call's number.
    pub(crate) current: Option<RecordBatch>,
    pub(crate) call: u32,
    /// The schema of emitted rows, while rows may be emitted.
    pub(crate) output: Option<SchemaRef>,
    pub(crate) emitted: Vec<RecordBatch>,
    pub(crate) traffic: Traffic,
    pub(crate) log_lines: usize,
    pub(crate) wasi: Given,
}

impl State {
    pub(crate) fn new(plugin: String, meter: Meter, grants: Grants) -> Self {
        Self {
            plugin,
            meter,
            kept: Kept::default(),
            current: None,
            call: 0,
            output: None,
            emitted: vec![],
            traffic: Traffic::default(),
            log_lines: 0,
            wasi: Given::new(grants),
        }
    }

    /// Returns the batch that `lent` is a handle of.
    pub(crate) fn lent(&self, lent: u32) -> Result<&RecordBatch, Breach> {
        self.current
            .as_ref()
            .filter(|_| lent == self.call)
            .ok_or(Breach::StaleBatch)
    }
}
