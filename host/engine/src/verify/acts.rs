//! What is to be done once more, by the ledger, and in which order.
//!
//! Not every load of the ledger is a load here. The rows of a step whose plugin works row by row
//! are what they would be if all were loaded today, up to the last run of the change detection
//! that updates them; so these are loaded in one go, with the history of that moment, and change
//! detection is taken at its word instead of being repeated. Loads after that see the history that
//! they saw then, and those between which no extract came are one.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDateTime, Utc};
use wigeon_manifest::{Location, Step};
use wigeon_warehouse::{LedgerEntry, RecordedInput, Warehouse, find_file};

use super::needed;
use crate::{
    DataError, EngineError, Project, Sample,
    inputs::{LoadedFile, NewFile, loaded_at},
    resolved::{ResolvedStep, Work},
    steps::Replay,
};

/// Something that a step is to do once more.
#[derive(Debug)]
pub(super) struct Act {
    pub(super) step: String,
    /// The logical time of the load that it stands for.
    pub(super) logical_time: DateTime<Utc>,
    pub(super) replay: Replay,
    /// After which load of the ledger it is due.
    position: i64,
}

/// A load that read files.
struct FileLoad {
    load_id: i64,
    logical_time: DateTime<Utc>,
    files: Vec<NewFile>,
    rows_rejected: u64,
}

/// All that is to be done once more, step by step.
pub(super) struct Acts<'a> {
    project: &'a Project,
    resolved: &'a BTreeMap<&'a str, ResolvedStep<'a>>,
    sample: Option<Sample>,
    /// Oldest first.
    ledger: BTreeMap<String, Vec<LedgerEntry>>,
    stored: &'a Warehouse,
    of_steps: BTreeMap<String, Vec<Act>>,
}

impl<'a> Acts<'a> {
    pub(super) fn new(
        project: &'a Project,
        stored: &'a Warehouse,
        resolved: &'a BTreeMap<&'a str, ResolvedStep<'a>>,
        sample: Option<Sample>,
    ) -> Result<Self, EngineError> {
        let entries = stored
            .ledger(None, usize::MAX)
            .map_err(EngineError::ReadWarehouse)?;
        let mut ledger: BTreeMap<String, Vec<LedgerEntry>> = BTreeMap::new();
        for entry in entries.into_iter().rev() {
            ledger.entry(entry.step.clone()).or_default().push(entry);
        }
        Ok(Self {
            project,
            resolved,
            sample,
            ledger,
            stored,
            of_steps: BTreeMap::new(),
        })
    }

    /// Adds what the table of a step is made of.
    ///
    /// # Errors
    ///
    /// [`DataError::NotRecomputable`] if that is not to be had any more.
    pub(super) fn add(&mut self, step: &Step) -> Result<(), EngineError> {
        let mut found = vec![];
        let needed = needed(step).and_then(|name| self.project.pipeline().step(name));
        for part in needed.into_iter().chain([step]) {
            if !self.of_steps.contains_key(&part.name) {
                let acts = self.of_step(part).map_err(|error| of_table(error, step))?;
                found.push((part.name.clone(), acts));
            }
        }
        self.of_steps.extend(found);
        Ok(())
    }

    /// Returns everything in the order in which it is to be done.
    pub(super) fn in_order(self) -> Vec<Act> {
        let mut acts: Vec<Act> = self.of_steps.into_values().flatten().collect();
        // Change detection reads what was there before its own load, so at the same position it
        // comes before the rows that it has updated.
        acts.sort_by_key(|act| (act.position, act.replay.since.is_none()));
        acts
    }

    fn of_step(&self, step: &Step) -> Result<Vec<Act>, EngineError> {
        check_grants(self.project, step)?;
        let resolved = &self.resolved[step.name.as_str()];
        if let Work::ChangeDetection { .. } = &resolved.work {
            return Ok(self.detection(step, resolved)?.into_iter().collect());
        }
        let loads = self.file_loads(step, resolved)?;
        let parts = match &resolved.work {
            Work::Transform { .. } => vec![loads],
            Work::Incremental { load, .. } if load.row_wise => {
                self.check_overlay(step, &load.lookup.name, &loads)?;
                self.settled(step, &load.lookup.name, loads)
            }
            _ => loads.into_iter().map(|load| vec![load]).collect(),
        };
        let act = |loads: Vec<FileLoad>| {
            let last = loads.last()?;
            Some(Act {
                step: step.name.clone(),
                logical_time: last.logical_time,
                position: last.load_id,
                replay: Replay {
                    rows_rejected: loads.iter().map(|load| load.rows_rejected).sum(),
                    files: loads.into_iter().flat_map(|load| load.files).collect(),
                    since: None,
                    sample: self.sample,
                },
            })
        };
        Ok(parts.into_iter().filter_map(act).collect())
    }

    /// Refuses a table that may show rows by what their keys were, until change detection has run:
    /// one with an overlay, and rows that came after a change which is still to be detected. The
    /// late ones among them are shown as the older rows are.
    fn check_overlay(
        &self,
        step: &Step,
        lookup: &str,
        loads: &[FileLoad],
    ) -> Result<(), EngineError> {
        let settled = self.last_detection(step);
        let extracts = self.ledger.get(lookup).map_or(&[][..], Vec::as_slice);
        let undetected = extracts.iter().find(|extract| extract.load_id > settled);
        let shows_old = undetected.is_some_and(|extract| {
            let mut loads = loads.iter();
            loads.any(|load| load.load_id > extract.load_id)
        });
        let overlay = self.stored.overlay(&step.name);
        if shows_old && overlay.map_err(EngineError::ReadWarehouse)?.is_some() {
            let reason = format!(
                "changes of `{lookup}` are still to be detected: it can be verified after the next run"
            );
            return Err(not_recomputable(step, reason));
        }
        Ok(())
    }

    /// Returns the last load of change detection that updates a step's rows, 0 if there is none.
    fn last_detection(&self, step: &Step) -> i64 {
        let detections = self.project.pipeline().detections_of(&step.name);
        let last = detections.filter_map(|(other, _)| self.entries(other).last());
        last.map(|entry| entry.load_id).max().unwrap_or(0)
    }

    /// Joins the loads of a row-wise step between which its rows could not come out different, and
    /// moves those before the last change detection behind it.
    fn settled(&self, step: &Step, lookup: &str, loads: Vec<FileLoad>) -> Vec<Vec<FileLoad>> {
        let settled = self.last_detection(step);
        let extracts = self.ledger.get(lookup).map_or(&[][..], Vec::as_slice);
        let mut parts: BTreeMap<usize, Vec<FileLoad>> = BTreeMap::new();
        for mut load in loads {
            load.load_id = load.load_id.max(settled);
            let seen = extracts.partition_point(|extract| extract.load_id < load.load_id);
            parts.entry(seen).or_default().push(load);
        }
        parts.into_values().collect()
    }

    /// Returns the detection whose changes are the table of a step: the last that found any, or
    /// else the first.
    fn detection(
        &self,
        step: &Step,
        resolved: &ResolvedStep<'_>,
    ) -> Result<Option<Act>, EngineError> {
        let detections = || {
            let entries = self.entries(step).iter();
            entries.filter_map(|entry| Some((entry, since_of(entry)?)))
        };
        let last = detections().rfind(|(entry, _)| entry.rows_out > 0);
        let Some((entry, since)) = last.or_else(|| detections().next()) else {
            return Ok(None);
        };
        check_plugin(step, resolved, entry)?;
        Ok(Some(Act {
            step: step.name.clone(),
            logical_time: entry.logical_time,
            position: entry.load_id,
            replay: Replay {
                files: vec![],
                rows_rejected: 0,
                since: Some(since),
                sample: self.sample,
            },
        }))
    }

    /// Returns the loads of a step with their files, oldest first, if all of it is still there.
    fn file_loads(
        &self,
        step: &Step,
        resolved: &ResolvedStep<'_>,
    ) -> Result<Vec<FileLoad>, EngineError> {
        let (source, _) = self.project.pipeline().source_of(step);
        let recorded = self.stored.inputs(&step.name);
        let mut by_load: HashMap<i64, Vec<RecordedInput>> = HashMap::new();
        for input in recorded.map_err(EngineError::ReadWarehouse)?.into_values() {
            by_load.entry(input.load_id).or_default().push(input);
        }
        let mut loads = vec![];
        for entry in self.entries(step) {
            let mut inputs = by_load.remove(&entry.load_id).unwrap_or_default();
            if inputs.is_empty() {
                if entry.rows_in > 0 || entry.effective_time.is_some() {
                    let name = &source.name;
                    let reason = match source.location {
                        Location::Files(_) => format!("load {} read no file", entry.load_id),
                        _ => format!(
                            "`{name}` is a DuckDB file, whose rows may have changed since they were loaded"
                        ),
                    };
                    return Err(not_recomputable(step, reason));
                }
                // There was nothing to do, or an overlay to be folded in.
                continue;
            }
            check_plugin(step, resolved, entry)?;
            inputs.sort_by(|a, b| (a.file_time, &a.path).cmp(&(b.file_time, &b.path)));
            let files = inputs.iter().map(|input| self.file(step, entry, input));
            loads.push(FileLoad {
                load_id: entry.load_id,
                logical_time: entry.logical_time,
                files: files.collect::<Result<_, _>>()?,
                rows_rejected: entry.rows_rejected,
            });
        }
        Ok(loads)
    }

    /// Finds a file of the ledger again. Whether it is still the same is told when it is read.
    fn file(
        &self,
        step: &Step,
        entry: &LedgerEntry,
        input: &RecordedInput,
    ) -> Result<NewFile, EngineError> {
        let found = find_file(self.project.directory(), &input.path);
        let found = found.map_err(|source| EngineError::Read {
            step: step.name.clone(),
            source,
        })?;
        let (path, at) = (&input.path, loaded_at(entry));
        let Some(identity) = found else {
            let reason = format!("`{path}`, which was loaded on {at}, is gone");
            return Err(not_recomputable(step, reason));
        };
        if identity.size_bytes != input.size_bytes {
            let reason = format!("`{path}`, which was loaded on {at}, has another size now");
            return Err(not_recomputable(step, reason));
        }
        Ok(NewFile {
            identity,
            time: input.file_time,
            loaded: Some(LoadedFile {
                at,
                digest: input.digest.clone().unwrap_or_default(),
            }),
        })
    }

    fn entries(&self, step: &Step) -> &[LedgerEntry] {
        self.ledger.get(&step.name).map_or(&[], Vec::as_slice)
    }
}

/// Returns from when on a detection looked at versions; none if the load was another.
fn since_of(entry: &LedgerEntry) -> Option<NaiveDateTime> {
    let since = entry.details.get("since")?.as_str()?;
    NaiveDateTime::parse_from_str(since, "%Y-%m-%d %H:%M:%S%.f").ok()
}

/// Rows that another plugin has made cannot be made once more by this one.
fn check_plugin(
    step: &Step,
    resolved: &ResolvedStep<'_>,
    entry: &LedgerEntry,
) -> Result<(), EngineError> {
    let digest = &resolved.configured.plugin.id().digest;
    if entry.plugin_digest == *digest {
        return Ok(());
    }
    let short = |digest: &str| digest.get(..19).unwrap_or(digest).to_owned();
    let reason = format!(
        "load {} of `{}` was made by the plugin {}, and the one of today is {}",
        entry.load_id,
        step.name,
        short(&entry.plugin_digest),
        short(digest)
    );
    Err(not_recomputable(step, reason))
}

/// Refuses steps whose plugins may see the time of a run, or its random numbers: they may make
/// other rows at another time.
fn check_grants(project: &Project, step: &Step) -> Result<(), EngineError> {
    let (_, transforms) = project.pipeline().source_of(step);
    let granted = transforms
        .into_iter()
        .chain([step])
        .find(|step| step.allow.clock || step.allow.random);
    granted.map_or(Ok(()), |granted| {
        let reason = format!(
            "the plugin of `{}` is allowed the clock or random numbers, which were those of each run",
            granted.name
        );
        Err(not_recomputable(step, reason))
    })
}

fn not_recomputable(step: &Step, reason: String) -> EngineError {
    EngineError::Data {
        step: step.name.clone(),
        source: DataError::NotRecomputable {
            step: step.name.clone(),
            reason,
        },
    }
}

/// What cannot be had for a part of a table cannot be had for the table.
fn of_table(error: EngineError, table: &Step) -> EngineError {
    match error {
        EngineError::Data {
            source: DataError::NotRecomputable { reason, .. },
            ..
        } => not_recomputable(table, reason),
        error => error,
    }
}
