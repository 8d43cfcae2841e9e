//! The versions of a user, in the two senses that the design tells apart.
//!
//! For *lookups*, a version is a value the user had: absence from some extracts and a
//! return with the same value leave one version. For the *history table*, a row is an
//! unbroken stay in the extracts: absence ends it, and a return opens the next one.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use chrono::NaiveDateTime;

use crate::extracts::{by_effective_time, read_users};

/// One row of the snapshot's history table, `current_postcode_history`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The user.
    pub id: i64,
    /// The postcode; `None` is a null in the extract.
    pub postcode: Option<String>,
    /// Midnight of the first extract that shows this row.
    pub valid_from: NaiveDateTime,
    /// Midnight of the first extract that no longer shows it; `None` while it is open.
    pub valid_to: Option<NaiveDateTime>,
}

/// A value a user had, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) postcode: Option<String>,
    pub(crate) valid_from: NaiveDateTime,
}

/// Returns the rows of `current_postcode_history`, by user and then by `valid_from`.
///
/// This is the history of a snapshot with `deleted = "close"`.
///
/// # Panics
///
/// If a file cannot be read, or two files stand for one date.
pub fn history(users: &[PathBuf]) -> Vec<Version> {
    let mut rows: Vec<Version> = Vec::new();
    let mut open: BTreeMap<i64, Held> = BTreeMap::new();
    for (effective, path) in by_effective_time(users) {
        let shown = read_users(path);
        let ended: Vec<i64> = open
            .iter()
            .filter(|(id, held)| shown.get(id) != Some(&held.postcode))
            .map(|(id, _)| *id)
            .collect();
        for id in ended {
            let held = open.remove(&id).expect("it was open a moment ago");
            rows.push(row(id, held, Some(effective)));
        }
        for (id, postcode) in shown {
            open.entry(id).or_insert(Held {
                postcode,
                valid_from: effective,
            });
        }
    }
    for (id, held) in open {
        rows.push(row(id, held, None));
    }
    rows.sort_by_key(|row| (row.id, row.valid_from));
    rows
}

/// The versions of every user for lookups, oldest first.
pub(crate) fn held_by_user(users: &[PathBuf]) -> BTreeMap<i64, Vec<Held>> {
    let mut users_held: BTreeMap<i64, Vec<Held>> = BTreeMap::new();
    let ordered: BTreeMap<NaiveDateTime, &Path> = by_effective_time(users);
    for (effective, path) in ordered {
        for (id, postcode) in read_users(path) {
            let held = users_held.entry(id).or_default();
            let is_news = held.last().is_none_or(|last| last.postcode != postcode);
            if is_news {
                held.push(Held {
                    postcode,
                    valid_from: effective,
                });
            }
        }
    }
    users_held
}

fn row(id: i64, held: Held, valid_to: Option<NaiveDateTime>) -> Version {
    Version {
        id,
        postcode: held.postcode,
        valid_from: held.valid_from,
        valid_to,
    }
}
