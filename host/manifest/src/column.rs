//! Columns of a source and their types.

use std::{fmt, str::FromStr};

use arrow_schema::{DataType, TimeUnit};

/// Most digits of a `decimal128`.
const MAX_PRECISION: u8 = 38;

/// One declared column of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// As written; unique in its source without regard to case.
    pub name: String,

    /// What its values are.
    pub data_type: ColumnType,
}

/// The types a column can have, each an Arrow data type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// `boolean`
    Boolean,
    /// `int8`
    Int8,
    /// `int16`
    Int16,
    /// `int32`
    Int32,
    /// `int64`
    Int64,
    /// `uint8`
    UInt8,
    /// `uint16`
    UInt16,
    /// `uint32`
    UInt32,
    /// `uint64`
    UInt64,
    /// `float32`
    Float32,
    /// `float64`
    Float64,
    /// `utf8`
    Utf8,
    /// `binary`
    Binary,
    /// `date32`
    Date32,
    /// `timestamp`: microseconds, without a time zone.
    Timestamp,
    /// `timestamp_tz`: microseconds in UTC.
    TimestampTz,
    /// `decimal128(precision, scale)`
    Decimal128 {
        /// Digits in all, 1 to 38.
        precision: u8,
        /// Digits after the point, `0..=precision`.
        scale: i8,
    },
}

/// Why a text is not a column type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ColumnTypeError {
    /// No type has this name.
    #[error("there is no such column type")]
    Unknown,

    /// `decimal128` without two numbers in bounds.
    #[error(
        "a decimal is written `decimal128(precision, scale)` with a precision of 1 to 38 and a scale of 0 to the precision"
    )]
    Decimal,
}

impl ColumnType {
    /// The types that are a word, with the word.
    const WORDS: [(&'static str, Self); 16] = [
        ("boolean", Self::Boolean),
        ("int8", Self::Int8),
        ("int16", Self::Int16),
        ("int32", Self::Int32),
        ("int64", Self::Int64),
        ("uint8", Self::UInt8),
        ("uint16", Self::UInt16),
        ("uint32", Self::UInt32),
        ("uint64", Self::UInt64),
        ("float32", Self::Float32),
        ("float64", Self::Float64),
        ("utf8", Self::Utf8),
        ("binary", Self::Binary),
        ("date32", Self::Date32),
        ("timestamp", Self::Timestamp),
        ("timestamp_tz", Self::TimestampTz),
    ];

    /// Returns how each type is written, decimals by an example.
    pub fn names() -> impl Iterator<Item = &'static str> + Clone {
        let words = Self::WORDS.iter().map(|(word, _)| *word);
        words.chain(["decimal128(18, 2)"])
    }
}

impl From<ColumnType> for DataType {
    fn from(column: ColumnType) -> Self {
        match column {
            ColumnType::Boolean => Self::Boolean,
            ColumnType::Int8 => Self::Int8,
            ColumnType::Int16 => Self::Int16,
            ColumnType::Int32 => Self::Int32,
            ColumnType::Int64 => Self::Int64,
            ColumnType::UInt8 => Self::UInt8,
            ColumnType::UInt16 => Self::UInt16,
            ColumnType::UInt32 => Self::UInt32,
            ColumnType::UInt64 => Self::UInt64,
            ColumnType::Float32 => Self::Float32,
            ColumnType::Float64 => Self::Float64,
            ColumnType::Utf8 => Self::Utf8,
            ColumnType::Binary => Self::Binary,
            ColumnType::Date32 => Self::Date32,
            ColumnType::Timestamp => Self::Timestamp(TimeUnit::Microsecond, None),
            ColumnType::TimestampTz => Self::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            ColumnType::Decimal128 { precision, scale } => Self::Decimal128(precision, scale),
        }
    }
}

impl FromStr for ColumnType {
    type Err = ColumnTypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((_, data_type)) = Self::WORDS.iter().find(|(word, _)| *word == text) {
            return Ok(*data_type);
        }
        let Some(rest) = text.strip_prefix("decimal128") else {
            return Err(ColumnTypeError::Unknown);
        };
        decimal(rest).ok_or(ColumnTypeError::Decimal)
    }
}

/// Reads what follows `decimal128`.
fn decimal(text: &str) -> Option<ColumnType> {
    let (precision, scale) = text
        .trim()
        .strip_prefix('(')?
        .strip_suffix(')')?
        .split_once(',')?;
    let precision = precision.trim().parse::<u8>().ok()?;
    let scale = scale.trim().parse::<u8>().ok()?;
    if !(1..=MAX_PRECISION).contains(&precision) || scale > precision {
        return None;
    }
    let scale = i8::try_from(scale).ok()?;
    Some(ColumnType::Decimal128 { precision, scale })
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Decimal128 { precision, scale } = self {
            return write!(f, "decimal128({precision}, {scale})");
        }
        let word = Self::WORDS
            .iter()
            .find(|(_, data_type)| data_type == self)
            .map_or("", |(word, _)| *word);
        f.write_str(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_prints_as_it_is_written() {
        for name in ColumnType::names() {
            assert_eq!(name.parse::<ColumnType>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn what_a_word_leaves_open_is_settled_in_arrow() {
        let types = ["timestamp", "timestamp_tz", "decimal128(18, 2)"];
        assert_eq!(
            types.map(|name| DataType::from(name.parse::<ColumnType>().unwrap())),
            [
                DataType::Timestamp(TimeUnit::Microsecond, None),
                DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
                DataType::Decimal128(18, 2),
            ]
        );
    }

    #[test]
    fn decimals_keep_to_their_bounds() {
        assert_eq!(
            "decimal128(38,38)".parse(),
            Ok(ColumnType::Decimal128 {
                precision: 38,
                scale: 38
            })
        );
        for text in [
            "decimal128",
            "decimal128(0, 0)",
            "decimal128(39, 2)",
            "decimal128(4, 5)",
            "decimal128(4, -1)",
            "decimal128(4)",
        ] {
            assert_eq!(
                text.parse::<ColumnType>(),
                Err(ColumnTypeError::Decimal),
                "{text}"
            );
        }
        assert_eq!(
            "varchar".parse::<ColumnType>(),
            Err(ColumnTypeError::Unknown)
        );
    }
}
