//! Values as bytes to hash.

use std::sync::Arc;

use wigeon_sdk::{
    DataType,
    arrow_array::{
        Array, ArrayRef, PrimitiveArray, StringArray,
        cast::AsArray,
        types::{
            ArrowPrimitiveType, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
            UInt32Type, UInt64Type,
        },
    },
};

use crate::secret::Secret;

/// Says whether columns of this type can be masked.
pub(crate) fn is_maskable(data_type: &DataType) -> bool {
    let text = [DataType::Utf8, DataType::LargeUtf8];
    let binary = [DataType::Binary, DataType::LargeBinary];
    data_type.is_integer() || text.contains(data_type) || binary.contains(data_type)
}

/// Returns the masks of a column's values; null stays null.
///
/// Text is hashed as it is, and a number as its decimal digits: `42` has one mask, whether a
/// source has it as a number or as text.
pub(crate) fn masked(column: &ArrayRef, secret: &Secret) -> ArrayRef {
    Arc::new(match column.data_type() {
        DataType::Utf8 => bytes(column.as_string::<i32>(), secret),
        DataType::LargeUtf8 => bytes(column.as_string::<i64>(), secret),
        DataType::Binary => bytes(column.as_binary::<i32>(), secret),
        DataType::LargeBinary => bytes(column.as_binary::<i64>(), secret),
        DataType::Int8 => numbers(column.as_primitive::<Int8Type>(), secret),
        DataType::Int16 => numbers(column.as_primitive::<Int16Type>(), secret),
        DataType::Int32 => numbers(column.as_primitive::<Int32Type>(), secret),
        DataType::Int64 => numbers(column.as_primitive::<Int64Type>(), secret),
        DataType::UInt8 => numbers(column.as_primitive::<UInt8Type>(), secret),
        DataType::UInt16 => numbers(column.as_primitive::<UInt16Type>(), secret),
        DataType::UInt32 => numbers(column.as_primitive::<UInt32Type>(), secret),
        DataType::UInt64 => numbers(column.as_primitive::<UInt64Type>(), secret),
        other => unreachable!("`open` refuses columns of the type {other}"),
    })
}

fn bytes<'a, V: AsRef<[u8]> + ?Sized + 'a>(
    values: impl IntoIterator<Item = Option<&'a V>>,
    secret: &Secret,
) -> StringArray {
    let masks = values.into_iter();
    masks
        .map(|value| value.map(|value| secret.mask(value.as_ref())))
        .collect()
}

fn numbers<T: ArrowPrimitiveType<Native: std::fmt::Display>>(
    values: &PrimitiveArray<T>,
    secret: &Secret,
) -> StringArray {
    let masks = values.iter();
    masks
        .map(|value| value.map(|value| secret.mask(value.to_string().as_bytes())))
        .collect()
}
