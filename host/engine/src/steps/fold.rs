//! Folds the overlay of a target into its rows.
//!
//! What the table says does not change by it, so it may end between any two slices. The last
//! transaction, which takes the overlay away, has the ledger's row.

use wigeon_warehouse::Overlay;

use super::{Loaded, StepRun};
use crate::{EngineError, OverlayReport, StepReport, resolved::Target};

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
    /// No change may be waiting to be detected: the ledger would say that it was.
    pub(super) fn fold(
        &self,
        target: &Target,
        overlay: &Overlay,
    ) -> Result<StepReport, EngineError> {
        self.run.observer.started(self.name(), 0);
        let started = self.start();
        let folded = self.fold_rows(target, overlay)?;
        let load = self.begin()?;
        let ended = load.end_overlay(&target.step);
        ended.map_err(|source| self.load_error(source))?;
        let mut loaded = Loaded::default();
        folded.note(target, &mut loaded);
        self.finish(load, started, &loaded)
    }

    /// Folds an overlay in and takes it away, as a part of what a load is about to do.
    pub(super) fn fold_before(
        &self,
        target: &Target,
        overlay: &Overlay,
    ) -> Result<Folded, EngineError> {
        let folded = self.fold_rows(target, overlay)?;
        let load = self.begin()?;
        let ended = load.end_overlay(&target.step);
        ended.map_err(|source| self.load_error(source))?;
        self.commit(load)?;
        Ok(folded)
    }

    /// Writes what an overlay says into the rows. It stays in force.
    fn fold_rows(&self, target: &Target, overlay: &Overlay) -> Result<Folded, EngineError> {
        let warehouse = self.run.warehouse;
        let fold = warehouse.fold(&target.step, &overlay.columns);
        let fold = fold.map_err(|source| self.load_error(source))?;
        let mut rows = 0;
        for slice in fold.slices() {
            if self.run.cancellation.is_cancelled() {
                return Err(self.cancelled());
            }
            let load = self.begin()?;
            let updated = load.fold_slice(&fold, slice);
            let updated = updated.map_err(|source| self.load_error(source))?;
            if updated == 0 {
                continue;
            }
            self.commit(load)?;
            let written = warehouse.checkpoint();
            written.map_err(|source| self.load_error(source))?;
            rows += updated;
        }
        Ok(Folded {
            entries: overlay.entries,
            rows,
        })
    }
}

impl Folded {
    /// Adds what was done to what a load leaves behind.
    pub(super) fn note(self, target: &Target, loaded: &mut Loaded) {
        loaded.rows_updated += self.rows;
        let details = &mut loaded.details;
        details.insert("folded_entries".to_owned(), self.entries.into());
        details.insert("folded_rows".to_owned(), self.rows.into());
        loaded.overlay = Some(OverlayReport {
            target: target.step.clone(),
            entries: 0,
            folded_entries: self.entries,
        });
    }
}
