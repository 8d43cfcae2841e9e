//! The options of `point-in-time`.

use std::collections::BTreeMap;

use serde::Deserialize;
use wigeon_sdk::JsonSchema;

/// What the manifest's `[step.options]` may say.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The column of the new rows that says when each of them happened.
    pub event_time: String,
    /// Output columns with the value at the time of the row, and which lookup column each shows.
    #[serde(default)]
    pub as_was: BTreeMap<String, String>,
    /// Output columns with the value now, and which lookup column each shows.
    #[serde(default)]
    pub as_is: BTreeMap<String, String>,
    /// An output column for when the value now began to hold, null if it held at the time of the
    /// row already.
    #[serde(default)]
    pub changed_at: Option<String>,
    /// What the as-was columns of a row show that is older than the first version of its key.
    #[serde(default)]
    pub before_first: BeforeFirst,
}

/// What a row older than the first version of its key is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BeforeFirst {
    /// The first version: it is the best guess there is.
    #[default]
    First,
    /// Null.
    Null,
}
