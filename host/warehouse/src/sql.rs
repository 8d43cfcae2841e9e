//! Pieces of SQL text: quoted names, literals, lists.

use arrow_schema::Field;
use chrono::{DateTime, NaiveDateTime, Utc};

/// The name under which the warehouse file is attached.
pub(crate) const CATALOG: &str = "warehouse";

/// Quotes an identifier.
pub(crate) fn name(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// Quotes a string literal.
pub(crate) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// Returns the full name of a user's table in the warehouse.
pub(crate) fn table(identifier: &str) -> String {
    format!("{CATALOG}.main.{}", name(identifier))
}

/// Returns the full name of one of our internal tables.
pub(crate) fn internal(identifier: &str) -> String {
    format!("{CATALOG}.wigeon.{}", name(identifier))
}

/// Returns a literal of a time without zone, to the microsecond.
pub(crate) fn timestamp(time: NaiveDateTime) -> String {
    format!("make_timestamp({})", time.and_utc().timestamp_micros())
}

/// Returns a literal of a point in time, to the microsecond.
pub(crate) fn timestamp_tz(time: DateTime<Utc>) -> String {
    format!("'{}'::TIMESTAMPTZ", time.format("%Y-%m-%d %H:%M:%S%.6f+00"))
}

/// Quotes names and separates them by commas.
pub(crate) fn names<'a>(identifiers: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<_> = identifiers.into_iter().map(name).collect();
    quoted.join(", ")
}

/// Returns the rows of `relation`, a few, as the side of a join that the scan of the other side is to
/// ask about its rows.
///
/// DuckDB makes a Bloom filter of the keys of a side that passed a filter, if the join compares one
/// column for equality. So here is a filter, which lets all pass. With a key of several columns it
/// would make none, and the rows are joined as they are.
pub(crate) fn asked_in_scan(relation: &str, key: &[&str]) -> String {
    match key {
        [key] => format!("(SELECT * FROM {relation} WHERE hash({}) >= 0)", name(key)),
        _ => relation.to_owned(),
    }
}

/// Quotes names behind the alias of their table and separates them by commas.
pub(crate) fn columns(alias: &str, fields: &[Field]) -> String {
    let quoted: Vec<_> = fields
        .iter()
        .map(|field| format!("{alias}.{}", name(field.name())))
        .collect();
    quoted.join(", ")
}

/// Compares the columns of two aliases, all of them and with `operator`.
pub(crate) fn compare(left: &str, right: &str, operator: &str, fields: &[Field]) -> String {
    let terms: Vec<_> = fields
        .iter()
        .map(|field| {
            let column = name(field.name());
            format!("{left}.{column} {operator} {right}.{column}")
        })
        .collect();
    if terms.is_empty() {
        "true".to_owned()
    } else {
        terms.join(" AND ")
    }
}

/// Returns an expression that shows a key as text.
pub(crate) fn key_text(alias: &str, key: &[Field]) -> String {
    let parts: Vec<_> = key
        .iter()
        .map(|field| format!("coalesce({alias}.{}::VARCHAR, 'null')", name(field.name())))
        .collect();
    format!("concat_ws(', ', {})", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_one_column_is_filtered_and_others_are_not() {
        let filtered = asked_in_scan("t", &["a\"b"]);
        assert_eq!(filtered, "(SELECT * FROM t WHERE hash(\"a\"\"b\") >= 0)");
        assert_eq!(asked_in_scan("t", &["a", "b"]), "t");
    }
}
