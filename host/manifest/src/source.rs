//! Where rows come from.

use crate::{column::Column, path_pattern::PathPattern};

/// Files or a database that rows come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Unique among the sources and steps of the pipeline.
    pub name: String,

    /// What it is made of.
    pub format: Format,

    /// Where it is. [`Location::Files`] unless the format is [`Format::DuckDb`].
    pub location: Location,

    /// At least one, in the order of the manifest.
    pub columns: Vec<Column>,

    /// What becomes of columns that are not declared. Default: the file or table is refused. It
    /// means nothing for [`Format::Ndjson`] and [`Location::Query`].
    pub extra_columns: ExtraColumns,

    /// The column that grows with every new row; one of `columns`. Only for [`Format::DuckDb`], and
    /// there if an incremental step or a stored transform reads the source.
    pub watermark: Option<String>,
}

impl Source {
    /// Returns the column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// What a source is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// Text with one row per line and a header.
    Csv {
        /// One ASCII character. Default: `,`.
        delimiter: char,
        /// The text that stands for no value. Default: the empty text.
        null_value: String,
        /// What becomes of a last line without its end. Default: the file is refused.
        missing_line_end: MissingLineEnd,
    },

    /// Parquet files.
    Parquet,

    /// Text with one JSON object per line.
    Ndjson {
        /// What becomes of a last line without its end. Default: the file is refused.
        missing_line_end: MissingLineEnd,
    },

    /// Another DuckDB file.
    DuckDb,
}

/// What becomes of columns of a file or table that are not declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExtraColumns {
    /// It is refused.
    #[default]
    Refuse,

    /// They are not read.
    Ignore,
}

/// What becomes of a file whose last line does not end in a line feed, as if it had been cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingLineEnd {
    /// The file is refused.
    #[default]
    Refuse,

    /// The line is taken as it is.
    Accept,
}

/// Where the rows of a source are. Relative paths start at the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// All files of a pattern.
    Files(PathPattern),

    /// A table of a DuckDB file.
    Table {
        /// The file.
        path: String,
        /// Its table or view, in the schema `main`.
        table: String,
    },

    /// The rows of a query on a DuckDB file.
    Query {
        /// The file.
        path: String,
        /// What is asked of it.
        query: String,
    },
}
