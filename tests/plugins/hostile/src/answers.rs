//! Emitting, with everything as it is written in the order.

use crate::{
    bindings::{
        columnar::{Array, Node},
        output::{self, Column, Gathered},
        rows::{Origin, Selection},
    },
    orders::{Scene, hexadecimal, number},
};

/// Emits `rows` rows of these selections and columns.
pub(crate) fn emit(rows: &str, parts: &[&str], scene: &Scene<'_>) {
    let mut selections = vec![];
    let mut columns = vec![];
    for part in parts {
        if *part == "rest" {
            let due = u32::try_from(columns.len()).expect("few columns");
            columns.extend((due..scene.columns).map(Column::Forward));
        } else if let Some(column) = part.strip_prefix("forward:") {
            columns.push(Column::Forward(number(column)));
        } else if let Some(gathered) = part.strip_prefix("gather:") {
            let (selection, column) = gathered.split_once('/').expect("SELECTION/COLUMN");
            columns.push(Column::Gather(Gathered {
                selection: number(selection),
                column: number(column),
            }));
        } else if let Some(values) = part.strip_prefix("values:") {
            columns.push(Column::Values(array(values, scene)));
        } else {
            selections.push(selection(part));
        }
    }
    output::emit(scene.count(rows), &selections, &columns);
}

/// Reads a selection.
pub(crate) fn selection(text: &str) -> Selection {
    let (origin, numbers) = text.split_once('=').expect("ORIGIN=ROWS");
    let origin = match origin {
        "current" => Origin::Current,
        "kept" => Origin::Kept,
        _ => panic!("`{origin}` is no origin"),
    };
    let mut rows = vec![];
    for row in numbers.split(',').filter(|row| !row.is_empty()) {
        let (row, times) = row.split_once('*').unwrap_or((row, "1"));
        let row = if row == "none" { u32::MAX } else { number(row) };
        rows.extend(std::iter::repeat_n(row, number(times) as usize));
    }
    Selection { origin, rows }
}

/// Reads `NODES:BUFFERS`.
fn array(text: &str, scene: &Scene<'_>) -> Array {
    let (nodes, buffers) = text.split_once(':').expect("NODES:BUFFERS");
    let nodes = nodes
        .split(',')
        .filter(|node| !node.is_empty())
        .map(|node| {
            let (length, nulls) = node.split_once('/').expect("LENGTH/NULLS");
            Node {
                length: scene.count(length),
                null_count: scene.count(nulls),
            }
        });
    let nodes = nodes.collect();
    if buffers == "none" {
        let buffers = vec![];
        return Array { nodes, buffers };
    }
    let buffers = buffers.split(',').map(|buffer| bytes(buffer, scene));
    let buffers = buffers.collect();
    Array { nodes, buffers }
}

/// Reads bytes in hexadecimal, repeated or not: `0a00*4n`.
fn bytes(text: &str, scene: &Scene<'_>) -> Vec<u8> {
    let (digits, times) = text.split_once('*').unwrap_or((text, "1"));
    let pairs = digits.as_bytes().chunks_exact(2);
    let bytes: Vec<u8> = pairs
        .map(|pair| hexadecimal(pair[0]) << 4 | hexadecimal(pair[1]))
        .collect();
    bytes.repeat(scene.count(times) as usize)
}
