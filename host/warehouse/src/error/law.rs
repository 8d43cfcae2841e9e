//! Which law of a table rows break.

use chrono::NaiveDateTime;
use thiserror::Error;

/// Which law of a table the rows break.
///
/// A `key` is the text of the key's values, separated by a comma and a space.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LawError {
    /// A key occurs more than once among the changes.
    #[error("key `{key}` occurs more than once in the changes of `{table}`")]
    DuplicateKey {
        /// The snapshot.
        table: String,
        /// The key.
        key: String,
    },

    /// A key column is null.
    #[error("a key of the changes of `{table}` is null")]
    NullKey {
        /// The snapshot.
        table: String,
    },

    /// A key is said to have changed that the plugin was not asked about.
    #[error("key `{key}` of the changes of `{table}` was not handed to the plugin")]
    NotHandedOver {
        /// The change-detection step.
        table: String,
        /// The key.
        key: String,
    },

    /// The kind of a change is none of the three.
    #[error("key `{key}` of `{table}` has change {change}, which is no kind of change")]
    UnknownChange {
        /// The snapshot.
        table: String,
        /// The key.
        key: String,
        /// The value, null as text.
        change: String,
    },

    /// A key is said to open, but has an open version.
    #[error("key `{key}` of `{table}` cannot be opened, since it has an open version")]
    AlreadyOpen {
        /// The snapshot.
        table: String,
        /// The key.
        key: String,
    },

    /// A key is said to be superseded or closed, but has no open version.
    #[error(
        "key `{key}` of `{table}` cannot be superseded or closed, since it has no open version"
    )]
    NotOpen {
        /// The snapshot.
        table: String,
        /// The key.
        key: String,
    },

    /// A key has several open versions: the history was damaged from outside.
    #[error("key `{key}` of `{table}` has {versions} open versions")]
    SeveralOpen {
        /// The snapshot.
        table: String,
        /// The key.
        key: String,
        /// How many.
        versions: i64,
    },

    /// The effective time is not later than everything in the history.
    #[error("the effective time {effective} is not after {newest}, the newest in `{table}`")]
    NotAfter {
        /// The snapshot.
        table: String,
        /// The effective time of the changes.
        effective: NaiveDateTime,
        /// The latest time at which a version begins or ends.
        newest: NaiveDateTime,
    },

    /// There is a change in the history between a late extract and the one after it.
    #[error(
        "the history of `{table}` changes at {found}, between {effective} and the next extract at {next}"
    )]
    NotBetween {
        /// The snapshot.
        table: String,
        /// The effective time of the late extract.
        effective: NaiveDateTime,
        /// The effective time of the next extract.
        next: NaiveDateTime,
        /// The time found.
        found: NaiveDateTime,
    },

    /// The history is not empty, but was to be filled at once.
    #[error("the history of `{table}` is not empty")]
    NotEmpty {
        /// The snapshot.
        table: String,
    },

    /// A late extract cannot be inserted, since closed keys were ignored and have left no trace.
    #[error("a late extract cannot be inserted in `{table}`, which ignores deleted keys")]
    LateIgnored {
        /// The snapshot.
        table: String,
    },

    /// The rows to update are not one to one rows of the table.
    #[error("{found} rows of `{table}` match the {expected} rows to update")]
    Rowids {
        /// The table.
        table: String,
        /// Rows that bring a row id.
        expected: u64,
        /// Different rows of the table that they match.
        found: u64,
    },
}

impl LawError {
    /// Returns whether it is what the plugin emitted that breaks the law, and not what was there.
    pub fn is_of_plugin(&self) -> bool {
        matches!(
            self,
            Self::DuplicateKey { .. }
                | Self::NullKey { .. }
                | Self::NotHandedOver { .. }
                | Self::UnknownChange { .. }
                | Self::AlreadyOpen { .. }
                | Self::NotOpen { .. }
        )
    }
}
