//! Change detection: the keys whose versions have changed.

use arrow_schema::Schema;

use super::Plugin;
use crate::{Batch, Error, Host};

/// What change detection works on.
#[derive(Debug, Clone)]
pub struct ChangeDetectionInput {
    /// The schema of the versions: the columns of their snapshot, then `valid_from`.
    pub versions: Schema,
    /// Which columns make the key.
    pub key: Vec<usize>,
}

/// Which keys have changed since their change last reached the rows loaded before.
///
/// Emitted rows, at most one for each key, are the columns of the key's most recent version, then
/// `changed_from`: the time from which its versions differ from those last applied, null if they
/// differ for all times.
///
/// ```
/// use std::sync::Arc;
/// use wigeon_sdk::arrow_array::{ArrayRef, Int64Array, RecordBatch, TimestampMicrosecondArray};
/// use wigeon_sdk::{
///     Batch, ChangeDetection, ChangeDetectionInput, Column, Error, Host, KeyMap, NO_ROW, Origin,
///     Plugin, Selection, Versions, native, valid_from,
/// };
///
/// /// Only a key that was not there before has changed: what is known of the others stays.
/// struct NewKeys {
///     input: ChangeDetectionInput,
///     applied: KeyMap,
///     /// The host numbers the versions of now behind those that were applied.
///     first: u32,
///     now: Option<Versions>,
///     is_new: Vec<bool>,
/// }
///
/// #[derive(serde::Deserialize, wigeon_sdk::JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Options {}
///
/// impl Plugin for NewKeys {
///     const NAME: &'static str = "new-keys";
///     const VERSION: &'static str = "0.1.0";
///     const SUMMARY: &'static str = "Which keys are new";
///     type Options = Options;
/// }
///
/// impl ChangeDetection for NewKeys {
///     fn open(_: Options, input: ChangeDetectionInput) -> Result<Self, Error> {
///         let types = input.key.iter().map(|&k| input.versions.field(k).data_type());
///         let applied = KeyMap::try_new(types)?;
///         Ok(Self { input, applied, first: 0, now: None, is_new: vec![] })
///     }
///     fn applied(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
///         let key = self.read_key(batch);
///         self.applied.update(&key, |_, slot| *slot = 0);
///         self.first += batch.rows() as u32;
///         Ok(())
///     }
///     fn now(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
///         let key = self.read_key(batch);
///         self.is_new.extend(self.applied.probe(&key).iter().map(|found| *found == NO_ROW));
///         let none = Versions::try_new(&self.input.versions, &self.input.key, self.first)?;
///         let (from, _) = valid_from(&self.input.versions)?;
///         self.now.get_or_insert(none).push(&key, &batch.column(from))
///     }
///     fn finish(&mut self, host: &mut Host<'_>) -> Result<(), Error> {
///         let Some(now) = &mut self.now else { return Ok(()) };
///         let (from, _) = valid_from(&self.input.versions)?;
///         let payload: Vec<_> = (0..from).filter(|c| !self.input.key.contains(c)).collect();
///         now.settle(&payload, host);
///         let mut new = vec![];
///         now.for_each_most_recent(|version| {
///             if self.is_new[(version - self.first) as usize] {
///                 new.push(version);
///             }
///         });
///         for new in new.chunks(65_536) {
///             // Null: it differs for all times.
///             let from = Column::Values(Arc::new(TimestampMicrosecondArray::new_null(new.len())));
///             let columns = (0..self.input.versions.fields().len()).map(|c| Column::gather(0, c));
///             let selection = Selection::new(Origin::Kept, new.to_vec());
///             host.emit(new.len(), vec![selection], columns.chain([from]).collect());
///         }
///         Ok(())
///     }
/// }
///
/// impl NewKeys {
///     fn read_key(&self, batch: &Batch<'_>) -> Vec<ArrayRef> {
///         self.input.key.iter().map(|&column| batch.column(column)).collect()
///     }
/// }
///
/// wigeon_sdk::export!(change_detection: NewKeys);
///
/// let versions = |ids: Vec<i64>, from: Vec<i64>| {
///     let ids = Arc::new(Int64Array::from(ids)) as ArrayRef;
///     let from = Arc::new(TimestampMicrosecondArray::from(from)) as ArrayRef;
///     RecordBatch::try_from_iter([("id", ids), ("valid_from", from)]).unwrap()
/// };
/// let (applied, now) = (versions(vec![1], vec![0]), versions(vec![1, 2], vec![0, 5]));
/// let (options, schema) = (serde_json::json!({}), now.schema());
/// let changed = native::detect::<NewKeys>(options, &schema, &[0], &[applied], &[now]).unwrap();
/// assert_eq!(changed.len(), 1);
/// assert_eq!(changed[0].column(0), &(Arc::new(Int64Array::from(vec![2])) as ArrayRef));
/// ```
pub trait ChangeDetection: Plugin {
    /// Opens the step.
    ///
    /// # Errors
    ///
    /// Whatever makes the options or the schema unusable.
    fn open(options: Self::Options, input: ChangeDetectionInput) -> Result<Self, Error>;

    /// Takes versions as they were last applied, in no order. The host keeps them.
    ///
    /// # Errors
    ///
    /// Whatever makes a row unusable.
    fn applied(&mut self, batch: &Batch<'_>) -> Result<(), Error>;

    /// Takes versions as they are now, in no order. The host keeps them, numbered on.
    ///
    /// # Errors
    ///
    /// Whatever makes a row unusable.
    fn now(&mut self, batch: &Batch<'_>) -> Result<(), Error>;

    /// Learns that all versions have been handed over, and emits the changes.
    ///
    /// # Errors
    ///
    /// Whatever makes the whole unusable.
    fn finish(&mut self, host: &mut Host<'_>) -> Result<(), Error>;
}
