//! A lane of a snapshot step: the plugin, and what the host looks at and counts beside it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use arrow_array::{RecordBatch, cast::AsArray, types::Int8Type};
use arrow_cast::display::array_value_to_string;
use arrow_schema::ArrowError;
use wigeon_runtime::{PluginError, PluginId, SnapshotInstance, Task};
use wigeon_warehouse::{Change, LawError};

use super::passes::IntoEngineError;
use crate::{BrokenLaw, Changes, DataError, EngineError, unique::UniqueKeys};

/// Counts of emitted changes, over all lanes.
#[derive(Clone, Default)]
pub(super) struct ChangeCounts(Arc<[AtomicU64; 3]>);

impl ChangeCounts {
    fn add(&self, changes: &RecordBatch) {
        let kinds = changes.column(0).as_primitive::<Int8Type>();
        for (kind, count) in (0_i8..).zip(self.0.iter()) {
            let rows = kinds
                .values()
                .iter()
                .filter(|&&value| value == kind)
                .count();
            count.fetch_add(rows as u64, Ordering::Relaxed);
        }
    }

    pub(super) fn get(&self) -> Changes {
        let [opened, superseded, closed] = &*self.0;
        Changes {
            opened: opened.load(Ordering::Relaxed),
            superseded: superseded.load(Ordering::Relaxed),
            closed: closed.load(Ordering::Relaxed),
        }
    }
}

/// A lane of a snapshot: the plugin, and the host's own look at the keys.
pub(super) struct SnapshotTask {
    pub(super) instance: SnapshotInstance,
    pub(super) key: Vec<usize>,
    pub(super) seen: UniqueKeys,
    pub(super) counts: ChangeCounts,
    pub(super) plugin: PluginId,
    /// The snapshot, if it has no version yet: there is nothing to do but to open keys then.
    pub(super) first_of: Option<String>,
}

/// Why a lane of a snapshot cannot go on.
pub(super) enum SnapshotTaskError {
    Plugin(PluginError),
    Law(BrokenLaw),
    DuplicateKey,
    Arrow(ArrowError),
}

impl From<PluginError> for SnapshotTaskError {
    fn from(error: PluginError) -> Self {
        Self::Plugin(error)
    }
}

impl Task for SnapshotTask {
    type Error = SnapshotTaskError;

    fn first(&mut self, batch: RecordBatch) -> Result<(), Self::Error> {
        Ok(self.instance.versions(batch)?)
    }

    fn second(&mut self, batch: RecordBatch) -> Result<Vec<RecordBatch>, Self::Error> {
        let unique = self.seen.insert(&batch, &self.key);
        if !unique.map_err(SnapshotTaskError::Arrow)? {
            return Err(SnapshotTaskError::DuplicateKey);
        }
        let changes = self.instance.extract(batch)?;
        self.counted(changes)
    }

    fn finish(&mut self) -> Result<Vec<RecordBatch>, Self::Error> {
        let changes = self.instance.finish()?;
        self.counted(changes)
    }
}

impl SnapshotTask {
    /// Counts what was emitted.
    fn counted(&self, emitted: Vec<RecordBatch>) -> Result<Vec<RecordBatch>, SnapshotTaskError> {
        for changes in &emitted {
            let law = self.first_of.as_ref().and_then(|snapshot| {
                let kinds = changes.column(0).as_primitive::<Int8Type>().values();
                let row = kinds
                    .iter()
                    .position(|&kind| kind != Change::Opened as i8)?;
                Some(self.not_opened(snapshot, changes, row))
            });
            if let Some(law) = law {
                let plugin = self.plugin.clone();
                return Err(SnapshotTaskError::Law(BrokenLaw { plugin, law }));
            }
            self.counts.add(changes);
        }
        Ok(emitted)
    }

    /// Returns the law that a change breaks that opens nothing, where nothing can be open.
    fn not_opened(&self, snapshot: &str, changes: &RecordBatch, row: usize) -> LawError {
        let value = |column: &usize| {
            // The kind of change comes first.
            let shown = array_value_to_string(changes.column(column + 1), row);
            shown.unwrap_or_else(|_| "…".to_owned())
        };
        let key: Vec<_> = self.key.iter().map(value).collect();
        let (table, key) = (snapshot.to_owned(), key.join(", "));
        match changes.column(0).as_primitive::<Int8Type>().value(row) {
            1 | 2 => LawError::NotOpen { table, key },
            change => LawError::UnknownChange {
                table,
                key,
                change: change.to_string(),
            },
        }
    }
}

impl IntoEngineError for SnapshotTaskError {
    fn into_engine_error(self, step: &str) -> EngineError {
        let step = step.to_owned();
        match self {
            Self::Plugin(source) => EngineError::Plugin { step, source },
            Self::Law(source) => EngineError::BrokeLaw { step, source },
            Self::Arrow(source) => EngineError::Arrow { step, source },
            Self::DuplicateKey => EngineError::Data {
                step,
                source: DataError::DuplicateKey {
                    path: String::new(),
                    key: "of a row".to_owned(),
                    places: String::new(),
                },
            },
        }
    }
}
