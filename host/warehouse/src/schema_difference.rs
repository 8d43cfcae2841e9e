//! The columns of a file or table beside the declared ones, for messages.

use std::fmt;

use arrow_schema::{DataType, Field};

use crate::types::type_name;

/// As many columns that agree are shown side by side; more are counted.
const ALIKE: usize = 3;

/// As many columns that differ are shown.
const SHOWN: usize = 20;

/// As much of a name is shown, in characters.
const NAME: usize = 60;

/// How the columns that were found differ from the declared ones.
///
/// As text it has a line for each column: with `-` what is declared and was not found, with `+`
/// what was found and is not declared, and both for a column of another type. Nothing if nothing
/// differs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SchemaDifference {
    columns: Vec<Column>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Column {
    Alike(String),
    Missing(String),
    Extra(String),
    Type { declared: String, found: String },
}

impl SchemaDifference {
    /// Compares declared columns with those that were found: names, in their order, and the types
    /// if the format has any. `fits` says whether values of a found type are of a declared one.
    pub(crate) fn new(
        declared: &[Field],
        found: &[(String, Option<DataType>)],
        fits: impl Fn(&DataType, &DataType) -> bool,
    ) -> Self {
        // Each with its name, to find the place of what is not declared.
        let mut columns: Vec<(&str, Column)> = Vec::new();
        for field in declared {
            let name = field.name().as_str();
            let shown = shown(name, Some(field.data_type()));
            let column = match found.iter().find(|(found, _)| found == name) {
                None => Column::Missing(shown),
                Some((_, Some(data_type))) if !fits(data_type, field.data_type()) => Column::Type {
                    declared: shown,
                    found: self::shown(name, Some(data_type)),
                },
                Some(_) => Column::Alike(shown),
            };
            columns.push((name, column));
        }
        for (index, (name, data_type)) in found.iter().enumerate() {
            let is_first = !found[..index].iter().any(|(earlier, _)| earlier == name);
            if is_first && declared.iter().any(|field| field.name() == name) {
                continue;
            }
            // Behind the column that it follows in the file, and what is declared and missing there.
            let before = index.checked_sub(1).map(|before| found[before].0.as_str());
            let before = before.and_then(|before| columns.iter().rposition(|(n, _)| *n == before));
            let mut place = before.map_or(0, |before| before + 1);
            while matches!(columns.get(place), Some((_, Column::Missing(_)))) {
                place += 1;
            }
            columns.insert(
                place,
                (
                    name.as_str(),
                    Column::Extra(shown(name, data_type.as_ref())),
                ),
            );
        }
        Self {
            columns: columns.into_iter().map(|(_, column)| column).collect(),
        }
    }
}

impl fmt::Display for SchemaDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_alike = |column: &Column| matches!(column, Column::Alike(_));
        if self.columns.iter().all(is_alike) {
            return Ok(());
        }
        let mut differing = 0;
        for group in self.columns.chunk_by(|a, b| is_alike(a) && is_alike(b)) {
            if group.len() > ALIKE {
                write!(f, "\n  … {} columns as declared", group.len())?;
                continue;
            }
            for column in group {
                differing += usize::from(!is_alike(column));
                if differing > SHOWN {
                    return f.write_str("\n  … and more");
                }
                match column {
                    Column::Alike(shown) => write!(f, "\n  {shown}")?,
                    Column::Missing(shown) => write!(f, "\n- {shown}")?,
                    Column::Extra(shown) => write!(f, "\n+ {shown}")?,
                    Column::Type { declared, found } => write!(f, "\n- {declared}\n+ {found}")?,
                }
            }
        }
        Ok(())
    }
}

/// Shows a column in a line, however long its name is and whatever characters are in it.
fn shown(name: &str, data_type: Option<&DataType>) -> String {
    let mut shown: String = name
        .chars()
        .take(NAME)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if name.chars().nth(NAME).is_some() {
        shown.push('…');
    }
    if let Some(data_type) = data_type {
        shown.push(' ');
        shown.push_str(&type_name(data_type));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(names: &[&str]) -> Vec<Field> {
        let field = |name: &&str| Field::new(*name, DataType::Int64, true);
        names.iter().map(field).collect()
    }

    fn difference(declared_names: &[&str], found: &[(&str, Option<DataType>)]) -> String {
        let found: Vec<_> = found
            .iter()
            .map(|(name, data_type)| ((*name).to_owned(), data_type.clone()))
            .collect();
        let fits = |found: &DataType, declared: &DataType| found == declared;
        SchemaDifference::new(&declared(declared_names), &found, fits).to_string()
    }

    #[test]
    fn a_column_is_added_missing_or_of_another_type() {
        assert_eq!(
            difference(&["id", "n"], &[("n", None), ("id", None)]),
            "",
            "the order does not matter"
        );
        assert_eq!(
            difference(&["id", "n"], &[("id", None), ("more", None), ("n", None)]),
            "\n  id int64\n+ more\n  n int64"
        );
        assert_eq!(
            difference(&["id", "n"], &[("id", None), ("m", None)]),
            "\n  id int64\n- n int64\n+ m"
        );
        assert_eq!(
            difference(
                &["id", "n"],
                &[("id", Some(DataType::Int64)), ("n", Some(DataType::Utf8))]
            ),
            "\n  id int64\n- n int64\n+ n utf8"
        );
        assert_eq!(
            difference(&["id"], &[("id", None), ("id", None)]),
            "\n  id int64\n+ id"
        );
    }

    #[test]
    fn only_what_differs_is_shown_of_many_columns() {
        let names = ["a", "b", "c", "d", "e"];
        let mut found: Vec<(&str, Option<DataType>)> =
            names.iter().map(|name| (*name, None)).collect();
        found.push(("x\u{1b}", None));
        assert_eq!(
            difference(&names, &found),
            "\n  … 5 columns as declared\n+ x\u{fffd}"
        );
        let long = "y".repeat(100);
        let found: Vec<(&str, Option<DataType>)> = vec![(long.as_str(), None); 30];
        let text = difference(&[], &found);
        assert_eq!(text.lines().count(), 22);
        assert!(text.ends_with("\n  … and more"), "{text}");
    }
}
