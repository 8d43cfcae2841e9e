//! What a run would do, without doing any of it.

use std::collections::HashSet;

use wigeon_manifest::{Source, Step};
use wigeon_warehouse::Warehouse;

use crate::{
    Cancellation, EngineError, PlanReport, Project, RunRequest, StepPlan,
    due::due,
    inputs::{NewInputs, Question},
    reading::Reading,
    resolved::{ResolvedStep, Resolver, Work},
    steps::{fold_at_once, left_to_fold, pending},
};

impl Project {
    /// Says what a run would do and why: the plugins are loaded and every schema is known, new
    /// inputs are listed and changed keys counted, but nothing is loaded, written or locked.
    ///
    /// # Errors
    ///
    /// As [`Project::run`], short of what only reading the inputs can tell.
    pub fn plan(&self, request: &RunRequest) -> Result<PlanReport, EngineError> {
        let steps = self.selected(request)?;
        let reading = Reading::open(self)?;
        // A signal ends a plan at once: nothing can be left half done.
        let cancellation = Cancellation::default();
        let mut resolver = Resolver::new(self, request.cache.as_deref(), &cancellation)?;
        let mut plans = vec![];
        let mut folded = HashSet::new();
        for step in steps {
            let resolved = resolver.step(step, request.at)?;
            let warehouse = &reading.warehouse;
            plans.push(self.plan_step(warehouse, request, step, &resolved, &mut folded)?);
        }
        Ok(PlanReport {
            pipeline: self.pipeline().name().to_owned(),
            logical_time: request.at,
            steps: plans,
        })
    }

    /// Says what a step would do, and notes the table whose overlay it folds in.
    fn plan_step(
        &self,
        warehouse: &Warehouse,
        request: &RunRequest,
        step: &Step,
        resolved: &ResolvedStep<'_>,
        folded: &mut HashSet<String>,
    ) -> Result<StepPlan, EngineError> {
        let mut inputs = vec![];
        let mut keys = None;
        let (mut runs, mut reason) = match &resolved.work {
            Work::Snapshot { chain, .. } => {
                let new = self.new_inputs(warehouse, request, step, chain.source, true)?;
                inputs = new.planned(chain.source);
                count(new.len(), "new extract")
            }
            Work::Incremental { chain, .. } | Work::Transform { chain } => {
                let new = self.new_inputs(warehouse, request, step, chain.source, false)?;
                inputs = new.planned(chain.source);
                match new {
                    NewInputs::Files(files) => count(files.len(), "new file"),
                    NewInputs::Table(table) => match table {
                        Some(_) => (true, "there are rows beyond the watermark".to_owned()),
                        None => (false, "no rows beyond the watermark".to_owned()),
                    },
                }
            }
            Work::ChangeDetection {
                versions,
                snapshot,
                target,
                ..
            } => {
                if let Some(pending) = pending(warehouse, &step.name, snapshot, &target.step)? {
                    let changed = warehouse
                        .count_changed_since(versions, pending.since)
                        .map_err(EngineError::ReadWarehouse)?;
                    keys = Some(changed);
                    let since = pending.since;
                    let (_, keys) = count(usize::try_from(changed).unwrap_or(usize::MAX), "key");
                    (true, format!("{keys} with versions since {since}"))
                } else {
                    let reason = "no extract since it last ran, or nothing loaded yet";
                    (false, reason.to_owned())
                }
            }
        };
        let to_fold = match &resolved.work {
            Work::Incremental { .. } => left_to_fold(self, warehouse, &step.name, request.at)?,
            Work::ChangeDetection { target, .. } => {
                fold_at_once(warehouse, &step.name, target, request.at)?
            }
            Work::Snapshot { .. } | Work::Transform { .. } => None,
        };
        let table = match &resolved.work {
            Work::ChangeDetection { target, .. } => &target.step,
            _ => &step.name,
        };
        // What one step folds in is not there any more for the next one.
        let folds = to_fold.is_some() && !folded.contains(table);
        if folds {
            runs = true;
            reason.push_str("; an overlay is to be folded in");
        }
        if request.due {
            let last = warehouse.last_loads().map_err(EngineError::ReadWarehouse)?;
            let last = last.get(&step.name).copied();
            (runs, reason) = match due(self, step, last, request.at) {
                None => (false, "not due".to_owned()),
                Some(due) => {
                    let (_, ticks) =
                        count(usize::try_from(due.ticks).unwrap_or(usize::MAX), "tick");
                    (true, format!("due since {ticks}; {reason}"))
                }
            };
        }
        if folds && runs {
            folded.insert(table.clone());
        }
        let id = resolved.configured.plugin.id();
        let table_rows = warehouse
            .count_rows(&step.name)
            .map_err(EngineError::ReadWarehouse)?;
        let columns = resolved.output.fields().iter();
        Ok(StepPlan {
            step: step.name.clone(),
            kind: step.kind.as_str().to_owned(),
            runs,
            reason,
            plugin: id.reference.clone(),
            digest: id.digest.clone(),
            inputs,
            table_rows,
            keys,
            columns: columns
                .map(|field| (field.name().clone(), field.data_type().to_string()))
                .collect(),
        })
    }

    fn new_inputs(
        &self,
        warehouse: &Warehouse,
        request: &RunRequest,
        step: &Step,
        source: &Source,
        snapshot: bool,
    ) -> Result<NewInputs, EngineError> {
        let question = Question {
            project: self,
            warehouse,
            step: &step.name,
            source,
            snapshot,
            at: request.at,
        };
        question.new_inputs()
    }
}

/// Says how many of something there are, and whether there are any.
fn count(number: usize, what: &str) -> (bool, String) {
    match number {
        0 => (false, format!("no {what}")),
        1 => (true, format!("1 {what}")),
        _ => (true, format!("{number} {what}s")),
    }
}
