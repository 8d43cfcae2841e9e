//! The built-in plugin `net-change`: which keys' versions differ from those last applied.
//!
//! Any number of changes between two runs is one change with the final version. Consecutive
//! versions with the same payload are one version, so a key that was only away has not changed.
//! Only the keys and `valid_from` cross into the plugin; values are compared by the host.

use std::sync::Arc;

use serde::Deserialize;
use wigeon_sdk::{
    Batch, ChangeDetection, ChangeDetectionInput, Column, Error, Host, JsonSchema, NO_ROW, Origin,
    Plugin, Schema, Selection, Versions,
    arrow_array::{ArrayRef, TimestampMicrosecondArray},
    valid_from,
};

/// How many rows one `emit` may carry: well below what one call may send.
const EMIT_ROWS: usize = 65_536;

/// The step at work.
#[derive(Debug)]
pub struct NetChange {
    schema: Schema,
    key: Vec<usize>,
    payload: Vec<usize>,
    valid_from: usize,
    applied: Versions,
    /// The versions as they are now. The host numbers them behind the applied ones, so this
    /// begins when those are complete.
    now: Option<Now>,
}

#[derive(Debug)]
struct Now {
    first: u32,
    versions: Versions,
    /// For each version, the newest applied one of the same key, [`NO_ROW`] if it has none.
    applied: Vec<u32>,
}

/// This plugin has no options.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {}

impl Plugin for NetChange {
    const NAME: &'static str = "net-change";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    type Options = Options;
}

impl ChangeDetection for NetChange {
    fn open(_: Options, input: ChangeDetectionInput) -> Result<Self, Error> {
        let (valid_from, _) = valid_from(&input.versions)?;
        Ok(Self {
            applied: Versions::try_new(&input.versions, &input.key, 0)?,
            payload: (0..valid_from).filter(|c| !input.key.contains(c)).collect(),
            key: input.key,
            valid_from,
            schema: input.versions,
            now: None,
        })
    }

    fn applied(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        let key = self.read_key(batch);
        self.applied.push(&key, &batch.column(self.valid_from))
    }

    fn now(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        let key = self.read_key(batch);
        let now = if let Some(now) = &mut self.now {
            now
        } else {
            let first = u32::try_from(self.applied.len())
                .map_err(|_| Error::data("more than 2^32 versions"))?;
            self.now.insert(Now {
                first,
                versions: Versions::try_new(&self.schema, &self.key, first)?,
                applied: vec![],
            })
        };
        now.applied.extend(self.applied.most_recent(&key));
        now.versions.push(&key, &batch.column(self.valid_from))
    }

    fn finish(&mut self, host: &mut Host<'_>) -> Result<(), Error> {
        let Some(now) = &mut self.now else {
            return Ok(());
        };
        self.applied.settle(&self.payload, host);
        now.versions.settle(&self.payload, host);
        let changes = self.changes(host);
        let columns = self.schema.fields().len();
        for changes in changes.chunks(EMIT_ROWS) {
            let versions = changes.iter().map(|change| change.version).collect();
            let changed_from: TimestampMicrosecondArray =
                changes.iter().map(|change| change.from).collect();
            let columns = (0..columns)
                .map(|column| Column::gather(0, column))
                .chain([Column::Values(Arc::new(changed_from))])
                .collect();
            let versions = Selection::new(Origin::Kept, versions);
            host.emit(changes.len(), vec![versions], columns);
        }
        Ok(())
    }
}

/// A key that has changed.
struct Change {
    /// Its most recent version.
    version: u32,
    /// From when on its versions differ; none for all times.
    from: Option<i64>,
}

impl NetChange {
    fn read_key(&self, batch: &Batch<'_>) -> Vec<ArrayRef> {
        self.key
            .iter()
            .map(|&column| batch.column(column))
            .collect()
    }

    /// Compares the versions of every key, oldest first, and keeps the keys where they part.
    fn changes(&self, host: &mut Host<'_>) -> Vec<Change> {
        let Some(now) = &self.now else {
            return vec![];
        };
        let mut keys = vec![];
        let mut pairs = Pairs::default();
        now.versions.for_each_most_recent(|version| {
            let applied = now.applied[(version - now.first) as usize];
            let applied = match applied {
                NO_ROW => vec![],
                newest => history(&self.applied, self.applied.beginning(newest)),
            };
            let now = history(&now.versions, version);
            let same_times = (applied.iter().zip(&now))
                .take_while(|(a, n)| self.applied.valid_from(**a) == self.now_from(**n))
                .count();
            for step in 0..same_times {
                pairs.push(keys.len(), step, applied[step], now[step]);
            }
            keys.push((applied, now, same_times));
        });
        for (key, step) in pairs.differing(&self.payload, host) {
            keys[key].2 = keys[key].2.min(step);
        }
        keys.iter()
            .filter_map(|(applied, now, same)| self.change(applied, now, *same))
            .collect()
    }

    /// Returns the change of a key whose first `same` versions are the same, if any others follow.
    fn change(&self, applied: &[u32], now: &[u32], same: usize) -> Option<Change> {
        let before = applied.get(same).map(|&v| self.applied.valid_from(v));
        let after = now.get(same).map(|&v| self.now_from(v));
        let from = before.into_iter().chain(after).min()?;
        Some(Change {
            version: *now.last()?,
            from: (same > 0).then_some(from),
        })
    }

    fn now_from(&self, version: u32) -> i64 {
        self.now
            .as_ref()
            .map_or(i64::MIN, |now| now.versions.valid_from(version))
    }
}

/// Returns the versions up to `newest`, oldest first.
fn history(versions: &Versions, newest: u32) -> Vec<u32> {
    let mut history = vec![];
    let mut version = newest;
    while version != NO_ROW {
        history.push(version);
        version = versions.before(version);
    }
    history.reverse();
    history
}

/// Versions to be compared, each with the key and the place that it stands at.
#[derive(Default)]
struct Pairs {
    places: Vec<(usize, usize)>,
    applied: Vec<u32>,
    now: Vec<u32>,
}

impl Pairs {
    fn push(&mut self, key: usize, step: usize, applied: u32, now: u32) {
        self.places.push((key, step));
        self.applied.push(applied);
        self.now.push(now);
    }

    fn differing(&self, payload: &[usize], host: &mut Host<'_>) -> Vec<(usize, usize)> {
        let mut differing = vec![];
        let chunks = (self.places.chunks(EMIT_ROWS))
            .zip(self.applied.chunks(EMIT_ROWS))
            .zip(self.now.chunks(EMIT_ROWS));
        for ((places, applied), now) in chunks {
            let kept = |rows: &[u32]| Selection::new(Origin::Kept, rows.to_vec());
            let differ = host.differ(kept(applied), payload, kept(now), payload);
            let pairs = places.iter().zip(differ);
            differing.extend(pairs.filter_map(|(place, differs)| differs.then_some(*place)));
        }
        differing
    }
}

wigeon_sdk::export!(change_detection: NetChange);
