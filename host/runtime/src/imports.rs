//! What a plugin may call: the interfaces `columnar`, `rows`, `output` and `log`, and no others, but
//! for what [`crate::wasi`] answers.

use arrow_buffer::Buffer;
use bytes::Bytes;
use wasmtime::{
    Engine, StoreContextMut,
    component::{Linker, Resource, ResourceType},
};
use wigeon_columnar::{Origin, Selection, encode};

use crate::{
    Breach,
    contract::{
        ArrayRecord, ColumnVariant, LentBatch, LevelEnum, OFFERED, OriginEnum, SelectionRecord,
        full_name,
    },
    refusal::{Refusal, RefusalHandle},
    state::State,
    text::printable,
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
        .map_err(RefusalHandle::from)?
        .num_rows();
    Ok((u32::try_from(rows)?,))
}

fn batch_read(
    mut caller: Caller<'_>,
    (batch, column): (Resource<LentBatch>, u32),
) -> wasmtime::Result<(ArrayRecord,)> {
    let state = caller.data_mut();
    let array = read(state, batch.rep(), column).map_err(RefusalHandle::from)?;
    let bytes: usize = array.buffers.iter().map(Bytes::len).sum();
    state.traffic.bytes_in += bytes as u64;
    Ok((array,))
}

/// Makes a column of a batch ready to cross.
fn read(state: &State, lent: u32, column: u32) -> Result<ArrayRecord, Refusal> {
    let batch = state.lent(lent)?;
    let count = batch.num_columns();
    let array = batch.columns().get(column as usize);
    let array = array.ok_or(Breach::NoColumn { column, count })?;
    let encoded = encode(array).map_err(Breach::from)?;
    Ok(ArrayRecord {
        nodes: encoded.nodes.into_iter().map(Into::into).collect(),
        buffers: encoded.buffers.into_iter().map(shared).collect(),
    })
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
    let differing = state
        .differ(
            selection(left),
            &numbers(&left_columns),
            selection(right),
            &numbers(&right_columns),
        )
        .map_err(RefusalHandle::from)?;
    Ok((differing,))
}

type Emit = (u32, Vec<SelectionRecord>, Vec<ColumnVariant>);

fn emit(mut caller: Caller<'_>, (rows, selections, columns): Emit) -> wasmtime::Result<()> {
    let state = caller.data_mut();
    let selections = selections.into_iter().map(selection).collect();
    let emitted = state.emit(rows, selections, columns);
    Ok(emitted.map_err(RefusalHandle::from)?)
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
    if state.log_lines > state.limits().log_lines {
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
