//! What the host holds for one instance while the guest runs, and what it does with its answers.

use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_schema::SchemaRef;
use bytes::Bytes;
use wigeon_columnar::{
    Answer, AssembleError, Budget, Kept, Node, Selection, assemble, decode, differ,
};

use crate::{
    Breach, Grants, Limit, Limits, Traffic, clock::Clock, contract::ColumnVariant, limits::Meter,
    refusal::Refusal, wasi::Given,
};

/// The most rows that a batch may have.
const BATCH_ROWS: u32 = (1 << 31) - 1;

/// What a batch, and each of its columns, takes beside its values: what is emitted without any
/// values is not free.
const COLUMN_BYTES: u64 = 128;

/// The host's half of an instance.
#[derive(Debug)]
pub(crate) struct State {
    /// Shown with every line of the plugin's log.
    pub(crate) plugin: String,
    pub(crate) meter: Meter,
    pub(crate) clock: Clock,
    pub(crate) kept: Kept,
    /// The batch of the current call, under the call's number.
    pub(crate) current: Option<RecordBatch>,
    pub(crate) call: u32,
    /// The schema of emitted rows, while rows may be emitted.
    pub(crate) output: Option<SchemaRef>,
    pub(crate) emitted: Vec<RecordBatch>,
    pub(crate) traffic: Traffic,
    pub(crate) log_lines: u64,
    pub(crate) wasi: Given,
    limits: Limits,
    /// What is left of the limits of the current call.
    rows_left: u64,
    bytes_left: u64,
}

impl State {
    pub(crate) fn new(plugin: String, limits: Limits, clock: Clock, grants: Grants) -> Self {
        Self {
            plugin,
            meter: Meter::new(limits.memory_bytes),
            clock,
            kept: Kept::default(),
            current: None,
            call: 0,
            output: None,
            emitted: vec![],
            traffic: Traffic::default(),
            log_lines: 0,
            wasi: Given::new(grants),
            limits,
            rows_left: limits.output_rows,
            bytes_left: limits.output_bytes,
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Gives a new call all that the limits allow. Returns after how many ticks of the epoch the
    /// clock is to be looked at first.
    pub(crate) fn begin_call(&mut self) -> u64 {
        self.meter.begin_call();
        self.log_lines = 0;
        self.rows_left = self.limits.output_rows;
        self.bytes_left = self.limits.output_bytes;
        self.clock.start(self.limits.call_timeout)
    }

    /// Returns the batch that `lent` is a handle of.
    pub(crate) fn lent(&self, lent: u32) -> Result<&RecordBatch, Refusal> {
        self.current
            .as_ref()
            .filter(|_| lent == self.call)
            .ok_or(Refusal::Breach(Breach::StaleBatch))
    }

    /// Puts a batch together and keeps it until the call has returned.
    pub(crate) fn emit(
        &mut self,
        rows: u32,
        selections: Vec<Selection>,
        columns: Vec<ColumnVariant>,
    ) -> Result<(), Refusal> {
        let Some(schema) = self.output.clone() else {
            return Err(Breach::EmittedTooEarly.into());
        };
        if columns.len() != schema.fields().len() {
            return Err(Breach::Rows(AssembleError::Columns {
                expected: schema.fields().len(),
                actual: columns.len(),
            })
            .into());
        }
        if rows > BATCH_ROWS {
            return Err(Breach::BatchRows { rows }.into());
        }
        let Some(rows_left) = self.rows_left.checked_sub(rows.into()) else {
            let rows = self.limits.output_rows;
            return Err(Limit::OutputRows { rows }.into());
        };
        self.rows_left = rows_left;
        self.spend(COLUMN_BYTES * (1 + columns.len() as u64))?;
        let selected: usize = selections
            .iter()
            .map(|selection| selection.rows.len() * 4)
            .sum();
        self.traffic.bytes_out += selected as u64;
        let mut answers = Vec::with_capacity(columns.len());
        for ((column, answer), field) in columns.into_iter().enumerate().zip(schema.fields()) {
            answers.push(match answer {
                ColumnVariant::Forward(column) => Answer::Forward(column as usize),
                ColumnVariant::Gather(gathered) => Answer::Gather {
                    selection: gathered.selection as usize,
                    column: gathered.column as usize,
                },
                ColumnVariant::Values(array) => {
                    let bytes: usize = array.buffers.iter().map(Bytes::len).sum();
                    self.spend(bytes as u64)?;
                    self.traffic.bytes_out += bytes as u64;
                    let nodes: Vec<Node> = array.nodes.into_iter().map(Into::into).collect();
                    let buffers = array.buffers.into_iter().map(Buffer::from).collect();
                    Answer::Values(guarded(|| {
                        decode(field, rows as usize, &nodes, buffers)
                            .map_err(|source| Breach::Array { column, source })
                    })?)
                }
            });
        }
        let is_late = || self.clock.is_over();
        let mut budget = Budget {
            bytes: self.bytes_left,
            is_late: &is_late,
        };
        let batch = guarded(|| {
            Ok(assemble(
                &schema,
                rows as usize,
                selections,
                &answers,
                self.current.as_ref(),
                &mut self.kept,
                &mut budget,
            )?)
        });
        let left = budget.bytes;
        let batch = batch.map_err(|breach| self.refusal(breach))?;
        self.bytes_left = left;
        self.traffic.rows_out += u64::from(rows);
        self.emitted.push(batch);
        Ok(())
    }

    /// Compares pairs of rows, and returns one byte for each.
    pub(crate) fn differ(
        &mut self,
        left: Selection,
        left_columns: &[usize],
        right: Selection,
        right_columns: &[usize],
    ) -> Result<Vec<u8>, Refusal> {
        let crossed = (left.rows.len() + right.rows.len()) * 4;
        self.traffic.bytes_out += crossed as u64;
        self.traffic.bytes_in += left.rows.len() as u64;
        let is_late = || self.clock.is_over();
        let budget = Budget {
            bytes: self.bytes_left,
            is_late: &is_late,
        };
        let differing = guarded(|| {
            Ok(differ(
                left,
                left_columns,
                right,
                right_columns,
                self.current.as_ref(),
                &mut self.kept,
                &budget,
            )?)
        });
        let differing = differing.map_err(|breach| self.refusal(breach))?;
        Ok(differing.values().iter().map(u8::from).collect())
    }

    /// Takes bytes from what the call may still emit.
    fn spend(&mut self, bytes: u64) -> Result<(), Limit> {
        let left = self.bytes_left.checked_sub(bytes);
        self.bytes_left = left.ok_or_else(|| self.out_of_bytes())?;
        Ok(())
    }

    fn out_of_bytes(&self) -> Limit {
        Limit::OutputBytes {
            bytes: self.limits.output_bytes,
        }
    }

    /// Tells limits of ours from faults of the plugin's.
    fn refusal(&self, breach: Breach) -> Refusal {
        match breach {
            Breach::Rows(AssembleError::TooMuch { .. }) => self.out_of_bytes().into(),
            Breach::Rows(AssembleError::Late) => Limit::CallTime {
                timeout: self.limits.call_timeout,
            }
            .into(),
            breach => breach.into(),
        }
    }
}

/// Runs Arrow on what a plugin returned. Arrow validates, but it also asserts.
pub(crate) fn guarded<T>(f: impl FnOnce() -> Result<T, Breach>) -> Result<T, Breach> {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or(Err(Breach::Panic))
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use arrow_array::{Int64Array, StringArray};
    use arrow_schema::{DataType, Field, Schema};
    use wigeon_columnar::{Origin, encode};

    use super::*;
    use crate::clock::Stop;
    use crate::contract::{ArrayRecord, GatheredRecord};

    /// A call in which rows of one column may be emitted, and which was lent one long text.
    fn state(data_type: DataType, limits: Limits) -> State {
        let schema = |data_type| Arc::new(Schema::new(vec![Field::new("a", data_type, true)]));
        let long = StringArray::from(vec!["x".repeat(1 << 20)]);
        let mut state = State::new(
            "file:test.wasm".to_owned(),
            limits,
            Clock::new(Stop::new(|| false)),
            Grants::default(),
        );
        state.current = Some(
            RecordBatch::try_new(schema(DataType::Utf8), vec![Arc::new(long)]).expect("one column"),
        );
        state.output = Some(schema(data_type));
        state.begin_call();
        state
    }

    fn of_rows(output_rows: u64) -> Limits {
        Limits {
            output_rows,
            ..Limits::default()
        }
    }

    fn of_bytes(output_bytes: u64) -> Limits {
        Limits {
            output_bytes,
            ..Limits::default()
        }
    }

    fn numbers(count: usize) -> ColumnVariant {
        let array = Arc::new(Int64Array::from(vec![7; count])) as arrow_array::ArrayRef;
        let encoded = encode(&array).expect("numbers cross");
        ColumnVariant::Values(ArrayRecord {
            nodes: encoded.nodes.into_iter().map(Into::into).collect(),
            buffers: encoded
                .buffers
                .iter()
                .map(|buffer| Bytes::copy_from_slice(buffer.as_slice()))
                .collect(),
        })
    }

    fn nulls(length: u32) -> ColumnVariant {
        let node = Node {
            length,
            null_count: 0,
        };
        ColumnVariant::Values(ArrayRecord {
            nodes: vec![node.into()],
            buffers: vec![],
        })
    }

    fn gathered(state: &mut State, rows: u32) -> Result<(), Refusal> {
        let selection = Selection {
            origin: Origin::Current,
            rows: vec![0; rows as usize],
        };
        let gather = GatheredRecord {
            selection: 0,
            column: 0,
        };
        state.emit(rows, vec![selection], vec![ColumnVariant::Gather(gather)])
    }

    #[test]
    fn rows_are_counted_over_all_that_one_call_emits() {
        let mut state = state(DataType::Int64, of_rows(10));
        for rows in [4, 6] {
            let column = numbers(rows);
            state
                .emit(rows.try_into().unwrap(), vec![], vec![column])
                .unwrap();
        }
        let refusal = state.emit(1, vec![], vec![numbers(1)]).unwrap_err();
        assert!(matches!(
            refusal,
            Refusal::Limit(Limit::OutputRows { rows: 10 })
        ));
        // The next call has them all again.
        state.begin_call();
        state.emit(10, vec![], vec![numbers(10)]).unwrap();
        assert_eq!(state.traffic.rows_out, 20);
    }

    #[test]
    fn rows_that_cost_nothing_are_rows() {
        let mut state = state(DataType::Null, Limits::default());
        let refusal = state.emit(u32::MAX, vec![], vec![nulls(u32::MAX)]);
        assert!(matches!(
            refusal,
            Err(Refusal::Breach(Breach::BatchRows { rows: u32::MAX }))
        ));
        let refusal = state.emit(BATCH_ROWS, vec![], vec![nulls(BATCH_ROWS)]);
        assert!(matches!(
            refusal,
            Err(Refusal::Limit(Limit::OutputRows { rows: 100_000_000 }))
        ));
        state.output = Some(Arc::new(Schema::empty()));
        let refusal = state.emit(100_000_001, vec![], vec![]);
        assert!(matches!(
            refusal,
            Err(Refusal::Limit(Limit::OutputRows { .. }))
        ));
        state.emit(1_000, vec![], vec![]).unwrap();
    }

    #[test]
    fn bytes_are_counted_over_all_that_one_call_emits() {
        let mut state = state(DataType::Int64, of_bytes(1 << 20));
        let mut emitted = 0;
        let refusal = loop {
            match state.emit(1_000, vec![], vec![numbers(1_000)]) {
                Ok(()) => emitted += 1,
                Err(refusal) => break refusal,
            }
            assert!(emitted < 1_000, "it is never stopped");
        };
        assert!(matches!(
            refusal,
            Refusal::Limit(Limit::OutputBytes { bytes: 1_048_576 })
        ));
        // 8,000 bytes of values, and a little.
        assert_eq!(emitted, 1_048_576 / (8_000 + 2 * 128));
    }

    #[test]
    fn a_gather_is_refused_before_it_is_made() {
        let mut state = state(DataType::Utf8, of_bytes(8 << 20));
        gathered(&mut state, 4).unwrap();
        // A terabyte, asked for with four megabytes.
        let refusal = gathered(&mut state, 1 << 20).unwrap_err();
        assert!(matches!(
            refusal,
            Refusal::Limit(Limit::OutputBytes { bytes: 8_388_608 })
        ));
    }

    #[test]
    fn empty_batches_without_end_are_stopped() {
        let mut state = state(DataType::Int64, of_bytes(1 << 20));
        let endless = (0..1 << 20).try_for_each(|_| {
            state
                .emit(0, vec![], vec![ColumnVariant::Forward(9)])
                .or_else(|refusal| {
                    // The wrong column is told too, but it is the number that counts here.
                    matches!(refusal, Refusal::Breach(_))
                        .then_some(())
                        .ok_or(refusal)
                })
        });
        assert!(matches!(
            endless,
            Err(Refusal::Limit(Limit::OutputBytes { .. }))
        ));
    }

    #[test]
    fn what_differ_gathers_is_bounded_too() {
        let mut state = state(DataType::Utf8, of_bytes(8 << 20));
        let both = || Selection {
            origin: Origin::Current,
            rows: vec![0; 1 << 16],
        };
        let refusal = state.differ(both(), &[0], both(), &[0]).unwrap_err();
        assert!(matches!(refusal, Refusal::Limit(Limit::OutputBytes { .. })));
    }

    #[test]
    fn the_time_of_a_call_is_kept_in_the_host_too() {
        let limits = Limits {
            call_timeout: Duration::ZERO,
            ..Limits::default()
        };
        let mut state = state(DataType::Utf8, limits);
        assert!(matches!(
            gathered(&mut state, 1),
            Err(Refusal::Limit(Limit::CallTime { .. }))
        ));
    }

    #[test]
    fn nothing_is_emitted_where_nothing_may_be() {
        let mut state = state(DataType::Int64, Limits::default());
        state.output = None;
        assert!(matches!(
            state.emit(1, vec![], vec![numbers(1)]),
            Err(Refusal::Breach(Breach::EmittedTooEarly))
        ));
    }

    #[test]
    fn a_batch_is_lent_for_one_call() {
        let mut state = state(DataType::Int64, Limits::default());
        assert!(state.lent(0).is_ok());
        state.call += 1;
        assert!(matches!(
            state.lent(0),
            Err(Refusal::Breach(Breach::StaleBatch))
        ));
    }
}
