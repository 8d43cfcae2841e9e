//! Arrow arrays to nodes and buffers, without copying where Arrow allows it.

use arrow_array::Array;
use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer, ToByteSlice};
use arrow_data::ArrayData;
use arrow_schema::DataType;

use crate::layout::{Layout, Node, layout_of};

/// An array as it crosses: nodes and buffers in pre-order.
///
/// The buffers share memory with the array, but for bitmaps and offsets that do not begin at a
/// byte or at 0.
#[derive(Debug, Clone, Default)]
pub struct Encoded {
    /// One for each field of the column's type.
    pub nodes: Vec<Node>,
    /// The buffers of all nodes.
    pub buffers: Vec<Buffer>,
}

/// Why an array cannot cross.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The type has no place in the contract.
    #[error("an array of the type {0} does not cross the boundary")]
    Unsupported(DataType),
    /// The array has 2^32 rows or more.
    #[error("an array of {0} rows is too long to cross the boundary")]
    TooLong(usize),
}

/// Lays `array` out as it crosses.
///
/// # Errors
///
/// - [`EncodeError::Unsupported`] for dictionaries, views, run-end encoding, maps and unions.
/// - [`EncodeError::TooLong`] for 2^32 rows or more.
pub fn encode(array: &dyn Array) -> Result<Encoded, EncodeError> {
    let mut encoded = Encoded::default();
    encode_node(&array.to_data(), &mut encoded)?;
    Ok(encoded)
}

fn encode_node(data: &ArrayData, encoded: &mut Encoded) -> Result<(), EncodeError> {
    let layout = layout_of(data.data_type())
        .ok_or_else(|| EncodeError::Unsupported(data.data_type().clone()))?;
    let length = u32::try_from(data.len()).map_err(|_| EncodeError::TooLong(data.len()))?;
    let null_count = match layout {
        Layout::Null => data.len(),
        _ => data.null_count(),
    };
    encoded.nodes.push(Node {
        length,
        null_count: u32::try_from(null_count).map_err(|_| EncodeError::TooLong(null_count))?,
    });
    if !matches!(layout, Layout::Null) {
        encoded.buffers.push(validity(data));
    }
    let (offset, len) = (data.offset(), data.len());
    match layout {
        Layout::Null => {}
        Layout::Bits => {
            let bits = BooleanBuffer::new(data.buffers()[0].clone(), offset, len);
            encoded.buffers.push(bits.sliced());
        }
        Layout::FixedWidth(width) => {
            let values = &data.buffers()[0];
            encoded
                .buffers
                .push(values.slice_with_length(offset * width, len * width));
        }
        Layout::Bytes32 => bytes::<i32>(data, encoded),
        Layout::Bytes64 => bytes::<i64>(data, encoded),
        Layout::List32(_) => {
            let (first, last) = offsets::<i32>(data, encoded);
            encode_node(&data.child_data()[0].slice(first, last - first), encoded)?;
        }
        Layout::List64(_) => {
            let (first, last) = offsets::<i64>(data, encoded);
            encode_node(&data.child_data()[0].slice(first, last - first), encoded)?;
        }
        Layout::FixedSizeList(_, size) => {
            encode_node(
                &data.child_data()[0].slice(offset * size, len * size),
                encoded,
            )?;
        }
        Layout::Struct => {
            for child in data.child_data() {
                encode_node(&child.slice(offset, len), encoded)?;
            }
        }
    }
    Ok(())
}

fn validity(data: &ArrayData) -> Buffer {
    match data.nulls() {
        Some(nulls) if nulls.null_count() > 0 => nulls.inner().sliced(),
        _ => Buffer::default(),
    }
}

fn bytes<O: ArrowNativeType>(data: &ArrayData, encoded: &mut Encoded) {
    let (first, last) = offsets::<O>(data, encoded);
    let values = &data.buffers()[1];
    encoded
        .buffers
        .push(values.slice_with_length(first, last - first));
}

/// Pushes the offsets, counted from 0, and returns which part of the child they span.
fn offsets<O: ArrowNativeType>(data: &ArrayData, encoded: &mut Encoded) -> (usize, usize) {
    // Arrow allows an empty array to have no offset at all.
    if data.is_empty() {
        encoded
            .buffers
            .push(Buffer::from(O::default().to_byte_slice()));
        return (0, 0);
    }
    let width = size_of::<O>();
    let all = data.buffer::<O>(0);
    let mine = &all[..=data.len()];
    let (first, last) = (mine[0].as_usize(), mine[data.len()].as_usize());
    let offsets = if first == 0 {
        data.buffers()[0].slice_with_length(data.offset() * width, size_of_val(mine))
    } else {
        mine.iter()
            .map(|&offset| O::usize_as(offset.as_usize() - first))
            .collect::<Vec<O>>()
            .into()
    };
    encoded.buffers.push(offsets);
    (first, last)
}
