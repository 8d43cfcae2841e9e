//! One source by itself.

use std::{collections::HashMap, ops::Range};

use super::{names::check_identifier, settings::is_plain_path, step::word};
use crate::{
    code::Code,
    column::{Column, ColumnType, ColumnTypeError},
    diagnostic::Diagnostic,
    mistakes::Mistakes,
    path_pattern::PathPattern,
    read::NamedSource,
    source::{ExtraColumns, Format, Location, MissingLineEnd, Source},
    words::{did_you_mean, printable},
    written::{EXTRA_COLUMNS, FORMATS, MISSING_LINE_END},
};

/// What could be read of a source. What is `None` has left a mistake, unless it is optional.
#[derive(Debug)]
pub(super) struct SourceDraft<'t> {
    pub(super) name: &'t str,
    pub(super) name_span: Range<usize>,
    pub(super) path_span: Range<usize>,
    pub(super) header: Range<usize>,
    pub(super) format: Option<Format>,
    pub(super) location: Option<Location>,
    /// The names of the columns, even of those whose type is not known.
    pub(super) column_names: Option<Vec<&'t str>>,
    /// Whether the key is written, even if its column does not exist.
    pub(super) has_watermark: bool,
    columns: Vec<Column>,
    extra_columns: ExtraColumns,
    watermark: Option<String>,
}

impl SourceDraft<'_> {
    pub(super) fn finish(self) -> Option<Source> {
        Some(Source {
            name: self.name.to_owned(),
            format: self.format?,
            location: self.location?,
            columns: self.columns,
            extra_columns: self.extra_columns,
            watermark: self.watermark,
        })
    }
}

pub(super) fn check<'t>(source: &'t NamedSource<'t>, mistakes: &mut Mistakes) -> SourceDraft<'t> {
    let NamedSource {
        name,
        name_span,
        read,
    } = source;
    let place = read.place;
    check_identifier("source", name, name_span.clone(), mistakes);
    let owner = format!("source {}", printable(name));
    read.require(&owner, &["format", "path", "columns"], mistakes);
    let format = format(source, mistakes);
    if let Some(format) = &format {
        refuse_misplaced(source, format, mistakes);
    }
    let location = match format {
        Some(Format::DuckDb) => database(source, mistakes),
        _ => files(source, mistakes),
    };
    let column_names = place
        .inner("columns")
        .map(|columns| columns.table().keys().map(|key| key.get_ref().as_ref()))
        .map(Iterator::collect::<Vec<&str>>)
        .filter(|names| !names.is_empty());
    let columns = columns(source, mistakes);
    let watermark = read.value.watermark.clone();
    if let (Some(watermark), Some(names), Some(Format::DuckDb)) =
        (&watermark, &column_names, &format)
        && !names.contains(&watermark.as_str())
    {
        let message = format!("{owner} has no column {}", printable(watermark));
        let help = did_you_mean(watermark, names.iter().copied(), "columns");
        let span = place.value_span("watermark");
        mistakes.add(Diagnostic::new(Code::UnknownColumn, span, message).with_help(help));
    }
    SourceDraft {
        name,
        name_span: name_span.clone(),
        path_span: place.value_span("path"),
        header: place.span(),
        format,
        location,
        column_names,
        has_watermark: place.has("watermark") || read.is_broken("watermark"),
        columns,
        extra_columns: extra_columns(source, mistakes),
        watermark,
    }
}

fn format(source: &NamedSource<'_>, mistakes: &mut Mistakes) -> Option<Format> {
    let read = &source.read;
    let written = read.value.format.as_deref()?;
    match written {
        "csv" => Some(Format::Csv {
            delimiter: delimiter(source, mistakes),
            null_value: read.value.null_value.clone().unwrap_or_default(),
            missing_line_end: missing_line_end(source, mistakes),
        }),
        "parquet" => Some(Format::Parquet),
        "ndjson" => Some(Format::Ndjson {
            missing_line_end: missing_line_end(source, mistakes),
        }),
        "duckdb" => Some(Format::DuckDb),
        _ => {
            let message = format!("there is no format {}", printable(written));
            let help = did_you_mean(written, FORMATS, "formats");
            let span = read.place.value_span("format");
            mistakes.add(Diagnostic::new(Code::UnknownFormat, span, message).with_help(help));
            None
        }
    }
}

fn delimiter(source: &NamedSource<'_>, mistakes: &mut Mistakes) -> char {
    let read = &source.read;
    let Some(written) = read.value.delimiter.as_deref() else {
        return ',';
    };
    let mut characters = written.chars();
    match (characters.next(), characters.next()) {
        (Some(delimiter), None)
            if delimiter.is_ascii() && !matches!(delimiter, '"' | '\n' | '\r' | '\0') =>
        {
            delimiter
        }
        _ => {
            let message = format!("{} cannot stand between values", printable(written));
            mistakes.add(
                Diagnostic::new(
                    Code::InvalidDelimiter,
                    read.place.value_span("delimiter"),
                    message,
                )
                .with_help(
                    "a delimiter is one ASCII character that is neither `\"` nor a line break",
                ),
            );
            ','
        }
    }
}

fn extra_columns(source: &NamedSource<'_>, mistakes: &mut Mistakes) -> ExtraColumns {
    let (read, key) = (&source.read, "extra_columns");
    let written = read.value.extra_columns.as_deref();
    match word(read, key, written, &EXTRA_COLUMNS, mistakes) {
        Some("ignore") => ExtraColumns::Ignore,
        _ => ExtraColumns::Refuse,
    }
}

fn missing_line_end(source: &NamedSource<'_>, mistakes: &mut Mistakes) -> MissingLineEnd {
    let (read, key) = (&source.read, "missing_line_end");
    let written = read.value.missing_line_end.as_deref();
    match word(read, key, written, &MISSING_LINE_END, mistakes) {
        Some("accept") => MissingLineEnd::Accept,
        _ => MissingLineEnd::Refuse,
    }
}

/// Reports keys of other formats.
fn refuse_misplaced(source: &NamedSource<'_>, format: &Format, mistakes: &mut Mistakes) {
    let of_csv: &[&str] = &["delimiter", "null_value"];
    let of_schemas: &[&str] = &["extra_columns"];
    let of_text: &[&str] = &["missing_line_end"];
    let of_duckdb: &[&str] = &["table", "query", "watermark"];
    let (name, foreign) = match format {
        Format::Csv { .. } => ("csv", vec![(of_duckdb, "`duckdb`")]),
        Format::Parquet => (
            "parquet",
            vec![
                (of_csv, "`csv`"),
                (of_text, "`csv` and `ndjson`"),
                (of_duckdb, "`duckdb`"),
            ],
        ),
        Format::Ndjson { .. } => (
            "ndjson",
            vec![
                (of_csv, "`csv`"),
                (of_schemas, "`csv`, `parquet` and `duckdb`"),
                (of_duckdb, "`duckdb`"),
            ],
        ),
        Format::DuckDb => (
            "duckdb",
            vec![(of_csv, "`csv`"), (of_text, "`csv` and `ndjson`")],
        ),
    };
    let place = source.read.place;
    for (keys, owner) in foreign {
        for key in keys.iter().filter(|key| place.has(key)) {
            let message = format!("`{key}` has no meaning in a `{name}` source");
            mistakes.add(
                Diagnostic::new(Code::MisplacedKey, place.key_span(key), message)
                    .with_help(format!("remove it: only {owner} sources have it")),
            );
        }
    }
}

fn files(source: &NamedSource<'_>, mistakes: &mut Mistakes) -> Option<Location> {
    let path = source.read.value.path.as_deref()?;
    match path.parse::<PathPattern>() {
        Ok(pattern) => Some(Location::Files(pattern)),
        Err(error) => {
            let message = format!("{} is not the path of files", printable(path));
            let span = source.read.place.value_span("path");
            mistakes.add(
                Diagnostic::new(Code::InvalidPath, span, message).with_help(error.to_string()),
            );
            None
        }
    }
}

fn database(source: &NamedSource<'_>, mistakes: &mut Mistakes) -> Option<Location> {
    let read = &source.read;
    let owner = format!("source {}", printable(source.name));
    let path = read.value.path.clone();
    if let Some(path) = &path
        && (!is_plain_path(path) || path.contains(['*', '{', '}']))
    {
        let message = format!("{} is not the path of one file", printable(path));
        mistakes.add(
            Diagnostic::new(Code::InvalidPath, read.place.value_span("path"), message)
                .with_help("a `duckdb` source is one file, without `*` and placeholders"),
        );
    }
    for (key, value) in [("table", &read.value.table), ("query", &read.value.query)] {
        if value.as_ref().is_some_and(|value| value.trim().is_empty()) {
            let message = format!("`{key}` of {owner} is empty");
            let span = read.place.value_span(key);
            mistakes.add(Diagnostic::new(Code::TableOrQuery, span, message));
        }
    }
    match (read.place.has("table"), read.place.has("query")) {
        (true, true) => {
            mistakes.add(
                Diagnostic::new(
                    Code::TableOrQuery,
                    read.place.key_span("query"),
                    format!("{owner} has both `table` and `query`"),
                )
                .with_label(read.place.key_span("table"), "the other is here")
                .with_help("keep one of the two"),
            );
            None
        }
        (false, false) => {
            mistakes.add(
                Diagnostic::new(
                    Code::TableOrQuery,
                    read.place.span(),
                    format!("{owner} has neither `table` nor `query`"),
                )
                .with_help("say what to read from the file, for example `table = \"users\"`"),
            );
            None
        }
        (true, false) => Some(Location::Table {
            path: path?,
            table: read.value.table.clone()?,
        }),
        (false, true) => {
            if read.place.has("extra_columns") {
                mistakes.add(
                    Diagnostic::new(
                        Code::MisplacedKey,
                        read.place.key_span("extra_columns"),
                        "`extra_columns` has no meaning beside `query`",
                    )
                    .with_help(
                        "remove it: what a query has beside the declared columns is never read",
                    ),
                );
            }
            Some(Location::Query {
                path: path?,
                query: read.value.query.clone()?,
            })
        }
    }
}

/// Checks the columns in the order of the file, which is that of the table, not of the map.
fn columns(source: &NamedSource<'_>, mistakes: &mut Mistakes) -> Vec<Column> {
    let read = &source.read;
    let (Some(types), Some(place)) = (&read.value.columns, read.place.inner("columns")) else {
        return Vec::new();
    };
    if place.table().is_empty() {
        let message = format!("source {} has no columns", printable(source.name));
        mistakes.add(
            Diagnostic::new(Code::NoColumns, place.span(), message)
                .with_help("name at least one column and its type"),
        );
    }
    let mut columns = Vec::with_capacity(types.len());
    let mut first: HashMap<String, Range<usize>> = HashMap::new();
    for key in place.table().keys() {
        let name: &str = key.get_ref();
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            let message = format!("{} is not the name of a column", printable(name));
            mistakes.add(
                Diagnostic::new(Code::InvalidName, key.span(), message)
                    .with_help("a column has a name, without control characters"),
            );
        }
        if let Some(earlier) = first.get(&name.to_lowercase()) {
            let message = format!("column {} is declared twice", printable(name));
            mistakes.add(
                Diagnostic::new(Code::DuplicateColumn, key.span(), message)
                    .with_label(earlier.clone(), "the first is here")
                    .with_help("names of columns are not told apart by case"),
            );
        } else {
            first.insert(name.to_lowercase(), key.span());
        }
        // A type that is not a string was reported when it was read.
        let Some(written) = types.get(name) else {
            continue;
        };
        match written.parse::<ColumnType>() {
            Ok(data_type) => columns.push(Column {
                name: name.to_owned(),
                data_type,
            }),
            Err(error) => {
                let help = match error {
                    ColumnTypeError::Unknown => did_you_mean(written, ColumnType::names(), "types"),
                    ColumnTypeError::Decimal => error.to_string(),
                };
                let message = format!(
                    "column {} has the unknown type {}",
                    printable(name),
                    printable(written)
                );
                let span = place.value_span(name);
                mistakes
                    .add(Diagnostic::new(Code::UnknownColumnType, span, message).with_help(help));
            }
        }
    }
    columns
}
