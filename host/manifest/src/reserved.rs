//! Names that columns of stored tables cannot have.
//!
//! DuckDB does not tell names apart by case. A user's column `rowid` would hide the numbers of a
//! table's rows, by which versions are read in parts and rows updated: there is no other way to
//! name these.

/// What the columns of Wigeon's own begin with, those that it adds for the length of a load.
const OWN_PREFIX: &str = "wigeon_";

/// The columns of histories, of what changes in them, and of what change detection makes of them.
const OF_HISTORY: [&str; 5] = [
    "valid_from",
    "valid_to",
    "is_deleted",
    "changed_from",
    "change",
];

/// Says why a stored table cannot have a column of this name, in words that follow "which"; none
/// if it can.
///
/// More names are reserved in tables that come from a snapshot step.
///
/// ```
/// use wigeon_manifest::reserved_column;
///
/// assert_eq!(reserved_column("RowId", false), Some("is what DuckDB calls the numbers of rows"));
/// assert_eq!(reserved_column("valid_from", false), None);
/// assert!(reserved_column("valid_from", true).is_some());
/// ```
pub fn reserved_column(name: &str, of_snapshot: bool) -> Option<&'static str> {
    let name = name.to_lowercase();
    if name == "rowid" {
        Some("is what DuckDB calls the numbers of rows")
    } else if name.starts_with(OWN_PREFIX) {
        Some("begins as Wigeon's own do")
    } else if of_snapshot && OF_HISTORY.contains(&name.as_str()) {
        Some("is the name of one that its tables get")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_reserved_in_any_case() {
        for name in ["rowid", "ROWID", "wigeon_from", "Wigeon_RowId"] {
            assert!(reserved_column(name, false).is_some(), "{name}");
            assert!(reserved_column(name, true).is_some(), "{name}");
        }
        for name in OF_HISTORY {
            assert!(reserved_column(&name.to_uppercase(), true).is_some());
            assert_eq!(reserved_column(name, false), None);
        }
        for name in ["row_id", "rowids", "wigeon", "id", ""] {
            assert_eq!(reserved_column(name, true), None, "{name}");
        }
    }
}
