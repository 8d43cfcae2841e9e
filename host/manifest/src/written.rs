//! The manifest as written: plain structs that mirror the file, key by key.
//!
//! Every key is optional and most values are texts here, so that one mistake does not hide the
//! next: what is required, and what the texts mean, is settled in [`crate::check`]. The comments
//! are the descriptions in the JSON schema, and the `extend` attributes repeat there what the
//! checks demand.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// The version of the manifest that this build reads.
pub(crate) const MANIFEST_VERSION: i64 = 1;

/// The kinds of step, as written.
pub(crate) const KINDS: [&str; 4] = ["transform", "snapshot", "incremental", "change-detection"];

/// The formats of a source, as written.
pub(crate) const FORMATS: [&str; 4] = ["csv", "parquet", "ndjson", "duckdb"];

/// What becomes of keys that an extract no longer has, as written.
pub(crate) const DELETED: [&str; 3] = ["ignore", "close", "record"];

/// What becomes of extracts older than the newest, as written.
pub(crate) const LATE_EXTRACTS: [&str; 2] = ["refuse", "insert"];

/// What becomes of text whose last line has no end, as written.
pub(crate) const MISSING_LINE_END: [&str; 2] = ["refuse", "accept"];

/// What becomes of columns of a file that are not declared, as written.
pub(crate) const EXTRA_COLUMNS: [&str; 2] = ["refuse", "ignore"];

/// How changes reach the rows that were loaded before, as written.
pub(crate) const UPDATE_MODES: [&str; 3] = ["auto", "merge-on-read", "copy-on-write"];

/// What a plugin that imports WASI may be allowed, as written.
pub(crate) const ALLOWED: [&str; 2] = ["clock", "random"];

/// A Wigeon pipeline: where rows come from, and the steps that turn them into tables.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(title = "Wigeon pipeline manifest", deny_unknown_fields)]
pub(crate) struct Pipeline {
    /// The version of this format.
    ///
    /// Example: `manifest_version = 1`
    #[schemars(required, extend("const" = MANIFEST_VERSION))]
    #[expect(dead_code, reason = "looked at before anything else is read")]
    pub(crate) manifest_version: Option<i64>,

    /// What the pipeline is called: lower-case letters, digits and `_`, a letter first.
    ///
    /// Example: `name = "pageviews_postcode"`
    #[schemars(required)]
    pub(crate) name: Option<String>,

    /// The time zone of schedules and of the dates in file names, from the IANA database.
    /// Default: `UTC`.
    ///
    /// Example: `time_zone = "Europe/London"`
    pub(crate) time_zone: Option<String>,

    /// The DuckDB file that the tables are in.
    ///
    /// Example: `[warehouse]`
    pub(crate) warehouse: Option<Warehouse>,

    /// Where rows come from, by name.
    ///
    /// Example: `[source.users_extract]`
    #[expect(
        dead_code,
        reason = "read entry by entry, so that one mistake does not hide others"
    )]
    pub(crate) source: Option<BTreeMap<String, Source>>,

    /// What is made of the rows.
    ///
    /// Example: `[[step]]`
    #[schemars(required, extend("minItems" = 1))]
    #[expect(
        dead_code,
        reason = "read entry by entry, so that one mistake does not hide others"
    )]
    pub(crate) step: Option<Vec<Step>>,
}

/// The DuckDB file that the tables are in, and what it may use.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Warehouse {
    /// The file; a relative path starts at the manifest. Default: the name of the pipeline with
    /// `.duckdb` behind it.
    ///
    /// Example: `path = "warehouse/pageviews.duckdb"`
    pub(crate) path: Option<String>,

    /// Memory that DuckDB may use, in MiB. Default: 1024.
    ///
    /// Example: `memory_limit_mib = 4096`
    #[schemars(range(min = 64, max = 67_108_864))]
    pub(crate) memory_limit_mib: Option<i64>,

    /// Threads that DuckDB may use. Default: one for each core.
    ///
    /// Example: `threads = 2`
    #[schemars(range(min = 1, max = 1024))]
    pub(crate) threads: Option<i64>,

    /// In which directory DuckDB puts what does not fit into its memory; a relative path starts at
    /// the manifest. Pipelines may share it. Default: beside the file.
    ///
    /// Example: `temp_directory = "tmp"`
    pub(crate) temp_directory: Option<String>,
}

/// Where rows come from: files, or a table of another DuckDB file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Source {
    /// What the files are.
    ///
    /// Example: `format = "csv"`
    #[schemars(required, extend("enum" = FORMATS))]
    pub(crate) format: Option<String>,

    /// The files; a relative path starts at the manifest. `*` stands for any characters within one
    /// directory, `{date}` for the date of the file as `2019-10-11`, `{date:%Y%m%d}` for a date in
    /// that format, `{hour}` for its hour from `00` to `23`. For `duckdb`, the one file.
    ///
    /// Example: `path = "extracts/users_extract_{date}.csv"`
    #[schemars(required)]
    pub(crate) path: Option<String>,

    /// Only for `csv`: the character between values. Default: `,`.
    ///
    /// Example: `delimiter = ";"`
    pub(crate) delimiter: Option<String>,

    /// Only for `csv`: the text that stands for no value. Default: the empty text.
    ///
    /// Example: `null_value = "NULL"`
    pub(crate) null_value: Option<String>,

    /// Only for `csv`, `parquet` and the `table` of `duckdb`: what becomes of columns that are not
    /// declared: the file or table is refused, or they are not read. Default: `refuse`.
    ///
    /// Example: `extra_columns = "ignore"`
    #[schemars(extend("enum" = EXTRA_COLUMNS))]
    pub(crate) extra_columns: Option<String>,

    /// Only for `csv` and `ndjson`: what becomes of a file whose last line does not end in a line
    /// feed, as if it had been cut off. Default: `refuse`.
    ///
    /// Example: `missing_line_end = "accept"`
    #[schemars(extend("enum" = MISSING_LINE_END))]
    pub(crate) missing_line_end: Option<String>,

    /// Only for `duckdb`: the table to read. Either this or `query`.
    ///
    /// Example: `table = "users"`
    pub(crate) table: Option<String>,

    /// Only for `duckdb`: the query to read. Either this or `table`.
    ///
    /// Example: `query = "select id, name from users"`
    pub(crate) query: Option<String>,

    /// Only for `duckdb`: the column that grows with every new row. Required if an incremental
    /// step or a stored transform reads the source.
    ///
    /// Example: `watermark = "updated_at"`
    pub(crate) watermark: Option<String>,

    /// The columns and their types: `boolean`, `int8` to `int64`, `uint8` to `uint64`, `float32`,
    /// `float64`, `utf8`, `binary`, `date32`, `timestamp`, `timestamp_tz` or
    /// `decimal128(precision, scale)`.
    ///
    /// Example: `columns = { id = "int64", postcode = "utf8" }`
    #[schemars(required, extend("minProperties" = 1))]
    pub(crate) columns: Option<BTreeMap<String, String>>,
}

/// A plugin, what it reads, and what becomes of what it emits.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Step {
    /// What the step and its table are called: lower-case letters, digits and `_`, a letter first.
    ///
    /// Example: `name = "current_postcode"`
    #[schemars(required)]
    pub(crate) name: Option<String>,

    /// What becomes of the rows: handed on, kept as a history, appended, or applied to a table.
    ///
    /// Example: `kind = "snapshot"`
    #[schemars(required, extend("enum" = KINDS))]
    pub(crate) kind: Option<String>,

    /// The plugin: `builtin:NAME`, `file:PATH`, which starts at the manifest if it is relative, or
    /// `oci:REGISTRY/NAME:VERSION`.
    ///
    /// Example: `plugin = "builtin:scd2"`
    #[schemars(required)]
    pub(crate) plugin: Option<String>,

    /// A source or a transform step; for change detection, a snapshot step.
    ///
    /// Example: `input = "users_extract"`
    #[schemars(required)]
    pub(crate) input: Option<String>,

    /// The columns of the input that are used. Default: all.
    ///
    /// Example: `columns = ["id", "postcode"]`
    #[schemars(extend("minItems" = 1))]
    pub(crate) columns: Option<Vec<String>>,

    /// Only for snapshot and incremental steps, which require it: the columns that identify a row;
    /// for an incremental step those to look up, in the order of the key of the lookup.
    ///
    /// Example: `key = ["id"]`
    #[schemars(extend("minItems" = 1))]
    pub(crate) key: Option<Vec<String>>,

    /// When the step is due: minute, hour, day of the month, month and day of the week, in the
    /// time zone of the pipeline. Default: only when it is run by hand.
    ///
    /// Example: `schedule = "30 2 * * *"`
    pub(crate) schedule: Option<String>,

    /// Rows of the source that may be malformed; they are kept in quarantine. Default: 0.
    ///
    /// Example: `max_rejected_rows = 100`
    #[schemars(range(min = 0))]
    pub(crate) max_rejected_rows: Option<i64>,

    /// Only for transform steps: whether their rows are appended to a table. Default: `false`.
    ///
    /// Example: `store = true`
    pub(crate) store: Option<bool>,

    /// Only for snapshot steps: what becomes of keys that an extract no longer has: nothing, their
    /// version is closed, or a deleted version is opened. Default: `close`.
    ///
    /// Example: `deleted = "record"`
    #[schemars(extend("enum" = DELETED))]
    pub(crate) deleted: Option<String>,

    /// Only for snapshot steps: whether an extract older than the newest is refused or inserted
    /// between its neighbours. Default: `refuse`.
    ///
    /// Example: `late_extracts = "insert"`
    #[schemars(extend("enum" = LATE_EXTRACTS))]
    pub(crate) late_extracts: Option<String>,

    /// Only for snapshot steps: when an extract is refused as implausible.
    ///
    /// Example: `[step.guard]`
    pub(crate) guard: Option<Guard>,

    /// Only for incremental steps, which require it: the snapshot step to look up.
    ///
    /// Example: `lookup = "current_postcode"`
    pub(crate) lookup: Option<String>,

    /// Only for change detection, which requires it: the incremental step whose rows are updated.
    ///
    /// Example: `target = "pageviews_postcode"`
    pub(crate) target: Option<String>,

    /// Only for change detection: whether the changes are written into the rows of the target, or
    /// kept beside them and applied whenever the table is read. Default: `auto`, whichever costs
    /// less.
    ///
    /// Example: `update_mode = "merge-on-read"`
    #[schemars(extend("enum" = UPDATE_MODES))]
    pub(crate) update_mode: Option<String>,

    /// What the plugin may use.
    ///
    /// Example: `[step.limits]`
    pub(crate) limits: Option<Limits>,

    /// What a plugin that imports WASI is given of it: `clock`, the logical time of the run instead
    /// of 1970, and `random`, numbers that differ from run to run. Default: neither.
    ///
    /// Example: `allow = ["clock"]`
    #[schemars(extend("items" = { "type": "string", "enum": ALLOWED }))]
    pub(crate) allow: Option<Vec<String>>,

    /// Handed to the plugin, which says what it understands.
    ///
    /// Example: `options = { event_time = "pageview_datetime" }`
    #[expect(
        dead_code,
        reason = "converted without serde, to report what JSON lacks"
    )]
    pub(crate) options: Option<serde_json::Map<String, serde_json::Value>>,
}

/// When the extract of a snapshot is refused as implausible.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Guard {
    /// Fewest rows of an extract. Default: 1.
    ///
    /// Example: `min_rows = 1000000`
    #[schemars(range(min = 0))]
    pub(crate) min_rows: Option<i64>,

    /// Largest share of the open versions that one extract may close. Default: 0.2.
    ///
    /// Example: `max_closed_share = 0.01`
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(crate) max_closed_share: Option<f64>,

    /// Largest share of the open versions that one extract may change. Default: 0.5.
    ///
    /// Example: `max_changed_share = 0.1`
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(crate) max_changed_share: Option<f64>,
}

/// What the plugin of a step may use.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Limits {
    /// Memory of one instance of the plugin, in MiB. Default: 1024.
    ///
    /// Example: `memory_mib = 2048`
    #[schemars(range(min = 1, max = 4096))]
    pub(crate) memory_mib: Option<i64>,

    /// Seconds that one call of the plugin may take. Default: 60.
    ///
    /// Example: `call_timeout_secs = 300`
    #[schemars(range(min = 1, max = 604_800))]
    pub(crate) call_timeout_secs: Option<i64>,

    /// Rows that one call of the plugin may emit. Default: 100000000.
    ///
    /// Example: `output_rows = 1000000`
    #[schemars(range(min = 1))]
    pub(crate) output_rows: Option<i64>,

    /// Memory of the host that the rows of one call may take, in MiB. Default: 4096.
    ///
    /// Example: `output_mib = 512`
    #[schemars(range(min = 1, max = 1_048_576))]
    pub(crate) output_mib: Option<i64>,

    /// Lines that are shown of what the plugin logs in one call. Default: 100.
    ///
    /// Example: `log_lines = 1000`
    #[schemars(range(min = 0, max = 1_000_000))]
    pub(crate) log_lines: Option<i64>,

    /// Instances of the plugin at work at the same time, each on a thread and with keys of its own.
    /// Default: half of DuckDB's threads, at least 1.
    ///
    /// Example: `lanes = 4`
    #[schemars(range(min = 1, max = 128))]
    pub(crate) lanes: Option<i64>,
}
