//! The keys whose versions are no longer those that were last applied.
//!
//! A change-detection plugin is handed versions as they were last applied, then as they are now.
//! Only the keys and `valid_from` are copied in; the other columns are compared by the host.

use std::sync::Arc;

use serde::Deserialize;
use wigeon_sdk::{
    Batch, ChangeDetection, ChangeDetectionInput, Column, Error, Host, JsonSchema, NO_ROW, Origin,
    Plugin, Schema, Selection, Versions,
    arrow_array::{ArrayRef, TimestampMicrosecondArray},
    valid_from,
};

/// How many rows one `emit` carries at most: well below what one call may send.
const EMIT_ROWS: usize = 65_536;

/// The step at work.
pub struct ChangedKeys {
    schema: Schema,
    key: Vec<usize>,
    payload: Vec<usize>,
    valid_from: usize,
    applied: Versions,
    /// The versions as they are now, numbered on from the applied ones: none until these are
    /// complete.
    now: Option<Versions>,
    /// For each version of now, the newest applied one of its key.
    newest_applied: Vec<u32>,
}

/// This plugin has no options.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {}

impl Plugin for ChangedKeys {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    type Options = Options;
}

impl ChangeDetection for ChangedKeys {
    fn open(_: Options, input: ChangeDetectionInput) -> Result<Self, Error> {
        let (valid_from, _) = valid_from(&input.versions)?;
        Ok(Self {
            applied: Versions::try_new(&input.versions, &input.key, 0)?,
            now: None,
            newest_applied: vec![],
            payload: (0..valid_from).filter(|c| !input.key.contains(c)).collect(),
            valid_from,
            key: input.key,
            schema: input.versions,
        })
    }

    fn applied(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        let key = self.read_key(batch);
        self.applied.push(&key, &batch.column(self.valid_from))
    }

    fn now(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        let key = self.read_key(batch);
        self.newest_applied.extend(self.applied.most_recent(&key));
        if self.now.is_none() {
            let first = self.first_of_now();
            self.now = Some(Versions::try_new(&self.schema, &self.key, first)?);
        }
        let now = self.now.as_mut().expect("just made");
        now.push(&key, &batch.column(self.valid_from))
    }

    fn finish(&mut self, host: &mut Host<'_>) -> Result<(), Error> {
        let first = self.first_of_now();
        let Some(now) = &mut self.now else {
            return Ok(());
        };
        now.settle(&self.payload, host);
        self.applied.settle(&self.payload, host);
        let (now, applied) = (&*now, &self.applied);

        // The histories of each key, oldest first, and how many of their versions began together.
        let mut keys = vec![];
        now.for_each_most_recent(|newest| {
            let before = match self.newest_applied[(newest - first) as usize] {
                NO_ROW => vec![],
                newest => history(applied, applied.beginning(newest)),
            };
            let after = history(now, newest);
            let same = (before.iter().zip(&after))
                .take_while(|(b, a)| applied.valid_from(**b) == now.valid_from(**a))
                .count();
            keys.push((before, after, same));
        });
        for (key, version) in differing(&keys, &self.payload, host) {
            keys[key].2 = keys[key].2.min(version);
        }

        let mut versions = vec![];
        let mut changed_from = vec![];
        for (before, after, same) in &keys {
            let before = before.get(*same).map(|&v| applied.valid_from(v));
            let from = after.get(*same).map(|&v| now.valid_from(v));
            if let Some(from) = before.into_iter().chain(from).min() {
                versions.extend(after.last());
                changed_from.push((*same > 0).then_some(from));
            }
        }
        for (versions, from) in versions
            .chunks(EMIT_ROWS)
            .zip(changed_from.chunks(EMIT_ROWS))
        {
            let gathered = (0..self.schema.fields().len()).map(|column| Column::gather(0, column));
            let from: TimestampMicrosecondArray = from.iter().copied().collect();
            let columns = gathered.chain([Column::Values(Arc::new(from))]).collect();
            let selection = Selection::new(Origin::Kept, versions.to_vec());
            host.emit(versions.len(), vec![selection], columns);
        }
        Ok(())
    }
}

/// A key's versions as they were applied, as they are now, and how many are the same.
type Histories = (Vec<u32>, Vec<u32>, usize);

impl ChangedKeys {
    fn read_key(&self, batch: &Batch<'_>) -> Vec<ArrayRef> {
        let key = self.key.iter();
        key.map(|&column| batch.column(column)).collect()
    }

    fn first_of_now(&self) -> u32 {
        u32::try_from(self.applied.len()).expect("the host keeps fewer than 2^32 rows")
    }
}

/// Returns which versions hold other values than before: the key, and the number of the version.
fn differing(keys: &[Histories], payload: &[usize], host: &mut Host<'_>) -> Vec<(usize, usize)> {
    let mut places = vec![];
    let (mut left, mut right) = (vec![], vec![]);
    for (key, (before, after, same)) in keys.iter().enumerate() {
        for version in 0..*same {
            places.push((key, version));
            left.push(before[version]);
            right.push(after[version]);
        }
    }
    let kept = |rows| Selection::new(Origin::Kept, rows);
    let differ = host.differ(kept(left), payload, kept(right), payload);
    let places = places.into_iter().zip(differ);
    places
        .filter(|(_, differs)| *differs)
        .map(|(place, _)| place)
        .collect()
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

wigeon_sdk::export!(change_detection: ChangedKeys);
