//! What makes an extract implausible.

use std::fmt;

use serde::{Deserialize, Serialize};
use wigeon_manifest::Guard;

use crate::Changes;

/// What a guard has against an extract: a bound of the manifest, and what is beyond it.
///
/// As text it reads after the name of the extract. This is also how the ledger keeps what was
/// accepted all the same, in `details.accepted`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "guard", rename_all = "snake_case")]
pub enum GuardBreach {
    /// It has too few rows.
    MinRows {
        /// How many rows it has.
        rows: u64,
        /// How many it must have.
        min_rows: u64,
    },
    /// It would close too many of the open versions.
    MaxClosedShare {
        /// How many it would close.
        closed: u64,
        /// How many are open.
        open: u64,
        /// The largest share that it may close.
        max: f64,
    },
    /// It would change too many of the open versions.
    MaxChangedShare {
        /// How many it would change.
        changed: u64,
        /// How many are open.
        open: u64,
        /// The largest share that it may change.
        max: f64,
    },
}

impl GuardBreach {
    /// Returns all that a guard has against an extract with so many rows and changes.
    pub(crate) fn all(guard: &Guard, rows: u64, open: u64, changes: Changes) -> Vec<Self> {
        let mut breaches = vec![];
        if rows < guard.min_rows {
            breaches.push(Self::MinRows {
                rows,
                min_rows: guard.min_rows,
            });
        }
        if open > 0 && share(changes.closed, open) > guard.max_closed_share {
            breaches.push(Self::MaxClosedShare {
                closed: changes.closed,
                open,
                max: guard.max_closed_share,
            });
        }
        if open > 0 && share(changes.superseded, open) > guard.max_changed_share {
            breaches.push(Self::MaxChangedShare {
                changed: changes.superseded,
                open,
                max: guard.max_changed_share,
            });
        }
        breaches
    }

    /// Returns the bound's key under `[step.guard]`.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::MinRows { .. } => "min_rows",
            Self::MaxClosedShare { .. } => "max_closed_share",
            Self::MaxChangedShare { .. } => "max_changed_share",
        }
    }

    /// Joins several into one sentence.
    pub fn join(breaches: &[Self]) -> String {
        let texts: Vec<_> = breaches.iter().map(Self::to_string).collect();
        texts.join("; it ")
    }
}

impl fmt::Display for GuardBreach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, part, open, max) = match *self {
            Self::MinRows { rows, min_rows } => {
                return write!(f, "has {rows} rows, but `guard.min_rows` is {min_rows}");
            }
            Self::MaxClosedShare { closed, open, max } => ("close", closed, open, max),
            Self::MaxChangedShare { changed, open, max } => ("change", changed, open, max),
        };
        let percent = share(part, open) * 100.0;
        write!(
            f,
            "would {verb} {part} of {open} open versions ({percent:.1} %), but `guard.{}` is {max}",
            self.key()
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share needs no 53 bits")]
fn share(part: u64, open: u64) -> f64 {
    part as f64 / open.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ledger_keeps_breaches_as_json() {
        let changes = Changes {
            opened: 0,
            superseded: 3,
            closed: 5,
        };
        let guard = Guard {
            min_rows: 8,
            max_closed_share: 0.2,
            max_changed_share: 0.25,
        };
        let breaches = GuardBreach::all(&guard, 5, 10, changes);
        assert_eq!(
            GuardBreach::join(&breaches),
            "has 5 rows, but `guard.min_rows` is 8; \
             it would close 5 of 10 open versions (50.0 %), but `guard.max_closed_share` is 0.2; \
             it would change 3 of 10 open versions (30.0 %), but `guard.max_changed_share` is 0.25"
        );
        let json = serde_json::to_value(&breaches).expect("JSON");
        assert_eq!(
            json,
            serde_json::json!([
                {"guard": "min_rows", "rows": 5, "min_rows": 8},
                {"guard": "max_closed_share", "closed": 5, "open": 10, "max": 0.2},
                {"guard": "max_changed_share", "changed": 3, "open": 10, "max": 0.25},
            ])
        );
        let read: Vec<GuardBreach> = serde_json::from_value(json).expect("breaches");
        assert_eq!(read, breaches);
        assert_eq!(GuardBreach::all(&guard, 8, 0, changes), vec![]);
    }
}
