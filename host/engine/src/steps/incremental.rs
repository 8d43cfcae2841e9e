//! An incremental step: new rows, completed from the lookup and appended. A stored transform is
//! the same without a lookup.

use arrow_schema::SchemaRef;
use wigeon_lanes::{Budget, Inlet, Pass, Stopped};
use wigeon_manifest::Source;
use wigeon_runtime::{IncrementalInstance, PluginError};
use wigeon_warehouse::{Load, LoadWatermark, SnapshotTable};

use super::{
    Loaded, StepRun,
    input::{Input, NewRows, passing},
    read::{Rows, file_source},
};
use crate::{
    DataError, EngineError, StepReport,
    inputs::{NewInputs, NewTable, location},
    progress::Progress,
    resolved::{Chain, IncrementalWork, Work},
    schemas::field,
};

/// New rows are read before the lookup if there is no more than one for this many versions. With
/// more, most keys occur, and the lookup had better be read while the rows are still on their way.
const HELD_SHARE: u64 = 2;

/// How much memory new rows may take until the lookup has been read.
const HELD_BYTES: usize = 256 << 20;

impl StepRun<'_> {
    pub(super) fn incremental(&self) -> Result<Vec<StepReport>, EngineError> {
        let (chain, work) = match &self.resolved.work {
            Work::Incremental { chain, load } => (chain, Some(load)),
            Work::Transform { chain } => (chain, None),
            _ => unreachable!("called for loads"),
        };
        let inputs = self.new_inputs(chain.source, false)?;
        let mut reports = vec![];
        if inputs.len() > 0 {
            self.started(inputs.len());
            reports.extend(work.map_or(Ok(None), |work| self.fold_foreign(work))?);
            reports.push(self.append(chain, work, &inputs)?);
        }
        if work.is_some() {
            reports.extend(self.fold_left()?);
        }
        Ok(reports)
    }

    /// Loads everything that is new in one transaction.
    fn append(
        &self,
        chain: &Chain<'_>,
        work: Option<&IncrementalWork>,
        inputs: &NewInputs,
    ) -> Result<StepReport, EngineError> {
        let started = self.start();
        let mut loaded = Loaded::default();
        let new = match inputs {
            NewInputs::Files(files) => {
                loaded.files = self.digested(chain, files)?;
                NewRows::Files(&loaded.files)
            }
            NewInputs::Table(table) => {
                let table = table.as_ref().expect("there is something new");
                loaded.tables = vec![location(chain.source)];
                loaded.watermark = watermark(chain.source, table);
                NewRows::Table(table)
            }
        };
        let mut input = Input::new(self, chain, new);
        let appended = match work {
            None => self.attempt_to_store(&mut input).map(|done| (done, 1)),
            Some(work) => {
                let budget = self.budget(chain, work, inputs)?;
                if budget.is_some() {
                    input.parse_at_once();
                }
                self.in_passes(work.configured.lanes, |passes| {
                    self.attempt_to_append(work, &mut input, passes, budget)
                })
            }
        };
        let rejected = input.rejected();
        let ((load, rows_in, rows_out), passes) =
            appended.map_err(|error| self.name_null_key(error, chain, &loaded, work))?;
        loaded.rows_in = rows_in;
        loaded.rows_out = rows_out;
        loaded.passes = passes;
        loaded.rejected = rejected;
        self.finish(load, started, &loaded)
    }

    /// Completes the new rows and appends them. Returns the load, and how many rows were read and
    /// written.
    fn attempt_to_append(
        &self,
        work: &IncrementalWork,
        input: &mut Input<'_>,
        passes: usize,
        budget: Option<Budget>,
    ) -> Result<(Load, u64, u64), Stopped<PluginError, EngineError>> {
        input.prepare(passes)?;
        let progress = Progress::new(self.name(), self.run.observer, self.run.cancellation);
        let load = self.begin()?;
        let open = |_| {
            Ok(Pass {
                tasks: (0..work.configured.lanes)
                    .map(|_| self.open(work))
                    .collect::<Result<Vec<_>, _>>()?,
                first: Inlet {
                    rows: self.lookup(work)?,
                    key: work.input.lookup_key.clone(),
                },
                second: Inlet {
                    rows: input.rows()?,
                    key: work.input.rows_key.clone(),
                },
                budget: budget.map(|budget| budget.for_one_of(passes)),
            })
        };
        let rows = wigeon_lanes::run(passes, open, &work.output, &progress, |rows| {
            let appended = load.append(self.name(), rows);
            appended.map_err(|source| self.load_error(source))
        })?;
        Ok((load, progress.rows_in(), rows))
    }

    /// Appends what the transforms made of the new rows.
    fn attempt_to_store(&self, input: &mut Input<'_>) -> Result<(Load, u64, u64), EngineError> {
        input.prepare(1)?;
        let progress = Progress::new(self.name(), self.run.observer, self.run.cancellation);
        let load = self.begin()?;
        let open = |_| Ok(passing(input.rows()?));
        let schema = SchemaRef::clone(&self.resolved.output);
        let rows = wigeon_lanes::run(1, open, &schema, &progress, |rows| {
            let appended = load.append(self.name(), rows);
            appended.map_err(|source| self.load_error(source))
        });
        let rows = rows.map_err(|stopped| self.stopped(stopped))?;
        Ok((load, progress.rows_in(), rows))
    }

    /// Decides whether the new rows are to be read before the lookup, and how many of them.
    fn budget(
        &self,
        chain: &Chain<'_>,
        work: &IncrementalWork,
        inputs: &NewInputs,
    ) -> Result<Option<Budget>, EngineError> {
        let versions = self.run.warehouse.count_rows(&work.lookup.history());
        let rows = versions.map_err(EngineError::ReadWarehouse)? / HELD_SHARE;
        let expected = match inputs {
            NewInputs::Files(files) => {
                let files: Vec<_> = files.iter().map(|file| file.identity.clone()).collect();
                let source = file_source(chain.source);
                let estimated = self.run.warehouse.estimate_rows(&source, &files);
                // What is wrong with a file is told by reading it.
                estimated.unwrap_or_default()
            }
            // Found out by reading it.
            NewInputs::Table(_) => 0,
        };
        let bytes = HELD_BYTES;
        Ok((expected < rows).then_some(Budget { rows, bytes }))
    }

    /// Opens an instance of an incremental plugin.
    pub(super) fn open(&self, work: &IncrementalWork) -> Result<IncrementalInstance, EngineError> {
        let configured = &work.configured;
        let instance = IncrementalInstance::open(
            &configured.plugin,
            configured.limits,
            &configured.options,
            &work.input,
        );
        instance.map_err(|source| EngineError::OpenStep {
            step: self.name().to_owned(),
            source,
        })
    }

    /// Opens the stream of all versions of the lookup, of which there may be none yet.
    fn lookup(&self, work: &IncrementalWork) -> Result<Rows<'static>, EngineError> {
        if !self.has_history(&work.lookup)? {
            return Ok(Box::new(std::iter::empty()));
        }
        self.check_history(&work.lookup)?;
        let versions = self.run.warehouse.versions(&work.lookup, self.run.threads);
        let versions = versions.map_err(EngineError::ReadWarehouse)?;
        Ok(self.conformed_parts(versions, &work.input.lookup))
    }

    pub(super) fn has_history(&self, table: &SnapshotTable) -> Result<bool, EngineError> {
        let schema = self.run.warehouse.schema_of(&table.history());
        Ok(schema.map_err(EngineError::ReadWarehouse)?.is_some())
    }

    /// Checks that a history has the columns that its step gives it now, before it is read.
    pub(super) fn check_history(&self, table: &SnapshotTable) -> Result<(), EngineError> {
        let checked = self.run.warehouse.check_snapshot(table);
        checked.map_err(|source| EngineError::Load {
            step: table.name.clone(),
            source,
        })
    }

    /// Says in which file a key is null.
    fn name_null_key(
        &self,
        error: EngineError,
        chain: &Chain<'_>,
        loaded: &Loaded,
        work: Option<&IncrementalWork>,
    ) -> EngineError {
        let EngineError::Data {
            step,
            source: DataError::NullKey { column, .. },
        } = error
        else {
            return error;
        };
        let key = work.map(|work| {
            let names = work
                .input
                .rows_key
                .iter()
                .map(|&k| work.input.rows.field(k).name().clone());
            names.collect::<Vec<_>>()
        });
        let (path, place) = self
            .find_null_key(chain, loaded, &key.unwrap_or_default())
            .unwrap_or_else(|| (location(chain.source), String::new()));
        EngineError::Data {
            step,
            source: DataError::NullKey {
                path,
                column,
                place,
            },
        }
    }
}

/// Returns how far the new rows of a table go.
fn watermark(source: &Source, table: &NewTable) -> Option<LoadWatermark> {
    let column = source.column(source.watermark.as_ref()?)?;
    Some(LoadWatermark {
        value: table.up_to.clone()?,
        data_type: field(column).data_type().clone(),
    })
}
