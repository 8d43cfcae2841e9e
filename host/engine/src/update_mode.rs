//! Whether changes of the lookup are written into the rows of a target, or kept beside them.
//!
//! Written into the rows, a change costs as much as there are rows: it is rare that a part of a
//! DuckDB table has no row of any of a hundredth of the keys, and a column is compressed anew
//! wherever one of its rows differs. Kept in an overlay it costs as much as there are changed
//! keys, and something whenever the table is read. So changes are kept beside large tables at first
//! and written into the rows afterwards: by the same run if that takes some seconds, otherwise by the
//! next run of the target. The figures behind the constants are in `ARCHITECTURE.md` and
//! `BENCHMARKS.md`.

use chrono::{DateTime, TimeDelta, Utc};
use wigeon_manifest::UpdateMode;
use wigeon_warehouse::{Overlay, OverlayShape};

use crate::resolved::IncrementalWork;

/// Tables with fewer rows are updated in place: that costs no more than an overlay.
const ROWS_IN_PLACE: u64 = 1_000_000;

/// The overlay of a table with fewer rows is folded in by change detection itself. With 70 million
/// that takes as long as loading 10 million, with 200 million three times that.
const ROWS_FOLDED_AT_ONCE: u64 = 200_000_000;

/// An overlay with more entries is folded in by change detection itself. Questions that group all rows
/// take 1.3 to 1.9 times as long with 28,000, and with as many as this.
const MAX_ENTRIES: u64 = 75_000;

/// How long a fold holds off the next one. A fold takes as long as two or three questions about all
/// rows lose to an overlay, which pays if changes come once a day.
const BETWEEN_FOLDS: TimeDelta = TimeDelta::hours(20);

/// What there is to know about a target before it is updated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Circumstances<'a> {
    pub(crate) mode: UpdateMode,
    /// About how many rows the target has, with some that were deleted.
    pub(crate) rows: u64,
    /// The overlay that it has.
    pub(crate) overlay: Option<&'a Overlay>,
}

impl Circumstances<'_> {
    /// Says whether changes go into an overlay, if one can say what they mean.
    pub(crate) fn ask_for_overlay(&self) -> bool {
        match self.mode {
            UpdateMode::MergeOnRead => true,
            UpdateMode::CopyOnWrite => self.rows >= ROWS_IN_PLACE,
            UpdateMode::Auto => self.rows >= ROWS_IN_PLACE || self.overlay.is_some(),
        }
    }

    /// Says whether change detection, when it is done, folds the overlay in.
    pub(crate) fn ask_for_fold(&self) -> FoldAtOnce {
        let Some(overlay) = self.overlay else {
            return FoldAtOnce::No;
        };
        match self.mode {
            UpdateMode::MergeOnRead => FoldAtOnce::No,
            UpdateMode::CopyOnWrite => FoldAtOnce::Yes,
            UpdateMode::Auto => {
                if overlay.entries > MAX_ENTRIES {
                    FoldAtOnce::Yes
                } else if self.rows < ROWS_FOLDED_AT_ONCE {
                    FoldAtOnce::IfDue
                } else {
                    FoldAtOnce::No
                }
            }
        }
    }
}

/// Whether change detection folds an overlay in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FoldAtOnce {
    No,
    /// If [`is_fold_due`] after its own last one.
    IfDue,
    Yes,
}

/// Says whether a step that runs for the time `at` may fold in an overlay with
/// [`UpdateMode::Auto`].
pub(crate) fn is_fold_due(last_fold: Option<DateTime<Utc>>, at: DateTime<Utc>) -> bool {
    last_fold.is_none_or(|last| at - last >= BETWEEN_FOLDS)
}

/// Returns what an overlay of the table of an incremental step would apply to, or why there can be
/// none, in words that follow "since".
pub(crate) fn overlay_shape(load: &IncrementalWork) -> Result<OverlayShape, String> {
    let rows = load.input.rows.fields();
    let Some(event_time) = load.event_time else {
        return Err(
            "its plugin does not say that an event time decides what it adds to a row".to_owned(),
        );
    };
    let asked = |column: &usize| *column == event_time || load.input.rows_key.contains(column);
    let required = (0..rows.len()).find(|column| !asked(column) && !rows[*column].is_nullable());
    if let Some(column) = required {
        return Err(format!(
            "the column `{}` of its rows cannot be null",
            rows[column].name()
        ));
    }
    let names = |columns: &[usize]| {
        let names = columns.iter().map(|&column| rows[column].name().clone());
        names.collect()
    };
    let set: Vec<_> = load
        .added()
        .map(|column| load.output.field(column).name().clone())
        .collect();
    if set.is_empty() {
        return Err("its plugin adds no column to a row".to_owned());
    }
    Ok(OverlayShape {
        key: names(&load.input.rows_key),
        event_time: rows[event_time].name().clone(),
        set,
        maker: format!(
            "{} {} {}",
            load.configured.plugin.id().digest,
            load.lookup.name,
            load.configured.options
        ),
    })
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::{FoldAtOnce::*, *};

    fn overlay(entries: u64) -> Overlay {
        Overlay {
            shape: OverlayShape {
                key: vec!["id".to_owned()],
                event_time: "t".to_owned(),
                set: vec!["x".to_owned()],
                maker: "p {}".to_owned(),
            },
            entries,
            since: DateTime::UNIX_EPOCH,
        }
    }

    /// What becomes of changes of a table with so many rows, and of its overlay of so many entries.
    fn asked(mode: UpdateMode, rows: u64, entries: Option<u64>) -> (bool, FoldAtOnce) {
        let overlay = entries.map(overlay);
        let circumstances = Circumstances {
            mode,
            rows,
            overlay: overlay.as_ref(),
        };
        (
            circumstances.ask_for_overlay(),
            circumstances.ask_for_fold(),
        )
    }

    #[test]
    fn the_cost_rule_goes_by_rows_and_entries() {
        let auto = |rows, entries| asked(UpdateMode::Auto, rows, entries);
        assert_eq!(auto(999_999, None), (false, No));
        assert_eq!(auto(1_000_000, None), (true, No));
        assert_eq!(auto(10, Some(1)), (true, IfDue));
        assert_eq!(auto(199_999_999, Some(75_000)), (true, IfDue));
        assert_eq!(auto(200_000_000, Some(75_000)), (true, No));
        assert_eq!(auto(200_000_000, Some(75_001)), (true, Yes));
    }

    #[test]
    fn a_fold_is_due_once_a_day() {
        let hours = |hours| DateTime::UNIX_EPOCH + TimeDelta::hours(hours);
        assert!(is_fold_due(None, hours(0)));
        assert!(is_fold_due(Some(hours(0)), hours(20)));
        assert!(!is_fold_due(Some(hours(0)), hours(19)));
    }

    #[test]
    fn the_manifest_may_overrule_it() {
        let merge = |rows, entries| asked(UpdateMode::MergeOnRead, rows, entries);
        assert_eq!(merge(1, None), (true, No));
        assert_eq!(merge(1, Some(1_000_000)), (true, No));
        let copy = |rows, entries| asked(UpdateMode::CopyOnWrite, rows, entries);
        assert_eq!(copy(10, Some(1)), (false, Yes));
        // By way of an overlay, since the memory of a fold is bounded.
        assert_eq!(copy(1_000_000, None), (true, No));
        assert_eq!(copy(1_000_000_000, Some(1)), (true, Yes));
    }
}
