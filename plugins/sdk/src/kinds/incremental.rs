//! Incremental loads: new rows, completed from a lookup.

use arrow_schema::Schema;

use super::Plugin;
use crate::{Batch, Error, Host};

/// What an incremental load works on.
#[derive(Debug, Clone)]
pub struct IncrementalInput {
    /// The schema of the new rows.
    pub rows: Schema,
    /// Which of their columns make the key, in the order of the lookup's key.
    pub rows_key: Vec<usize>,
    /// The schema of the lookup: the columns of its snapshot, then `valid_from`.
    pub lookup: Schema,
    /// Which columns of the lookup make the key.
    pub lookup_key: Vec<usize>,
}

/// What an incremental load will emit.
#[derive(Debug, Clone)]
pub struct Shape {
    /// The schema.
    pub schema: Schema,
    /// Whether each call of [`Incremental::rows`] emits just the rows of its batch, in their
    /// order. Only then can a change of the lookup reach rows that were loaded earlier.
    pub row_wise: bool,
    /// The column of the rows, if there is one, that with the key alone decides what is added to a
    /// row, and does so in steps: for one key, the added columns stay the same from one
    /// `valid_from` of its versions, inclusive, to the next, exclusive, and so do they before the
    /// first and from the last on. It has the type of `valid_from`.
    ///
    /// Only a row-wise load may say so. A change of the lookup then costs the host no more with
    /// many rows than with few: it hands over one row for each version of a changed key, with
    /// `valid_from` as its event time, one with `-i64::MAX` for what comes before, and null in all
    /// columns but these and the key's.
    pub event_time: Option<usize>,
}

/// New rows, completed from a lookup. Every row that is handed over is emitted exactly once.
///
/// ```
/// use std::sync::Arc;
/// use wigeon_sdk::arrow_array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch, TimestampMicrosecondArray};
/// use wigeon_sdk::{
///     Batch, Column, DataType, Error, Field, Host, Incremental, IncrementalInput, KeyMap, NO_ROW,
///     Plugin, Schema, Shape, native,
/// };
///
/// /// Adds a column that says whether the lookup has ever had the key of a row.
/// struct Known { input: IncrementalInput, keys: KeyMap }
///
/// #[derive(serde::Deserialize, wigeon_sdk::JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Options {}
///
/// impl Plugin for Known {
///     const NAME: &'static str = "known";
///     const VERSION: &'static str = "0.1.0";
///     const SUMMARY: &'static str = "Says whether a key is known";
///     type Options = Options;
/// }
///
/// impl Incremental for Known {
///     fn open(_: Options, input: IncrementalInput) -> Result<Self, Error> {
///         let types = input.lookup_key.iter().map(|&k| input.lookup.field(k).data_type());
///         Ok(Self { keys: KeyMap::try_new(types)?, input })
///     }
///     fn shape(&self) -> Shape {
///         let mut fields = self.input.rows.fields().to_vec();
///         fields.push(Arc::new(Field::new("known", DataType::Boolean, false)));
///         Shape { schema: Schema::new(fields), row_wise: true, event_time: None }
///     }
///     fn lookup(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
///         self.keys.update(&columns(batch, &self.input.lookup_key), |_, slot| *slot = 0);
///         Ok(())
///     }
///     fn rows(&mut self, batch: &Batch<'_>, host: &mut Host<'_>) -> Result<(), Error> {
///         let key = columns(batch, &self.input.rows_key);
///         // A map looks at values, and what stands for a null is not specified.
///         let known = self.keys.probe(&key).into_iter().enumerate().map(|(row, found)| {
///             Some(found != NO_ROW && key.iter().all(|column| column.is_valid(row)))
///         });
///         let known = Column::Values(Arc::new(known.collect::<BooleanArray>()));
///         let rows = (0..self.input.rows.fields().len()).map(Column::Forward);
///         host.emit(batch.rows(), vec![], rows.chain([known]).collect());
///         Ok(())
///     }
/// }
///
/// fn columns(batch: &Batch<'_>, columns: &[usize]) -> Vec<ArrayRef> {
///     columns.iter().map(|&column| batch.column(column)).collect()
/// }
///
/// wigeon_sdk::export!(incremental: Known);
///
/// let ids = |ids: Vec<i64>| Arc::new(Int64Array::from(ids)) as ArrayRef;
/// let from = Arc::new(TimestampMicrosecondArray::from(vec![0])) as ArrayRef;
/// let lookup = RecordBatch::try_from_iter([("id", ids(vec![1])), ("valid_from", from)]).unwrap();
/// let rows = RecordBatch::try_from_iter([("user", ids(vec![2, 1]))]).unwrap();
/// let input = IncrementalInput {
///     rows: rows.schema().as_ref().clone(),
///     rows_key: vec![0],
///     lookup: lookup.schema().as_ref().clone(),
///     lookup_key: vec![0],
/// };
/// let emitted = native::load::<Known>(serde_json::json!({}), input, &[lookup], &[rows]).unwrap();
/// let known = Arc::new(BooleanArray::from(vec![false, true])) as ArrayRef;
/// assert_eq!(emitted[0].column(1), &known);
/// ```
pub trait Incremental: Plugin {
    /// Opens the step.
    ///
    /// # Errors
    ///
    /// Whatever makes the options or the schemas unusable.
    fn open(options: Self::Options, input: IncrementalInput) -> Result<Self, Error>;

    /// Says what the step will emit.
    fn shape(&self) -> Shape;

    /// Takes versions of the lookup, open and closed ones, in no order. The host keeps them.
    ///
    /// # Errors
    ///
    /// Whatever makes a row unusable.
    fn lookup(&mut self, batch: &Batch<'_>) -> Result<(), Error>;

    /// Takes new rows, in no order.
    ///
    /// # Errors
    ///
    /// Whatever makes a row unusable.
    fn rows(&mut self, batch: &Batch<'_>, host: &mut Host<'_>) -> Result<(), Error>;

    /// Learns that all rows have been handed over.
    ///
    /// # Errors
    ///
    /// Whatever makes the whole unusable.
    fn finish(&mut self, host: &mut Host<'_>) -> Result<(), Error> {
        let _ = host;
        Ok(())
    }
}
