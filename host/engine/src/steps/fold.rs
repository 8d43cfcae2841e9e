//! Folds the overlay of a target into its rows.
//!
//! What the table says does not change by it, so it may end between any two parts. The last
//! transaction, which takes the overlay away, has the ledger's row.

use chrono::{DateTime, Utc};
use wigeon_manifest::UpdateMode;
use wigeon_warehouse::{Overlay, ReadError, Warehouse};

use super::{Loaded, StepRun, pending};
use crate::{
    EngineError, OverlayReport, Point, Project, StepReport,
    resolved::{IncrementalWork, Target},
    update_mode::{Circumstances, FoldAtOnce, is_fold_due, overlay_shape},
};

/// Where the ledger keeps, among the details of a load, how many entries were folded in.
const FOLDED_ENTRIES: &str = "folded_entries";

/// What was folded in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Folded {
    /// How many entries there were.
    pub(super) entries: u64,
    /// In how many rows they were written.
    pub(super) rows: u64,
}

/// Returns the overlay of its target that a step of change detection, when it is done, is to fold in at
/// a time, if there is one.
///
/// Only its own folds hold it off, whatever they were for. Those of the target's step come later on a
/// day, and if they did, one more fold on one day would put off those of the days after. Other steps
/// that detect changes for the same target are not looked at.
pub(crate) fn fold_at_once(
    warehouse: &Warehouse,
    step: &str,
    target: &Target,
    at: DateTime<Utc>,
) -> Result<Option<Overlay>, EngineError> {
    let find = || -> Result<Option<Overlay>, ReadError> {
        let Some(overlay) = warehouse.overlay(&target.step)? else {
            return Ok(None);
        };
        let circumstances = Circumstances {
            mode: target.update_mode,
            rows: warehouse.estimate_table_rows(&target.step)?,
            overlay: Some(&overlay),
        };
        let folds = match circumstances.ask_for_fold() {
            FoldAtOnce::No => false,
            FoldAtOnce::IfDue => {
                is_fold_due(warehouse.last_load_with(FOLDED_ENTRIES, &[step], at)?, at)
            }
            FoldAtOnce::Yes => true,
        };
        Ok(folds.then_some(overlay))
    };
    find().map_err(EngineError::ReadWarehouse)
}

/// Returns the overlay of an incremental step's table that the run of that step at a time is to fold
/// in, if there is one.
///
/// None while a change is still to be detected: what that leaves would be kept until the next day,
/// and the fold would come before it.
pub(crate) fn left_to_fold(
    project: &Project,
    warehouse: &Warehouse,
    table: &str,
    at: DateTime<Utc>,
) -> Result<Option<Overlay>, EngineError> {
    let mut detections = vec![];
    for (step, update_mode) in project.pipeline().detections_of(table) {
        if update_mode != UpdateMode::Auto {
            return Ok(None);
        }
        detections.push(step);
    }
    if detections.is_empty() {
        return Ok(None);
    }
    let overlay = warehouse.overlay(table);
    let Some(overlay) = overlay.map_err(EngineError::ReadWarehouse)? else {
        return Ok(None);
    };
    for detection in &detections {
        if pending(warehouse, &detection.name, &detection.input, table)?.is_some() {
            return Ok(None);
        }
    }
    let names = detections.iter().map(|detection| detection.name.as_str());
    let steps: Vec<_> = names.chain([table]).collect();
    let last = warehouse.last_load_with(FOLDED_ENTRIES, &steps, at);
    let last = last.map_err(EngineError::ReadWarehouse)?;
    Ok(is_fold_due(last, at).then_some(overlay))
}

impl StepRun<'_> {
    /// Folds an overlay in and takes it away, in a load of its own.
    ///
    /// If the step detects changes, none may be waiting: the ledger would say that it was detected.
    pub(super) fn fold(&self, table: &str, overlay: &Overlay) -> Result<StepReport, EngineError> {
        self.started(0);
        let started = self.start();
        let folded = self.fold_rows(table, overlay)?;
        let load = self.begin()?;
        let ended = load.end_overlay(table);
        ended.map_err(|source| self.load_error(source))?;
        let mut loaded = Loaded::default();
        folded.note(table, &mut loaded);
        self.finish(load, started, &loaded)
    }

    /// Folds an overlay in and takes it away, as a part of what a load is about to do.
    pub(super) fn fold_before(
        &self,
        table: &str,
        overlay: &Overlay,
    ) -> Result<Folded, EngineError> {
        let folded = self.fold_rows(table, overlay)?;
        let load = self.begin()?;
        let ended = load.end_overlay(table);
        ended.map_err(|source| self.load_error(source))?;
        self.commit(load)?;
        Ok(folded)
    }

    /// Folds an overlay in that would say of the rows that are about to be loaded what only holds for older
    /// ones: one whose entries another plugin has made, or the same with other options or another lookup,
    /// and one that no step is left to make new entries for.
    pub(super) fn fold_foreign(
        &self,
        load: &IncrementalWork,
    ) -> Result<Option<StepReport>, EngineError> {
        let overlay = self.run.warehouse.overlay(self.name());
        let overlay = overlay.map_err(EngineError::ReadWarehouse)?;
        let pipeline = self.run.project.pipeline();
        let is_detected = pipeline.detections_of(self.name()).next().is_some();
        let ours = overlay_shape(load).ok().filter(|_| is_detected);
        let foreign = overlay.filter(|overlay| Some(&overlay.shape) != ours.as_ref());
        foreign
            .map(|overlay| self.fold(self.name(), &overlay))
            .transpose()
    }

    /// Folds in what earlier runs left in the overlay of the step's table, if that is to be done: from
    /// now on the table is a plain one again.
    pub(super) fn fold_left(&self) -> Result<Option<StepReport>, EngineError> {
        if self.replay.is_some() {
            return Ok(None);
        }
        let (project, warehouse) = (self.run.project, self.run.warehouse);
        left_to_fold(project, warehouse, self.name(), self.logical_time)?
            .map(|overlay| self.fold(self.name(), &overlay))
            .transpose()
    }

    /// Writes what an overlay says into the rows. It stays in force.
    fn fold_rows(&self, table: &str, overlay: &Overlay) -> Result<Folded, EngineError> {
        let warehouse = self.run.warehouse;
        let parts = warehouse.fold_parts(table, &overlay.shape);
        let mut rows = 0;
        for part in parts.map_err(EngineError::ReadWarehouse)? {
            if self.run.cancellation.is_cancelled() {
                return Err(self.cancelled());
            }
            let load = self.begin()?;
            let updated = load.fold_part(table, &overlay.shape, &part);
            let updated = updated.map_err(|source| self.load_error(source))?;
            if updated == 0 {
                continue;
            }
            self.commit(load)?;
            warehouse.checkpoint().map_err(|source| {
                if self.run.cancellation.is_cancelled() {
                    self.cancelled()
                } else {
                    EngineError::Checkpoint(source)
                }
            })?;
            rows += updated;
            self.reached(Point::Folding);
        }
        self.reached(Point::Folded);
        Ok(Folded {
            entries: overlay.entries,
            rows,
        })
    }
}

impl Folded {
    /// Adds what was done to what a load leaves behind.
    pub(super) fn note(self, table: &str, loaded: &mut Loaded) {
        loaded.rows_updated += self.rows;
        let details = &mut loaded.details;
        details.insert(FOLDED_ENTRIES.to_owned(), self.entries.into());
        details.insert("folded_rows".to_owned(), self.rows.into());
        loaded.overlay = Some(OverlayReport {
            target: table.to_owned(),
            entries: 0,
            folded_entries: self.entries,
        });
    }
}
