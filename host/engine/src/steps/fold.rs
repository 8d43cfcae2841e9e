//! Folds the overlay of a target into its rows.
//!
//! What the table says does not change by it, so it may end between any two parts. The last
//! transaction, which takes the overlay away, has the ledger's row.

use chrono::{DateTime, Utc};
use wigeon_manifest::StepKind;
use wigeon_warehouse::Overlay;

use super::{Loaded, StepRun};
use crate::{
    EngineError, OverlayReport, Point, StepReport,
    resolved::IncrementalWork,
    update_mode::{ask_for_late_fold, overlay_shape},
};

/// Where the ledger keeps, among the details of a load, how many entries were folded in.
const FOLDED_ENTRIES: &str = "folded_entries";

/// How many of the last loads of a step are looked through for a fold.
const LOOKED_THROUGH: usize = 100;

/// What was folded in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Folded {
    /// How many entries there were.
    pub(super) entries: u64,
    /// In how many rows they were written.
    pub(super) rows: u64,
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

    /// Folds an overlay in whose entries another plugin, or the same with other options, has made:
    /// it would say of the rows that are about to be loaded what only holds for older ones.
    pub(super) fn fold_foreign(
        &self,
        load: &IncrementalWork,
    ) -> Result<Option<StepReport>, EngineError> {
        let overlay = self.run.warehouse.overlay(self.name());
        let overlay = overlay.map_err(EngineError::ReadWarehouse)?;
        let ours = overlay_shape(load).ok();
        let foreign = overlay.filter(|overlay| Some(&overlay.shape) != ours.as_ref());
        foreign
            .map(|overlay| self.fold(self.name(), &overlay))
            .transpose()
    }

    /// Folds in what earlier runs left in the overlay of the step's table, if that is to be done: the
    /// changes were there at once, and from now on the table is a plain one again. Those of this run
    /// come later: a step is run before those that detect changes for it.
    pub(super) fn fold_left(&self) -> Result<Option<StepReport>, EngineError> {
        let mut steps = self.run.project.pipeline().steps().iter();
        let detection = steps.find_map(|step| match &step.kind {
            StepKind::ChangeDetection {
                target,
                update_mode,
            } if target == self.name() => Some((step, *update_mode)),
            _ => None,
        });
        let (Some((detection, mode)), None) = (detection, self.replay) else {
            return Ok(None);
        };
        let overlay = self.run.warehouse.overlay(self.name());
        let Some(overlay) = overlay.map_err(EngineError::ReadWarehouse)? else {
            return Ok(None);
        };
        let mut last_fold: Option<DateTime<Utc>> = None;
        for step in [&detection.name, self.name()] {
            let loads = self.run.warehouse.ledger(Some(step), LOOKED_THROUGH);
            let loads = loads.map_err(EngineError::ReadWarehouse)?;
            let folds = loads
                .iter()
                .filter(|load| load.details.get(FOLDED_ENTRIES).is_some());
            last_fold = last_fold.max(folds.map(|load| load.logical_time).max());
        }
        if !ask_for_late_fold(mode, last_fold, self.logical_time) {
            return Ok(None);
        }
        self.fold(self.name(), &overlay).map(Some)
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
