//! The options of a step, from TOML to the JSON that plugins get.

use serde_json::{Map, Value};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{code::Code, diagnostic::Diagnostic, mistakes::Mistakes, words::printable};

/// Converts a table, keys in the order of the file, dates and times as their text.
///
/// JSON has no `nan`, no `inf` and, in common implementations, no integer above 64 bits; these are
/// reported and left out.
pub(crate) fn to_json(table: &DeTable<'_>, mistakes: &mut Mistakes) -> Map<String, Value> {
    let mut object = Map::new();
    for (key, value) in table {
        if let Some(json) = value_to_json(key.get_ref(), value, mistakes) {
            object.insert(key.get_ref().clone().into_owned(), json);
        }
    }
    object
}

fn value_to_json(
    key: &str,
    value: &Spanned<DeValue<'_>>,
    mistakes: &mut Mistakes,
) -> Option<Value> {
    match value.get_ref() {
        DeValue::String(text) => Some(Value::String(text.clone().into_owned())),
        DeValue::Integer(integer) => {
            let (digits, radix) = (integer.as_str(), integer.radix());
            if let Ok(number) = i64::from_str_radix(digits, radix) {
                return Some(number.into());
            }
            if let Ok(number) = u64::from_str_radix(digits, radix) {
                return Some(number.into());
            }
            let message = format!("option {} does not fit into 64 bits", printable(key));
            mistakes.add(
                Diagnostic::new(Code::InvalidOptions, value.span(), message)
                    .with_help("write it as a string"),
            );
            None
        }
        DeValue::Float(float) => {
            let number = float.as_str().parse().ok().and_then(|number| {
                // `from_f64` answers `None` for what JSON lacks.
                serde_json::Number::from_f64(number)
            });
            if number.is_none() {
                let message = format!(
                    "option {} is {}, which plugins cannot be given",
                    printable(key),
                    printable(float.as_str())
                );
                mistakes.add(
                    Diagnostic::new(Code::InvalidOptions, value.span(), message).with_help(
                        "options are handed over as JSON, which has finite numbers only",
                    ),
                );
            }
            number.map(Value::Number)
        }
        DeValue::Boolean(boolean) => Some(Value::Bool(*boolean)),
        DeValue::Datetime(datetime) => Some(Value::String(datetime.to_string())),
        DeValue::Array(items) => Some(Value::Array(
            items
                .iter()
                .filter_map(|item| value_to_json(key, item, mistakes))
                .collect(),
        )),
        DeValue::Table(table) => Some(Value::Object(to_json(table, mistakes))),
    }
}
