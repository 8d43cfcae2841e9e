//! Values of one column after the other, as arrays.

use std::str::FromStr;

use arrow_array::{
    ArrayRef, ArrowPrimitiveType,
    builder::{ArrayBuilder, PrimitiveBuilder, StringBuilder},
    types::{
        Date32Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType, UInt8Type,
        UInt16Type, UInt32Type, UInt64Type,
    },
};
use arrow_schema::DataType;

use crate::canonical::Calendar;

/// Values of a column.
pub(super) trait Values {
    /// Adds a value, or null. Returns whether it is one of the type.
    fn append(&mut self, value: Option<&str>) -> bool;

    fn finish(&mut self) -> ArrayRef;
}

struct Parsed<T: ArrowPrimitiveType, P> {
    values: PrimitiveBuilder<T>,
    parse: P,
}

impl<T: ArrowPrimitiveType, P: FnMut(&str) -> Option<T::Native>> Values for Parsed<T, P> {
    fn append(&mut self, value: Option<&str>) -> bool {
        let parsed = value.and_then(&mut self.parse);
        self.values.append_option(parsed);
        parsed.is_some() == value.is_some()
    }

    fn finish(&mut self) -> ArrayRef {
        ArrayBuilder::finish(&mut self.values)
    }
}

struct Texts(StringBuilder);

impl Values for Texts {
    fn append(&mut self, value: Option<&str>) -> bool {
        self.0.append_option(value);
        true
    }

    fn finish(&mut self) -> ArrayRef {
        ArrayBuilder::finish(&mut self.0)
    }
}

/// Returns what takes so many values of a type, none if it has no canonical form.
pub(super) fn builder(data_type: &DataType, rows: usize) -> Option<Box<dyn Values>> {
    fn parsed<T: ArrowPrimitiveType>(
        rows: usize,
        parse: impl FnMut(&str) -> Option<T::Native> + 'static,
    ) -> Box<dyn Values> {
        let values = PrimitiveBuilder::<T>::with_capacity(rows);
        Box::new(Parsed { values, parse })
    }
    fn integer<T: ArrowPrimitiveType<Native: FromStr>>(rows: usize) -> Box<dyn Values> {
        parsed::<T>(rows, |text| text.parse().ok())
    }
    let mut calendar = Calendar::default();
    Some(match data_type {
        DataType::Int8 => integer::<Int8Type>(rows),
        DataType::Int16 => integer::<Int16Type>(rows),
        DataType::Int32 => integer::<Int32Type>(rows),
        DataType::Int64 => integer::<Int64Type>(rows),
        DataType::UInt8 => integer::<UInt8Type>(rows),
        DataType::UInt16 => integer::<UInt16Type>(rows),
        DataType::UInt32 => integer::<UInt32Type>(rows),
        DataType::UInt64 => integer::<UInt64Type>(rows),
        DataType::Utf8 => Box::new(Texts(StringBuilder::with_capacity(rows, rows * 8))),
        DataType::Date32 => parsed::<Date32Type>(rows, move |text| calendar.date(text.as_bytes())),
        DataType::Timestamp(..) => parsed::<TimestampMicrosecondType>(rows, move |text| {
            calendar.timestamp(text.as_bytes())
        }),
        _ => return None,
    })
}
