//! Nodes and buffers to Arrow arrays, trusting nothing.
//!
//! This is the only place where what a plugin returned becomes an Arrow array. Lengths and counts
//! are compared first, then Arrow validates offsets, UTF-8 and child lengths in full. The caller
//! still guards against a panic in Arrow itself.

use arrow_array::{ArrayRef, make_array};
use arrow_buffer::Buffer;
use arrow_data::ArrayData;
use arrow_schema::{ArrowError, DataType, Field};

use crate::layout::{Layout, Node, layout_of};

/// Why nodes and buffers do not make the array they should.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The type has no place in the contract.
    #[error("an array of the type {0} does not cross the boundary")]
    Unsupported(DataType),
    /// The array has another length than it must have.
    #[error("`{field}` has {actual} rows where {expected} are due")]
    Length {
        /// The field, `parent.child` for nested ones.
        field: String,
        /// How many rows it must have.
        expected: usize,
        /// How many its node says.
        actual: usize,
    },
    /// There are fewer or more nodes than the type has fields.
    #[error("{actual} nodes were given for `{field}`, which takes {expected}")]
    Nodes {
        /// The field.
        field: String,
        /// How many fields the type has.
        expected: usize,
        /// How many nodes were given.
        actual: usize,
    },
    /// There are fewer or more buffers than the type takes.
    #[error("{actual} buffers were given for `{field}`, which takes {expected}")]
    Buffers {
        /// The field.
        field: String,
        /// How many buffers the type takes.
        expected: usize,
        /// How many were given.
        actual: usize,
    },
    /// A buffer is too short.
    #[error("the {what} of `{field}` take {expected} bytes, but the buffer has {actual}")]
    Short {
        /// The field.
        field: String,
        /// Which buffer.
        what: &'static str,
        /// How many bytes are due.
        expected: usize,
        /// How many there are.
        actual: usize,
    },
    /// The null count is not what the bitmap says, or a bitmap is missing.
    #[error("`{field}` says that it has {declared} nulls, but has {actual}")]
    NullCount {
        /// The field.
        field: String,
        /// What its node says.
        declared: usize,
        /// What the bitmap says.
        actual: usize,
    },
    /// There are nulls where the schema allows none.
    #[error("`{field}` has {count} nulls, but its schema allows none")]
    Null {
        /// The field.
        field: String,
        /// How many nulls it has.
        count: usize,
    },
    /// Arrow's validation refused offsets, UTF-8 or lengths.
    #[error("`{field}` is not a valid array")]
    Invalid {
        /// The field.
        field: String,
        /// What Arrow says.
        source: ArrowError,
    },
}

/// Makes an array of `field` with `rows` rows from what crossed.
///
/// # Errors
///
/// Any variant of [`DecodeError`].
pub fn decode(
    field: &Field,
    rows: usize,
    nodes: &[Node],
    buffers: Vec<Buffer>,
) -> Result<ArrayRef, DecodeError> {
    let (expected_nodes, expected_buffers) = counts(field.data_type())?;
    if nodes.len() != expected_nodes {
        return Err(DecodeError::Nodes {
            field: field.name().clone(),
            expected: expected_nodes,
            actual: nodes.len(),
        });
    }
    if buffers.len() != expected_buffers {
        return Err(DecodeError::Buffers {
            field: field.name().clone(),
            expected: expected_buffers,
            actual: buffers.len(),
        });
    }
    let mut cursor = Cursor {
        nodes: nodes.iter(),
        buffers: buffers.into_iter(),
    };
    let data = cursor.array(field, field.name(), Some(rows))?;
    Ok(make_array(data))
}

/// How many nodes and buffers a type takes.
fn counts(data_type: &DataType) -> Result<(usize, usize), DecodeError> {
    let layout = layout_of(data_type).ok_or_else(|| DecodeError::Unsupported(data_type.clone()))?;
    let nested = |own: usize, children: &[&DataType]| {
        children
            .iter()
            .try_fold((1, own), |(nodes, buffers), child| {
                let (child_nodes, child_buffers) = counts(child)?;
                Ok((nodes + child_nodes, buffers + child_buffers))
            })
    };
    match layout {
        Layout::Null => Ok((1, 0)),
        Layout::Bits | Layout::FixedWidth(_) => Ok((1, 2)),
        Layout::Bytes32 | Layout::Bytes64 => Ok((1, 3)),
        Layout::List32(item) | Layout::List64(item) => nested(2, &[item]),
        Layout::FixedSizeList(item, _) => nested(1, &[item]),
        Layout::Struct => {
            let DataType::Struct(fields) = data_type else {
                return Err(DecodeError::Unsupported(data_type.clone()));
            };
            let children: Vec<_> = fields.iter().map(|child| child.data_type()).collect();
            nested(1, &children)
        }
    }
}

struct Cursor<'a> {
    nodes: std::slice::Iter<'a, Node>,
    buffers: std::vec::IntoIter<Buffer>,
}

impl Cursor<'_> {
    /// Takes a buffer of any length.
    fn buffer(&mut self) -> Buffer {
        self.buffers.next().unwrap_or_default()
    }

    /// Takes a buffer of at least this many bytes and cuts off what is beyond them: Arrow asserts
    /// that offsets end where a number ends.
    fn buffer_of(
        &mut self,
        path: &str,
        what: &'static str,
        expected: Option<usize>,
    ) -> Result<Buffer, DecodeError> {
        let buffer = self.buffer();
        let expected = expected.unwrap_or(usize::MAX);
        if buffer.len() < expected {
            return Err(DecodeError::Short {
                field: path.to_owned(),
                what,
                expected,
                actual: buffer.len(),
            });
        }
        Ok(buffer.slice_with_length(0, expected))
    }

    fn array(
        &mut self,
        field: &Field,
        path: &str,
        rows: Option<usize>,
    ) -> Result<ArrayData, DecodeError> {
        let data_type = field.data_type();
        let layout =
            layout_of(data_type).ok_or_else(|| DecodeError::Unsupported(data_type.clone()))?;
        let node = self.nodes.next().copied().unwrap_or(Node {
            length: 0,
            null_count: 0,
        });
        let length = node.length as usize;
        if let Some(expected) = rows
            && expected != length
        {
            return Err(DecodeError::Length {
                field: path.to_owned(),
                expected,
                actual: length,
            });
        }
        let mut builder = ArrayData::builder(data_type.clone())
            .len(length)
            .align_buffers(true);
        if !matches!(layout, Layout::Null) {
            let bitmap = self.buffer();
            let declared = node.null_count as usize;
            if !bitmap.is_empty() && bitmap.len() < length.div_ceil(8) {
                return Err(DecodeError::Short {
                    field: path.to_owned(),
                    what: "validity bits",
                    expected: length.div_ceil(8),
                    actual: bitmap.len(),
                });
            }
            let actual = if bitmap.is_empty() {
                0
            } else {
                length - bitmap.count_set_bits_offset(0, length)
            };
            if actual != declared {
                return Err(DecodeError::NullCount {
                    field: path.to_owned(),
                    declared,
                    actual,
                });
            }
            if actual > 0 && !field.is_nullable() {
                return Err(DecodeError::Null {
                    field: path.to_owned(),
                    count: actual,
                });
            }
            if actual > 0 {
                builder = builder.null_bit_buffer(Some(bitmap));
            }
        }
        match layout {
            Layout::Null => {}
            Layout::Bits => {
                builder =
                    builder.add_buffer(self.buffer_of(path, "values", Some(length.div_ceil(8)))?);
            }
            Layout::FixedWidth(width) => {
                builder = builder.add_buffer(self.buffer_of(
                    path,
                    "values",
                    length.checked_mul(width),
                )?);
            }
            Layout::Bytes32 | Layout::Bytes64 => {
                let width = if matches!(layout, Layout::Bytes32) {
                    4
                } else {
                    8
                };
                builder = builder
                    .add_buffer(self.buffer_of(path, "offsets", (length + 1).checked_mul(width))?)
                    .add_buffer(self.buffer());
            }
            Layout::List32(_) | Layout::List64(_) => {
                let width = if matches!(layout, Layout::List32(_)) {
                    4
                } else {
                    8
                };
                builder = builder.add_buffer(self.buffer_of(
                    path,
                    "offsets",
                    (length + 1).checked_mul(width),
                )?);
                builder = builder.add_child_data(self.child(field, path, 0, None)?);
            }
            Layout::FixedSizeList(_, size) => {
                let rows = Some(length.saturating_mul(size));
                builder = builder.add_child_data(self.child(field, path, 0, rows)?);
            }
            Layout::Struct => {
                let children = match data_type {
                    DataType::Struct(fields) => fields.len(),
                    _ => 0,
                };
                for index in 0..children {
                    builder =
                        builder.add_child_data(self.child(field, path, index, Some(length))?);
                }
            }
        }
        builder.build().map_err(|source| DecodeError::Invalid {
            field: path.to_owned(),
            source,
        })
    }

    fn child(
        &mut self,
        parent: &Field,
        path: &str,
        index: usize,
        rows: Option<usize>,
    ) -> Result<ArrayData, DecodeError> {
        let child = match parent.data_type() {
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                item
            }
            DataType::Struct(fields) => &fields[index],
            other => return Err(DecodeError::Unsupported(other.clone())),
        };
        let path = format!("{path}.{}", child.name());
        self.array(child, &path, rows)
    }
}
