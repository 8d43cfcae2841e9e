//! The component's imports behind [`Calls`], and columns as they are read.

use arrow_array::ArrayRef;
use arrow_buffer::Buffer;
use arrow_schema::Field;
use wigeon_columnar::{Node, decode, encode};

use super::bindings::{columnar, log, output, rows};
use crate::host::Calls;
use crate::{Column, Level, Origin, Selection};

/// The host, through the component's imports.
pub(crate) struct Imports;

impl Calls for Imports {
    fn emit(&mut self, count: usize, selections: Vec<Selection>, columns: Vec<Column>) {
        let selections: Vec<_> = selections.into_iter().map(selection).collect();
        let columns: Vec<_> = columns.into_iter().map(column).collect();
        output::emit(number(count), &selections, &columns);
    }

    fn differ(
        &mut self,
        left: Selection,
        left_columns: &[usize],
        right: Selection,
        right_columns: &[usize],
    ) -> Vec<bool> {
        let columns = |columns: &[usize]| columns.iter().map(|&c| number(c)).collect::<Vec<_>>();
        rows::differ(
            &selection(left),
            &columns(left_columns),
            &selection(right),
            &columns(right_columns),
        )
        .into_iter()
        .map(|differs| differs != 0)
        .collect()
    }

    fn log(&mut self, level: Level, message: &str) {
        let level = match level {
            Level::Debug => log::Level::Debug,
            Level::Info => log::Level::Info,
            Level::Warn => log::Level::Warn,
        };
        log::log(level, message);
    }
}

fn selection(selection: Selection) -> rows::Selection {
    rows::Selection {
        origin: match selection.origin {
            Origin::Current => rows::Origin::Current,
            Origin::Kept => rows::Origin::Kept,
        },
        rows: selection.rows,
    }
}

fn column(column: Column) -> output::Column {
    match column {
        Column::Forward(column) => output::Column::Forward(number(column)),
        Column::Gather { selection, column } => output::Column::Gather(output::Gathered {
            selection: number(selection),
            column: number(column),
        }),
        Column::Values(array) => output::Column::Values(crossing(&array)),
    }
}

fn crossing(array: &ArrayRef) -> columnar::Array {
    let encoded =
        encode(array).unwrap_or_else(|error| panic!("an emitted column does not cross: {error}"));
    columnar::Array {
        nodes: encoded
            .nodes
            .into_iter()
            .map(|node| columnar::Node {
                length: node.length,
                null_count: node.null_count,
            })
            .collect(),
        buffers: encoded
            .buffers
            .into_iter()
            .map(|buffer| {
                // The array's own memory, if nobody else holds it.
                buffer
                    .into_vec::<u8>()
                    .unwrap_or_else(|buffer| buffer.as_slice().to_vec())
            })
            .collect(),
    }
}

/// Reads a column of a batch as an array of `field`.
pub(crate) fn read(field: &Field, batch: &columnar::Batch, column: usize) -> ArrayRef {
    let array = batch.read(number(column));
    let rows = array.nodes.first().map_or(0, |node| node.length as usize);
    let nodes: Vec<_> = array
        .nodes
        .into_iter()
        .map(|node| Node {
            length: node.length,
            null_count: node.null_count,
        })
        .collect();
    let buffers = array.buffers.into_iter().map(Buffer::from).collect();
    decode(field, rows, &nodes, buffers).expect("the host gives valid arrays")
}

pub(super) fn number(value: usize) -> u32 {
    u32::try_from(value).expect("memory is 32 bits wide")
}
