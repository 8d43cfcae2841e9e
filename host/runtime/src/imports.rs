//! What a plugin may call: the interfaces `columnar`, `rows`, `output` and `log`, and no others, but
//! for what [`crate::wasi`] answers.

use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_buffer::Buffer;
use bytes::Bytes;
use wasmtime::{
    Engine, StoreContextMut,
    component::{Linker, Resource, ResourceType},
};
use wigeon_columnar::{Answer, Node, Origin, Selection, assemble, decode, differ, encode};

use crate::{
    Breach,
    contract::{
        ArrayRecord, ColumnVariant, LentBatch, LevelEnum, OFFERED, OriginEnum, SelectionRecord,
        full_name,
    },
    instance::BreachHandle,
    limits::{LOG_LINES, TEXT_BYTES},
    state::State,
};

/// Returns a linker that offers the contract's imports.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    for interface in OFFERED {
        linker.instance(&full_name(interface))?;
    }
    let mut columnar = linker.instance(&full_name("columnar"))?;
    columnar.resource("batch", ResourceType::host::<LentBatch>(), |_, _| Ok(()))?;
    columnar.func_wrap("[method]batch.rows", batch_rows)?;
    columnar.func_wrap("[method]batch.read", batch_read)?;
    linker
        .instance(&full_name("rows"))?
        .func_wrap("differ", rows_differ)?;
    linker
        .instance(&full_name("output"))?
        .func_wrap("emit", emit)?;
    linker.instance(&full_name("log"))?.func_wrap("log", log)?;
    Ok(linker)
}

type Caller<'a> = StoreContextMut<'a, State>;

#[expect(clippy::needless_pass_by_value, reason = "as the linker calls it")]
fn batch_rows(caller: Caller<'_>, (batch,): (Resource<LentBatch>,)) -> wasmtime::Result<(u32,)> {
    let rows = caller
        .data()
        .lent(batch.rep())
        .map_err(BreachHandle::from)?
        .num_rows();
    Ok((u32::try_from(rows)?,))
}

fn batch_read(
    mut caller: Caller<'_>,
    (batch, column): (Resource<LentBatch>, u32),
) -> wasmtime::Result<(ArrayRecord,)> {
    let state = caller.data_mut();
    let batch = state.lent(batch.rep()).map_err(BreachHandle::from)?;
    let array = batch.columns().get(column as usize).ok_or_else(|| {
        BreachHandle::from(Breach::NoColumn {
            column,
            count: batch.num_columns(),
        })
    })?;
    let encoded = encode(array).map_err(|error| BreachHandle::from(Breach::from(error)))?;
    let bytes: usize = encoded.buffers.iter().map(Buffer::len).sum();
    state.traffic.bytes_in += bytes as u64;
    let array = ArrayRecord {
        nodes: encoded.nodes.into_iter().map(Into::into).collect(),
        buffers: encoded.buffers.into_iter().map(shared).collect(),
    };
    Ok((array,))
}

/// Lends an Arrow buffer to the one copy into the guest.
fn shared(buffer: Buffer) -> Bytes {
    struct Owner(Buffer);
    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            self.0.as_slice()
        }
    }
    Bytes::from_owner(Owner(buffer))
}

type Differ = (SelectionRecord, Vec<u32>, SelectionRecord, Vec<u32>);

fn rows_differ(
    mut caller: Caller<'_>,
    (left, left_columns, right, right_columns): Differ,
) -> wasmtime::Result<(Vec<u8>,)> {
    let state = caller.data_mut();
    let crossed = (left.rows.len() + right.rows.len()) * 4;
    state.traffic.bytes_out += crossed as u64;
    state.traffic.bytes_in += left.rows.len() as u64;
    let differing = guarded(|| {
        Ok(differ(
            selection(left),
            &numbers(&left_columns),
            selection(right),
            &numbers(&right_columns),
            state.current.as_ref(),
            &mut state.kept,
        )?)
    })?;
    Ok((differing.values().iter().map(u8::from).collect(),))
}

type Emit = (u32, Vec<SelectionRecord>, Vec<ColumnVariant>);

fn emit(mut caller: Caller<'_>, (rows, selections, columns): Emit) -> wasmtime::Result<()> {
    let state = caller.data_mut();
    let Some(schema) = state.output.clone() else {
        return Err(BreachHandle::from(Breach::EmittedTooEarly).into());
    };
    let selections: Vec<_> = selections.into_iter().map(selection).collect();
    let selected: usize = selections
        .iter()
        .map(|selection| selection.rows.len() * 4)
        .sum();
    state.traffic.bytes_out += selected as u64;
    let mut answers = Vec::with_capacity(columns.len());
    for (column, answer) in columns.into_iter().enumerate() {
        answers.push(match answer {
            ColumnVariant::Forward(column) => Answer::Forward(column as usize),
            ColumnVariant::Gather(gathered) => Answer::Gather {
                selection: gathered.selection as usize,
                column: gathered.column as usize,
            },
            ColumnVariant::Values(array) => {
                let bytes: usize = array.buffers.iter().map(Bytes::len).sum();
                state.traffic.bytes_out += bytes as u64;
                // A column too many is reported by `assemble`.
                let Some(field) = schema.fields().get(column) else {
                    continue;
                };
                let nodes: Vec<Node> = array.nodes.into_iter().map(Into::into).collect();
                let buffers = array.buffers.into_iter().map(Buffer::from).collect();
                let array = guarded(|| {
                    decode(field, rows as usize, &nodes, buffers)
                        .map_err(|source| Breach::Array { column, source })
                })?;
                Answer::Values(array)
            }
        });
    }
    let batch = guarded(|| {
        Ok(assemble(
            &schema,
            rows as usize,
            selections,
            &answers,
            state.current.as_ref(),
            &mut state.kept,
        )?)
    })?;
    state.traffic.rows_out += u64::from(rows);
    state.emitted.push(batch);
    Ok(())
}

/// Runs Arrow on what a plugin returned. Arrow validates, but it also asserts.
fn guarded<T>(f: impl FnOnce() -> Result<T, Breach>) -> Result<T, BreachHandle> {
    let result = catch_unwind(AssertUnwindSafe(f)).unwrap_or(Err(Breach::Panic));
    result.map_err(BreachHandle::from)
}

fn selection(selection: SelectionRecord) -> Selection {
    Selection {
        origin: match selection.origin {
            OriginEnum::Current => Origin::Current,
            OriginEnum::Kept => Origin::Kept,
        },
        rows: selection.rows,
    }
}

fn numbers(columns: &[u32]) -> Vec<usize> {
    columns.iter().map(|&column| column as usize).collect()
}

#[expect(clippy::unnecessary_wraps, reason = "as the linker calls it")]
pub(crate) fn log(
    mut caller: Caller<'_>,
    (level, message): (LevelEnum, String),
) -> wasmtime::Result<()> {
    let state = caller.data_mut();
    state.log_lines += 1;
    if state.log_lines > LOG_LINES {
        return Ok(());
    }
    let plugin = &state.plugin;
    let message = printable(&message);
    match level {
        LevelEnum::Debug => tracing::debug!(plugin, message, "plugin"),
        LevelEnum::Info => tracing::info!(plugin, message, "plugin"),
        LevelEnum::Warn => tracing::warn!(plugin, message, "plugin"),
    }
    Ok(())
}

/// Cuts a plugin's text and escapes what a terminal would obey.
pub(crate) fn printable(text: &str) -> String {
    let end = text.floor_char_boundary(TEXT_BYTES);
    let cut = if end < text.len() { "…" } else { "" };
    let escaped = text[..end].chars().flat_map(|c| {
        let plain = !c.is_control();
        plain
            .then_some(c)
            .into_iter()
            .chain((!plain).then(|| c.escape_default()).into_iter().flatten())
    });
    escaped.chain(cut.chars()).collect()
}
