//! The closed list of what can be wrong with a manifest.

use std::fmt;

/// Declares [`Code`] once, so that the enum, the list and the printed names cannot disagree.
macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $text:literal,)+) => {
        /// What kind of mistake a [`Diagnostic`](crate::Diagnostic) reports.
        ///
        /// The printed names (`unknown-key`) are stable: they may be searched for and documented.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Code {
            /// Every code, in the order of the enum.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Returns the printed name, in kebab case.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

codes! {
    /// The text is not TOML.
    Syntax = "syntax",
    /// `manifest_version` is missing or names a version that this build does not read.
    ManifestVersion = "manifest-version",
    /// A required key is not there.
    MissingKey = "missing-key",
    /// A key that no manifest has.
    UnknownKey = "unknown-key",
    /// A key of another step kind or source format.
    MisplacedKey = "misplaced-key",
    /// A value of the wrong TOML type.
    WrongType = "wrong-type",
    /// A number beyond its bounds.
    OutOfRange = "out-of-range",
    /// A word that is not among those a key allows.
    UnknownValue = "unknown-value",
    /// A name that is not an identifier, or is reserved.
    InvalidName = "invalid-name",
    /// Two sources or steps of one name, or a name that Wigeon gives to a table of another step.
    DuplicateName = "duplicate-name",
    /// `time_zone` is not in the IANA database.
    UnknownTimeZone = "unknown-time-zone",
    /// A source of a format that Wigeon does not read.
    UnknownFormat = "unknown-format",
    /// A column of a type that Wigeon does not have.
    UnknownColumnType = "unknown-column-type",
    /// A list of columns without a column.
    NoColumns = "no-columns",
    /// A column named twice.
    DuplicateColumn = "duplicate-column",
    /// A column that the input does not have.
    UnknownColumn = "unknown-column",
    /// A key column that the step's own `columns` leave out.
    UnusedKeyColumn = "unused-key-column",
    /// A column of a stored table with the name of one that Wigeon or DuckDB adds.
    ReservedColumn = "reserved-column",
    /// A path that cannot be read as a file name or pattern.
    InvalidPath = "invalid-path",
    /// A snapshot of files whose names do not tell their date.
    MissingDate = "missing-date",
    /// A `duckdb` source with both `table` and `query`, or with neither.
    TableOrQuery = "table-or-query",
    /// A delimiter that is not one ASCII character.
    InvalidDelimiter = "invalid-delimiter",
    /// A `duckdb` source that is read step by step and does not say by which column.
    MissingWatermark = "missing-watermark",
    /// A step of a kind that Wigeon does not have.
    UnknownKind = "unknown-kind",
    /// A plugin reference of no known form.
    InvalidPlugin = "invalid-plugin",
    /// A key without a column.
    EmptyKey = "empty-key",
    /// An incremental step whose key is not as long as the key of its lookup.
    KeyLength = "key-length",
    /// An input that is neither a source nor a step.
    UnknownInput = "unknown-input",
    /// An input that this kind of step cannot read.
    WrongInput = "wrong-input",
    /// A lookup that is not a step.
    UnknownLookup = "unknown-lookup",
    /// A lookup that is not a snapshot step.
    WrongLookup = "wrong-lookup",
    /// A target that is not a step.
    UnknownTarget = "unknown-target",
    /// A target that is not an incremental step, or looks up another snapshot.
    WrongTarget = "wrong-target",
    /// Transforms that read each other.
    Cycle = "cycle",
    /// A schedule that is not five cron fields, or never comes.
    InvalidSchedule = "invalid-schedule",
    /// Options that have no form in JSON.
    InvalidOptions = "invalid-options",
    /// A pipeline without a step.
    NoSteps = "no-steps",
    /// A plugin that cannot be found. The engine reports it.
    UnknownPlugin = "unknown-plugin",
    /// A plugin that is not of the step's kind. The engine reports it.
    WrongPlugin = "wrong-plugin",
    /// An update mode that the target cannot have. The engine reports it.
    UnsupportedUpdateMode = "unsupported-update-mode",
    /// Options, or columns of the input, that the plugin refuses. The engine reports it.
    RefusedByPlugin = "refused-by-plugin",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_kebab_case_and_distinct() {
        let names: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for name in names {
            assert!(
                name.chars().all(|c| c.is_ascii_lowercase() || c == '-'),
                "{name}"
            );
        }
    }
}
