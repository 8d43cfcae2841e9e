//! The rows of `pageviews_postcode`.

use std::path::PathBuf;

use chrono::NaiveDateTime;

use crate::{
    extracts::{View, read_views},
    versions::{Held, held_by_user},
};

/// One row of `pageviews_postcode`; the order of rows is that of the fields.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// The user who viewed a page.
    pub user_id: i64,
    /// When, in the pipeline's time zone.
    pub pageview_datetime: NaiveDateTime,
    /// The postcode the user had then.
    pub original_postcode: Option<String>,
    /// The postcode the user has now.
    pub current_postcode: Option<String>,
    /// Since when the user has `current_postcode`, if that version is not the one of then.
    pub postcode_updated_date: Option<NaiveDateTime>,
}

/// What a view from before the first version of its user reads as its value of then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BeforeFirst {
    /// The first version.
    #[default]
    First,
    /// Null. No version is the one of then, so the version of now is another and
    /// its `valid_from` is shown.
    Null,
}

/// Returns the rows of `pageviews_postcode` after exactly these extracts, sorted.
///
/// Rows that are equal in every column are all kept, since each is a view.
///
/// # Panics
///
/// If a file cannot be read, or two users extracts stand for one date.
pub fn pageviews(users: &[PathBuf], views: &[PathBuf]) -> Vec<Row> {
    pageviews_with(users, views, BeforeFirst::First)
}

/// Returns the same as [`pageviews`], with a choice for views from before the first version.
///
/// # Panics
///
/// If a file cannot be read, or two users extracts stand for one date.
pub fn pageviews_with(users: &[PathBuf], views: &[PathBuf], before_first: BeforeFirst) -> Vec<Row> {
    let users_held = held_by_user(users);
    let mut rows = Vec::new();
    for path in views {
        for view in read_views(path) {
            let held = users_held.get(&view.user_id).map_or(&[][..], Vec::as_slice);
            rows.push(row(&view, held, before_first));
        }
    }
    rows.sort();
    rows
}

fn row(view: &View, held: &[Held], before_first: BeforeFirst) -> Row {
    let last_by_then = held
        .iter()
        .rfind(|version| version.valid_from <= view.pageview_datetime);
    let as_was = match before_first {
        BeforeFirst::First => last_by_then.or(held.first()),
        BeforeFirst::Null => last_by_then,
    };
    let as_is = held.last();
    Row {
        user_id: view.user_id,
        pageview_datetime: view.pageview_datetime,
        original_postcode: as_was.and_then(|version| version.postcode.clone()),
        current_postcode: as_is.and_then(|version| version.postcode.clone()),
        postcode_updated_date: if as_is == as_was {
            None
        } else {
            as_is.map(|version| version.valid_from)
        },
    }
}
