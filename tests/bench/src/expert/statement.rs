//! The expert's SQL, and what stands for a value in it.

use std::path::Path;

pub(super) const SCHEMA: &str = include_str!("sql/schema.sql");
pub(super) const FIRST_EXTRACT: &str = include_str!("sql/first_extract.sql");
pub(super) const FIRST_EXTRACT_CHECK: &str = include_str!("sql/first_extract_check.sql");
pub(super) const CHANGES: &str = include_str!("sql/changes.sql");
pub(super) const CHANGES_CHECK: &str = include_str!("sql/changes_check.sql");
pub(super) const END_VERSIONS: &str = include_str!("sql/end_versions.sql");
pub(super) const BEGIN_VERSIONS: &str = include_str!("sql/begin_versions.sql");
pub(super) const SEVERAL: &str = include_str!("sql/several.sql");
pub(super) const LOAD: &str = include_str!("sql/load.sql");
pub(super) const CHANGED_SINCE: &str = include_str!("sql/changed_since.sql");
pub(super) const KEEP_MOVED: &str = include_str!("sql/keep_moved.sql");
pub(super) const COMPLETED: &str = include_str!("sql/completed.sql");
pub(super) const DELETE: &str = include_str!("sql/delete.sql");
pub(super) const INSERT: &str = include_str!("sql/insert.sql");

/// Returns `statement` with values in the places named in braces.
pub(super) fn with(statement: &str, values: &[(&str, &str)]) -> String {
    values
        .iter()
        .fold(statement.to_owned(), |statement, (name, value)| {
            statement.replace(&format!("{{{name}}}"), value)
        })
}

/// Returns a text as a literal.
pub(super) fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Returns a time, or a date, as a literal.
pub(super) fn timestamp(time: &str) -> String {
    format!("timestamp {}", text(time))
}

/// Returns a call that reads users extracts.
pub(super) fn users(directory: &Path, file: &str) -> String {
    read_csv(directory, &[file], "'id': 'bigint', 'postcode': 'varchar'")
}

/// Returns a call that reads extracts of views, of which only columns that are named are parsed.
pub(super) fn views(directory: &Path, files: &[&str]) -> String {
    read_csv(
        directory,
        files,
        "'user_id': 'bigint', 'url': 'varchar', 'pageview_datetime': 'timestamp'",
    )
}

fn read_csv(directory: &Path, files: &[&str], columns: &str) -> String {
    let files: Vec<_> = files
        .iter()
        .map(|file| text(&directory.join(file).to_string_lossy()))
        .collect();
    format!(
        "read_csv([{}], columns = {{{columns}}}, header = true, auto_detect = false, delim = ',', \
         quote = '\"', escape = '\"', nullstr = '')",
        files.join(", ")
    )
}
