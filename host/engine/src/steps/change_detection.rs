//! A change-detection step: which keys have changed, and the loaded rows that carry them.
//!
//! **What may have changed** follows from the ledger alone. Rows of the target reflect the lookup
//! as it was when they were loaded, or when change detection last ran, whichever came later. So
//! the keys to look at are those with a version that began at or after the earliest effective time
//! among the snapshots taken since then; a late extract, whose effective time lies back, brings
//! that time back with it.
//!
//! **What becomes of the rows** is decided by the target's own plugin: it is handed the rows of
//! the changed keys once more, with the lookup as it is now, and what comes out different is
//! written back. So there is one place that knows what as-was and as-is mean, and the table is the
//! same as if every row were loaded today. Where there are many rows, and the plugin says that an
//! event time decides what it adds to them, it is asked about the versions of the changed keys
//! instead, and what it answers is kept in an overlay.

use chrono::NaiveDateTime;
use wigeon_lanes::{Inlet, Pass, Stopped};
use wigeon_runtime::{ChangeDetectionInput, ChangeDetectionInstance, PluginError};
use wigeon_warehouse::{Load, Overlay, OverlayShape, Side, SnapshotTable, Stage, Warehouse};

use super::{Loaded, StepRun, fold::fold_at_once, repair::Repaired};
use crate::{
    EngineError, OverlayReport, StepReport,
    progress::Progress,
    resolved::{Target, Work},
    update_mode::Circumstances,
};

/// What change detection would look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pending {
    /// From when on versions may have changed.
    pub(crate) since: NaiveDateTime,
}

/// Finds out from the ledger whether versions may have changed since the target reflects them.
pub(crate) fn pending(
    warehouse: &Warehouse,
    step: &str,
    snapshot: &str,
    target: &str,
) -> Result<Option<Pending>, EngineError> {
    let ledger = |step| {
        let entries = warehouse.ledger(Some(step), usize::MAX);
        entries.map_err(EngineError::ReadWarehouse)
    };
    // Newest first.
    let last = ledger(step)?.first().map(|entry| entry.load_id);
    let baseline = match last {
        Some(load_id) => Some(load_id),
        None => ledger(target)?.iter().map(|entry| entry.load_id).min(),
    };
    let Some(baseline) = baseline else {
        return Ok(None);
    };
    let snapshots = ledger(snapshot)?;
    let since = snapshots
        .iter()
        .filter(|entry| entry.load_id > baseline)
        .filter_map(|entry| entry.effective_time)
        .min();
    Ok(since.map(|since| Pending { since }))
}

/// What the changes mean for the rows of the target.
enum Reaches {
    Nothing,
    /// These rows are to be set.
    Rows(Repaired),
    /// All rows of the changed keys are to show this.
    Keys(Stage),
}

impl StepRun<'_> {
    pub(super) fn change_detection(&self) -> Result<Vec<StepReport>, EngineError> {
        let Work::ChangeDetection {
            input,
            versions,
            snapshot,
            target,
        } = &self.resolved.work
        else {
            unreachable!("called for change detection");
        };
        let warehouse = self.run.warehouse;
        let pending = match self.replay {
            Some(replay) => replay.since.map(|since| Pending { since }),
            None => pending(warehouse, self.name(), snapshot, &target.step)?,
        };
        let Some(pending) = pending else {
            return Ok(self.fold_at_once(target)?.into_iter().collect());
        };
        self.started(0);
        let started = self.start();
        let ((changes, rows_in), passes) = self
            .in_passes(self.resolved.configured.lanes, |passes| {
                self.detect(input, versions, pending, passes)
            })?;
        let since = pending.since;
        let checked = warehouse.check_changed_keys(self.name(), versions, since, &changes);
        checked.map_err(|source| self.load_error(source))?;
        let mut loaded = Loaded {
            rows_in,
            rows_out: changes.rows(),
            passes,
            ..Loaded::default()
        };
        let since = pending.since.to_string();
        loaded.details.insert("since".to_owned(), since.into());
        let reaches = if changes.rows() > 0 && self.has_table(target)? {
            self.reach(versions, target, &changes, &mut loaded)?
        } else {
            Reaches::Nothing
        };
        let load = self.begin()?;
        self.apply(&load, target, &reaches, &mut loaded)?;
        // Nothing new leaves the last set of changes in place.
        let first = warehouse
            .schema_of(self.name())
            .map_err(EngineError::ReadWarehouse)?;
        if changes.rows() > 0 || first.is_none() {
            let replaced = load.replace_table(self.name(), &changes);
            replaced.map_err(|source| self.load_error(source))?;
        }
        let updated = loaded.rows_updated;
        loaded
            .details
            .insert("rows_updated".to_owned(), updated.into());
        let mut reports = vec![self.finish(load, started, &loaded)?];
        reports.extend(self.fold_at_once(target)?);
        Ok(reports)
    }

    /// Finds out what the changes mean for the rows of the target: either which rows, or what for
    /// all rows of the changed keys. An overlay that is in the way of that is folded in first.
    fn reach(
        &self,
        versions: &SnapshotTable,
        target: &Target,
        changes: &Stage,
        loaded: &mut Loaded,
    ) -> Result<Reaches, EngineError> {
        let overlay = self.overlay(target)?;
        let shape = self.overlay_shape(target, overlay.as_ref())?;
        if let Some(overlay) = overlay.filter(|overlay| shape != Some(&overlay.shape)) {
            self.fold_before(&target.step, &overlay)?
                .note(&target.step, loaded);
        }
        if shape.is_some() {
            let (entries, passes) = self.in_passes(target.load.configured.lanes, |passes| {
                self.overlay_entries(versions, target, changes, passes)
            })?;
            loaded.passes = loaded.passes.max(passes);
            return Ok(Reaches::Keys(entries));
        }
        let (repaired, passes) = self.in_passes(target.load.configured.lanes, |passes| {
            self.repair(versions, target, changes, passes)
        })?;
        loaded.passes = loaded.passes.max(passes);
        Ok(repaired.map_or(Reaches::Nothing, Reaches::Rows))
    }

    /// Returns what an overlay of the target is to apply to, or none if the rows are to be updated.
    fn overlay_shape<'t>(
        &self,
        target: &'t Target,
        overlay: Option<&Overlay>,
    ) -> Result<Option<&'t OverlayShape>, EngineError> {
        let Some(shape) = &target.overlay else {
            return Ok(None);
        };
        let warehouse = self.run.warehouse;
        let circumstances = Circumstances {
            mode: target.update_mode,
            rows: warehouse
                .estimate_table_rows(&target.step)
                .map_err(EngineError::ReadWarehouse)?,
            overlay,
        };
        if !circumstances.ask_for_overlay() {
            return Ok(None);
        }
        // Of a row without a time, nobody has said anything.
        let timeless = warehouse.has_nulls(&target.step, &shape.event_time);
        let timeless = timeless.map_err(EngineError::ReadWarehouse)?;
        Ok((!timeless).then_some(shape))
    }

    fn apply(
        &self,
        load: &Load,
        target: &Target,
        reaches: &Reaches,
        loaded: &mut Loaded,
    ) -> Result<(), EngineError> {
        match reaches {
            Reaches::Nothing => {}
            Reaches::Rows(repaired) => {
                let columns: Vec<&str> = repaired.columns.iter().map(String::as_str).collect();
                let updated = load.update_by_rowid(&target.step, &repaired.rows, &columns);
                loaded.rows_updated += updated.map_err(|source| self.load_error(source))?;
            }
            Reaches::Keys(entries) => {
                let shape = target.overlay.as_ref().expect("the entries are of it");
                let since = self.logical_time;
                let merged = load.merge_overlay(&target.step, shape, entries, since);
                let entries = merged.map_err(|source| self.load_error(source))?;
                let details = &mut loaded.details;
                details.insert("overlay_entries".to_owned(), entries.into());
                let folded = loaded.overlay.as_ref().map_or(0, |o| o.folded_entries);
                loaded.overlay = Some(OverlayReport {
                    target: target.step.clone(),
                    entries,
                    folded_entries: folded,
                });
            }
        }
        Ok(())
    }

    /// Folds the overlay of the target in, if that is to be done now that no change is left to be kept.
    fn fold_at_once(&self, target: &Target) -> Result<Option<StepReport>, EngineError> {
        if self.replay.is_some() {
            return Ok(None);
        }
        let warehouse = self.run.warehouse;
        fold_at_once(warehouse, self.name(), target, self.logical_time)?
            .map(|overlay| self.fold(&target.step, &overlay))
            .transpose()
    }

    fn overlay(&self, target: &Target) -> Result<Option<Overlay>, EngineError> {
        let overlay = self.run.warehouse.overlay(&target.step);
        overlay.map_err(EngineError::ReadWarehouse)
    }

    fn has_table(&self, target: &Target) -> Result<bool, EngineError> {
        let schema = self.run.warehouse.schema_of(&target.step);
        Ok(schema.map_err(EngineError::ReadWarehouse)?.is_some())
    }

    /// Asks the plugin which keys have changed. Returns the changes, and how many versions were
    /// read.
    fn detect(
        &self,
        input: &ChangeDetectionInput,
        versions: &SnapshotTable,
        pending: Pending,
        passes: usize,
    ) -> Result<(Stage, u64), Stopped<PluginError, EngineError>> {
        let configured = &self.resolved.configured;
        let task = |_| {
            let instance = ChangeDetectionInstance::open(
                &configured.plugin,
                configured.limits,
                &configured.options,
                input,
            );
            instance.map_err(|source| EngineError::OpenStep {
                step: self.name().to_owned(),
                source,
            })
        };
        let inlet = |side| {
            let warehouse = self.run.warehouse;
            let rows = warehouse.versions_changed_since(versions, pending.since, side);
            let rows = rows.map_err(EngineError::ReadWarehouse)?;
            Ok::<_, EngineError>(Inlet {
                rows: self.conformed(rows, &input.versions),
                key: input.key.clone(),
            })
        };
        let open = |_| {
            Ok(Pass {
                tasks: (0..self.resolved.configured.lanes)
                    .map(task)
                    .collect::<Result<_, _>>()?,
                first: inlet(Side::Before)?,
                second: inlet(Side::Now)?,
                budget: None,
            })
        };
        let progress = Progress::new(self.name(), self.run.observer, self.run.cancellation);
        let changes = wigeon_lanes::run(passes, open, &input.changes(), &progress, |changes| {
            self.stage(changes)
        })?;
        Ok((changes, progress.rows_in()))
    }
}
