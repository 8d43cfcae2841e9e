//! Lines of JSON, taken apart without changing their values.
//!
//! DuckDB's functions for JSON take a number with a point for a double, and `true` for 1: the value
//! is another one before any cast could be looked at. So a line is taken apart here, and a member
//! goes to DuckDB's casts as the text that stands in the file, as a field of CSV does. The same
//! texts are told as lossy as there.

use std::{borrow::Cow, fmt};

use arrow_schema::{DataType, Field};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::{csv_record::BYTE_ORDER_MARK, lossy::Kind};

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// The column at fault, if it is one, as an index into those that are read.
    pub(crate) column: Option<usize>,
    pub(crate) reason: &'static str,
    /// Whether the line could be read, but not without changing a value.
    pub(crate) is_lossy: bool,
}

impl Flaw {
    fn of_line(reason: &'static str) -> Self {
        Self {
            column: None,
            reason,
            is_lossy: false,
        }
    }

    fn of_value(column: usize, reason: &'static str) -> Self {
        Self {
            column: Some(column),
            reason,
            is_lossy: false,
        }
    }

    /// The value cannot be cast.
    pub(crate) fn wrong_type(column: usize) -> Self {
        Self::of_value(column, "the value does not have the declared type")
    }

    fn lossy(column: usize, reason: &'static str) -> Self {
        Self {
            is_lossy: true,
            ..Self::of_value(column, reason)
        }
    }
}

/// The members that are read of each line.
#[derive(Debug)]
pub(crate) struct Members {
    wanted: Vec<Wanted>,
}

#[derive(Debug)]
struct Wanted {
    name: String,
    data_type: DataType,
    kind: Option<Kind>,
}

impl Members {
    /// Takes these columns of each line. Names are compared exactly.
    pub(crate) fn new(columns: &[Field]) -> Self {
        let wanted = |column: &Field| Wanted {
            name: column.name().clone(),
            data_type: column.data_type().clone(),
            kind: Kind::of(column.data_type()),
        };
        Self {
            wanted: columns.iter().map(wanted).collect(),
        }
    }

    /// Returns the text of each column in a line: a number or a nested value as it is written, a
    /// string without its quotes and escapes, none for null and for what is missing.
    ///
    /// # Errors
    ///
    /// What is wrong with the line, other than that a text cannot be cast.
    pub(crate) fn texts<'a>(&self, line: &'a [u8]) -> Result<Vec<Option<Cow<'a, str>>>, Flaw> {
        if line.starts_with(BYTE_ORDER_MARK) {
            return Err(Flaw::of_line(
                "it begins with a byte order mark, which JSON does not allow",
            ));
        }
        let line = std::str::from_utf8(line).map_err(|_| Flaw::of_line("it is not UTF-8"))?;
        let mut parser = serde_json::Deserializer::from_str(line);
        let found = parser.deserialize_map(Object(self));
        let Ok(found) = found.and_then(|found| parser.end().map(|()| found)) else {
            let is_json = serde_json::from_str::<IgnoredAny>(line).is_ok();
            return Err(Flaw::of_line(if is_json {
                "it is not a JSON object"
            } else {
                "it is not valid JSON"
            }));
        };
        if let Some(column) = found.twice {
            return Err(Flaw::of_value(column, "the member is there more than once"));
        }
        let texts = found.values.into_iter().zip(&self.wanted).enumerate();
        texts
            .map(|(column, (value, wanted))| match value {
                None => Ok(None),
                Some(value) => wanted.text(column, value.get()),
            })
            .collect()
    }
}

impl Wanted {
    fn text<'a>(&self, column: usize, json: &'a str) -> Result<Option<Cow<'a, str>>, Flaw> {
        let text = match json.as_bytes() {
            [b'n', ..] => return Ok(None),
            [b'"', string @ .., b'"'] if !string.contains(&b'\\') => {
                Cow::Borrowed(&json[1..json.len() - 1])
            }
            [b'"', ..] => {
                let string = serde_json::from_str::<String>(json);
                Cow::Owned(string.map_err(|_| {
                    Flaw::of_value(column, "the value has an escape that is no character")
                })?)
            }
            [b'{' | b'[', ..] if self.data_type != DataType::Utf8 => {
                return Err(Flaw::wrong_type(column));
            }
            [b'-' | b'0'..=b'9', ..] if self.is_beyond(json) => {
                return Err(Flaw::lossy(
                    column,
                    "the value is too large for the declared type",
                ));
            }
            _ => Cow::Borrowed(json),
        };
        match self.kind.and_then(|kind| kind.loses(text.as_bytes())) {
            Some(reason) => Err(Flaw::lossy(column, reason)),
            None => Ok(Some(text)),
        }
    }

    /// Says whether a number would become an infinite one.
    fn is_beyond(&self, number: &str) -> bool {
        match self.data_type {
            DataType::Float64 => number.parse().is_ok_and(f64::is_infinite),
            DataType::Float32 => number.parse().is_ok_and(f32::is_infinite),
            _ => false,
        }
    }
}

/// What was found in an object.
struct Found<'a> {
    values: Vec<Option<&'a RawValue>>,
    /// A column that is there more than once.
    twice: Option<usize>,
}

/// Takes the wanted members out of an object.
struct Object<'m>(&'m Members);

impl<'de> Visitor<'de> for Object<'_> {
    type Value = Found<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found<'de>, A::Error> {
        let mut found = Found {
            values: vec![None; self.0.wanted.len()],
            twice: None,
        };
        while let Some(column) = map.next_key_seed(Name(self.0))? {
            let Some(column) = column else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let value = map.next_value::<&'de RawValue>()?;
            if found.values[column].replace(value).is_some() {
                found.twice = found.twice.or(Some(column));
            }
        }
        Ok(found)
    }
}

/// Finds the column of a name.
struct Name<'m>(&'m Members);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<Option<usize>, D::Error> {
        name.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.0.wanted.iter().position(|wanted| wanted.name == name))
    }
}

#[cfg(test)]
mod tests {
    use arrow_schema::TimeUnit;

    use super::*;

    fn members() -> Members {
        let field = |name: &str, data_type| Field::new(name, data_type, true);
        Members::new(&[
            field("id", DataType::Int64),
            field("name", DataType::Utf8),
            field("at", DataType::Timestamp(TimeUnit::Microsecond, None)),
            field("share", DataType::Float64),
            field("price", DataType::Decimal128(18, 2)),
        ])
    }

    fn texts(line: &str) -> Result<Vec<Option<String>>, Flaw> {
        let texts = members().texts(line.as_bytes())?;
        Ok(texts.into_iter().map(|t| t.map(Cow::into_owned)).collect())
    }

    #[test]
    fn values_are_the_texts_of_the_file() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            texts(
                " {\"share\": 0.10, \"more\": [{\"id\": 9}], \"id\": 9007199254740993.0,\"name\":\"a\\n\\u00e9\"}\r\n"
            ),
            Ok(vec![
                some("9007199254740993.0"),
                some("a\n\u{e9}"),
                None,
                some("0.10"),
                None
            ])
        );
        assert_eq!(
            texts("{\"id\":\" 7\",\"name\":{\"a\" : 1.50},\"at\":null,\"n\\u0061me2\":1}"),
            Ok(vec![some(" 7"), some("{\"a\" : 1.50}"), None, None, None])
        );
        // A name may be written with escapes.
        assert_eq!(texts("{\"n\\u0061me\":true}").unwrap()[1], some("true"));
        // What no cast takes is found by the cast.
        assert_eq!(texts("{\"id\":true}").unwrap()[0], some("true"));
    }

    #[test]
    fn what_is_no_object_is_told() {
        let deep = "[".repeat(100_000);
        for (line, reason) in [
            ("{\"id\":1", "it is not valid JSON"),
            ("{\"id\":1}{\"id\":2}", "it is not valid JSON"),
            ("{\"id\":1,}", "it is not valid JSON"),
            ("{\"id\":NaN}", "it is not valid JSON"),
            ("{\"id\":01}", "it is not valid JSON"),
            ("{\"name\":\"\t\"}", "it is not valid JSON"),
            ("[1,", "it is not valid JSON"),
            (deep.as_str(), "it is not valid JSON"),
            ("[1,2]", "it is not a JSON object"),
            ("1", "it is not a JSON object"),
            ("null", "it is not a JSON object"),
            (
                "\u{feff}{}",
                "it begins with a byte order mark, which JSON does not allow",
            ),
        ] {
            assert_eq!(texts(line), Err(Flaw::of_line(reason)), "{line:.20}");
        }
        assert_eq!(
            members().texts(b"{\"more\":\"\xff\"}"),
            Err(Flaw::of_line("it is not UTF-8"))
        );
    }

    #[test]
    fn values_that_reading_would_change_are_told() {
        for (line, column, reason) in [
            ("{\"id\":1.5}", 0, "the value is not a whole number"),
            ("{\"id\":\"1.5\"}", 0, "the value is not a whole number"),
            (
                "{\"at\":\"2019-10-11 14:55:23.1234567\"}",
                2,
                "the value is finer than a microsecond",
            ),
            (
                "{\"at\":\"2019-10-11T14:55:23Z\"}",
                2,
                "the value has a time zone, but the declared type has none",
            ),
            (
                "{\"share\":-1e400}",
                3,
                "the value is too large for the declared type",
            ),
            (
                "{\"price\":1.005}",
                4,
                "the value has more decimals than the declared type",
            ),
        ] {
            assert_eq!(texts(line), Err(Flaw::lossy(column, reason)), "{line}");
        }
        for (line, column, reason) in [
            (
                "{\"id\":1,\"id\":1}",
                0,
                "the member is there more than once",
            ),
            (
                "{\"name\":\"\\ud800\"}",
                1,
                "the value has an escape that is no character",
            ),
            (
                "{\"id\":[1]}",
                0,
                "the value does not have the declared type",
            ),
        ] {
            assert_eq!(texts(line), Err(Flaw::of_value(column, reason)), "{line}");
        }
    }
}
