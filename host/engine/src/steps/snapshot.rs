//! A snapshot step: one full extract after the other into the history.

use arrow_array::RecordBatchReader;
use arrow_schema::SchemaRef;
use chrono::NaiveDateTime;
use wigeon_lanes::{Inlet, Pass, Stopped};
use wigeon_manifest::{LateExtracts, SnapshotSettings, StepKind};
use wigeon_runtime::{SnapshotInput, SnapshotInstance};
use wigeon_warehouse::{Load, SnapshotTable, batch_reader};

use super::{
    Loaded, StepRun,
    input::{Input, NewRows},
    read::Rows,
    snapshot_lane::{ChangeCounts, SnapshotTask, SnapshotTaskError},
};
use crate::{
    Changes, DataError, EngineError, GuardBreach, StepReport,
    inputs::{NewFile, NewInputs, NewTable, location},
    progress::Progress,
    resolved::{Chain, Work},
    unique::UniqueKeys,
};

/// An extract that is about to be taken.
struct Extract {
    file: Option<NewFile>,
    table: Option<NewTable>,
    /// What messages call it.
    path: String,
    time: NaiveDateTime,
    /// The extract that comes after it, if this one is late.
    next: Option<NaiveDateTime>,
    /// Whether it is taken even if the guard stops it.
    accept: bool,
}

impl StepRun<'_> {
    pub(super) fn snapshot(&self) -> Result<Vec<StepReport>, EngineError> {
        let (
            Work::Snapshot {
                chain,
                input,
                table,
            },
            StepKind::Snapshot(settings),
        ) = (&self.resolved.work, &self.resolved.step.kind)
        else {
            unreachable!("called for snapshots");
        };
        let inputs = self.new_inputs(chain.source, true)?;
        if inputs.len() > 0 {
            self.started(inputs.len());
        }
        let mut reports = vec![];
        let mut accept = self.run.accept.contains(&self.resolved.step.name);
        match inputs {
            NewInputs::Table(None) => {}
            NewInputs::Table(Some(new)) => {
                let extract = Extract {
                    path: location(chain.source),
                    time: new.time.unwrap_or_default(),
                    table: Some(new),
                    file: None,
                    next: None,
                    accept,
                };
                reports.push(self.take(chain, input, table, settings, &extract)?);
            }
            NewInputs::Files(files) => {
                self.check_times(&files)?;
                for file in files {
                    let mut extract = self.place(file, settings)?;
                    extract.accept = accept;
                    let report = self.take(chain, input, table, settings, &extract)?;
                    // Nobody has looked at a second one.
                    accept &= report.accepted.is_empty();
                    reports.push(report);
                }
            }
        }
        Ok(reports)
    }

    /// Refuses two extracts for one time, among the new ones or with one that was taken.
    fn check_times(&self, files: &[NewFile]) -> Result<(), EngineError> {
        let taken = self
            .run
            .warehouse
            .inputs(self.name())
            .map_err(EngineError::ReadWarehouse)?;
        let mut known: Vec<(Option<NaiveDateTime>, &str)> = taken
            .values()
            .map(|input| (input.file_time, input.path.as_str()))
            .collect();
        for file in files {
            if let Some((_, first)) = known.iter().find(|(time, _)| *time == file.time) {
                return Err(self.data_error(DataError::SameTime {
                    first: (*first).to_owned(),
                    second: file.identity.path.clone(),
                }));
            }
            known.push((file.time, &file.identity.path));
        }
        Ok(())
    }

    /// Finds where an extract belongs among those that were taken.
    fn place(&self, file: NewFile, settings: &SnapshotSettings) -> Result<Extract, EngineError> {
        let entries = self
            .run
            .warehouse
            .ledger(Some(self.name()), usize::MAX)
            .map_err(EngineError::ReadWarehouse)?;
        let time = file.time.unwrap_or_default();
        let taken = || entries.iter().filter_map(|entry| entry.effective_time);
        let next = taken().filter(|taken| *taken > time).min();
        if let (Some(_), LateExtracts::Refuse, None) = (next, settings.late_extracts, self.replay) {
            return Err(self.data_error(DataError::OlderExtract {
                path: file.identity.path,
                time: time.to_string(),
                newest: taken().max().unwrap_or_default().to_string(),
            }));
        }
        Ok(Extract {
            path: file.identity.path.clone(),
            time,
            next,
            file: Some(file),
            table: None,
            accept: false,
        })
    }

    /// Takes one extract in one transaction.
    fn take(
        &self,
        chain: &Chain<'_>,
        input: &SnapshotInput,
        table: &SnapshotTable,
        settings: &SnapshotSettings,
        extract: &Extract,
    ) -> Result<StepReport, EngineError> {
        let started = self.start();
        let file = extract.file.iter().cloned().collect::<Vec<_>>();
        let files = self.digested(chain, &file)?;
        let mut loaded = Loaded {
            effective_time: Some(extract.time),
            tables: extract.table.iter().map(|_| extract.path.clone()).collect(),
            files,
            ..Loaded::default()
        };
        let new = match &extract.table {
            None => NewRows::Files(&loaded.files),
            Some(table) => NewRows::Table(table),
        };
        let mut rows = Input::new(self, chain, new);
        let taken = self.in_passes(self.resolved.configured.lanes, |passes| {
            rows.prepare(passes)?;
            self.attempt_to_take(input, table, settings, extract, &mut rows, passes)
        });
        let rejected = rows.rejected();
        let (taken, passes) =
            taken.map_err(|error| self.explain(error, chain, table, &loaded, &extract.path))?;
        let changes = taken.changes;
        loaded.rows_in = taken.rows_in;
        loaded.rows_out = taken.rows_out;
        loaded.rows_updated = changes.superseded + changes.closed;
        loaded.changes = Some(changes);
        loaded.accepted = taken.accepted;
        loaded.passes = passes;
        loaded.rejected = rejected;
        loaded
            .details
            .insert("opened".to_owned(), changes.opened.into());
        loaded
            .details
            .insert("superseded".to_owned(), changes.superseded.into());
        loaded
            .details
            .insert("closed".to_owned(), changes.closed.into());
        self.finish(taken.load, started, &loaded)
    }

    /// Compares an extract with the versions, and stores the changes.
    fn attempt_to_take(
        &self,
        input: &SnapshotInput,
        table: &SnapshotTable,
        settings: &SnapshotSettings,
        extract: &Extract,
        rows: &mut Input<'_>,
        passes: usize,
    ) -> Result<Taken, Stopped<SnapshotTaskError, EngineError>> {
        let progress = Progress::new(self.name(), self.run.observer, self.run.cancellation);
        let counts = ChangeCounts::default();
        let is_first = self.is_empty(table)?;
        let before = self.count_open(table)?;
        let open = |_| {
            Ok(Pass {
                tasks: (0..self.resolved.configured.lanes)
                    .map(|_| self.task(input, &counts, is_first.then_some(&table.name)))
                    .collect::<Result<Vec<_>, _>>()?,
                first: Inlet {
                    rows: if is_first {
                        Box::new(std::iter::empty())
                    } else {
                        self.versions(input, table, extract)?
                    },
                    key: input.key.clone(),
                },
                second: Inlet {
                    rows: rows.rows()?,
                    key: input.key.clone(),
                },
                budget: None,
            })
        };
        let guard = || {
            let rows = progress.rows_in();
            self.guard(settings, extract, rows, before, counts.get())
        };
        let schema = input.changes();
        if is_first {
            let load = self.begin()?;
            let rows_out = wigeon_lanes::run(passes, open, &schema, &progress, |changes| {
                let rows = opened(changes, table);
                let opened = load.open_all(table, rows, extract.time);
                opened.map_err(|source| self.load_error(source))
            })?;
            let accepted = guard()?;
            return Ok(Taken {
                load,
                accepted,
                rows_in: progress.rows_in(),
                rows_out,
                changes: counts.get(),
            });
        }
        let stage = wigeon_lanes::run(passes, open, &schema, &progress, |changes| {
            self.stage(changes)
        })?;
        let accepted = guard()?;
        let load = self.begin()?;
        let applied = match extract.next {
            None => load.apply_snapshot(table, &stage, extract.time),
            Some(next) => load.apply_late_snapshot(table, &stage, extract.time, next),
        };
        let applied = applied.map_err(|source| self.load_error(source))?;
        Ok(Taken {
            load,
            accepted,
            rows_in: progress.rows_in(),
            rows_out: applied.opened + applied.superseded,
            changes: Changes {
                opened: applied.opened,
                superseded: applied.superseded,
                closed: applied.closed,
            },
        })
    }

    /// Says whether no extract was taken yet, or none that had a row.
    fn is_empty(&self, table: &SnapshotTable) -> Result<bool, EngineError> {
        if self.has_history(table)? {
            self.check_history(table)?;
        }
        let rows = self.run.warehouse.count_rows(&table.history());
        Ok(rows.map_err(EngineError::ReadWarehouse)? == 0)
    }

    /// Opens the stream of the versions that the extract is compared with.
    fn versions(
        &self,
        input: &SnapshotInput,
        table: &SnapshotTable,
        extract: &Extract,
    ) -> Result<Rows<'static>, EngineError> {
        // For the newest extract these are the open versions: nothing begins after it.
        let (warehouse, threads) = (self.run.warehouse, self.run.threads);
        let versions = warehouse.versions_at(table, extract.time, threads);
        let versions = versions.map_err(EngineError::ReadWarehouse)?;
        Ok(self.conformed_parts(versions, &input.versions()))
    }

    fn count_open(&self, table: &SnapshotTable) -> Result<u64, EngineError> {
        let open = self.run.warehouse.count_open(table);
        open.map_err(EngineError::ReadWarehouse)
    }

    fn task(
        &self,
        input: &SnapshotInput,
        counts: &ChangeCounts,
        first_of: Option<&String>,
    ) -> Result<SnapshotTask, EngineError> {
        let configured = &self.resolved.configured;
        let instance = SnapshotInstance::open(
            &configured.plugin,
            configured.limits,
            &configured.options,
            input,
        );
        Ok(SnapshotTask {
            instance: instance.map_err(|source| EngineError::OpenStep {
                step: self.name().to_owned(),
                source,
            })?,
            key: input.key.clone(),
            seen: UniqueKeys::default(),
            counts: counts.clone(),
            plugin: configured.plugin.id().clone(),
            first_of: first_of.cloned(),
        })
    }

    /// Stops an extract that is empty, half, or of another table, unless it is to be accepted.
    /// Returns what the guard has against it then.
    fn guard(
        &self,
        settings: &SnapshotSettings,
        extract: &Extract,
        rows: u64,
        open: u64,
        changes: Changes,
    ) -> Result<Vec<GuardBreach>, EngineError> {
        // What was accepted then, for whatever reason, is what the tables are made of.
        if self.replay.is_some() {
            return Ok(vec![]);
        }
        let breaches = GuardBreach::all(&settings.guard, rows, open, changes);
        if breaches.is_empty() || extract.accept {
            return Ok(breaches);
        }
        Err(self.data_error(DataError::Guard {
            path: extract.path.clone(),
            breaches,
        }))
    }

    /// Names the extract and the rows in a complaint about keys.
    fn explain(
        &self,
        error: EngineError,
        chain: &Chain<'_>,
        table: &SnapshotTable,
        loaded: &Loaded,
        path: &str,
    ) -> EngineError {
        let EngineError::Data { step, source } = error else {
            return error;
        };
        let path = path.to_owned();
        let key: Vec<String> = table.key.iter().map(|field| field.name().clone()).collect();
        let source = match source {
            DataError::NullKey { column, .. } => {
                let found = self.find_null_key(chain, loaded, &key);
                let place = found.map(|(_, place)| place).unwrap_or_default();
                DataError::NullKey {
                    path,
                    column,
                    place,
                }
            }
            DataError::DuplicateKey { key: suspected, .. } => {
                let found = self.find_duplicate_key(chain, loaded, &key);
                let (key, places) = found.unwrap_or((suspected, String::new()));
                DataError::DuplicateKey { path, key, places }
            }
            other => other,
        };
        EngineError::Data { step, source }
    }
}

/// What taking an extract came to.
struct Taken {
    load: Load,
    accepted: Vec<GuardBreach>,
    rows_in: u64,
    rows_out: u64,
    changes: Changes,
}

/// The rows of a first extract, all of which were opened, without the kind of change.
fn opened(
    changes: Box<dyn RecordBatchReader + Send>,
    table: &SnapshotTable,
) -> Box<dyn RecordBatchReader + Send> {
    let columns: Vec<usize> = (1..=table.key.len() + table.payload.len()).collect();
    let schema = changes.schema().project(&columns).map(SchemaRef::new);
    let schema = schema.unwrap_or_else(|_| changes.schema());
    let rows = changes.map(move |batch| batch?.project(&columns));
    batch_reader(schema, rows)
}
