//! Which buffers an array of each type consists of.

use arrow_schema::DataType;

/// The length of one array in the tree of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Rows, nulls included.
    pub length: u32,
    /// How many of them are null.
    pub null_count: u32,
}

/// How the values of one node are laid out, after its validity bitmap.
pub(crate) enum Layout<'a> {
    /// No buffer at all, not even validity.
    Null,
    /// One bit for each row.
    Bits,
    /// This many bytes for each row.
    FixedWidth(usize),
    /// 32-bit offsets, then bytes.
    Bytes32,
    /// 64-bit offsets, then bytes.
    Bytes64,
    /// 32-bit offsets into one child.
    List32(&'a DataType),
    /// 64-bit offsets into one child.
    List64(&'a DataType),
    /// One child with this many rows for each row.
    FixedSizeList(&'a DataType, usize),
    /// One child for each field.
    Struct,
}

/// Returns the layout of `data_type`, or `None` if arrays of that type do not cross.
pub(crate) fn layout_of(data_type: &DataType) -> Option<Layout<'_>> {
    Some(match data_type {
        DataType::Null => Layout::Null,
        DataType::Boolean => Layout::Bits,
        DataType::Utf8 | DataType::Binary => Layout::Bytes32,
        DataType::LargeUtf8 | DataType::LargeBinary => Layout::Bytes64,
        DataType::List(item) => Layout::List32(item.data_type()),
        DataType::LargeList(item) => Layout::List64(item.data_type()),
        DataType::FixedSizeList(item, size) => {
            Layout::FixedSizeList(item.data_type(), usize::try_from(*size).ok()?)
        }
        DataType::FixedSizeBinary(width) => Layout::FixedWidth(usize::try_from(*width).ok()?),
        DataType::Struct(_) => Layout::Struct,
        other => Layout::FixedWidth(other.primitive_width()?),
    })
}
