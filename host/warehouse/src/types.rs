//! Arrow types and their names in SQL.

use arrow_schema::{DataType, Field, TimeUnit};

/// Returns the SQL type that keeps an Arrow type, or none.
///
/// Dictionaries are kept as their values. Timestamps are kept in microseconds.
pub(crate) fn sql_type(data_type: &DataType) -> Option<String> {
    let fixed = match data_type {
        DataType::Boolean => "BOOLEAN",
        DataType::Int8 => "TINYINT",
        DataType::Int16 => "SMALLINT",
        DataType::Int32 => "INTEGER",
        DataType::Int64 => "BIGINT",
        DataType::UInt8 => "UTINYINT",
        DataType::UInt16 => "USMALLINT",
        DataType::UInt32 => "UINTEGER",
        DataType::UInt64 => "UBIGINT",
        DataType::Float32 => "FLOAT",
        DataType::Float64 => "DOUBLE",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "VARCHAR",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "BLOB",
        DataType::Date32 => "DATE",
        DataType::Timestamp(TimeUnit::Microsecond, None) => "TIMESTAMP",
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => "TIMESTAMP WITH TIME ZONE",
        DataType::Decimal128(precision, scale) if *precision <= 38 && *scale >= 0 => {
            return Some(format!("DECIMAL({precision},{scale})"));
        }
        DataType::Dictionary(_, values) => return sql_type(values),
        _ => return None,
    };
    Some(fixed.to_owned())
}

/// Returns what the manifest calls a type.
pub(crate) fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "utf8".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "binary".to_owned(),
        DataType::Timestamp(_, None) => "timestamp".to_owned(),
        DataType::Timestamp(_, Some(_)) => "timestamp_tz".to_owned(),
        DataType::Decimal128(precision, scale) => format!("decimal128({precision},{scale})"),
        DataType::Dictionary(_, values) => type_name(values),
        other => other.to_string().to_lowercase(),
    }
}

/// Returns whether every value of `found` is exactly a value of `declared`.
///
/// Nanoseconds are the exception: pandas writes them for want of anything else, so
/// they are accepted and cut to microseconds.
pub(crate) fn widens(found: &DataType, declared: &DataType) -> bool {
    use DataType as T;
    if found == declared {
        return true;
    }
    if let T::Dictionary(_, values) = found {
        return widens(values, declared);
    }
    if let (Some(from), Some(to)) = (integer(found), integer(declared)) {
        return if from.1 == to.1 {
            from.0 <= to.0
        } else {
            to.1 && from.0 < to.0
        };
    }
    match (found, declared) {
        (T::Null, _)
        | (T::Float32 | T::Int32 | T::UInt32, T::Float64)
        | (T::Int8 | T::Int16 | T::UInt8 | T::UInt16, T::Float32 | T::Float64)
        | (T::LargeUtf8 | T::Utf8View, T::Utf8)
        | (T::LargeBinary | T::BinaryView, T::Binary) => true,
        (T::Decimal128(from_precision, from_scale), T::Decimal128(precision, scale)) => {
            from_scale <= scale
                && i16::from(*from_precision) - i16::from(*from_scale)
                    <= i16::from(*precision) - i16::from(*scale)
        }
        (T::Timestamp(_, from), T::Timestamp(_, to)) => from.is_some() == to.is_some(),
        _ => false,
    }
}

/// Returns the bits and signedness of an integer type.
fn integer(data_type: &DataType) -> Option<(u8, bool)> {
    Some(match data_type {
        DataType::Int8 => (8, true),
        DataType::Int16 => (16, true),
        DataType::Int32 => (32, true),
        DataType::Int64 => (64, true),
        DataType::UInt8 => (8, false),
        DataType::UInt16 => (16, false),
        DataType::UInt32 => (32, false),
        DataType::UInt64 => (64, false),
        _ => return None,
    })
}

/// Returns the first field whose type DuckDB cannot keep.
pub(crate) fn unsupported<'a>(fields: impl IntoIterator<Item = &'a Field>) -> Option<&'a Field> {
    fields
        .into_iter()
        .find(|field| sql_type(field.data_type()).is_none())
}
